"""What the worker sees of a child at work: the call that it is in, and how long that call may take."""

from __future__ import annotations

import mmap
from collections import Counter


class CallTimeouts:
    """How long one call may take: less and less after others have not returned."""

    MANY, SHORT = 3, 2.0
    """So many calls, and the seconds that every later call is given."""

    ALIKE, SHORTEST = 5, 0.2
    """So many calls of one kind, and the seconds that every later one of that kind is given."""

    def __init__(self) -> None:
        """All the time in the world."""
        self._hung: Counter[str] = Counter()

    def limit(self, call: str) -> float | None:
        """The seconds that a call is given; None for as many as its job has."""
        if self._hung[_kind(call)] >= self.ALIKE:
            return self.SHORTEST
        return self.SHORT if self._hung.total() >= self.MANY else None

    def lose(self, call: str) -> str | None:
        """Counts a call that did not return; what changes for later ones, as a sentence."""
        kind = _kind(call)
        self._hung[kind] += 1
        if self._hung[kind] == self.ALIKE:
            return f"{kind} did not return {self.ALIKE} times: every later one was given {self.SHORTEST:g} s"
        if self._hung.total() == self.MANY:
            return f"{self.MANY} calls did not return: every later call was given {self.SHORT:g} s"
        return None


def _kind(call: str) -> str:
    """What calls have in common; frames of different classes are serialized by different code."""
    return call if call.startswith("serialize(") else call.partition("(")[0]


class ChildStatus:
    """A few bytes that a child shares with the worker: which call it is in, and its last words."""

    _CALL, _WORDS, _SIZE = 8, 512, 1024

    def __init__(self) -> None:
        """No call, no words."""
        self._memory = mmap.mmap(-1, self._SIZE)

    def enter(self, call: str) -> None:
        """Says which call begins; "" when the last one is over."""
        self._put(self._CALL, self._WORDS, call)
        self._memory[0] = (self._memory[0] + 1) % 256

    def leave(self, words: str) -> None:
        """Says what the child cannot say in any other way."""
        self._put(self._WORDS, self._SIZE, words)

    @property
    def count(self) -> int:
        """A number that changes with every call."""
        return self._memory[0]

    @property
    def call(self) -> str:
        """The call that is under way, or ""."""
        return self._get(self._CALL, self._WORDS)

    @property
    def words(self) -> str:
        """The last words, or ""."""
        return self._get(self._WORDS, self._SIZE)

    def close(self) -> None:
        """Gives the memory back."""
        self._memory.close()

    def _put(self, start: int, end: int, text: str) -> None:
        self._memory[start:end] = text.encode("utf-8", "replace")[: end - start].ljust(end - start, b"\0")

    def _get(self, start: int, end: int) -> str:
        return self._memory[start:end].rstrip(b"\0").decode("utf-8", "replace")
