"""Child processes and the JSON lines that they exchange with the suite.

Grading, fuzzing and adapters use this module. It sits on this floor because each of these processes holds an
implementation, and because `engine`, `fuzz` and `adapter` may all import it.

Run as a script, it is the entry point of a `PythonProcess`. At that moment the suite cannot be imported yet, so
only the standard library is imported at the top.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from json import dumps, loads
from pathlib import Path
from typing import Any, BinaryIO

PIPE_SIZE = 1 << 20
"""Bytes that a pipe is asked to hold; more than the usual 64 KiB saves switches between the processes."""

_CHUNK = 1 << 20
_PATH = "TWILIO_CONFORMANCE_PATH"
_PR_SET_PDEATHSIG = 1

_UNWANTED = frozenset({"PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "PYTHONINSPECT"})
"""Settings of the host's Python that would change what an implementation logs or what the process does."""


class LineTooLong(Exception):
    """A line is longer than its reader accepts."""


class LineReader:
    """Lines from a pipe; a partial line is kept until the rest arrives.

    Attributes:
        descriptor: The file descriptor that is read.
    """

    def __init__(self, descriptor: int, limit: int | None = None) -> None:
        """Read from a file descriptor; a line may be `limit` bytes long, or of any length if that is None."""
        self.descriptor = descriptor
        self._limit = limit
        self._partial: list[bytes] = []
        self._size = 0

    @property
    def has_partial_line(self) -> bool:
        """Whether the beginning of a line has arrived, but not its end."""
        return bool(self._partial)

    def wait(self, seconds: float) -> bool:
        """Return whether there is something to read, or the end of the pipe, within so many seconds."""
        poller = select.poll()
        poller.register(self.descriptor, select.POLLIN)
        return bool(poller.poll(max(0.0, seconds) * 1000))

    def read(self) -> list[bytes] | None:
        """Read what has arrived and return the complete lines; None at the end of the pipe.

        Raise BlockingIOError if the descriptor is non-blocking and nothing has arrived, and LineTooLong if the
        line that is arriving exceeds the limit.
        """
        data = os.read(self.descriptor, _CHUNK)
        if not data:
            return None
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*self._partial, lines[0]])
            self._partial, self._size = [], 0
        if rest:
            self._partial.append(rest)
            self._size += len(rest)
        if self._limit is not None and self._size > self._limit:
            raise LineTooLong
        return lines

    def read_line(self, seconds: float | None = None) -> bytes | None:
        """Return the next line, which must be the only one under way; None at the end of the pipe.

        Raise TimeoutError if it is not complete after so many seconds; None waits for as long as it takes.
        """
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            if until is not None and not self.wait(until - time.monotonic()):
                raise TimeoutError
            lines = self.read()
            if lines is None:
                return None
            if lines:
                return lines[0]


def send(descriptor: int, document: Any) -> None:
    """Write a JSON document as one line, all of it."""
    # Bound at import: a check reports its result even when the implementation has replaced json.dumps.
    data = memoryview(dumps(document).encode("utf-8", "replace") + b"\n")
    while data:
        data = data[os.write(descriptor, data) :]


def receive(reader: LineReader, seconds: float | None = None) -> Any:
    """Return the next JSON document, or None at the end of the pipe; see `LineReader.read_line`."""
    line = reader.read_line(seconds)
    return None if line is None else loads(line)


class PythonProcess:
    """A Python process that runs `main(requests, answers)` of a module, with a pipe in each direction.

    Attributes:
        process: The running process.
        answers: The lines that it writes.
    """

    def __init__(self, module: str, output: BinaryIO, environment: Mapping[str, str] | None = None) -> None:
        """Start the process with further variables in its environment.

        Its standard output and standard error go to `output`; `main` of the module takes two file descriptors.
        """
        requests_in, self._requests = os.pipe()
        answers_out, answers_in = os.pipe()
        inherited = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
        own = {_PATH: json.dumps(search_path()), "OPENBLAS_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, __file__, module, str(requests_in), str(answers_in)],
            pass_fds=(requests_in, answers_in),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=inherited | own | dict(environment or {}),
        )
        os.close(requests_in)
        os.close(answers_in)
        enlarge(answers_out)
        self.answers = LineReader(answers_out)
        self._is_open = True

    def send(self, document: Any) -> None:
        """Write one request; raise BrokenPipeError if the process has ended."""
        send(self._requests, document)

    def close(self, grace: float = 0.0) -> None:
        """Close the pipe of requests and end the process, by force if it still runs after `grace` seconds."""
        if not self._is_open:
            return
        self._is_open = False
        os.close(self._requests)
        try:
            self.process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def close_answers(self) -> None:
        """Close the pipe of answers."""
        os.close(self.answers.descriptor)


def search_path() -> list[str]:
    """Return the module search path of a new process: the current folder, then the path of this process."""
    here = str(Path.cwd())
    return [here, *(entry or here for entry in sys.path if entry != here)]


def enlarge(pipe: int) -> None:
    """Ask the system to let a pipe hold `PIPE_SIZE` bytes; it may refuse."""
    with contextlib.suppress(OSError, AttributeError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_SIZE)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies; only Linux can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """Kill a process and its process group, if they still exist."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.path[:] = json.loads(os.environ.pop(_PATH))
    importlib.import_module(sys.argv[1]).main(*map(int, sys.argv[2:]))
