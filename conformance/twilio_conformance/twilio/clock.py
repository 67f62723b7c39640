"""The clock: time passes by itself, and at once where nothing but its passing could happen.

A server that is silent for 30 s then costs no 30 s. The process has one clock, `time.monotonic` and its like:
event loops, HTTP clients and the network double all read it, so none can be ahead of another. It skips only
while all that could happen is a timer of the event loop or a delay of the double. A client that waits in a
thread keeps its own time in its sockets, where nothing can be skipped: meanwhile time passes as it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from concurrent.futures import thread as thread_pool
from typing import Any, Protocol, TypeVar, TypeVarTuple

LOOK = 0.001
"""Real seconds between two looks at whether anything is going on."""

LOOKS = 3
"""Looks in a row that have to find nothing: loopback may deliver a moment after a call returned."""

LONGEST_LOOK = 0.02
"""Real seconds between two looks while something is going on for long, such as a request in a thread."""

_NAMES = ("time", "monotonic", "perf_counter")
_IDLE_WORKER = thread_pool._worker.__code__

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class World(Protocol):
    """What the clock asks of the network double."""

    def is_quiet(self) -> bool:
        """Tells whether the double waits, and nothing that a client has sent is left to deal with."""

    def next_deadline(self) -> float | None:
        """Returns when the double goes on by itself, in seconds of ``time.monotonic``; None for never."""

    def serves(self, port: int) -> bool:
        """Tells whether a port of loopback is the double's."""

    def threads(self) -> frozenset[int | None]:
        """Returns the identifiers of the double's own threads."""


class _Process:
    """What is patched in this process, and the seconds that it has skipped."""

    def __init__(self) -> None:
        self.saved: dict[str, Callable[[], Any]] = {}
        self.skipped = 0.0
        self.holds = 0
        self.held: dict[str, Any] = {}


_process = _Process()


def install() -> None:
    """Patches the clocks of the module `time`; call it before what is to read them is imported.

    Raises:
        RuntimeError: It is installed already.
    """
    if _process.saved:
        raise RuntimeError("the clock is installed already")
    for name in _NAMES:
        seconds, nanoseconds = getattr(time, name), getattr(time, f"{name}_ns")
        _process.saved |= {name: seconds, f"{name}_ns": nanoseconds}
        setattr(time, name, _ahead(name, seconds))
        setattr(time, f"{name}_ns", _ahead_ns(f"{name}_ns", nanoseconds))


def uninstall() -> None:
    """Restores what `install` changed."""
    for name, original in _process.saved.items():
        setattr(time, name, original)
    _process.saved.clear()
    _process.held = {}
    _process.skipped = 0.0


def skipped() -> float:
    """Returns the seconds that were skipped so far: what a clock shows less what really passed."""
    return _process.skipped


def new_event_loop(world: World) -> asyncio.SelectorEventLoop:
    """Makes an event loop that lets the clock skip whenever loop and double wait.

    Args:
        world: The network double that runs beside it.

    Raises:
        RuntimeError: The clock is not installed.
    """
    if not _process.saved:
        raise RuntimeError("the clock is not installed")
    return _Loop(_Selector(world))


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Lets the clock stand still, but for what it skips, and then go on from there.

    What is done meanwhile takes no time, on whatever machine: an implementation that forgets audio after a
    pause sees none that nobody made.
    """
    process = _process
    process.holds += 1
    if process.holds == 1:
        process.held = {name: original() for name, original in process.saved.items()}
    try:
        yield
    finally:
        process.holds -= 1
        if not process.holds and process.held:
            process.skipped -= process.saved["monotonic"]() - process.held["monotonic"]
            process.held = {}


def _ahead(name: str, original: Callable[[], float]) -> Callable[[], float]:
    process = _process

    def read() -> float:
        return float(process.held[name] if process.held else original()) + process.skipped

    return read


def _ahead_ns(name: str, original: Callable[[], int]) -> Callable[[], int]:
    process = _process

    def read() -> int:
        return int(process.held[name] if process.held else original()) + round(process.skipped * 1e9)

    return read


class _Selector(selectors.DefaultSelector):
    """Waits for the event loop, and skips what is left of a wait as soon as it can bring nothing."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.errands = 0
        self.own: frozenset[int] = frozenset()
        self._world = world

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Waits as a selector does, but for seconds of the clock."""
        until = None if timeout is None else time.monotonic() + timeout
        look, quiet = LOOK, 0
        while True:
            left = look if until is None else min(look, until - time.monotonic())
            events = super().select(max(left, 0.0))
            now = time.monotonic()
            if events or (until is not None and now >= until):
                return events
            quiet = quiet + 1 if self._waits_for_nothing() else 0
            look = LOOK if quiet else min(look * 1.5, LONGEST_LOOK)
            if quiet >= LOOKS:
                ends = [end for end in (until, self._world.next_deadline()) if end is not None]
                _process.skipped += max(0.0, min(ends, default=now) - now)
                quiet = 0

    def _waits_for_nothing(self) -> bool:
        return (
            not self.errands
            and all(self._is_known(key.fd) for key in self.get_map().values())
            and not _threads_at_work(self._world.threads())
            and self._world.is_quiet()
        )

    def _is_known(self, descriptor: int) -> bool:
        """Whether only the double, or the loop itself, can make a descriptor ready."""
        if descriptor in self.own:
            return True
        try:
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                return self._world.serves(copy.getpeername()[1])
        except (OSError, IndexError):
            return False


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that keeps count of what it has given to threads."""

    def __init__(self, selector: _Selector) -> None:
        super().__init__(selector)
        self._waiting = selector
        # So far there is nothing but the pipe by which a loop is woken.
        selector.own = frozenset(key.fd for key in selector.get_map().values())

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Gives a call to a thread; until its result is there, the clock skips nothing."""
        future = super().run_in_executor(executor, func, *args)
        self._waiting.errands += 1
        future.add_done_callback(self._count_return)
        return future

    def _count_return(self, _: asyncio.Future[Any]) -> None:
        self._waiting.errands -= 1


def _threads_at_work(known: frozenset[int | None]) -> bool:
    """Whether any other thread does something; workers of a pool that have nothing to do do not count."""
    own = known | {threading.get_ident()}
    return any(
        frame.f_code is not _IDLE_WORKER for ident, frame in sys._current_frames().items() if ident not in own
    )
