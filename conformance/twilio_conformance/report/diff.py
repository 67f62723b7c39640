"""Compares two reports check by check: broken, fixed, new and gone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twilio_conformance.report.model import Report, Requirement, mixed_origins
from twilio_conformance.spec.verdict import NOT_APPLICABLE, PASS

BROKEN, FIXED, NEW, GONE, OTHER = "broken", "fixed", "new", "gone", "other"
KINDS = (BROKEN, FIXED, NEW, GONE, OTHER)
"""All kinds of change, in the order of the output."""

_HEADINGS = {
    BROKEN: "Broken: passed before and fails now",
    FIXED: "Fixed: failed before and passes now",
    NEW: "New: graded now and not before",
    GONE: "Gone: graded before and not now",
    OTHER: "Changed in another way",
}

CHECKS_SHOWN = 8
"""Checks named for one requirement; any others are counted."""


@dataclass(frozen=True, slots=True)
class Change:
    """A check of a requirement whose status changed; a status is None if the report does not hold the check."""

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
        passed, passes = (status in (PASS, NOT_APPLICABLE) for status in (self.before, self.after))
        return OTHER if passed == passes else FIXED if passes else BROKEN


@dataclass(frozen=True, slots=True)
class ReportDiff:
    """All changes from one report to another."""

    before: Report
    after: Report
    changes: tuple[Change, ...]

    def of(self, kind: str) -> dict[str, list[Change]]:
        """Return the changes of one kind by requirement, in the order of the specification."""
        grouped: dict[str, list[Change]] = {}
        for change in self.changes:
            if change.kind == kind:
                grouped.setdefault(change.requirement, []).append(change)
        return grouped

    def requirement(self, name: str) -> Requirement:
        """Return the requirement as in the newer report, or in the older one if only that holds it."""
        return self.after.requirements.get(name) or self.before.requirements[name]

    def broken(self, profiles: frozenset[str], levels: tuple[str, ...]) -> list[str]:
        """Return the requirements of these profiles and levels that have a broken check."""
        return [
            name
            for name in self.of(BROKEN)
            if self.requirement(name).profile in profiles and self.requirement(name).level in levels
        ]

    @property
    def caveats(self) -> list[str]:
        """Sentences about differences between the environments of the two runs."""
        names = {"pipecat": "Versions of pipecat-ai", "python": "Versions of Python",
                 "network": "Ways to see the network"}  # fmt: skip
        return [
            f"{title} differ: {getattr(self.before, name)}, then {getattr(self.after, name)}."
            for name, title in names.items()
            if getattr(self.before, name) != getattr(self.after, name)
        ]


def compare(before: Report, after: Report) -> ReportDiff:
    """Compare a report with a later one."""
    old, new = _statuses(before), _statuses(after)
    changes = [
        Change(*key, old.get(key), new.get(key))
        for key in [*new, *(key for key in old if key not in new)]
        if old.get(key) != new.get(key)
    ]
    return ReportDiff(before, after, tuple(changes))


def _statuses(report: Report) -> dict[tuple[str, str], str]:
    return {
        (name, check.id): check.status
        for name, found in report.requirements.items()
        for check in found.checks
    }


def text(comparison: ReportDiff) -> str:
    """Render a comparison for a terminal or a log."""
    return "\n".join(_lines(comparison)) + "\n"


def _lines(comparison: ReportDiff) -> Iterator[str]:
    if origins := mixed_origins((comparison.before, comparison.after), ("the first", "the second")):
        yield origins
    yield f"from  {comparison.before.title}, {comparison.before.started}"
    yield f"to    {comparison.after.title}, {comparison.after.started}"
    yield from comparison.caveats
    for kind in KINDS:
        grouped = comparison.of(kind)
        if not grouped:
            continue
        yield ""
        yield f"{_HEADINGS[kind]} ({len(grouped)})"
        for name, changes in grouped.items():
            found = comparison.requirement(name)
            yield f"  {name}  {found.level}, {found.profile}: {found.statement}"
            for change in changes[:CHECKS_SHOWN]:
                yield f"      {change.check}: {_move(change)}"
            if len(changes) > CHECKS_SHOWN:
                yield f"      and {len(changes) - CHECKS_SHOWN} more checks"
    yield ""
    if not comparison.changes:
        yield "Nothing changed."
    elif broken := comparison.of(BROKEN):
        yield f"{len(broken)} {'requirement' if len(broken) == 1 else 'requirements'} broke."
    else:
        yield "Nothing broke."


def _move(change: Change) -> str:
    if change.before is None:
        return f"{change.after}"
    return f"{change.before}, now {change.after}" if change.after else f"was {change.before}"
