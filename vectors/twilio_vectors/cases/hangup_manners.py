"""Cases of the chapter Hang-up: how often a request is repeated, and after which answers."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.case import COMPLETED, HANGING_UP, Case, Json, family, requests, serialize, wait
from twilio_vectors.cases.hangup import CANCEL, END
from twilio_vectors.cases.hangup_answers import ERRORS, HTML, NOT_FOUND, NOT_IN_PROGRESS, REFUSALS, Refusal

SINCE = "2026.12"
MOST = 10
"""Requests that one terminal frame may cause."""

FINAL = [refusal for refusal in REFUSALS if refusal.status in (400, 401, 403)]
"""Refusals that the same request meets again."""


@family("hangup")
def few() -> Iterator[Case]:
    """What is worth repeating, for ever: the attempts of one terminal frame stay few."""
    faults: dict[str, Json] = {"reset": {"fault": "reset"}, "closed": {"fault": "close"}}
    refused = {
        f"{refusal.status}-{refusal.code}": refusal.answer for refusal in REFUSALS if refusal.status > 405
    }
    for name, answer in (refused | faults).items():
        yield _manners(f"few-{name}", f"Every answer is {name}.", [answer], [END], "TFS-HANGUP-25", 0, MOST)


@family("hangup")
def final() -> Iterator[Case]:
    """Answers that the same request meets again: one terminal frame asks once."""
    for refusal in (*FINAL, NOT_FOUND, NOT_IN_PROGRESS):
        name = f"{refusal.status}-{refusal.code}"
        text = f"{refusal.status} with code {refusal.code}, {refusal.message}."
        yield _manners(f"final-{name}", text, [refusal.answer], [END], "TFS-HANGUP-28", 0, 1)
    for status, title in ((400, "Bad Request"), (401, "Unauthorized"), (403, "Forbidden")):
        page = {"status": status, "body": HTML.format(title=title), "headers": {"Content-Type": "text/html"}}
        yield _manners(f"final-{status}-html", f"{status} with a page.", [page], [END], "TFS-HANGUP-28", 0, 1)


@family("hangup")
def anew() -> Iterator[Case]:
    """The credentials are refused, and a second later they are not: the next terminal frame ends the call."""
    for refusal in (refusal for refusal in FINAL if refusal.status != 400):
        for suffix, frames in _orders(refusal):
            name = f"{refusal.status}-{refusal.code}{suffix}"
            text = (
                f"The first answer is {refusal.status} with code {refusal.code}, and every later one is 200."
            )
            yield _manners(
                f"anew-{name}", text, [refusal.answer, COMPLETED], frames, "TFS-HANGUP-29", 2, None
            )


def _orders(refusal: Refusal) -> list[tuple[str, list[Json]]]:
    orders: list[tuple[str, list[Json]]] = [("", [END, CANCEL])]
    return [*orders, ("-cancel", [CANCEL, END])] if refusal.status == 401 else orders


def _manners(
    name: str,
    text: str,
    answers: list[Json],
    frames: list[Json],
    requirement: str,
    at_least: int,
    at_most: int | None,
) -> Case:
    steps = [step for frame in frames for step in (serialize(frame), wait(1))]
    return Case(
        name=name,
        text=text,
        arguments=dict(HANGING_UP),
        answers=answers,
        steps=steps,
        expect=[requests(requirement, at_least, at_most)],
        premise="attempt",
        source=f"{ERRORS}20503",
        since=SINCE,
    )
