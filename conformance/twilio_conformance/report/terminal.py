"""Renders the summary in the terminal: failures first, the most serious last, then the verdicts."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twilio_conformance.report import model
from twilio_conformance.report.model import Cause, Check, Report, Requirement
from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, NOTHING_APPLIES

if TYPE_CHECKING:
    import pytest

    from twilio_conformance.engine.run import Run
    from twilio_conformance.spec.coverage import Entry
    from twilio_conformance.spec.verdict import Outcome

BLOCKS = 12
"""Requirements shown in full; of more, only those at the gate are, up to this number. Also the limit for the list of
checks without a result."""

TRACE_LINES = 6
TRACE_LIMIT = 160
VALUE_LIMIT = 300
LIST_WIDTH = 100

_STATUS = {FAIL: "fails", NOT_TESTABLE: "cannot be tested"}


def summarize(
    report: Report,
    reporter: pytest.TerminalReporter,
    problems: Sequence[str] = (),
    *,
    is_cut_short: bool = False,
) -> None:
    """Write the summary of a run.

    Args:
        report: The report of the run.
        reporter: Where to write.
        problems: What went wrong with the run itself.
        is_cut_short: Whether the run was stopped before everything was graded, as by -x.
    """
    reporter.write_sep("=", f"conformance of {report.title}")
    unexpected = {name: found for name, found in report.failures.items() if found.unexpected}
    failed = {name: found for name, found in unexpected.items() if _failed(found)}
    full = failed
    if len(failed) > BLOCKS and reporter.config.option.verbose <= 0:
        gated = [name for name, found in failed.items() if report.is_gated(found)]
        full = {name: failed[name] for name in gated[:BLOCKS]}
        for name, found in _gated_last(report, failed).items():
            if name not in full:
                _write(reporter, report.is_gated(found), [_line(name, found)])
        reporter.write_line("In full: all of them with -v, one with -k and its id.\n")
    untestable = {name: found for name, found in unexpected.items() if name not in failed}
    for cause in sorted(model.causes(untestable), key=lambda cause: _is_cause_gated(report, cause)):
        _write(reporter, _is_cause_gated(report, cause), [*_cause(report, cause), ""])
    for name, found in _gated_last(report, full).items():
        lines = _block(name, found, _failed(found)[0], f"fails in {_ratio(found)}")
        _write(reporter, report.is_gated(found), [*lines, ""])
    for problem in problems:
        _write(reporter, True, [*problem.splitlines(), ""])
    for sentence in report.notes:
        reporter.write_line(f"note: {sentence}", yellow=True)
    _write_verdicts(report, reporter, is_cut_short=is_cut_short)


def block(run: Run, entry: Entry, outcome: Outcome) -> Iterator[str]:
    """Return the lines for one failing check: the requirement, the finding, the source and the command."""
    check = model.check(run, entry, outcome)
    found = model.requirement(run.catalogue, run.requirement(entry), [check])
    return _block(entry.requirement, found, check, _STATUS[outcome.status])


def show(value: Any, limit: int = VALUE_LIMIT) -> str:
    """Return a value on one line, printable and at most `limit` characters long plus a note of its length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _failed(found: Requirement) -> list[Check]:
    """Return the checks that were made and failed, without known failures."""
    return [check for check in found.unexpected if check.status == FAIL]


def _gated_last(report: Report, failures: Mapping[str, Requirement]) -> dict[str, Requirement]:
    return dict(sorted(failures.items(), key=lambda item: report.is_gated(item[1])))


def _line(name: str, found: Requirement) -> str:
    ratio = f"fails {len(_failed(found))}/{len(found.checks)}"
    sentence = textwrap.shorten(found.statement, LIST_WIDTH, placeholder="…")
    return f"{name:<16} {found.level:<6} {found.profile:<6} {ratio:<13} {sentence}"


def _ratio(found: Requirement) -> str:
    failed, graded = len(_failed(found)), len(found.checks)
    ratio = f"{failed} of {graded} checks" if graded > 1 else "its check"
    untested = len(found.unexpected) - failed
    return f"{ratio}, {untested} not testable" if untested else ratio


def _block(name: str, found: Requirement, check: Check, state: str) -> Iterator[str]:
    """Yield the lines on one check of a requirement and the names of the other failing ones."""
    yield f"{name}  {found.level} of {found.profile}, {state}"
    yield from textwrap.wrap(found.statement, LIST_WIDTH, initial_indent="  ", subsequent_indent="  ")
    yield f"  check:    {check.id}"
    yield f"  found:    {show(check.message)}"
    if check.expected is not None:
        yield f"  expected: {show(check.expected)}"
    if check.actual is not None:
        yield f"  actual:   {show(check.actual)}"
    for number, line in enumerate(check.trace[-TRACE_LINES:]):
        yield f"  {'trace:   ' if number == 0 else '         '} {show(line, TRACE_LIMIT)}"
    others = sorted((other.id for other in found.unexpected if other is not check), key=_changes)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield f"  too:      {', '.join(others[:3])}{more}"
    yield f"  source:   {'; '.join(found.source)}"
    yield f"  again:    {check.rerun}"


def _changes(check: str) -> int:
    """Return how many values of its situation the id of a check names."""
    return check.count("+")


def _is_cause_gated(report: Report, cause: Cause) -> bool:
    return any(report.is_gated(report.requirements[name]) for name in cause.requirements)


def _cause(report: Report, cause: Cause) -> Iterator[str]:
    names = sorted(cause.requirements, key=lambda name: report.is_gated(report.requirements[name]))
    yield f"{len(names)} requirement{'' if len(names) == 1 else 's'} could not be tested"
    yield f"  found:    {show(cause.finding)}"
    if cause.actual is not None:
        yield f"  actual:   {show(cause.actual)}"
    yield f"  check:    {cause.check}{' and others' if len(names) > 1 else ''}"
    yield from textwrap.wrap(
        ", ".join(names),
        LIST_WIDTH,
        initial_indent="  these:    ",
        subsequent_indent=" " * 12,
        break_on_hyphens=False,
    )


def _write(reporter: pytest.TerminalReporter, is_gated: bool, lines: list[str]) -> None:
    reporter.write_line(lines[0], red=is_gated, yellow=not is_gated, bold=True)
    for line in lines[1:]:
        reporter.write_line(line)


def _write_verdicts(report: Report, reporter: pytest.TerminalReporter, *, is_cut_short: bool) -> None:
    ledger = report.ledger
    reporter.write_line(
        f"edition {report.edition}, pipecat-ai {report.pipecat}, Python {report.python}:"
        f" {ledger.executed} of {ledger.expected} checks,"
        f" {len(report.requirements)} of {report.asked} requirements"
    )
    if is_cut_short:
        reporter.write_line(
            f"stopped early: {len(ledger.missing)} selected checks were not graded", yellow=True
        )
    else:
        for name in ledger.missing[:BLOCKS]:
            reporter.write_line(f"no result: {name}", red=True)
        if more := len(ledger.missing[BLOCKS:]):
            reporter.write_line(f"no result: {more} more", red=True)
    for profile, verdict in report.verdict.items():
        if not any(sum(counts.values()) for counts in verdict.counts.values()):
            continue
        is_gated = profile in report.gate.profiles
        fails_run = is_gated and (verdict.is_violated or verdict.word == NOTHING_APPLIES)
        tallies = ((level, *model.tally(verdict.counts, level)) for level in LEVELS)
        parts = [f"{level} {passed}/{total}" for level, passed, total in tallies if total]
        counts = "  ".join(f"{part:<14}" for part in parts).rstrip()
        line = f"{profile:<7} {verdict.word:<15} {counts:<31} {'' if is_gated else '(not at the gate)'}"
        reporter.write_line(
            line.rstrip(),
            green=verdict.conformant,
            red=fails_run,
            yellow=not verdict.conformant and not fails_run,
        )
