"""What changed from one report to another: fixed, broken, new and gone, check by check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twilio_conformance.report import reader

Json = dict[str, Any]

BROKEN, FIXED, NEW, GONE, OTHER = "broken", "fixed", "new", "gone", "other"
KINDS = (BROKEN, FIXED, NEW, GONE, OTHER)
"""In the order in which they are told."""

_HEADINGS = {
    BROKEN: "Broken: held before and no longer",
    FIXED: "Fixed: did not hold before and does now",
    NEW: "New: graded now and not before",
    GONE: "Gone: graded before and not now",
    OTHER: "Changed in another way",
}

MOST = 8
"""Checks of one requirement that are named; of more, their number."""


@dataclass(frozen=True, slots=True)
class Change:
    """One check of one requirement whose status is not what it was; None where it was not graded."""

    requirement: str
    check: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        if self.before is None:
            return NEW
        if self.after is None:
            return GONE
        held, holds = reader.holds(self.before), reader.holds(self.after)
        return OTHER if held == holds else FIXED if holds else BROKEN


@dataclass(frozen=True, slots=True)
class Difference:
    """All changes between two reports, and what has to be known to judge them."""

    before: Json
    after: Json
    changes: tuple[Change, ...]

    def of(self, kind: str) -> dict[str, list[Change]]:
        """The changes of one kind, by requirement, in the order of the specification."""
        grouped: dict[str, list[Change]] = {}
        for change in self.changes:
            if change.kind == kind:
                grouped.setdefault(change.requirement, []).append(change)
        return grouped

    def requirement(self, name: str) -> Json:
        """The requirement as the newer report has it, or else the older."""
        found: Json = self.after["requirements"].get(name) or self.before["requirements"][name]
        return found

    def broken(self, profiles: frozenset[str], levels: tuple[str, ...]) -> list[str]:
        """The requirements of these profiles and levels that have a broken check."""
        return [
            name
            for name in self.of(BROKEN)
            if self.requirement(name)["profile"] in profiles and self.requirement(name)["level"] in levels
        ]

    @property
    def caveats(self) -> list[str]:
        """What was not the same in both runs, though it has a say in what was found."""
        names = {"pipecat": "Versions of pipecat-ai", "python": "Versions of Python",
                 "network": "Ways to see the network"}  # fmt: skip
        return [
            f"{title} differ: {self.before[name]}, then {self.after[name]}."
            for name, title in names.items()
            if self.before[name] != self.after[name]
        ]


def compare(before: Json, after: Json) -> Difference:
    """The difference from one report to a later one."""
    old, new = _statuses(before), _statuses(after)
    changes = [
        Change(*key, old.get(key), new.get(key))
        for key in [*new, *(key for key in old if key not in new)]
        if old.get(key) != new.get(key)
    ]
    return Difference(before, after, tuple(changes))


def _statuses(report: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {
        (name, check["id"]): check["status"]
        for name, found in report["requirements"].items()
        for check in found["checks"]
    }


def text(difference: Difference) -> str:
    """The difference for a terminal or a log."""
    return "\n".join(_lines(difference)) + "\n"


def _lines(difference: Difference) -> Iterator[str]:
    if origins := reader.origins((difference.before, difference.after), ("the first", "the second")):
        yield origins
    yield f"from  {reader.title(difference.before)}, {difference.before['started']}"
    yield f"to    {reader.title(difference.after)}, {difference.after['started']}"
    yield from difference.caveats
    for kind in KINDS:
        grouped = difference.of(kind)
        if not grouped:
            continue
        yield ""
        yield f"{_HEADINGS[kind]} ({len(grouped)})"
        for name, changes in grouped.items():
            found = difference.requirement(name)
            yield f"  {name}  {found['level']}, {found['profile']}: {found['statement']}"
            for change in changes[:MOST]:
                yield f"      {change.check}: {_move(change)}"
            if len(changes) > MOST:
                yield f"      and {len(changes) - MOST} more checks"
    yield ""
    if not difference.changes:
        yield "Nothing changed."
    elif broken := difference.of(BROKEN):
        yield f"{len(broken)} {'requirement' if len(broken) == 1 else 'requirements'} broke."
    else:
        yield "Nothing broke."


def _move(change: Change) -> str:
    if change.before is None:
        return f"{change.after}"
    return f"{change.before}, now {change.after}" if change.after else f"was {change.before}"
