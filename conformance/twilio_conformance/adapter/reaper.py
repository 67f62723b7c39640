"""A process that outlives the suite by a moment, to end the process groups that a suite that was killed leaves behind."""

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
"""More file descriptors than a worker has open: of those that the warden inherits, it keeps none but its own."""


class Reaper:
    """Ends the groups that it was told of when this process, and each one forked of it, has ended in whatever way.

    Attributes:
        environment: What marks a process as one to be ended then, in whatever session it and its children are.
    """

    def __init__(self) -> None:
        """Starts it, in a session of its own: a Ctrl-C does not reach it."""
        self.environment = {_MARK: secrets.token_hex(16)}
        reading, self._writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                os.dup2(reading, 0)
                os.closerange(1, _MOST_FILES)
                _keep_watch(f"{_MARK}={self.environment[_MARK]}")
            finally:
                os._exit(0)
        os.close(reading)

    def watch(self, group: int) -> None:
        """Tells it of a group that has begun."""
        self._tell(group)

    def forget(self, group: int) -> None:
        """Tells it of a group that has ended; the number may be another's from now on."""
        self._tell(-group)

    def dismiss(self) -> None:
        """Lets it end, and what it still watches with it."""
        os.close(self._writing)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _tell(self, number: int) -> None:
        # Without it the run goes on; only what a killed suite leaves behind stays.
        with contextlib.suppress(BrokenPipeError):
            os.write(self._writing, _ENTRY.pack(number))


def _keep_watch(mark: str) -> None:
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
    """Ends every process with this mark in its environment, where the system shows it: on Linux."""
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
