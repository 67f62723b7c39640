"""The terminal summary: what does not hold, the gravest last, and below it the verdicts."""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from twilio_conformance.spec.catalogue import LEVELS, Requirement
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import (
    FAIL,
    NOT_APPLICABLE,
    NOT_TESTABLE,
    NOTHING_APPLIES,
    PASS,
    Outcome,
    ProfileVerdict,
)

if TYPE_CHECKING:
    import pytest

    from twilio_conformance.engine.run import Run

BLOCKS = 12
"""Requirements that are shown in full. Of more, only those at the gate are, and no more than so many.

So many are named, too, of the checks that did not come to an end."""

TRACE_LINES = 6
TRACE_LIMIT = 160
VALUE_LIMIT = 300
LIST_WIDTH = 100


@dataclass(frozen=True, slots=True)
class Failing:
    """A requirement that does not hold, with the outcomes that say so, by check."""

    requirement: Requirement
    outcomes: dict[str, Outcome]
    graded: int
    is_gated: bool

    @property
    def check(self) -> str:
        """The check to show: the first that failed, rather than one that could not be made."""
        failed = (check for check, outcome in self.outcomes.items() if outcome.status == FAIL)
        return next(failed, next(iter(self.outcomes)))

    @property
    def failed(self) -> int:
        """How many checks were made and failed."""
        return sum(outcome.status == FAIL for outcome in self.outcomes.values())

    @property
    def is_testable(self) -> bool:
        """Whether some check was made and failed."""
        return self.outcomes[self.check].status == FAIL


def summarize(run: Run, reporter: pytest.TerminalReporter) -> None:
    """Writes the summary: warnings first and failures last, so that what matters stands at the prompt."""
    implementation = run.executor.implementation
    version = f" {implementation['version']}" if implementation["version"] else ""
    reporter.write_sep("=", f"conformance of {implementation['name']}{version}")
    everything = failing(run)
    broken = [entry for entry in everything if entry.is_testable]
    full = broken
    if len(broken) > BLOCKS and reporter.config.option.verbose <= 0:
        full = [entry for entry in broken if entry.is_gated][:BLOCKS]
        for entry in broken:
            if entry not in full:
                _write(reporter, entry.is_gated, [_line(entry)])
        reporter.write_line("In full: all of them with -v, one with -k and its id.\n")
    for lines, is_gated in _causes([entry for entry in everything if not entry.is_testable]):
        _write(reporter, is_gated, [*lines, ""])
    for entry in full:
        _write(reporter, entry.is_gated, [*_full(run, entry), ""])
    for trouble in run.troubles:
        _write(reporter, True, [*trouble.splitlines(), ""])
    for sentence in run.notes:
        reporter.write_line(f"note: {sentence}", yellow=True)
    _write_verdicts(run, reporter)


def failing(run: Run) -> list[Failing]:
    """The requirements that do not hold, those that count at the gate last, else as in the specification."""
    found = []
    for name, outcomes in run.by_requirement().items():
        requirement = run.catalogue.requirements[name]
        against = {
            check: outcome
            for check, outcome in outcomes.items()
            if not outcome.holds and run.known(Entry(name, check)) is None
        }
        if against:
            found.append(Failing(requirement, against, len(outcomes), run.gate.includes(requirement)))
    return sorted(found, key=lambda entry: entry.is_gated)


def block(run: Run, entry: Entry, outcome: Outcome) -> Iterator[str]:
    """One check that failed: the requirement's sentence, what was found, the source, how to run it again."""
    requirement = run.requirement(entry)
    yield f"{requirement.id}  {requirement.level} of {requirement.profile}, {_WORDS[outcome.status]}"
    yield from _sentence(requirement)
    yield from _finding(entry.check, outcome)
    yield from _what_next(run, entry, requirement)


def show(value: Any, limit: int = VALUE_LIMIT) -> str:
    """A value on one line, its head and length where it is long, with nothing that a terminal would obey."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


_WORDS = {FAIL: "fails", NOT_TESTABLE: "cannot be tested"}


def _line(entry: Failing) -> str:
    requirement = entry.requirement
    tally = f"fails {entry.failed}/{entry.graded}"
    sentence = textwrap.shorten(requirement.statement, LIST_WIDTH, placeholder="…")
    return f"{requirement.id:<16} {requirement.level:<6} {requirement.profile:<6} {tally:<13} {sentence}"


def _tally(entry: Failing) -> str:
    tally = f"{entry.failed} of {entry.graded} checks" if entry.graded > 1 else "its check"
    untested = len(entry.outcomes) - entry.failed
    return f"{tally}, {untested} not testable" if untested else tally


def _full(run: Run, entry: Failing) -> Iterator[str]:
    requirement, check = entry.requirement, entry.check
    yield f"{requirement.id}  {requirement.level} of {requirement.profile}, fails in {_tally(entry)}"
    yield from _sentence(requirement)
    yield from _finding(check, entry.outcomes[check])
    others = [name for name in entry.outcomes if name != check]
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield f"  too:      {', '.join(others[:3])}{more}"
    yield from _what_next(run, Entry(requirement.id, check), requirement)


def _sentence(requirement: Requirement) -> list[str]:
    return textwrap.wrap(requirement.statement, LIST_WIDTH, initial_indent="  ", subsequent_indent="  ")


def _finding(check: str, outcome: Outcome) -> Iterator[str]:
    yield f"  check:    {check}"
    yield f"  found:    {show(outcome.message)}"
    if outcome.expected is not None:
        yield f"  expected: {show(outcome.expected)}"
    if outcome.actual is not None:
        yield f"  actual:   {show(outcome.actual)}"
    for number, line in enumerate(outcome.trace[-TRACE_LINES:]):
        yield f"  {'trace:   ' if number == 0 else '         '} {show(line, TRACE_LIMIT)}"


def _what_next(run: Run, entry: Entry, requirement: Requirement) -> Iterator[str]:
    yield f"  source:   {'; '.join(requirement.source)}"
    yield f"  again:    {shlex.join(run.rerun(entry))}"


def _causes(untestable: list[Failing]) -> Iterator[tuple[list[str], bool]]:
    """What could not be tested, by its cause: one broken constructor is one finding, not a hundred."""
    causes: dict[tuple[str, str], list[Failing]] = {}
    for entry in untestable:
        outcome = entry.outcomes[entry.check]
        actual = "" if outcome.actual is None else show(outcome.actual)
        causes.setdefault((show(outcome.message), actual), []).append(entry)
    for (message, actual), entries in sorted(causes.items(), key=lambda cause: _is_any_gated(cause[1])):
        count = "1 requirement" if len(entries) == 1 else f"{len(entries)} requirements"
        first = entries[0]
        lines = [f"{count} could not be tested", f"  found:    {message}"]
        if actual:
            lines.append(f"  actual:   {actual}")
        lines.append(f"  check:    {first.check}" + (" and others" if len(entries) > 1 else ""))
        names = ", ".join(entry.requirement.id for entry in entries)
        lines += textwrap.wrap(
            names,
            LIST_WIDTH,
            initial_indent="  these:    ",
            subsequent_indent=" " * 12,
            break_on_hyphens=False,
        )
        yield lines, _is_any_gated(entries)


def _is_any_gated(entries: list[Failing]) -> bool:
    return any(entry.is_gated for entry in entries)


def _write(reporter: pytest.TerminalReporter, is_gated: bool, lines: list[str]) -> None:
    reporter.write_line(lines[0], red=is_gated, yellow=not is_gated, bold=True)
    for line in lines[1:]:
        reporter.write_line(line)


def _write_verdicts(run: Run, reporter: pytest.TerminalReporter) -> None:
    implementation, ledger = run.executor.implementation, run.ledger
    reporter.write_line(
        f"edition {run.edition}, pipecat-ai {implementation['pipecat']}, Python {implementation['python']}:"
        f" {len(ledger.executed)} of {len(ledger.expected)} checks,"
        f" {len(run.statuses)} of {len(run.catalogue.requirements) - len(ledger.excluded)} requirements"
    )
    for entry in ledger.missing[:BLOCKS]:
        reporter.write_line(f"never came to an end: {entry.requirement}[{entry.check}]", red=True)
    if more := len(ledger.missing[BLOCKS:]):
        reporter.write_line(f"never came to an end: {more} more", red=True)
    for profile, verdict in run.verdicts.items():
        if not any(map(sum, map(dict.values, verdict.counts.values()))):
            continue
        is_at_gate = profile in run.gate.profiles
        includes = is_at_gate and (verdict.is_violated or verdict.word == NOTHING_APPLIES)
        line = f"{profile:<7} {verdict.word:<15} {_counts(verdict):<31} {'' if is_at_gate else '(not at the gate)'}"
        reporter.write_line(
            line.rstrip(),
            green=verdict.conformant,
            red=includes,
            yellow=not verdict.conformant and not includes,
        )


def _counts(verdict: ProfileVerdict) -> str:
    parts = []
    for level in LEVELS:
        counts = verdict.counts[level]
        total = sum(counts.values()) - counts[NOT_APPLICABLE]
        if total:
            parts.append(f"{level} {counts[PASS]}/{total}")
    return "  ".join(f"{part:<14}" for part in parts).rstrip()
