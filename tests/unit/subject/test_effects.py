"""Side effects of an implementation are seen, those of the suite are not."""

from __future__ import annotations

import asyncio
import locale
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twilio_conformance.subject.effects import READ, WRITE, Effects, holdings, timed_steps
from twilio_conformance.twilio.network import Network


def _in_child(action: Callable[[], bool]) -> bool:
    """Return whether an action returns true in a process of its own, which keeps its hook and its changes."""
    if (pid := os.fork()) == 0:
        status = 1
        try:
            status = 0 if action() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: os.chdir("/"), "changed the working directory"),
        (lambda: os.environ.update(CHANGED="1"), "changed the environment"),
        (lambda: sys.path.append("elsewhere"), "changed the search path of modules"),
        (lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"), "changed the locale"),
        (
            lambda: asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy()),
            "changed the policy of event loops",
        ),
        (lambda: setattr(sys, "stdin", None), "changed the standard streams"),
        (lambda: subprocess.Popen(["sleep", "1"]), "left a process behind"),
        (lambda: os.close(os.open("/tmp", os.O_TMPFILE | os.O_WRONLY)), "wrote /tmp"),
    ],
)
def test_a_change_of_the_process_is_the_end_of_a_sentence(
    change: Callable[[], object], sentence: str
) -> None:
    def act() -> bool:
        locale.setlocale(locale.LC_ALL, "C")
        effects = Effects()
        change()
        return effects.changes() == [sentence]

    assert _in_child(act)


def test_an_unchanged_process_has_no_changes() -> None:
    assert _in_child(lambda: Effects().changes() == [])


def test_files_are_told_from_code_and_from_the_system(tmp_path: Path) -> None:
    settings = tmp_path / "settings.toml"

    def act() -> bool:
        effects = Effects()
        settings.write_text("")
        settings.read_text()
        Path(__file__).read_text()
        Path("/proc/self/statm").read_text()
        return effects.of(READ, WRITE) == [f"wrote {settings}", f"read {settings}"]

    assert _in_child(act)


def test_what_the_suite_opens_itself_does_not_count(tmp_path: Path) -> None:
    def act() -> bool:
        effects = Effects()
        for module in ("checks._leaks", "twilio.server", "subject.probe"):
            names = {"__name__": f"twilio_conformance.{module}", "place": tmp_path / module}
            exec("place.write_text('')", names)
        return effects.of(WRITE) == [f"wrote {tmp_path / 'subject.probe'}"]

    assert _in_child(act)


def test_holdings_count_tasks_threads_and_descriptors() -> None:
    async def differences() -> dict[str, int]:
        network = Network()
        before = holdings(network)
        task = asyncio.create_task(asyncio.sleep(60))
        released = threading.Event()
        thread = threading.Thread(target=released.wait)
        thread.start()
        with socket.socket():
            after = holdings(network)
        released.set()
        thread.join()
        task.cancel()
        return {name: after[name] - before[name] for name in before}

    assert asyncio.run(differences()) == {"tasks": 1, "threads": 1, "file descriptors": 1}


def test_a_step_that_sleeps_is_long_and_one_that_awaits_is_not() -> None:
    async def longest(blocks: bool) -> float:
        with timed_steps() as steps:
            await asyncio.sleep(0)
            if blocks:
                time.sleep(0.3)
            await asyncio.sleep(0.3)
        return max(steps)

    assert asyncio.run(longest(True)) >= 0.25
    assert asyncio.run(longest(False)) < 0.25
