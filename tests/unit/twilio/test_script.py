"""Scripted answers: what is accepted, and in which order they are used."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_conformance.twilio.script import CONNECTION_FAULTS, Answer, Script


def test_without_arguments_an_answer_is_that_of_a_completed_call() -> None:
    assert Answer.from_json({}) == Answer()
    assert (Answer().status, b'"status": "completed"' in Answer().body) == (200, True)


def test_with_a_status_alone_an_answer_has_no_body() -> None:
    assert Answer.from_json({"status": 503}) == Answer(status=503, headers=(), body=b"")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"statuss": 200}, "statuss"),
        ({"fault": "explode"}, "explode"),
        ({"fault": "certificate"}, "certificate"),
        ({"fault": "certificate", "kind": "rusty"}, "rusty"),
        ({"status": 200, "kind": "expired"}, "expired"),
        ({"json": {}, "body": ""}, "json, body"),
        ({"body_base64": "AAA"}, "padding"),
    ],
)
def test_what_is_no_answer_is_refused_by_name(answer: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Answer.from_json(answer)


@given(
    faults=st.lists(st.sampled_from([None, "silence", *CONNECTION_FAULTS]), min_size=1, max_size=8),
    takers=st.lists(st.booleans(), max_size=20),
)
def test_a_script_never_skips_nor_repeats_an_answer_but_the_last(
    faults: list[str | None], takers: list[bool]
) -> None:
    answers = [Answer(fault=fault, delay=float(number)) for number, fault in enumerate(faults)]
    script = Script(answers)
    taken = []
    for is_connection in takers:
        if script.next_is_connection_fault or not is_connection:
            taken.append(script.take())
            assert not is_connection or taken[-1].fault in CONNECTION_FAULTS
    assert taken == (answers + answers[-1:] * len(taken))[: len(taken)]
