"""Renders a Markdown summary for the page of a CI job."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twilio_conformance.report import model
from twilio_conformance.report.model import Check, Report, Requirement
from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, ProfileVerdict

REQUIREMENTS_SHOWN = 60
"""Failing requirements shown in detail: pages of CI jobs are limited to a megabyte."""

TEXT_LIMIT = 600
"""Characters of one value; the rest is cut."""


def summary(report: Report) -> str:
    """Return the verdicts, and each failing requirement with its finding and the command that runs it again."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"## Conformance of `{report.title}`"
    yield ""
    yield (
        f"Edition {report.edition}, pipecat-ai {report.pipecat}, Python {report.python}:"
        f" {report.ledger.executed} of {report.ledger.expected} checks."
    )
    yield ""
    yield f"| profile | verdict | {' | '.join(LEVELS)} |"
    yield f"|---|---|{'---|' * len(LEVELS)}"
    for profile, verdict in report.verdict.items():
        gate = "" if profile in report.gate.profiles else " (not at the gate)"
        mark = "✅" if verdict.conformant else "❌" if not gate else "⚠️"
        yield f"| {profile}{gate} | {mark} {verdict.word} | {' | '.join(_counts(verdict))} |"
    failing = report.failures
    if failing:
        yield ""
        yield f"### Failing requirements ({len(failing)})"
    untestable = {name: found for name, found in failing.items() if found.status == NOT_TESTABLE}
    for cause in model.causes(untestable):
        yield ""
        yield f"{len(cause.requirements)} could not be tested, {escaped(', '.join(cause.requirements))}:"
        yield ""
        yield from _block(_text(cause.finding))
    failing = {name: found for name, found in failing.items() if name not in untestable}
    for name in list(failing)[:REQUIREMENTS_SHOWN]:
        yield from _failure(name, failing[name], report.is_gated(failing[name]))
    if len(failing) > REQUIREMENTS_SHOWN:
        yield ""
        yield f"And {len(failing) - REQUIREMENTS_SHOWN} more."


def _counts(verdict: ProfileVerdict) -> Iterator[str]:
    for level in LEVELS:
        passed, total = model.tally(verdict.counts, level)
        yield f"{passed}/{total}" if total else ""


def _failure(name: str, found: Requirement, is_gated: bool) -> Iterator[str]:
    failing = found.failing
    first = next(check for check in failing if check.status == FAIL)
    mark = "❌" if is_gated else "⚠️"
    yield ""
    sentence = f"{found.level}, {found.profile}: {escaped(found.statement)}"
    yield f"<details><summary>{mark} <b>{name}</b> {sentence}</summary>"
    yield ""
    untested = sum(check.status == NOT_TESTABLE for check in failing)
    more = f", {untested} cannot be tested" if untested else ""
    yield (f"{len(failing) - untested} of {len(found.checks)} checks fail{more}. The first is `{first.id}`:")
    yield ""
    yield from _block(_finding(first))
    yield ""
    yield "Run it again:"
    yield ""
    yield from _block(first.rerun)
    yield "</details>"


def _finding(check: Check) -> str:
    lines = [check.finding]
    sides = {"expected": check.expected, "actual": check.actual}
    lines += [f"{side}: {_text(value)}" for side, value in sides.items() if value is not None]
    return "\n".join(lines)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"


def _block(text: str) -> Iterator[str]:
    """Yield a block of code whose fence the text cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    yield fence
    yield text.encode("utf-8", "backslashreplace").decode()
    yield fence


def escaped(text: str) -> str:
    """Escape text so that Markdown does not interpret it, in tables either."""
    for character in "&<>|`*_[]":
        text = text.replace(character, f"&#{ord(character)};")
    return text
