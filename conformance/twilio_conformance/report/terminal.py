"""Renders the summary in the terminal: failures first, the most serious last, then the verdicts."""

from __future__ import annotations

import json
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from twilio_conformance.report import diff, model
from twilio_conformance.report.diff import ReportDiff
from twilio_conformance.report.model import Cause, Check, Report, Requirement
from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, NOTHING_APPLIES
from twilio_conformance.subject.redaction import cut

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
SOURCE_LIMIT = 2000
LIST_WIDTH = 100
"""The longest line of prose; all other lines but commands fit the terminal's width."""

LEAST_WIDTH = 60
"""The width of a terminal that is narrower."""

_STATUS = {FAIL: "fails", NOT_TESTABLE: "cannot be tested"}


def summarize(
    report: Report,
    reporter: pytest.TerminalReporter,
    problems: Sequence[str] = (),
    *,
    is_cut_short: bool = False,
    against: ReportDiff | None = None,
) -> None:
    """Write the summary of a run.

    Args:
        report: The report of the run.
        reporter: Where to write.
        problems: What went wrong with the run itself.
        is_cut_short: Whether the run was stopped before everything was graded, as by -x.
        against: The changes from an earlier report: only what differs from it is shown.
    """
    reporter.write_sep("=", f"conformance of {report.title}")
    failures = (report if against is None else against.excused("as before")).failures
    unexpected = {name: found for name, found in failures.items() if found.unexpected}
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
        _write(reporter, True, [*_wrapped(problem), ""])
    for sentence in report.notes:
        write(reporter, f"note: {sentence}", yellow=True)
    if against is not None:
        _write_changes(against, reporter, len(failures) - len(unexpected))
    _write_verdicts(report, reporter, is_cut_short=is_cut_short)


def block(run: Run, entry: Entry, outcome: Outcome) -> Iterator[str]:
    """Return the lines for one failing check: the requirement, the finding, the source and the command."""
    check = model.check(run, entry, outcome)
    found = model.requirement(run.catalogue, run.requirement(entry), [check])
    return _block(entry.requirement, found, check, _STATUS[outcome.status])


def show(value: Any, limit: int = VALUE_LIMIT) -> str:
    """Return a value on one line, printable, cut in its middle to `limit` characters plus a note of its length."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut("".join(each if each.isprintable() else ascii(each)[1:-1] for each in text), limit)


def labelled(label: str, *values: Any, limit: int = VALUE_LIMIT) -> Iterator[str]:
    """Yield the lines of values, each cut to `limit` characters, with a label before the first."""
    head = f"  {label + ':':<9} "
    for number, value in enumerate(values):
        begin = " " * len(head) if number else head
        further = " " * (len(head) + 2 * (len(values) > 1))
        yield from _wrap(show(value, limit), _columns(), begin, further) or [head]


def write(reporter: pytest.TerminalReporter, text: str, **markup: bool) -> None:
    """Write a text, wrapped to the width of the terminal except for indented lines, which are code to copy."""
    for line in _wrapped(text):
        reporter.write_line(line, **markup)


def _wrapped(text: str) -> list[str]:
    lines = text.splitlines() or [""]
    return [part for line in lines for part in ([line] if line[:1] in (" ", "") else _wrap(line, _columns()))]


def _wrap(text: str, width: int, begin: str = "", further: str = "  ") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=begin, subsequent_indent=further, break_on_hyphens=False)


def _columns() -> int:
    """Return the width of the terminal as pytest determines it; 80 where there is none."""
    return max(shutil.get_terminal_size().columns, LEAST_WIDTH)


def _failed(found: Requirement) -> list[Check]:
    """Return the checks that were made and failed, without known failures."""
    return [check for check in found.unexpected if check.status == FAIL]


def _gated_last(report: Report, failures: Mapping[str, Requirement]) -> dict[str, Requirement]:
    return dict(sorted(failures.items(), key=lambda item: report.is_gated(item[1])))


def _line(name: str, found: Requirement) -> str:
    ratio = f"fails {len(_failed(found))}/{len(found.checks)}"
    line = f"{name:<16} {found.level:<6} {found.profile:<6} {ratio:<13} "
    room = min(LIST_WIDTH, _columns() - len(line))
    return line + textwrap.shorten(found.statement, room, placeholder="…")


def _ratio(found: Requirement) -> str:
    failed, graded = len(_failed(found)), len(found.checks)
    ratio = f"{failed} of {graded} checks" if graded > 1 else "its check"
    untested = len(found.unexpected) - failed
    return f"{ratio}, {untested} not testable" if untested else ratio


def _block(name: str, found: Requirement, check: Check, state: str) -> Iterator[str]:
    """Yield the lines on one check of a requirement and the names of the other failing ones."""
    yield f"{name}  {found.level} of {found.profile}, {state}"
    yield from _wrap(found.statement, min(LIST_WIDTH, _columns()), "  ")
    yield from labelled("check", check.id)
    yield from labelled("found", check.message)
    if check.expected is not None:
        yield from labelled("expected", check.expected)
    if check.actual is not None:
        yield from labelled("actual", check.actual)
    yield from labelled("at", *map(str, check.where), limit=TRACE_LIMIT)
    yield from labelled("trace", *map(_traced, check.trace[-TRACE_LINES:]))
    others = sorted((other.id for other in found.unexpected if other is not check), key=_changes)
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        yield from labelled("too", f"{', '.join(others[:3])}{more}")
    yield from labelled("source", "; ".join(found.source), limit=SOURCE_LIMIT)
    yield f"  again:    {check.rerun}"


def _traced(line: str) -> str:
    """Return a line of a trace, cut: of a request the address and the answer matter, of a call both of its ends."""
    return cut(line, TRACE_LIMIT, 0 if "  request " in line else None)


def _changes(check: str) -> int:
    """Return how many values of its situation the id of a check names."""
    return check.count("+")


def _is_cause_gated(report: Report, cause: Cause) -> bool:
    return any(report.is_gated(report.requirements[name]) for name in cause.requirements)


def _cause(report: Report, cause: Cause) -> Iterator[str]:
    names = sorted(cause.requirements, key=lambda name: report.is_gated(report.requirements[name]))
    yield f"{len(names)} requirement{'' if len(names) == 1 else 's'} could not be tested"
    yield from labelled("found", cause.finding)
    if cause.actual is not None:
        yield from labelled("actual", cause.actual)
    yield from labelled("at", *map(str, cause.where), limit=TRACE_LIMIT)
    yield from labelled("check", f"{cause.check}{' and others' if len(names) > 1 else ''}")
    yield from _wrap(", ".join(names), min(LIST_WIDTH, _columns()), "  these:    ", " " * 12)


def _write(reporter: pytest.TerminalReporter, is_gated: bool, lines: list[str]) -> None:
    reporter.write_line(lines[0], red=is_gated, yellow=not is_gated, bold=True)
    for line in lines[1:]:
        reporter.write_line(line)


def _write_changes(against: ReportDiff, reporter: pytest.TerminalReporter, alike: int) -> None:
    """Write what changed since an earlier report, and how many requirements fail alike."""
    for line in diff.text(against).splitlines():
        text = line.lstrip()
        margin = " " * (len(line) - len(text))
        for part in _wrap(text, _columns(), margin, f"{margin}    ") or [""]:
            reporter.write_line(part)
    if alike:
        reporter.write_line(f"Fails in both, not shown: {alike} requirement{'' if alike == 1 else 's'}.")
    reporter.write_line("")


def _write_verdicts(report: Report, reporter: pytest.TerminalReporter, *, is_cut_short: bool) -> None:
    ledger = report.ledger
    graded = (
        f"edition {report.edition}, pipecat-ai {report.pipecat}, Python {report.python}:"
        f" {ledger.executed} of {ledger.expected} checks,"
        f" {len(report.requirements)} of {report.asked} requirements"
    )
    write(reporter, graded)
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
        for part in _wrap(line.rstrip(), _columns(), "", " " * 24):
            reporter.write_line(
                part,
                green=verdict.conformant,
                red=fails_run,
                yellow=not verdict.conformant and not fails_run,
            )
