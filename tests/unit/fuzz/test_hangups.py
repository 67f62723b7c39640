"""The comparison of hang-ups: requests, log records and time."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_conformance.fuzz import hangups

Json = dict[str, Any]

OVER: Json = {"status": 404, "json": {"code": 20404}}
LOST: Json = {"status": 404, "body": "<html>"}
DONE: Json = {"status": 200, "json": {}}


def seen(requests: int, answers: list[Json]) -> Json:
    """What was seen of an implementation that made so many requests."""
    usual = {"method": "POST", "url": "u", "target": "t", "form": {}, "basic": []}
    made = [
        usual | {"answer": answers[min(number, len(answers) - 1)].get("status")} for number in range(requests)
    ]
    steps = [{"seconds": 0.0}] * 2
    return {"requests": made, "steps": steps, "logs": [[40, "failed"]], "told": []}


@pytest.mark.parametrize(
    ("answers", "requests", "found"),
    [
        ([DONE], 1, []),
        ([DONE], 2, ["TFS-HANGUP-10: more requests"]),
        ([OVER], 2, ["TFS-HANGUP-10: more requests"]),
        ([LOST, OVER], 2, []),
        ([LOST, OVER], 3, ["TFS-HANGUP-10: more requests"]),
        ([LOST], 1, ["TFS-FAULT-07: does not try again"]),
        ([{"fault": "refuse"}, LOST, DONE], 2, []),
        ([{"fault": "refuse"}, DONE], 2, ["TFS-HANGUP-10: more requests"]),
    ],
)
def test_what_follows_the_end_of_the_call_is_too_much(
    answers: list[Json], requests: int, found: list[str]
) -> None:
    session = {"given": {"answers": answers}, "steps": [{"serialize": {"frame": "EndFrame"}}] * 2}
    script = [answer for answer in answers if "fault" not in answer]
    differences = hangups.compare(session, seen(requests, script), seen(2, script))
    assert [difference.kind for difference in differences] == found


LEADS: Json = {"status": 307, "headers": {"Location": "/elsewhere"}}


@pytest.mark.parametrize(
    ("changes", "logs", "found"),
    [
        ({"target": "/elsewhere"}, [[40, "failed"]], []),
        ({"target": "/elsewhere", "method": "GET"}, [[30, "failed"]], []),
        ({"url": "elsewhere"}, [[40, "failed"]], []),
        ({"target": "/elsewhere"}, [], ["TFS-FAULT-10: logs nothing"]),
        ({"target": "/elsewhere"}, [[20, "done"]], ["TFS-FAULT-10: logs nothing"]),
        ({"url": "elsewhere", "basic": ["a:b"]}, [[40, "failed"]], ["TFS-SECURE-03: follows a redirect"]),
    ],
)
def test_a_redirect_may_be_followed_on_its_host_and_is_no_success(
    changes: Json, logs: list[Any], found: list[str]
) -> None:
    session = {"given": {"answers": [LEADS, DONE]}, "steps": [{"serialize": {"frame": "EndFrame"}}] * 2}
    actual = seen(3, [LEADS, DONE]) | {"logs": logs}
    actual["requests"][1] |= changes
    differences = hangups.compare(session, actual, seen(2, [LEADS, DONE]))
    assert [difference.kind for difference in differences] == found
