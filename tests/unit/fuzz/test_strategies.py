"""The sessions that are played: valid as vectors, of every kind, and small where Hypothesis shrinks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hypothesis
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from twilio_conformance import EDITION
from twilio_conformance.fuzz.strategies import SESSIONS
from twilio_conformance.spec import catalogue

Json = dict[str, Any]

VECTOR = jsonschema.Draft202012Validator(catalogue.load_schema("vector"))


@settings(
    max_examples=100, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(session=SESSIONS)
def test_every_session_is_a_valid_vector_of_at_most_seven_steps(session: Json) -> None:
    document = {
        "id": "fuzz/1-1", "description": "A session.", "since": EDITION, "result": "valid", "flags": [],
        "source": "--fuzz-seed=1", "expect": [],
    }  # fmt: skip
    VECTOR.validate(document | session)
    assert 1 <= len(session["steps"]) <= 7


def first_step(session: Json) -> Json:
    step: Json = session["steps"][0]
    return step


@pytest.mark.parametrize(
    "holds",
    [
        lambda session: first_step(session).get("serialize", {}).get("frame") == "InterruptionFrame",
        lambda session: first_step(session).get("serialize", {}).get("num_channels") == 2,
        lambda session: first_step(session).get("serialize", {}).get("frame") == "EndFrame",
        lambda session: "base64" in first_step(session).get("deserialize", {}),
        lambda session: first_step(session).get("deserialize", {}).get("json") == [],
        lambda session: "wait" in first_step(session),
        lambda session: "setup" in first_step(session),
        lambda session: session["given"]["arguments"].get("auth_token", "x") is None,
    ],
)
def test_every_kind_of_step_is_drawn_and_shrinks_to_one(holds: Callable[[Json], bool]) -> None:
    options = settings(max_examples=3000, database=None, deadline=None, derandomize=True)
    assert len(hypothesis.find(SESSIONS, holds, settings=options)["steps"]) == 1
