"""Compares several reports: a row for each requirement, those with different results first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twilio_conformance.report import html, markdown
from twilio_conformance.report.model import Report, Requirement, mixed_origins, tally
from twilio_conformance.spec.catalogue import PROFILES
from twilio_conformance.spec.verdict import CONFORMANT, NOT_CONFORMANT, ProfileVerdict

Json = dict[str, Any]

SYMBOLS = {
    "pass": ("✓", "holds", "good"),
    "fail": ("✕", "fails", "bad"),
    "not-testable": ("?", "not testable", "bad"),
    "not-applicable": ("-", "not claimed", "idle"),
    "": ("·", "not graded", "idle"),
}
"""The mark, the label and the colour class of each status."""


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
    def caveats(self) -> list[str]:
        """Sentences about reports of different suites, editions or vectors."""
        sentence = mixed_origins(self.reports, self.columns)
        return [sentence] if sentence else []

    def chapters(self, *, differing: bool) -> dict[str, list[Row]]:
        """Return the rows that differ, or those that do not, by chapter."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.differs == differing:
                grouped.setdefault(row.requirement.chapter, []).append(row)
        return grouped

    def verdicts(self) -> list[tuple[str, list[ProfileVerdict | None]]]:
        """Return each profile with its verdict in each report."""
        return [
            (profile, [report.verdict.get(profile) for report in self.reports])
            for profile in PROFILES
            if any(profile in report.verdict for report in self.reports)
        ]


def build(reports: Sequence[Report]) -> Matrix:
    """Return the matrix of some reports, with a column for each in their order."""
    requirements: dict[str, Requirement] = {}
    for report in reports:
        for name, found in report.requirements.items():
            requirements.setdefault(name, found)
    rows = tuple(
        Row(
            name,
            requirement,
            tuple(_status_of(report, name) for report in reports),
        )
        for name, requirement in requirements.items()
    )
    return Matrix(tuple(reports), tuple(_columns(reports)), rows)


def _status_of(report: Report, name: str) -> str:
    found = report.requirements.get(name)
    return found.status if found else ""


def _columns(reports: Sequence[Report]) -> Iterator[str]:
    """Yield a heading for each report that tells it from others of the same implementation."""
    titles = [report.title for report in reports]
    pipecats = {report.pipecat for report in reports}
    for number, (title, report) in enumerate(zip(titles, reports, strict=True), start=1):
        heading = title if len(pipecats) == 1 else f"{title} with pipecat-ai {report.pipecat}"
        twins = [other for other, name in enumerate(titles) if name == title]
        yield heading if len(twins) == 1 or len(pipecats) == len(reports) else f"{heading} ({number})"


def as_html(matrix: Matrix, heading: str = "", remarks: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """Render the matrix as a page.

    Args:
        matrix: The matrix.
        heading: The heading; by default the number of implementations.
        remarks: Further columns by heading, with a text for every requirement.

    Raises:
        UsageError: The extra `report` is not installed.
    """
    return html.table(
        heading=heading or f"{len(matrix.columns)} implementations",
        columns=matrix.columns,
        caveats=matrix.caveats,
        verdicts=[
            (profile, [_cell(verdict) for verdict in verdicts]) for profile, verdicts in matrix.verdicts()
        ],
        parts=[
            ("Where they differ", _shown(matrix, differing=True)),
            ("Where they are alike", _shown(matrix, differing=False)),
        ],
        remarks=remarks or {},
        edition=" and ".join(sorted({report.edition for report in matrix.reports})),
        suite=" and ".join(sorted({report.suite for report in matrix.reports})),
    )


def _shown(matrix: Matrix, *, differing: bool) -> list[Json]:
    return [
        {
            "chapter": chapter,
            "rows": [
                {
                    "name": row.name,
                    "requirement": row.requirement,
                    "cells": [_status(row, status) for status in row.statuses],
                }
                for row in rows
            ],
        }
        for chapter, rows in matrix.chapters(differing=differing).items()
    ]


def _status(row: Row, status: str) -> tuple[str, str, str]:
    mark, word, tone = SYMBOLS[status]
    return mark, word, "warn" if tone == "bad" and row.requirement.level != "MUST" else tone


def _cell(verdict: ProfileVerdict | None) -> tuple[str, str, str]:
    if verdict is None:
        return "·", "not graded", "idle"
    word = verdict.word
    passed, total = tally(verdict.counts, "MUST")
    tone = {CONFORMANT: "good", NOT_CONFORMANT: "bad"}.get(word, "idle")
    return {"good": "✓", "bad": "✕", "idle": "…"}[tone], f"{word}, MUST {passed} of {total}", tone


def as_markdown(matrix: Matrix) -> str:
    """Render the matrix as Markdown."""
    return "\n".join(_lines(matrix)) + "\n"


def _lines(matrix: Matrix) -> Iterator[str]:
    yield "# Conformance, side by side"
    yield ""
    for caveat in matrix.caveats:
        yield caveat
        yield ""
    names = [f"`{column}`" for column in matrix.columns]
    yield from _table(
        ["profile", *names],
        [
            [profile, *(" ".join(_cell(verdict)[:2]) for verdict in verdicts)]
            for profile, verdicts in matrix.verdicts()
        ],
    )
    for heading, differing in (("Where they differ", True), ("Where they are alike", False)):
        chapters = matrix.chapters(differing=differing)
        if not chapters:
            continue
        yield ""
        yield f"## {heading}"
        for chapter, rows in chapters.items():
            yield ""
            yield f"### {chapter}"
            yield ""
            yield from _table(["requirement", "level", *names, "sentence"], [_row(row) for row in rows])


def _row(row: Row) -> list[str]:
    marks = [f"{SYMBOLS[status][0]} {SYMBOLS[status][1]}" for status in row.statuses]
    level = f"{row.requirement.level}, {row.requirement.profile}"
    return [row.name, level, *marks, markdown.escaped(row.requirement.statement)]


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
