"""Fits failing checks into a page: in full while there is room, then in brief, then by name alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from twilio_conformance.report import finding, reader
from twilio_conformance.spec.verdict import NOT_TESTABLE

Json = dict[str, Any]
Render = Callable[[str, str, Json], str]
"""Makes HTML of a check: the form, the requirement's name, the check."""

LIMIT = 1_990_000
"""Bytes of a page, a little below what is promised."""

IN_FULL = 6
"""Failing checks of one requirement that are shown with everything; of more, the finding and the command."""

BRIEF_LIMIT = 300
"""Characters of a finding, and of a command, in brief."""

PATIENCE = 20
"""Checks that may turn out to be too long for what room is left before no more are laid out."""

_TIME = re.compile(r"^\[?(\+?\d+\.\d+ m?s)\]?:?\s+")


@dataclass(slots=True)
class Shown:
    """What a page shows of one requirement's failing checks, as HTML in their order."""

    full: dict[int, str] = field(default_factory=dict)
    rest: dict[int, str] = field(default_factory=dict)
    unnamed: int = 0


def fill(report: Mapping[str, Any], room: int, render: Render) -> dict[str, Shown]:
    """Decides how each failing check is shown.

    All are named before any is shown in brief, and shown in brief before any is shown in full; the first checks of all
    requirements come before the second ones, and what counts at the gate comes before the rest.

    Args:
        report: The report's JSON.
        room: Bytes that the page has left for them.
        render: Makes HTML of a check in the form `full`, `brief` or `name`.
    """
    failing = {name: against(found) for name, found in reader.failures(report).items()}
    shown = {name: Shown(unnamed=len(checks)) for name, checks in failing.items()}
    for name, place, check in _in_turn(failing):
        text = render("name", name, {"id": check["id"]})
        if (room := room - _size(text)) < 0:
            return shown
        shown[name].rest[place] = text
        shown[name].unnamed -= 1
    for form in ("brief", "full"):
        misses = 0
        for name, place, check in _in_turn(failing):
            if _is_said_before(failing[name], place) or (form == "full" and place >= IN_FULL):
                continue
            if misses == PATIENCE:
                break
            text, entry = render(form, name, view(check) if form == "full" else brief(check)), shown[name]
            cost = _size(text) - _size(entry.rest[place])
            if cost > room:
                misses += 1
                continue
            room -= cost
            if form == "full":
                del entry.rest[place]
            (entry.full if form == "full" else entry.rest)[place] = text
    return shown


def against(found: Json) -> list[Json]:
    """The checks of a requirement that do not hold."""
    return [check for check in found["checks"] if not reader.holds(check["status"])]


def _in_turn(failing: Mapping[str, list[Json]]) -> Iterator[tuple[str, int, Json]]:
    for place in range(max(map(len, failing.values()), default=0)):
        for name, checks in failing.items():
            if place < len(checks):
                yield name, place, checks[place]


def _is_said_before(checks: list[Json], place: int) -> bool:
    """Whether a check could not be tested for a reason that one before it gave."""
    check = checks[place]
    return check["status"] == NOT_TESTABLE and any(
        other["status"] == NOT_TESTABLE and other["message"] == check["message"] for other in checks[:place]
    )


def _size(text: str) -> int:
    return len(text.encode("utf-8", "backslashreplace"))


def brief(check: Json) -> Json:
    """A check with the beginning of its finding; a command is shown whole or not at all."""
    message = check["message"] or check["status"]
    rerun = check["rerun"]
    return {
        "id": check["id"],
        "message": message if len(message) <= BRIEF_LIMIT else f"{message[:BRIEF_LIMIT]}…",
        "rerun": rerun if len(rerun) <= BRIEF_LIMIT else "",
    }


def view(check: Json) -> Json:
    """All that a page shows of a check."""
    return {
        "id": check["id"],
        "message": check["message"] or check["status"],
        "is_testable": check["status"] != NOT_TESTABLE,
        "known": check.get("known"),
        "trace": [_line(line) for line in check["trace"]],
        "output": check["output"].strip(),
        "rerun": check["rerun"],
        "reproduce": check["reproduce"],
        **finding.of(check["expected"], check["actual"]),
    }


def _line(line: str) -> Json:
    """A line of a trace: its time where it begins with one, and whether it was on the wire."""
    time = _TIME.match(line)
    text = line[time.end() :] if time else line
    return {"time": time.group(1) if time else "", "text": text, "is_wire": text.startswith("request ")}
