"""What pytest does with known failures: lets them through, says which passes now, writes them down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.engine.run import Run
from twilio_conformance.errors import DataError, UsageError
from twilio_conformance.spec import known_failures
from twilio_conformance.spec.known_failures import Baseline

EXIT_BASELINE = 3
"""The baseline is stale, names something unknown or lacks a reason."""

SHOWN = 20
"""Flaws of a baseline that are shown; more are counted."""


def begin(config: pytest.Config, run: Run) -> None:
    """Loads the files of --baseline and --write-baseline and registers what works with them.

    Args:
        config: Pytest's configuration.
        run: The run, started.

    Raises:
        UsageError: A file cannot be read or written, or is no baseline.
        DataError: A file names something unknown, or the baseline lacks a reason.
    """
    is_worker = hasattr(config, "workerinput")
    folder = config.invocation_params.dir
    read, written = config.getoption("--baseline"), config.getoption("--write-baseline")
    if read is not None:
        run.baseline = known_failures.load(folder / read)
        if not is_worker:
            _refuse(run.baseline.flaws(run.entries))
        config.pluginmanager.register(Gating(run, run.baseline), "conformance-gating")
    if written is not None and not is_worker:
        place = folder / written
        if place.is_dir() or not place.parent.is_dir():
            raise UsageError(f"--write-baseline={written}: name a file in a folder that exists")
        old = known_failures.load(place) if place.exists() else None
        if old is not None:
            _refuse(old.strangers(run.entries))
        config.pluginmanager.register(Writing(run, place, old), "conformance-baseline")


def _refuse(flaws: list[str]) -> None:
    if flaws:
        more = [f"and {len(flaws) - SHOWN} more"] if len(flaws) > SHOWN else []
        raise DataError("\n  ".join(["the baseline has to be put right", *flaws[:SHOWN], *more]))


class Gating:
    """Lets known failures through."""

    def __init__(self, run: Run, known: Baseline) -> None:
        """The hooks for this run and its known failures."""
        self._run = run
        self._baseline = known

    @property
    def _stale(self) -> list[str]:
        return self._baseline.stale(self._run.entries, self._run.outcomes)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, Any] | None:
        """A known failure has a letter and a colour of its own."""
        graded = getattr(report, "conformance", None)
        if graded is None or report.failed or graded.outcome.holds:
            return None
        if self._baseline.reason(graded.entry) is None:
            return None
        return "known", "k", ("KNOWN", {"blue": True})

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A baseline that is stale fails the run."""
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        is_summed_up = not hasattr(session.config, "workerinput") and not session.config.option.collectonly
        if ended and is_summed_up and self._stale:
            session.exitstatus = EXIT_BASELINE

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was let through and why, and what passes now."""
        through: dict[tuple[str, str], int] = {}
        for entry, outcome in self._run.outcomes.items():
            reason = self._baseline.reason(entry)
            if reason is not None and not outcome.holds:
                through[entry.requirement, reason] = through.get((entry.requirement, reason), 0) + 1
        if through:
            terminalreporter.section(f"known failures, let through by {self._baseline.path.name}")
        for (requirement, reason), count in through.items():
            checks = "1 check" if count == 1 else f"{count} checks"
            line = f"{requirement}  {checks:<10}  {' '.join(reason.split())}"
            terminalreporter.write_line(line, blue=True)
        for sentence in self._stale:
            terminalreporter.write_line(f"stale baseline: {sentence}", red=True)


class Writing:
    """Writes down what fails."""

    def __init__(self, run: Run, place: Path, old: Baseline | None) -> None:
        """The hooks for this run, the file to write and what it holds so far."""
        self._run = run
        self._place = place
        self._old = old
        self._said: str | None = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Writes the file when the run came to its end."""
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if not ended or session.config.option.collectonly:
            return
        run = self._run
        failing = [
            entry
            for entry, outcome in sorted(run.outcomes.items(), key=lambda item: run.entries.index(item[0]))
            if not outcome.holds and run.gate.includes(run.requirement(entry))
        ]
        new = known_failures.update(self._old, failing, run.entries, run.outcomes)
        self._place.write_text(new.text, encoding="utf-8")
        self._said = (
            f"{self._place.name}: {len(new.added)} added (each needs a reason), {new.kept} kept,"
            f" {len(new.dropped)} taken out"
        )

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Says what was written."""
        if self._said is not None:
            terminalreporter.write_line(self._said, bold=True)
