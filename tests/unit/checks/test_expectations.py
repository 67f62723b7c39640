"""Expectations of steps and sessions."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from twilio_conformance.checks._expectations import Session, grade_session, grade_step
from twilio_conformance.errors import NotTestable, Violation
from twilio_conformance.subject.frames import Foreign, FrameValue
from twilio_conformance.subject.observation import Observation, Raised
from twilio_conformance.twilio.record import Exchange

FAILED = Observation("serialize(EndFrame)", raised=Raised("OSError", frozenset({"Exception"}), "no"))


@pytest.mark.parametrize(
    ("observation", "expectation"),
    [
        (Observation("deserialize"), {"returns": "nothing"}),
        (Observation("serialize", '{"event":"clear"}'), {"returns": {"json": {"event": "clear"}}}),
        (Observation("serialize", seconds=1.0), {"within": 2.0}),
        (FAILED, {"raises": "OSError"}),
        (FAILED, {"raises": [None, "Exception"], "mentions": ["no"]}),
        (Observation("serialize", '{"event":"media"}'), {"not_events": ["clear"]}),
    ],
)
def test_an_expectation_that_holds_passes(observation: Observation, expectation: dict[str, Any]) -> None:
    grade_step(observation, expectation)


def test_where_a_record_is_wanted_what_was_printed_instead_is_told() -> None:
    wanted = {"log": {"level": "ERROR", "at_least": 1, "at_most": None}}
    with pytest.raises(Violation) as found:
        grade_session(Session(printed="hang-up failed: 500"), wanted)
    assert str(found.value.actual).startswith(
        "none; it printed 'hang-up failed: 500', and only records of loguru"
    )
    with pytest.raises(Violation) as found:
        grade_session(Session(), wanted)
    assert found.value.actual == "none"


@pytest.mark.parametrize(
    ("observation", "expectation", "kind", "message"),
    [
        (Observation("deserialize", "x"), {"returns": "nothing"}, Violation, "returned something"),
        (
            Observation("serialize", b"{}"),
            {"returns": {"json": {}, "as": "text"}},
            Violation,
            "returned bytes",
        ),
        (Observation("serialize", seconds=3.0), {"within": 2.0}, Violation, "took too long"),
        (Observation("construct"), {"raises": "ValueError"}, Violation, "did not raise"),
        (FAILED, {"raises": "OSError", "mentions": ["call_sid"]}, Violation, "does not name everything"),
        (FAILED, {"returns": "nothing"}, Violation, "raised an exception"),
        (FAILED, {"not_events": ["clear"]}, NotTestable, "raised an exception"),
        (Observation("serialize", '{"event":"clear"}'), {"not_events": ["clear"]}, Violation, "gave a clear"),
    ],
)
def test_an_expectation_that_does_not_hold_ends_the_check(
    observation: Observation, expectation: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        grade_step(observation, expectation)


def test_a_session_is_graded_by_every_aspect_that_is_named() -> None:
    session = Session(steps=[Observation("serialize", '{"event":"clear"}')])
    grade_session(session, {"messages": {"at_least": 1, "shape": {"event": "clear"}}})
    with pytest.raises(Violation, match="wrong number of requests"):
        grade_session(session, {"requests": {"at_least": 1, "at_most": 1}})


def test_audio_that_is_not_bytes_is_a_finding() -> None:
    array = FrameValue(
        "InputAudioRawFrame",
        frozenset(),
        {"audio": Foreign("ndarray", "[0 0]"), "sample_rate": 8000, "num_channels": 1},
    )
    session = Session(steps=[Observation("deserialize", array)])
    with pytest.raises(Violation, match="the audio is not bytes"):
        grade_session(session, {"audio": {"sample_rate": 8000, "num_channels": 1, "at_least": 1}})


@pytest.mark.parametrize(("login", "fits"), [("AC:token", True), ("SK:secret", True), ("SK:token", False)])
def test_one_of_several_logins_is_permitted_and_no_mixture(login: str, fits: bool) -> None:
    basic = b64encode(login.encode()).decode()
    made = Exchange(
        1, "https", "api.twilio.com", 443, None, False, 1, 0.0, headers=(("Authorization", f"Basic {basic}"),)
    )
    expectation = {"request": {"basic": [["AC", "token"], ["SK", "secret"]]}}
    session = Session(exchanges=(made,))
    if fits:
        grade_session(session, expectation)
        return
    with pytest.raises(Violation, match="basic differs"):
        grade_session(session, expectation)
