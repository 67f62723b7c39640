"""The comparison of hang-ups: requests, log records and time."""

from __future__ import annotations

from typing import Any

import pytest

from twilio_conformance.checks._expectations import Session
from twilio_conformance.fuzz import hangups
from twilio_conformance.fuzz.compare import compare
from twilio_conformance.fuzz.oracle import NAMES
from twilio_conformance.subject.logs import LogRecord
from twilio_conformance.subject.observation import Observation
from twilio_conformance.twilio.record import Exchange

Json = dict[str, Any]

OVER: Json = {"status": 404, "json": {"code": 20404}}
LOST: Json = {"status": 404, "body": "<html>"}
DONE: Json = {"status": 200, "json": {}}
DOCUMENT: Json = {"given": {"answers": [DONE]}, "steps": [{"serialize": {"frame": "EndFrame"}}] * 2}
FAILED = LogRecord(40, "ERROR", "failed")


def exchange(
    number: int, status: int | None, url: str = "https://api.twilio.com", **changes: Any
) -> Exchange:
    """A request that hangs up, with changes."""
    host = url.removeprefix("https://")
    usual: Json = {"method": "POST", "target": "/calls", "headers": (), "answer_status": status}
    return Exchange(number, "https", host, 443, host, False, 1, 0.0, **(usual | changes))


def seen(requests: int, answers: list[Json]) -> Session:
    """What was seen of an implementation that made so many requests."""
    made = [
        exchange(number + 1, answers[min(number, len(answers) - 1)].get("status"))
        for number in range(requests)
    ]
    steps = [Observation("serialize(EndFrame)")] * 2
    return Session(Observation("construct()"), None, steps, tuple(made), logs=(FAILED,))


def kinds(answers: list[Json], actual: Session, expected: Session) -> list[str]:
    frames = [{"serialize": {"frame": "EndFrame"}}] * 2
    arguments = {name: "${" + name + "}" for name in ("call_sid", "account_sid", "auth_token")}
    given = {"arguments": arguments, "answers": answers, "setup": None}
    return [found.kind for found in compare({"given": given, "steps": frames}, actual, expected)]


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
    script = [answer for answer in answers if "fault" not in answer]
    needed = next((number for number, one in enumerate(script, 1) if one in (DONE, OVER)), 2)
    assert kinds(answers, seen(requests, script), seen(needed, script)) == found


LEADS: Json = {"status": 307, "headers": {"Location": "/elsewhere"}}


@pytest.mark.parametrize(
    ("changes", "logs", "found"),
    [
        ({"target": "/elsewhere"}, [40], []),
        ({"target": "/elsewhere", "method": "GET"}, [30], []),
        ({"url": "https://elsewhere"}, [40], []),
        ({"target": "/elsewhere"}, [], ["TFS-FAULT-10: logs nothing"]),
        ({"target": "/elsewhere"}, [20], ["TFS-FAULT-10: logs nothing"]),
        ({"url": "https://elsewhere", "headers": (("Authorization", "Basic YTpi"),)}, [40],
         ["TFS-SECURE-03: follows a redirect"]),
    ],
)  # fmt: skip
def test_a_redirect_may_be_followed_on_its_host_and_is_no_success(
    changes: Json, logs: list[int], found: list[str]
) -> None:
    answers = [LEADS, DONE]
    actual, expected = seen(3, answers), seen(1, answers)
    followed = exchange(2, 200, **changes)
    actual.exchanges = (actual.exchanges[0], followed, actual.exchanges[2])
    actual.logs = tuple(LogRecord(level, "", "done") for level in logs)
    assert kinds(answers, actual, expected) == found


def test_a_request_is_compared_aspect_by_aspect_and_its_expectation_has_names() -> None:
    target = f"/calls/{NAMES.values['call_sid']}"
    actual, expected = seen(1, [DONE]), seen(1, [DONE])
    expected.exchanges = (exchange(1, 200, target=target),)
    [found] = [one for one in hangups.candidates(DOCUMENT, actual, expected) if one.behavior == "target"]
    assert (found.requirement, found.expectation) == (
        "TFS-HANGUP-04", {"request": {"target": "/calls/${call_sid}"}}
    )  # fmt: skip
