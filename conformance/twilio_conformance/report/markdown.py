"""Markdown: a summary for the page of a CI job."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from twilio_conformance.report import reader
from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE

Json = dict[str, Any]

MOST = 60
"""Requirements that are listed; the pages of CI systems hold no more than a megabyte."""

TEXT_LIMIT = 600
"""Characters of one value."""


def summary(report: Json) -> str:
    """The verdicts, and each requirement that does not hold with what was found and how to run it again."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Json) -> Iterator[str]:
    yield f"## Conformance of `{reader.title(report)}`"
    yield ""
    yield (
        f"Edition {report['edition']}, pipecat-ai {report['pipecat']}, Python {report['python']}:"
        f" {report['ledger']['executed']} of {report['ledger']['expected']} checks."
    )
    yield ""
    yield f"| profile | verdict | {' | '.join(LEVELS)} |"
    yield f"|---|---|{'---|' * len(LEVELS)}"
    for profile, verdict in report["verdict"].items():
        gate = "" if profile in report["gate"]["profiles"] else " (not at the gate)"
        mark = "✅" if verdict["conformant"] else "❌" if not gate else "⚠️"
        yield f"| {profile}{gate} | {mark} {reader.word(verdict)} | {' | '.join(_counts(verdict))} |"
    failing = reader.failures(report)
    if failing:
        yield ""
        yield f"### What does not hold ({len(failing)})"
    causes = reader.causes(report)
    for cause, names in causes.items():
        yield ""
        yield f"{len(names)} could not be tested, {escaped(', '.join(names))}:"
        yield ""
        yield from _block(_text(cause))
    failing = {name: found for name, found in failing.items() if found["status"] != NOT_TESTABLE}
    for name in list(failing)[:MOST]:
        yield from _failure(name, failing[name], reader.gated(report, failing[name]))
    if len(failing) > MOST:
        yield ""
        yield f"And {len(failing) - MOST} more."


def _counts(verdict: Json) -> Iterator[str]:
    for level in LEVELS:
        passed, total = reader.count(verdict, level)
        yield f"{passed}/{total}" if total else ""


def _failure(name: str, found: Json, is_gated: bool) -> Iterator[str]:
    failing = [check for check in found["checks"] if not reader.holds(check["status"])]
    first = next((check for check in failing if check["status"] == FAIL), failing[0])
    mark = "❌" if is_gated else "⚠️"
    yield ""
    sentence = f"{found['level']}, {found['profile']}: {escaped(found['statement'])}"
    yield f"<details><summary>{mark} <b>{name}</b> {sentence}</summary>"
    yield ""
    untested = sum(check["status"] == NOT_TESTABLE for check in failing)
    more = f", {untested} cannot be tested" if untested else ""
    yield (
        f"{len(failing) - untested} of {len(found['checks'])} checks fail{more}. The first is `{first['id']}`:"
    )
    yield ""
    yield from _block(_finding(first))
    yield ""
    yield "Run it again:"
    yield ""
    yield from _block(first["rerun"])
    yield "</details>"


def _finding(check: Json) -> str:
    lines = [check["message"] or check["status"]]
    lines += [f"{side}: {_text(check[side])}" for side in ("expected", "actual") if check[side] is not None]
    return "\n".join(lines)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else reader.compact(value)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}…"


def _block(text: str) -> Iterator[str]:
    """A block of code whose fence the text cannot close."""
    fence = "```"
    while fence in text:
        fence += "`"
    yield fence
    yield text.encode("utf-8", "backslashreplace").decode()
    yield fence


def escaped(text: str) -> str:
    """Text that Markdown takes as text, in a table too."""
    for character in "&<>|`*_[]":
        text = text.replace(character, f"&#{ord(character)};")
    return text
