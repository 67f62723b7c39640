"""What two implementations have to do alike when a call ends: requests, log records and time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from twilio_conformance.checks._expectations import Session, aspect_of
from twilio_conformance.fuzz.oracle import NAMES, Discrepancy, Json
from twilio_conformance.twilio.record import Exchange
from twilio_conformance.twilio.script import CONNECTION_FAULTS

BOUND = "TFS-FAULT-02"

LIMITS = ((30.0, BOUND), (10.0, "TFS-FAULT-04"))
"""Seconds that a hang-up MUST and SHOULD not exceed."""

ENDED = ((404, 20404), (400, 21220))
"""Status and code of the answers for a call that had ended already."""

_ASPECTS = {"method": "TFS-HANGUP-03", "target": "TFS-HANGUP-04", "form": "TFS-HANGUP-05",
            "basic": "TFS-HANGUP-06", "url": "TFS-HANGUP-07"}  # fmt: skip

_WARNS: Json = {"log": {"level": "WARNING", "at_least": 1, "at_most": None}}
_NO_ERROR: Json = {"log": {"level": "ERROR", "at_least": 0, "at_most": 0}}


def candidates(document: Json, actual: Session, expected: Session) -> Iterator[Discrepancy]:
    """Yield possible discrepancies of the hang-ups in a session.

    One with an expectation is a discrepancy if only the reference meets it. Retrying and not retrying are both allowed.

    Args:
        document: `given` and `steps` of the session.
        actual: What was seen of the implementation.
        expected: What was seen of the reference.

    Yields:
        The candidates, most serious first.
    """
    answers = document["given"]["answers"]
    frames = [step.get("serialize", {}).get("frame") for step in document["steps"]]
    ends = [number for number, frame in enumerate(frames) if frame in ("EndFrame", "CancelFrame")]
    ours, theirs = actual.exchanges, expected.exchanges
    has_faults = any("fault" in answer for answer in answers)
    if not theirs and not has_faults:
        requirement, text = "TFS-HANGUP-11" if ends else "TFS-HANGUP-12", f"made {len(ours)} requests"
        yield Discrepancy(requirement, text, "requests", expectation=_requests(0, 0))
    if not ends:
        return
    for number in ends:
        seconds = actual.steps[number].seconds
        exceeded = [(limit, requirement) for limit, requirement in LIMITS if seconds > limit]
        for limit, requirement in exceeded[:1]:
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
        if any(_is_misled(ours, number, theirs[0]) for number in range(len(ours))):
            text = "a redirect was followed and left no log record"
            yield Discrepancy("TFS-FAULT-10", text, "logs nothing", expectation=_WARNS)
    yield from _logs(answers, actual, expected)


def _requests(at_least: int, at_most: int | None) -> Json:
    return {"requests": {"at_least": at_least, "at_most": at_most}}


def _wrong_request(ours: Sequence[Exchange], usual: Exchange) -> Discrepancy | None:
    """Return the first request that differs from the reference's."""
    for number, request in enumerate(ours):
        if _follows_redirect(ours, number):
            # On the same host, any target is allowed; that it is no success has to show in the log.
            url = aspect_of(request, "url")
            if url != aspect_of(usual, "url") and request.header("authorization"):
                text = f"request {number + 1} follows a redirect with credentials to {url}"
                expectation = _requests(1, number)
                return Discrepancy("TFS-SECURE-03", text, "follows a redirect", expectation=expectation)
            continue
        for aspect, requirement in _ASPECTS.items():
            own, wanted = aspect_of(request, aspect), aspect_of(usual, aspect)
            if own != wanted:
                text = f"request {number + 1}: {aspect} is {own}, the reference's is {wanted}"
                expectation = {"request": {aspect: _with_names(wanted)}}
                return Discrepancy(requirement, text, aspect, expectation=expectation)
    return None


def _with_names(value: object) -> object:
    """Return JSON with every SID and secret replaced by its ${name}."""
    text = json.dumps(value)
    for name, own in NAMES.values.items():
        text = text.replace(own, "${" + name + "}")
    return json.loads(text)


def _request_count(
    answers: list[Json], ours: Sequence[Exchange], theirs: Sequence[Exchange], ends: int
) -> Iterator[Discrepancy]:
    # A fault of a connection is used up before any request.
    script = [answer for answer in answers if answer.get("fault") not in CONNECTION_FAULTS]
    for number in range(len(ours)):
        answer = script[min(number, len(script) - 1)]
        is_success = 200 <= answer.get("status", 0) < 300 or _has_ended(answer)
        if is_success and not _is_misled(ours, number, theirs[0]):
            text = f"made {len(ours)} requests, and the call had ended after {number + 1}"
            expectation = _requests(1, number + 1)
            yield Discrepancy("TFS-HANGUP-10", text, "more requests", expectation=expectation)
            return
    if ours and not any("fault" in answer for answer in answers):
        text = f"made {len(ours)} requests for {ends} frames, although none of them succeeded"
        expectation = _requests(min(ends, len(theirs)), None)
        yield Discrepancy("TFS-FAULT-07", text, "does not try again", expectation=expectation)


def _has_ended(answer: Json) -> bool:
    return (answer.get("status"), answer.get("json", {}).get("code")) in ENDED


def _follows_redirect(requests: Sequence[Exchange], number: int) -> bool:
    return number > 0 and 300 <= (requests[number - 1].answer_status or 0) < 400


def _is_misled(requests: Sequence[Exchange], number: int, usual: Exchange) -> bool:
    """Return whether a redirect led a request to another resource than the call."""
    return _follows_redirect(requests, number) and any(
        aspect_of(requests[number], aspect) != aspect_of(usual, aspect) for aspect in ("url", "target")
    )


def _logs(answers: list[Json], actual: Session, expected: Session) -> Iterator[Discrepancy]:
    ours, theirs = (
        any(NAMES.redact(log.text) != log.text for log in seen.logs) for seen in (actual, expected)
    )
    if ours and not theirs:
        yield Discrepancy("TFS-SECURE-05", "a secret is in the log", "logs a secret")
    if len(answers) > 1:
        return
    if _has_ended(answers[0]):
        text = "a call that had ended already was logged as an error"
        yield Discrepancy("TFS-HANGUP-14", text, "logs", expectation=_NO_ERROR)
    if actual.exchanges and not 200 <= (actual.exchanges[-1].answer_status or 0) < 300:
        text = "a failed hang-up left no log record"
        yield Discrepancy("TFS-HANGUP-15", text, "logs nothing", expectation=_WARNS)
