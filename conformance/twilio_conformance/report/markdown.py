"""Renders a Markdown summary for the page of a CI job, and annotations for GitHub."""

from __future__ import annotations

import json
from typing import Any

from twilio_conformance.report.model import Check, Report
from twilio_conformance.report.rendering import render

REQUIREMENTS_SHOWN = 60
"""Failing requirements shown in detail: pages of CI jobs are limited to a megabyte."""

TEXT_LIMIT = 600
"""Characters of one value; the rest is cut."""


def summary(report: Report) -> str:
    """Return the verdicts, and each failing requirement with its finding and the command that runs it again."""
    return render(
        "summary.md.j2", report=report, REQUIREMENTS_SHOWN=REQUIREMENTS_SHOWN, finding=_finding, text=_text
    )


def annotate(report: Report) -> str:
    """Return a workflow command of GitHub for each failing requirement: an error at the gate, else a warning.

    Requirements whose failures are all known are left out.
    """
    lines = []
    for name, found in report.failures.items():
        if found.unexpected:
            kind = "error" if report.is_gated(found) else "warning"
            text = f"{found.statement}\n{_finding(found.unexpected[0])}"
            # The runner reads a line, and these characters of it, as syntax.
            for character, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A")):
                text = text.replace(character, code)
            lines.append(f"::{kind} title={name} {found.level} of {found.profile}::{text}\n")
    return "".join(lines).encode(errors="backslashreplace").decode()


def _finding(check: Check) -> str:
    sides = {"expected": check.expected, "actual": check.actual}
    shown = [f"{side}: {_text(value)}" for side, value in sides.items() if value is not None]
    return "\n".join([check.finding, *shown])


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"
