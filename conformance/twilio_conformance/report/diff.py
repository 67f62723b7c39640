"""Compares two reports check by check: broken, fixed, new and gone."""

from __future__ import annotations

from dataclasses import dataclass

from twilio_conformance.report.model import Report, Requirement, mixed_origins
from twilio_conformance.report.rendering import render
from twilio_conformance.spec.verdict import NOT_APPLICABLE, PASS

BROKEN, FIXED, NEW, GONE, OTHER = "broken", "fixed", "new", "gone", "other"

HEADINGS = {
    BROKEN: "Broken: passed before and fails now",
    FIXED: "Fixed: failed before and passes now",
    NEW: "New: graded now and not before",
    GONE: "Gone: graded before and not now",
    OTHER: "Changed in another way",
}
"""All kinds of change, in the order of the output."""

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
        """One of `HEADINGS`."""
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


def compare(before: Report, after: Report) -> ReportDiff:
    """Compare a report with a later one."""
    old, new = (
        {
            (name, check.id): check.status
            for name, found in report.requirements.items()
            for check in found.checks
        }
        for report in (before, after)
    )
    changes = (Change(*key, old.get(key), new.get(key)) for key in new | old if old.get(key) != new.get(key))
    return ReportDiff(before, after, tuple(changes))


def text(comparison: ReportDiff) -> str:
    """Render a comparison for a terminal or a log."""
    origins = mixed_origins((comparison.before, comparison.after), ("the first", "the second"))
    return render(
        "diff.txt.j2", diff=comparison, origins=origins, HEADINGS=HEADINGS, CHECKS_SHOWN=CHECKS_SHOWN
    )
