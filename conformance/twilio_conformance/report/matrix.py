"""Compares several reports: a row for each requirement, those with different results first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from twilio_conformance.report.model import Report, Requirement, mixed_origins, tally
from twilio_conformance.report.rendering import render
from twilio_conformance.spec.catalogue import PROFILES
from twilio_conformance.spec.verdict import CONFORMANT, NOT_CONFORMANT, ProfileVerdict


@dataclass(frozen=True, slots=True)
class Row:
    """A requirement and its status in each report; "" if it was not graded."""

    name: str
    requirement: Requirement
    statuses: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the statuses differ."""
        return len(set(self.statuses)) > 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """All requirements of several reports."""

    reports: tuple[Report, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def caveat(self) -> str:
        """A sentence about different suites, editions or vectors of the reports, if they differ."""
        return mixed_origins(self.reports, self.columns)

    def chapters(self, *, differing: bool) -> dict[str, list[Row]]:
        """Return the rows that differ, or those that do not, by chapter."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.differs == differing:
                grouped.setdefault(row.requirement.chapter, []).append(row)
        return grouped

    def verdicts(self) -> dict[str, list[tuple[str, str, str]]]:
        """Return the mark, the label and the colour class of each report's verdict, by profile."""
        return {
            profile: [_verdict(report.verdict.get(profile)) for report in self.reports]
            for profile in PROFILES
            if any(profile in report.verdict for report in self.reports)
        }


def build(reports: Sequence[Report]) -> Matrix:
    """Return the matrix of some reports, with a column for each in their order."""
    requirements: dict[str, Requirement] = {}
    for report in reports:
        requirements |= {
            name: found for name, found in report.requirements.items() if name not in requirements
        }
    rows = (
        Row(name, requirement, tuple(_status(report, name) for report in reports))
        for name, requirement in requirements.items()
    )
    return Matrix(tuple(reports), tuple(_columns(reports)), tuple(rows))


def _status(report: Report, name: str) -> str:
    found = report.requirements.get(name)
    return found.status if found else ""


def _columns(reports: Sequence[Report]) -> Iterator[str]:
    """Yield a heading for each report that tells it from others of the same implementation."""
    titles = [report.title for report in reports]
    pipecats = {report.pipecat for report in reports}
    for number, (title, report) in enumerate(zip(titles, reports, strict=True), start=1):
        heading = title if len(pipecats) == 1 else f"{title} with pipecat-ai {report.pipecat}"
        is_unique = titles.count(title) == 1 or len(pipecats) == len(reports)
        yield heading if is_unique else f"{heading} ({number})"


def _verdict(verdict: ProfileVerdict | None) -> tuple[str, str, str]:
    if verdict is None:
        return "·", "not graded", "idle"
    passed, total = tally(verdict.counts, "MUST")
    mark, tone = {CONFORMANT: ("✓", "good"), NOT_CONFORMANT: ("✕", "bad")}.get(verdict.word, ("…", "idle"))
    return mark, f"{verdict.word}, MUST {passed} of {total}", tone


def as_html(matrix: Matrix, heading: str = "", remarks: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Render the matrix as a page; `remarks` are further columns by heading, with a text for every requirement."""
    heading = heading or f"{len(matrix.columns)} implementations"
    return render("matrix.html.j2", matrix=matrix, heading=heading, remarks=remarks or {})


def as_markdown(matrix: Matrix) -> str:
    """Render the matrix as Markdown."""
    return render("matrix.md.j2", matrix=matrix)
