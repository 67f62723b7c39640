"""Several implementations side by side: a row for each requirement, those on which they differ first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from twilio_conformance.report import html, markdown, reader
from twilio_conformance.spec.catalogue import PROFILES

Json = dict[str, Any]

SYMBOLS = {
    "pass": ("✓", "holds", "good"),
    "fail": ("✕", "fails", "bad"),
    "not-testable": ("?", "not testable", "bad"),
    "not-applicable": ("-", "not claimed", "idle"),
    "": ("·", "not graded", "idle"),
}
"""For each status: a mark, the word for it, and the tone of the page."""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement and its status in each report; "" where it was not graded."""

    name: str
    requirement: Json
    statuses: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether the implementations are not all alike here."""
        return len(set(self.statuses)) > 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """All reports by all requirements."""

    reports: tuple[Json, ...]
    columns: tuple[str, ...]
    rows: tuple[Row, ...]

    @property
    def caveats(self) -> list[str]:
        """What was not the same in all runs."""
        origins = reader.origins(self.reports, self.columns)
        return [origins] if origins else []

    def chapters(self, *, differing: bool) -> dict[str, list[Row]]:
        """The rows that differ, or those that do not, by chapter."""
        grouped: dict[str, list[Row]] = {}
        for row in self.rows:
            if row.differs == differing:
                grouped.setdefault(row.requirement["chapter"], []).append(row)
        return grouped

    def verdicts(self) -> list[tuple[str, list[Json | None]]]:
        """Each profile and its verdict in each report."""
        return [
            (profile, [report["verdict"].get(profile) for report in self.reports])
            for profile in PROFILES
            if any(profile in report["verdict"] for report in self.reports)
        ]


def build(reports: Sequence[Json]) -> Matrix:
    """The matrix of some reports, in their order."""
    requirements: dict[str, Json] = {}
    for report in reports:
        requirements |= {
            name: found for name, found in report["requirements"].items() if name not in requirements
        }
    rows = tuple(
        Row(
            name,
            requirement,
            tuple(report["requirements"].get(name, {}).get("status", "") for report in reports),
        )
        for name, requirement in requirements.items()
    )
    return Matrix(tuple(reports), tuple(_columns(reports)), rows)


def _columns(reports: Sequence[Json]) -> Iterator[str]:
    """A heading for each report; what tells apart two of the same implementation is added."""
    titles = [reader.title(report) for report in reports]
    pipecats = {report["pipecat"] for report in reports}
    for number, (title, report) in enumerate(zip(titles, reports, strict=True), start=1):
        heading = title if len(pipecats) == 1 else f"{title} with pipecat-ai {report['pipecat']}"
        twins = [other for other, name in enumerate(titles) if name == title]
        yield heading if len(twins) == 1 or len(pipecats) == len(reports) else f"{heading} ({number})"


def as_html(matrix: Matrix, heading: str = "", remarks: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The matrix as a page.

    Args:
        matrix: The matrix.
        heading: What is compared; without it, how many implementations.
        remarks: Further columns by their heading: a text for every requirement.

    Raises:
        UsageError: The extra is not installed.
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
        edition=" and ".join(sorted({report["edition"] for report in matrix.reports})),
        suite=" and ".join(sorted({report["suite"] for report in matrix.reports})),
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
    return mark, word, "warn" if tone == "bad" and row.requirement["level"] != "MUST" else tone


def _cell(verdict: Json | None) -> tuple[str, str, str]:
    if verdict is None:
        return "·", "not graded", "idle"
    word = reader.word(verdict)
    passed, total = reader.count(verdict, "MUST")
    tone = {"conformant": "good", "not conformant": "bad"}.get(word, "idle")
    return {"good": "✓", "bad": "✕", "idle": "…"}[tone], f"{word}, MUST {passed} of {total}", tone


def as_markdown(matrix: Matrix) -> str:
    """The matrix as Markdown."""
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
    level = f"{row.requirement['level']}, {row.requirement['profile']}"
    return [row.name, level, *marks, markdown.escaped(row.requirement["statement"])]


def _table(head: list[str], rows: list[list[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
