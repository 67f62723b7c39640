"""Scripted answers: what is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_conformance.twilio.script import Answer


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
