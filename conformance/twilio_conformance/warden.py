"""A process that outlives the suite by a moment, to end the process groups that a suite that was killed leaves behind."""

from __future__ import annotations

import contextlib
import os
import signal
import struct

_ENTRY = struct.Struct("=i")
_MOST_FILES = 1 << 16
"""More file descriptors than a worker has open: of those that the warden inherits, it keeps none but its own."""


class Warden:
    """Ends the groups that it was told of when this process, and each one forked of it, has ended in whatever way."""

    def __init__(self) -> None:
        """Starts it, in a session of its own: a Ctrl-C does not reach it."""
        reading, self._writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.setsid()
                os.dup2(reading, 0)
                os.closerange(1, _MOST_FILES)
                _keep_watch()
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


def _keep_watch() -> None:
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
