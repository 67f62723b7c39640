"""The process that ends what a killed suite leaves behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from twilio_conformance.adapter.reaper import Reaper, end_marked


def sleeper(**environment: str) -> subprocess.Popen[bytes]:
    """Start a process that waits; its environment can be read once it is no longer that of its parent."""
    process = subprocess.Popen(["sleep", "600"], start_new_session=True, env=os.environ | environment)
    while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n" or not own_environment(process.pid):
        time.sleep(0.001)
    return process


def own_environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def test_a_watched_group_ends_with_the_reaper() -> None:
    reaper, process = Reaper(), sleeper()
    reaper.watch(process.pid)
    reaper.dismiss()
    assert process.wait(timeout=10) == -9


def test_a_forgotten_group_is_left_alone() -> None:
    reaper, process = Reaper(), sleeper()
    reaper.watch(process.pid)
    reaper.forget(process.pid)
    reaper.dismiss()
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
    finally:
        process.kill()
        process.wait()


def test_a_process_with_the_mark_ends_in_whatever_group_it_is() -> None:
    reaper = Reaper()
    process = sleeper(**reaper.environment)
    reaper.dismiss()
    assert process.wait(timeout=10) == -9


def test_only_marked_processes_are_killed() -> None:
    marked, other = sleeper(TEST_OF_THE_REAPER="a"), sleeper(TEST_OF_THE_REAPER="ab")
    try:
        end_marked("TEST_OF_THE_REAPER=a")
        assert marked.wait(timeout=10) == -9
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_groups_end_when_the_process_that_watches_them_is_killed() -> None:
    script = (
        "import os, signal, subprocess\n"
        "from twilio_conformance.adapter.reaper import Reaper\n"
        "reaper = Reaper()\n"
        "process = subprocess.Popen(['sleep', '600'], start_new_session=True)\n"
        "reaper.watch(process.pid)\n"
        "print(process.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    path = os.pathsep.join(filter(None, sys.path))
    ran = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path},
        timeout=60, check=False,
    )  # fmt: skip
    pid, until = int(ran.stdout), time.monotonic() + 10
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
