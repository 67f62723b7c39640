"""Compares two reports check by check: broken, lost, fixed, new and gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from twilio_conformance.errors import UsageError
from twilio_conformance.report import loading
from twilio_conformance.report.model import FAILING, Report, Requirement, mixed_origins
from twilio_conformance.report.rendering import render
from twilio_conformance.spec.verdict import NOT_APPLICABLE, PASS

BROKEN, LOST, FIXED, NEW, GONE, OTHER = "broken", "lost", "fixed", "new", "gone", "other"

HEADINGS = {
    BROKEN: "Broken: passed before and fails now",
    LOST: "Lost: passed before and does not apply now",
    FIXED: "Fixed: failed before and passes now",
    NEW: "New: graded now and not before",
    GONE: "Gone: graded before and not now",
    OTHER: "Changed in another way",
}
"""All kinds of change, in the order of the output."""

CHECKS_SHOWN = 8
"""Checks named for one requirement; any others are counted."""

MEASURE_STEP = 1.0
"""The smallest change of a measurement that is shown, in its unit."""

_UNITS = (", ms", ", dB")
"""How the names of measurements that are compared end; series, and numbers of other units, are not."""

_IN_REAL_TIME = "live."
"""How the ids of checks begin whose measurements depend on the load of the machine."""


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
        if self.after in FAILING:
            return OTHER if self.before in FAILING else BROKEN
        if self.after == NOT_APPLICABLE:
            # A failure that no longer applies is not fixed: it is no longer looked for.
            return LOST if self.before == PASS else OTHER
        return FIXED if self.before in FAILING else OTHER


@dataclass(frozen=True, slots=True)
class Measure:
    """A measurement of a check that changed."""

    check: str
    name: str
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ReportDiff:
    """All changes from one report to another."""

    before: Report
    after: Report
    changes: tuple[Change, ...]
    measures: tuple[Measure, ...] = ()

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
        """Return the requirements of these profiles and levels that have a broken or a lost check."""
        return [
            name
            for name in self.of(BROKEN) | self.of(LOST)
            if self.requirement(name).profile in profiles and self.requirement(name).level in levels
        ]

    def excused(self, reason: str) -> Report:
        """Return the newer report with each check that fails in both as known to fail for this reason."""
        failed = {
            (name, check.id)
            for name, found in self.before.requirements.items()
            for check in found.checks
            if check.status in FAILING
        }
        requirements = {
            name: found.model_copy(
                update={
                    "checks": [
                        check.model_copy(update={"known": check.known or reason})
                        if (name, check.id) in failed and check.is_failing
                        else check
                        for check in found.checks
                    ]
                }
            )
            for name, found in self.after.requirements.items()
        }
        return self.after.model_copy(update={"requirements": requirements})


def load_earlier(path: str, edition: str) -> Report:
    """Load the report that --against names.

    Args:
        path: The file.
        edition: The edition that the run grades against.

    Returns:
        The report.

    Raises:
        UsageError: It cannot be read, is no report, or is one of another edition.
    """
    try:
        report = loading.load(path)
    except UsageError as error:
        raise UsageError(f"--against={error}") from error
    if report.edition != edition:
        raise UsageError(
            f"--against={path}: graded against edition {report.edition}, and this run against {edition};"
            f" grade it once more, or add --edition={report.edition}"
        )
    return report


def compare(before: Report, after: Report) -> ReportDiff:
    """Compare a report with a later one; of what a partial run left out, nothing is said."""
    reports = before, after
    old, new = (
        {
            (name, check.id): check.status
            for name, found in report.requirements.items()
            for check in found.checks
        }
        for report in reports
    )
    partial = [
        held
        for held, report in zip((old, new), reports, strict=True)
        if report.ledger.executed < report.ledger.expected
    ]
    keys = [key for key in new | old if all(key in held for held in partial)]
    changes = (Change(*key, old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key))
    return ReportDiff(before, after, tuple(changes), tuple(_measures(before, after)))


def _measures(before: Report, after: Report) -> Iterator[Measure]:
    """Yield the measurements that both reports have, and that differ by at least `MEASURE_STEP`."""
    for check, metrics in after.metrics.items():
        old = dict(_numbers(before.metrics.get(check, {})))
        for name, value in () if check.startswith(_IN_REAL_TIME) else _numbers(metrics):
            if abs(value - old.get(name, value)) >= MEASURE_STEP:
                yield Measure(check, name, old[name], value)


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield the names and values of all single numbers."""
    for name, value in metrics.items():
        values = value if isinstance(value, Mapping) else {"": value}
        for kind, number in values.items() if name.endswith(_UNITS) else ():
            yield f"{name}, {kind}".removesuffix(", "), number


def text(comparison: ReportDiff) -> str:
    """Render a comparison for a terminal or a log."""
    origins = mixed_origins((comparison.before, comparison.after), ("the first", "the second"))
    return render(
        "diff.txt.j2", diff=comparison, origins=origins, HEADINGS=HEADINGS, CHECKS_SHOWN=CHECKS_SHOWN
    )
