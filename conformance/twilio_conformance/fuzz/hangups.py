"""Compares how two implementations end a call: their requests, their logs and the time they take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twilio_conformance.fuzz.differences import Difference
from twilio_conformance.twilio.exchange import CONNECTION_FAULTS

Json = dict[str, Any]

NEVER_RETURNED = "DidNotReturn"
"""What the probe says was raised by a call that is over its limit."""

BOUND, SOON = "TFS-FAULT-02", "TFS-FAULT-04"
REDIRECT, AGAIN = "TFS-FAULT-10", "TFS-FAULT-07"
ELSEWHERE, SECRET = "TFS-SECURE-03", "TFS-SECURE-05"

LONG, LONGER = 10.0, 30.0
"""Seconds that a hang-up SHOULD and MUST not exceed."""

WARNING, ERROR = 30, 40

ENDED = ((404, 20404), (400, 21220))
"""Status and code of the answers that say that the call had ended before."""

_ASPECTS = {"method": "TFS-HANGUP-03", "target": "TFS-HANGUP-04", "form": "TFS-HANGUP-05",
            "basic": "TFS-HANGUP-06", "url": "TFS-HANGUP-07"}  # fmt: skip


def compare(session: Json, actual: Json, expected: Json) -> Iterator[Difference]:
    """The differences of the requests of a session; retries are permitted, and so is none."""
    given = session["given"]
    ends = [number for number, step in enumerate(session["steps"])
            if step.get("serialize", {}).get("frame") in ("EndFrame", "CancelFrame")]  # fmt: skip
    ours, theirs = actual["requests"], expected["requests"]
    if ours and not theirs and not any("fault" in answer for answer in given["answers"]):
        requirement = "TFS-HANGUP-11" if ends else "TFS-HANGUP-12"
        yield Difference(requirement, f"made {len(ours)} requests", deed="requests",
                         wanted={"requests": {"at_least": 0, "at_most": 0}})  # fmt: skip
        return
    if not ends:
        return
    yield from _times(actual, ends)
    if theirs and not ours and not any("fault" in answer for answer in given["answers"]):
        wanted = {"requests": {"at_least": 1, "at_most": None}}
        first = session["steps"][ends[0]]["serialize"]["frame"]
        requirement = "TFS-HANGUP-01" if first == "EndFrame" else "TFS-HANGUP-02"
        yield Difference(requirement, "made no request", deed="no request", wanted=wanted)
    if theirs:
        yield from _requests(session, ours, theirs, len(ends))
        yield from _redirects(actual, theirs[0])
    yield from _logs(actual, expected, ours, given["answers"])


def _times(actual: Json, ends: list[int]) -> Iterator[Difference]:
    for number in ends:
        seconds = actual["steps"][number]["seconds"]
        if seconds > LONG:
            requirement = BOUND if seconds > LONGER else SOON
            yield Difference(requirement, f"took {seconds:.0f} s", deed="takes long", step=number,
                             wanted={"within": LONGER if seconds > LONGER else LONG})  # fmt: skip


def _requests(session: Json, ours: list[Json], theirs: list[Json], ends: int) -> Iterator[Difference]:
    usual = theirs[0]
    for number, request in enumerate(ours):
        if _follows(ours, number):
            # Where it leads on the same host is free; that it is no success shows in the log.
            if request["url"] != usual["url"] and request["basic"]:
                text = f"request {number + 1} follows a redirect with credentials to {request['url']}"
                wanted: Json = {"requests": {"at_least": 1, "at_most": number}}
                yield Difference(ELSEWHERE, text, deed="follows a redirect", wanted=wanted)
                return
            continue
        for aspect, requirement in _ASPECTS.items():
            if request[aspect] != usual[aspect]:
                text = (
                    f"request {number + 1}: {aspect} is {request[aspect]}, the reference's is {usual[aspect]}"
                )
                wanted = {"request": {"method": usual["method"], "target": usual["target"]}}
                yield Difference(requirement, text, deed=aspect, wanted=wanted)
                return
    success = next(
        (
            number
            for number, answer in enumerate(_answers(session, ours))
            if _is_over(answer) and not _is_astray(ours, number, usual)
        ),
        None,
    )
    if success is not None and success < len(ours) - 1:
        text = f"made {len(ours)} requests, and the call had ended after {success + 1}"
        wanted = {"requests": {"at_least": 1, "at_most": success + 1}}
        yield Difference("TFS-HANGUP-10", text, deed="more requests", wanted=wanted)
    has_faults = any("fault" in answer for answer in session["given"]["answers"])
    if success is None and 0 < len(ours) < min(ends, len(theirs)) and not has_faults:
        text = f"made {len(ours)} requests for {ends} frames, although none of them succeeded"
        wanted = {"requests": {"at_least": ends, "at_most": None}}
        yield Difference(AGAIN, text, deed="does not try again", wanted=wanted)


def _follows(requests: list[Json], number: int) -> bool:
    """Whether the request before was answered by a redirect."""
    return number > 0 and 300 <= (requests[number - 1]["answer"] or 0) < 400


def _is_astray(requests: list[Json], number: int, usual: Json) -> bool:
    """Whether a redirect led the request to something else than the call."""
    return _follows(requests, number) and any(
        requests[number][key] != usual[key] for key in ("url", "target")
    )


def _answers(session: Json, requests: list[Json]) -> Iterator[Json]:
    """The answer that each request had: the next of the script, but for those that a connection uses up."""
    script = [
        answer for answer in session["given"]["answers"] if answer.get("fault") not in CONNECTION_FAULTS
    ]
    for number, _ in enumerate(requests):
        yield script[min(number, len(script) - 1)]


def _is_over(answer: Json) -> bool:
    """Whether an answer says that the call has ended."""
    status = answer.get("status", 0)
    return 200 <= status < 300 or (status, answer.get("json", {}).get("code")) in ENDED


def _redirects(actual: Json, usual: Json) -> Iterator[Difference]:
    ours = actual["requests"]
    is_led_astray = any(_is_astray(ours, number, usual) for number in range(len(ours)))
    if is_led_astray and max((level for level, _ in actual["logs"]), default=0) < WARNING:
        yield Difference(REDIRECT, "a redirect was followed and left no log record", deed="logs nothing",
                         wanted={"log": {"level": "WARNING", "at_least": 1, "at_most": None}})  # fmt: skip


def _logs(actual: Json, expected: Json, ours: list[Json], answers: list[Json]) -> Iterator[Difference]:
    levels, others = ([level for level, _ in seen["logs"]] for seen in (actual, expected))
    if actual["told"] and not expected["told"]:
        yield Difference(SECRET, "a secret is in the log", deed="tells a secret")
    if len(answers) > 1:
        return
    answer = answers[0]
    if (answer.get("status"), answer.get("json", {}).get("code")) in ENDED and max(
        levels, default=0
    ) >= ERROR > max(others, default=0):
        yield Difference("TFS-HANGUP-14", "a call that had ended already was logged as an error", deed="logs",
                         wanted={"log": {"level": "ERROR", "at_least": 0, "at_most": 0}})  # fmt: skip
    failed = bool(ours) and not 200 <= (ours[-1]["answer"] or 0) < 300
    if failed and max(others, default=0) >= WARNING > max(levels, default=0):
        yield Difference("TFS-HANGUP-15", "a failed hang-up left no log record", deed="logs nothing",
                         wanted={"log": {"level": "WARNING", "at_least": 1, "at_most": None}})  # fmt: skip
