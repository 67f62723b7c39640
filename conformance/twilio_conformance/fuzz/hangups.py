"""Comparison of how two implementations end a call: requests, log records and time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twilio_conformance.fuzz.oracle import Discrepancy
from twilio_conformance.twilio.script import CONNECTION_FAULTS

Json = dict[str, Any]

NEVER_RETURNED = "DidNotReturn"
"""The exception that the probe reports for a call that exceeds its limit."""

BOUND = "TFS-FAULT-02"

LONG, LONGEST = 10.0, 30.0
"""Seconds that a hang-up SHOULD and MUST not exceed."""

WARNING, ERROR = 30, 40

ENDED = ((404, 20404), (400, 21220))
"""Status and code of the answers for a call that had ended already."""

_ASPECTS = {"method": "TFS-HANGUP-03", "target": "TFS-HANGUP-04", "form": "TFS-HANGUP-05",
            "basic": "TFS-HANGUP-06", "url": "TFS-HANGUP-07"}  # fmt: skip

_WARNS = {"log": {"level": "WARNING", "at_least": 1, "at_most": None}}
_NO_ERROR = {"log": {"level": "ERROR", "at_least": 0, "at_most": 0}}


def compare(session: Json, actual: Json, expected: Json) -> Iterator[Discrepancy]:
    """Yield the discrepancies of a session's hang-ups. Retrying and not retrying are both allowed."""
    answers = session["given"]["answers"]
    frames = [step.get("serialize", {}).get("frame") for step in session["steps"]]
    ends = [number for number, frame in enumerate(frames) if frame in ("EndFrame", "CancelFrame")]
    ours, theirs = actual["requests"], expected["requests"]
    has_faults = any("fault" in answer for answer in answers)
    if ours and not theirs and not has_faults:
        requirement = "TFS-HANGUP-11" if ends else "TFS-HANGUP-12"
        yield Discrepancy(requirement, f"made {len(ours)} requests", "requests", expectation=_requests(0, 0))
        return
    if not ends:
        return
    for number in ends:
        seconds = actual["steps"][number]["seconds"]
        if seconds > LONG:
            requirement, limit = (BOUND, LONGEST) if seconds > LONGEST else ("TFS-FAULT-04", LONG)
            yield Discrepancy(requirement, f"took {seconds:.0f} s", "takes long", number, {"within": limit})
    if theirs and not ours and not has_faults:
        requirement = "TFS-HANGUP-01" if frames[ends[0]] == "EndFrame" else "TFS-HANGUP-02"
        yield Discrepancy(requirement, "made no request", "no request", expectation=_requests(1, None))
    if theirs:
        wrong = _wrong_request(ours, theirs[0])
        if wrong is not None:
            yield wrong
        else:
            yield from _request_count(answers, ours, theirs, len(ends))
        is_misled = any(_is_misled(ours, number, theirs[0]) for number in range(len(ours)))
        if is_misled and _highest(actual) < WARNING:
            text = "a redirect was followed and left no log record"
            yield Discrepancy("TFS-FAULT-10", text, "logs nothing", expectation=_WARNS)
    yield from _logs(actual, expected, answers)


def _requests(at_least: int, at_most: int | None) -> Json:
    return {"requests": {"at_least": at_least, "at_most": at_most}}


def _wrong_request(ours: list[Json], usual: Json) -> Discrepancy | None:
    """Return the first request that differs from the reference's."""
    for number, request in enumerate(ours):
        if _follows_redirect(ours, number):
            # On the same host, any target is allowed; that it is no success has to show in the log.
            if request["url"] != usual["url"] and request["basic"]:
                text = f"request {number + 1} follows a redirect with credentials to {request['url']}"
                expectation = _requests(1, number)
                return Discrepancy("TFS-SECURE-03", text, "follows a redirect", expectation=expectation)
            continue
        for aspect, requirement in _ASPECTS.items():
            if request[aspect] != usual[aspect]:
                difference = f"{aspect} is {request[aspect]}, the reference's is {usual[aspect]}"
                expectation = {"request": {"method": usual["method"], "target": usual["target"]}}
                text = f"request {number + 1}: {difference}"
                return Discrepancy(requirement, text, aspect, expectation=expectation)
    return None


def _request_count(
    answers: list[Json], ours: list[Json], theirs: list[Json], ends: int
) -> Iterator[Discrepancy]:
    # A fault of a connection is used up before any request.
    script = [answer for answer in answers if answer.get("fault") not in CONNECTION_FAULTS]
    needed = None
    for number in range(len(ours)):
        answer = script[min(number, len(script) - 1)]
        is_success = 200 <= answer.get("status", 0) < 300 or _has_ended(answer)
        if is_success and not _is_misled(ours, number, theirs[0]):
            needed = number + 1
            break
    if needed is not None and needed < len(ours):
        text = f"made {len(ours)} requests, and the call had ended after {needed}"
        yield Discrepancy("TFS-HANGUP-10", text, "more requests", expectation=_requests(1, needed))
    has_faults = any("fault" in answer for answer in answers)
    if needed is None and 0 < len(ours) < min(ends, len(theirs)) and not has_faults:
        text = f"made {len(ours)} requests for {ends} frames, although none of them succeeded"
        yield Discrepancy("TFS-FAULT-07", text, "does not try again", expectation=_requests(ends, None))


def _has_ended(answer: Json) -> bool:
    return (answer.get("status"), answer.get("json", {}).get("code")) in ENDED


def _follows_redirect(requests: list[Json], number: int) -> bool:
    return number > 0 and 300 <= (requests[number - 1]["answer"] or 0) < 400


def _is_misled(requests: list[Json], number: int, usual: Json) -> bool:
    """Whether a redirect led a request to another resource than the call."""
    request = requests[number]
    place, usual_place = (request["url"], request["target"]), (usual["url"], usual["target"])
    return _follows_redirect(requests, number) and place != usual_place


def _highest(seen: Json) -> int:
    return max((level for level, _ in seen["logs"]), default=0)


def _logs(actual: Json, expected: Json, answers: list[Json]) -> Iterator[Discrepancy]:
    ours, level, usual = actual["requests"], _highest(actual), _highest(expected)
    if actual["told"] and not expected["told"]:
        yield Discrepancy("TFS-SECURE-05", "a secret is in the log", "tells a secret")
    if len(answers) > 1:
        return
    if _has_ended(answers[0]) and level >= ERROR > usual:
        text = "a call that had ended already was logged as an error"
        yield Discrepancy("TFS-HANGUP-14", text, "logs", expectation=_NO_ERROR)
    failed = bool(ours) and not 200 <= (ours[-1]["answer"] or 0) < 300
    if failed and usual >= WARNING > level:
        yield Discrepancy(
            "TFS-HANGUP-15", "a failed hang-up left no log record", "logs nothing", expectation=_WARNS
        )
