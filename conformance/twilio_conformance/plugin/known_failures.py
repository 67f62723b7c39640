"""Applies known failures in a graded run: excuses them, reports those that pass now, and records new ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from twilio_conformance.engine.run import Run
from twilio_conformance.errors import EXIT_INCOMPLETE, DataError, UsageError
from twilio_conformance.report import terminal
from twilio_conformance.spec import known_failures
from twilio_conformance.spec.known_failures import Baseline

PROBLEMS_SHOWN = 20
"""Problems of a baseline that are shown; any others are counted."""


def begin(config: pytest.Config, run: Run) -> None:
    """Load the files of --baseline and --write-baseline and register the hooks that use them.

    Args:
        config: Pytest's configuration.
        run: The run, already started.

    Raises:
        UsageError: A file cannot be read or written, or is not a baseline.
        DataError: A file names something unknown, or the baseline lacks a reason.
    """
    folder = config.invocation_params.dir
    read, written = config.getoption("--baseline"), config.getoption("--write-baseline")
    if read is not None:
        run.baseline = known_failures.load(folder / read)
        _reject(run.baseline.problems(run.entries))
        config.pluginmanager.register(Gating(run, run.baseline), "conformance-gating")
    if config.getoption("--reason") is not None and written is None:
        raise UsageError("--reason goes with --write-baseline=FILE")
    if written is not None:
        path = folder / written
        if path.is_dir() or not path.parent.is_dir():
            raise UsageError(f"--write-baseline={written}: name a file in a folder that exists")
        old = known_failures.load(path) if path.exists() else None
        if old is not None:
            _reject(old.unknown_names(run.entries))
        config.pluginmanager.register(Recording(run, path, old), "conformance-baseline")


def _reject(problems: list[str]) -> None:
    if problems:
        more = [f"and {len(problems) - PROBLEMS_SHOWN} more"] if len(problems) > PROBLEMS_SHOWN else []
        raise DataError("\n  ".join(["the baseline has to be put right", *problems[:PROBLEMS_SHOWN], *more]))


class Gating:
    """Hooks that keep known failures from failing the run."""

    def __init__(self, run: Run, known: Baseline) -> None:
        """Keep the run and its known failures."""
        self._run = run
        self._baseline = known

    @property
    def _stale(self) -> list[str]:
        return self._baseline.stale(self._run.entries, self._run.outcomes)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if the baseline is stale."""
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if ended and not session.config.option.collectonly and self._stale:
            session.exitstatus = EXIT_INCOMPLETE

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report the known failures with their reasons, and those that pass now."""
        excused: dict[tuple[str, str], int] = {}
        for entry, outcome in self._run.outcomes.items():
            reason = self._baseline.reason(entry)
            if reason is not None and not outcome.holds:
                excused[entry.requirement, reason] = excused.get((entry.requirement, reason), 0) + 1
        if excused:
            terminalreporter.section(f"known failures, let through by {self._baseline.path.name}")
        for (requirement, reason), count in excused.items():
            checks = "1 check" if count == 1 else f"{count} checks"
            line = f"{requirement}  {checks:<10}  {' '.join(reason.split())}"
            terminal.write(terminalreporter, line, blue=True)
        for sentence in self._baseline.expired():
            terminal.write(terminalreporter, f"known failure expired: {sentence}", red=True)
        for sentence in self._stale:
            terminal.write(terminalreporter, f"stale baseline: {sentence}", red=True)


class Recording:
    """Hooks that write failures to a file."""

    def __init__(self, run: Run, path: Path, old: Baseline | None) -> None:
        """Keep the run, the file to write and its present content."""
        self._run = run
        self._path = path
        self._old = old
        self._message: str | None = None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file if the run was completed."""
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        if not ended or session.config.option.collectonly:
            return
        run = self._run
        failing = [
            entry
            for entry, outcome in sorted(run.outcomes.items(), key=lambda item: run.entries.index(item[0]))
            if not outcome.holds and run.gate.includes(run.requirement(entry))
        ]
        reason = session.config.getoption("--reason") or ""
        new = known_failures.update(self._old, failing, run.entries, run.outcomes, reason)
        self._path.write_text(new.text, encoding="utf-8")
        needed = "" if reason else " (each needs a reason)"
        self._message = (
            f"{self._path.name}: {len(new.added)} added{needed}, {new.kept} kept,"
            f" {len(new.dropped)} taken out"
        )

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Report what was written."""
        if self._message is not None:
            terminal.write(terminalreporter, self._message, bold=True)
