"""Shows that a graded run moves while no result can be shown: a live line on a terminal, else a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time

import pytest

from twilio_conformance.engine.run import Run
from twilio_conformance.plugin.items import CheckItem

LIVE_INTERVAL = 0.5
"""Seconds between two updates of the live line."""

LOG_INTERVAL = 8.0
"""Seconds without any output after which a log gets a line."""

_SAVE, _ERASE_AND_RESTORE = "\x1b7", "\x1b[K\x1b8"


class Progress:
    """Hooks that report progress between results."""

    def __init__(self, run: Run, config: pytest.Config) -> None:
        """Follow a run.

        Args:
            run: The run; it calls back while it waits.
            config: Pytest's configuration, which knows the terminal.
        """
        self._run = run
        self._config = config
        self._profile = ""
        self._began = self._shown = time.monotonic()
        self._is_live_line_shown = False
        run.executor.on_wait = self._show

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Note the profile of the check whose result comes next."""
        if isinstance(item, CheckItem):
            self._profile = self._run.requirement(item.entry).profile

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        """Remove the live line before pytest writes a result."""
        if self._is_live_line_shown:
            with self._uncaptured():
                sys.stdout.write(_SAVE + _ERASE_AND_RESTORE)
                sys.stdout.flush()
            self._is_live_line_shown = False
        self._shown = time.monotonic()

    def _show(self) -> None:
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        now = time.monotonic()
        if reporter is None or now - self._shown < (LIVE_INTERVAL if reporter.isatty else LOG_INTERVAL):
            return
        self._shown = now
        done, total = self._run.executor.progress
        line = f"{self._profile}: {done} of {total} checks done after {now - self._began:.0f} s"
        with self._uncaptured():
            if reporter.isatty:
                # The cursor goes back to where pytest takes it to be.
                sys.stdout.write(f"{_SAVE}  {line}{_ERASE_AND_RESTORE}")
                sys.stdout.flush()
                self._is_live_line_shown = True
            else:
                reporter.ensure_newline()
                reporter.write_line(line)

    def _uncaptured(self) -> contextlib.AbstractContextManager[None]:
        """Suspend pytest's capture of the output, which is on while a check runs."""
        capture = self._config.pluginmanager.get_plugin("capturemanager")
        return capture.global_and_fixture_disabled() if capture else contextlib.nullcontext()
