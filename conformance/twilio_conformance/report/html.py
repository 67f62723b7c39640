"""Renders a report as one HTML page that fetches nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shlex
from collections.abc import Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from twilio_conformance.report import finding
from twilio_conformance.report.model import Check, Json, Report
from twilio_conformance.report.rendering import environment, render
from twilio_conformance.spec.verdict import NOT_TESTABLE

if TYPE_CHECKING:
    from markupsafe import Markup

CHECKS_IN_FULL = 6
"""Failing checks of one requirement that are shown in full; the others are named."""

FULL_LIMIT = 1_000_000
"""Bytes of all checks shown in full: what fails after that is named. It keeps any page below 2 MB."""

LIST_LIMIT = 6
"""Values of a list that are shown in one cell of a table."""

REFERENCE = "reference.json"
"""The measurements of the reference, in this package: drawn beneath those of any other implementation."""

_TIME = re.compile(r"^\[?(\+?\d+\.\d+ m?s)\]?:?\s+")


def page(report: Report, over: Report | None = None) -> str:
    """Render a report as a page.

    Args:
        report: The report.
        over: Another report whose measurements are drawn beneath; by default those of the reference.

    Returns:
        The HTML.
    """
    from markupsafe import Markup

    from twilio_conformance.report import plots

    metrics, caption = _comparison(report, over)
    compared = plots.measured(metrics)
    drawings, rest = plots.draw(plots.measured(report.metrics), compared)
    script = render("report.js.j2")
    return render(
        "report.html.j2",
        report=report,
        full=_in_full(report),
        causes=[
            cause.finding if cause.actual is None else f"{cause.finding}: {_cell(cause.actual)}"
            for cause in report.causes
        ],
        plots=drawings,
        numbers=[(name, *_numbers(value, compared.get(name))) for name, value in rest.items()],
        over=caption,
        script=Markup(script),
        script_hash=f"sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}",
    )


def _comparison(report: Report, over: Report | None) -> tuple[Json, tuple[str, str] | None]:
    """Return the measurements to draw beneath, and whose they are with the time."""
    if over is not None:
        return over.metrics, (over.title, over.finished)
    reference = json.loads(files(__package__).joinpath(REFERENCE).read_text(encoding="utf-8"))
    name = reference["implementation"]["name"]
    if name == report.implementation.name:
        return {}, None
    return reference["metrics"], (name, reference["finished"])


def _in_full(report: Report) -> dict[str, dict[str, Markup]]:
    """Render failing checks by requirement and id until `FULL_LIMIT` is reached."""
    room = FULL_LIMIT
    full: dict[str, dict[str, Markup]] = {}
    for name, found in report.failures.items():
        full[name] = {}
        # The same reason why checks could not be made is shown once.
        distinct: dict[str, Check] = {}
        for check in found.failing:
            distinct.setdefault(check.message if check.status == NOT_TESTABLE else check.id, check)
        for check in list(distinct.values())[:CHECKS_IN_FULL]:
            text = _check(report.implementation.spec, name, check)
            if len(text.encode()) > room:
                break
            room -= len(text.encode())
            full[name][check.id] = text
    return full


def _check(spec: str, name: str, check: Check) -> Markup:
    """Render a failing check with both sides, trace, output and the command that runs it again."""
    replay = shlex.join(["twilio-conformance", "replay", spec, f"{name}[{check.id}]"])
    layout = finding.lay_out(check.expected, check.actual)
    parts: Any = environment().get_template("parts.html.j2").module
    found: Markup = parts.check(check, layout, [_line(line) for line in check.trace], replay)
    return found


def _line(line: str) -> tuple[str, str]:
    """Return the time that a line of a trace begins with, if any, and the rest."""
    time = _TIME.match(line)
    return (time.group(1), line[time.end() :]) if time else ("", line)


def _numbers(value: Any, under: Any) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return the columns and rows of a measured value that is not drawn; `under` is compared with it."""
    values = value if isinstance(value, Mapping) else {"value": value}
    others = under if isinstance(under, Mapping) else {"value": under} if under is not None else {}
    if values and all(isinstance(item, Mapping) for item in values.values()):
        figures = dict.fromkeys(figure for item in values.values() for figure in item)
        rows = []
        for figure in figures:
            rows.append((figure, *(_cell(item.get(figure)) for item in values.values())))
            compared = [others.get(key, {}).get(figure) for key in values]
            if any(item is not None for item in compared):
                rows.append((f"{figure} (compared with)", *map(_cell, compared)))
        return ("", *map(str, values)), rows
    columns = ("", "value", "compared with") if others else ("", "value")
    return columns, [
        (str(key), _cell(item), *([_cell(others.get(key))] if others else [])) for key, item in values.items()
    ]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        shown = ", ".join(map(_cell, value[:LIST_LIMIT]))
        return shown if len(value) <= LIST_LIMIT else f"{shown}, … ({len(value)} values)"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)
