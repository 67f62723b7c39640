"""The terminal summary: verdicts, then each requirement that does not hold, with what to do next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from twilio_conformance.catalogue import LEVELS
from twilio_conformance.ledger import Entry
from twilio_conformance.verdict import NOT_APPLICABLE, PASS, Outcome, ProfileVerdict

if TYPE_CHECKING:
    import pytest

    from twilio_conformance.run import Run

TRACE_LINES = 6
VALUE_LIMIT = 400


def summarize(run: Run, reporter: pytest.TerminalReporter, exitstatus: int) -> None:
    """Writes the summary: warnings first, failures last, so that what matters stands at the prompt."""
    implementation = run.executor.implementation
    version = f" {implementation['version']}" if implementation["version"] else ""
    reporter.section(f"conformance of {implementation['name']}{version}")
    failing = {
        name: {check: outcome for check, outcome in outcomes.items() if not outcome.holds}
        for name, outcomes in run.by_requirement().items()
    }
    ordered = sorted(
        (name for name, found in failing.items() if found), key=lambda name: _is_gated(run, name)
    )
    for name in ordered:
        check, outcome = next(iter(failing[name].items()))
        lines = list(block(run, Entry(name, check), outcome, others=len(failing[name]) - 1))
        reporter.write_line(lines[0], red=_is_gated(run, name), yellow=not _is_gated(run, name), bold=True)
        for line in lines[1:]:
            reporter.write_line(line)
        reporter.write_line("")
    ledger = run.ledger
    reporter.write_line(
        f"edition {run.edition}, pipecat-ai {implementation['pipecat']}, Python {implementation['python']}:"
        f" {len(ledger.executed)} of {len(ledger.expected)} checks,"
        f" {len(run.statuses)} of {len(run.catalogue.requirements) - len(ledger.excluded)} requirements"
    )
    for entry in ledger.missing:
        reporter.write_line(f"never came to an end: {entry.requirement}[{entry.check}]", red=True)
    for profile, verdict in run.verdicts.items():
        gate = "" if profile in run.gate.profiles else "  (not at the gate)"
        word = "conformant" if verdict.conformant else "partial" if verdict.partial else "not conformant"
        reporter.write_line(
            f"{profile:<7} {word:<15} {_counts(verdict)}{gate}",
            green=verdict.conformant,
            red=not verdict.conformant and not gate,
            yellow=not verdict.conformant and bool(gate),
        )


def _is_gated(run: Run, requirement: str) -> bool:
    return run.gate.holds_back(run.catalogue.requirements[requirement])


def _counts(verdict: ProfileVerdict) -> str:
    parts = []
    for level in LEVELS:
        counts = verdict.counts[level]
        total = sum(counts.values()) - counts[NOT_APPLICABLE]
        if total:
            parts.append(f"{level} {counts[PASS]}/{total}")
    return "  ".join(f"{part:<14}" for part in parts).rstrip()


def block(run: Run, entry: Entry, outcome: Outcome, others: int = 0) -> Iterator[str]:
    """A failure in full: the requirement's sentence, both sides, the wire, the source, how to run it again."""
    requirement = run.requirement(entry)
    yield f"{requirement.id}  {requirement.level}, {requirement.profile}: {outcome.status}"
    yield f"  {requirement.statement}"
    yield f"  check:    {entry.check}" + (f" (and {others} more)" if others else "")
    yield f"  found:    {outcome.message}"
    if outcome.expected is not None:
        yield f"  expected: {show(outcome.expected)}"
    if outcome.actual is not None:
        yield f"  actual:   {show(outcome.actual)}"
    for number, line in enumerate(outcome.trace[-TRACE_LINES:]):
        yield f"  {'trace:   ' if number == 0 else '         '} {show(line)}"
    yield f"  source:   {'; '.join(requirement.source)}"
    yield f"  again:    {shlex.join(run.rerun(entry))}"


def show(value: Any) -> str:
    """A value on one line, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = text.replace("\n", "\\n")
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}… ({len(text)} characters)"
