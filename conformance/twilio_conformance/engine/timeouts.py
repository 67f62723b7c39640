"""The call that a child is in, as the worker sees it, and how long such a call may take."""

from __future__ import annotations

import mmap
from collections import Counter


class CallTimeouts:
    """Shorter time limits for calls after others have not returned; the usual limit is `probe.CALL_LIMIT`."""

    MANY, SHORT = 3, 2.0
    """Number of calls that hang before every later call is limited, and that limit in seconds."""

    ALIKE, SHORTEST = 5, 0.2
    """The same for calls of one kind."""

    def __init__(self) -> None:
        """Set no limit until a call has hung."""
        self._hung: Counter[str] = Counter()

    def limit(self, call: str) -> float | None:
        """Return the limit of a call in seconds; None if only the limit of its job applies."""
        if self._hung[_kind(call)] >= self.ALIKE:
            return self.SHORTEST
        return self.SHORT if self._hung.total() >= self.MANY else None

    def count_hung(self, call: str) -> str | None:
        """Count a call that did not return; return what changes for later ones, as a sentence."""
        kind = _kind(call)
        self._hung[kind] += 1
        if self._hung[kind] == self.ALIKE:
            return f"{kind} did not return {self.ALIKE} times: every later one was given {self.SHORTEST:g} s"
        if self._hung.total() == self.MANY:
            return f"{self.MANY} calls did not return: every later call was given {self.SHORT:g} s"
        return None


def _kind(call: str) -> str:
    """Return the kind of a call; frames of different classes are serialized by different code."""
    return call if call.startswith("serialize(") else call.partition("(")[0]


class ChildStatus:
    """Memory that a child shares with the worker: the call that it is in, and why it cannot report."""

    _CALL, _FAILURE, _SIZE = 8, 512, 1024

    def __init__(self) -> None:
        """Start with no call and no failure."""
        self._memory = mmap.mmap(-1, self._SIZE)

    def enter(self, call: str) -> None:
        """Note the call that begins, or "" when the last one has returned."""
        self._put(self._CALL, self._FAILURE, call)
        self._memory[0] = (self._memory[0] + 1) % 256

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
