"""A process that outlives the suite and ends the process groups that a killed suite leaves behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import struct
from pathlib import Path

_MARK = "CONFORMANCE_ADAPTER"
_ENTRY = struct.Struct("=i")
_MOST_FILES = 1 << 16
"""More file descriptors than a worker has open; the reaper closes all that it inherits."""


class Reaper:
    """Ends the watched process groups when this process and its forks have ended in whatever way.

    Attributes:
        environment: Marks processes to end, in whatever session they and their children are.
    """

    def __init__(self) -> None:
        """Start it in a session of its own, where Ctrl-C does not reach it."""
        self.environment = {_MARK: secrets.token_hex(16)}
        reading, self._writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                os.dup2(reading, 0)
                os.closerange(1, _MOST_FILES)
                _wait_and_kill(f"{_MARK}={self.environment[_MARK]}")
            finally:
                os._exit(0)
        os.close(reading)

    def watch(self, group: int) -> None:
        """Watch a group that has started."""
        self._write(group)

    def forget(self, group: int) -> None:
        """Stop watching a group that has ended; its number may be reused."""
        self._write(-group)

    def dismiss(self) -> None:
        """End it together with the groups that it still watches."""
        os.close(self._writing)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _write(self, number: int) -> None:
        # A run can go on without it; only a killed suite then leaves processes behind.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, _ENTRY.pack(number))


def _wait_and_kill(mark: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    while entry := os.read(0, _ENTRY.size):
        (number,) = _ENTRY.unpack(entry)
        if number > 0:
            groups.add(number)
        else:
            groups.discard(-number)
    for group in groups:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    end_marked(mark)


def end_marked(mark: str) -> None:
    """Kill every process with this mark in its environment, on systems with /proc."""
    for _ in range(10):
        marked = [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if _holds(path, mark)]
        if not marked:
            return
        for pid in marked:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)


def _holds(environment: Path, mark: str) -> bool:
    try:
        return mark.encode() in environment.read_bytes().split(b"\0")
    except OSError:
        return False
