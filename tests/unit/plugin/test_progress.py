"""Progress between results: a live line on a terminal, a line now and then in a log."""

from __future__ import annotations

import io
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest

from twilio_conformance.plugin import progress
from twilio_conformance.plugin.progress import Progress


class Reporter:
    def __init__(self, isatty: bool) -> None:
        self.isatty = isatty
        self.lines: list[str] = []

    def ensure_newline(self) -> None:
        self.lines.append("")

    def write_line(self, line: str) -> None:
        self.lines.append(line)


def follow(reporter: Reporter | None) -> tuple[Progress, Any]:
    plugins = {"terminalreporter": reporter}
    config = SimpleNamespace(pluginmanager=SimpleNamespace(get_plugin=plugins.get))
    executor = SimpleNamespace(progress=(3, 10), on_wait=None)
    run = SimpleNamespace(executor=executor)
    return Progress(cast(Any, run), cast(Any, config)), executor


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Seconds that have passed, to be set."""
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr("time.monotonic", lambda: now.seconds)
    return now


def test_a_log_gets_a_line_only_after_a_while_without_results(clock: SimpleNamespace) -> None:
    reporter = Reporter(isatty=False)
    shown, executor = follow(reporter)
    clock.seconds += progress.LOG_INTERVAL - 1
    executor.on_wait()
    shown.pytest_runtest_logreport()
    clock.seconds += progress.LOG_INTERVAL - 1
    executor.on_wait()
    assert reporter.lines == []
    clock.seconds += 1
    executor.on_wait()
    executor.on_wait()
    assert reporter.lines == ["", f": 3 of 10 checks done after {2 * progress.LOG_INTERVAL - 1:.0f} s"]


def test_a_terminal_has_a_live_line_that_goes_before_the_next_result(
    clock: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = io.StringIO()
    monkeypatch.setattr(sys, "stdout", written)
    shown, executor = follow(Reporter(isatty=True))
    clock.seconds += 2 * progress.LIVE_INTERVAL
    executor.on_wait()
    assert "3 of 10 checks done after 1 s" in written.getvalue()
    assert "\n" not in written.getvalue()
    shown.pytest_runtest_logreport()
    assert written.getvalue().endswith("\x1b7\x1b[K\x1b8")


def test_without_a_terminal_reporter_nothing_is_shown(clock: SimpleNamespace) -> None:
    _, executor = follow(None)
    clock.seconds += 100
    executor.on_wait()
