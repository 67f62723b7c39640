"""The memory in which a child tells the worker which call it is in."""

from __future__ import annotations

import mmap
import struct


class ChildStatus:
    """Memory that a child shares with the worker: the call that it is in, and why it cannot report."""

    _LIMIT, _CALL, _FAILURE, _SIZE = 8, 16, 512, 1024

    def __init__(self) -> None:
        """Start with no call and no failure."""
        self._memory = mmap.mmap(-1, self._SIZE)

    def enter(self, call: str, limit: float) -> None:
        """Note the call that begins and its time limit in seconds, or "" when the last one has returned."""
        # The count comes first here and is read last, so that no call is seen with the count of the one before.
        self._memory[0] = (self._memory[0] + 1) % 256
        struct.pack_into("d", self._memory, self._LIMIT, limit)
        self._put(self._CALL, self._FAILURE, call)

    def fail(self, failure: str) -> None:
        """Note why the child cannot report its result."""
        self._put(self._FAILURE, self._SIZE, failure)

    @property
    def count(self) -> int:
        """A number that changes with every call."""
        return self._memory[0]

    @property
    def call(self) -> str:
        """The call that is under way, or ""."""
        return self._get(self._CALL, self._FAILURE)

    @property
    def limit(self) -> float:
        """The time limit of that call, in seconds."""
        limit: float = struct.unpack_from("d", self._memory, self._LIMIT)[0]
        return limit

    @property
    def failure(self) -> str:
        """Why the child cannot report its result, or ""."""
        return self._get(self._FAILURE, self._SIZE)

    def close(self) -> None:
        """Release the memory."""
        self._memory.close()

    def _put(self, start: int, end: int, text: str) -> None:
        self._memory[start:end] = text.encode("utf-8", "replace")[: end - start].ljust(end - start, b"\0")

    def _get(self, start: int, end: int) -> str:
        return self._memory[start:end].rstrip(b"\0").decode("utf-8", "replace")
