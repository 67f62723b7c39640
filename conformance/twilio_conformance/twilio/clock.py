"""An autojump clock, as in Trio: when all tasks only wait for time to pass, the clock skips the wait.

A silent server is tested without waiting 30 s. Event loops, HTTP clients and the network double read the same
patched clocks (`time.monotonic` and the like), so they always agree. The clock jumps only while nothing can
happen but a timer of the event loop or a scripted delay of the double. A client that blocks in a
thread uses the timeouts of its sockets, which cannot be skipped: meanwhile time passes at its normal speed.
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
from typing import TYPE_CHECKING, Any, TypeVar, TypeVarTuple

if TYPE_CHECKING:
    from twilio_conformance.twilio.network import Network

POLL_INTERVAL = 0.001
"""Real seconds between two checks for activity."""

QUIET_POLLS = 3
"""Consecutive idle checks before a jump, because loopback may deliver shortly after a call returned."""

LONGEST_POLL_INTERVAL = 0.02
"""Real seconds between two checks during long activity, such as a request in a thread."""

_NAMES = ("time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns")
_IDLE_WORKER = thread_pool._worker.__code__

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class _Process:
    """The patched functions of this process and the seconds that it has skipped."""

    def __init__(self) -> None:
        self.saved: dict[str, Callable[[], Any]] = {}
        self.skipped = 0.0
        self.holds = 0
        self.held: dict[str, Any] = {}


_process = _Process()


def install() -> None:
    """Patch the clocks of the module `time`; call it before importing modules that read them.

    Raises:
        RuntimeError: The clock is installed already.
    """
    if _process.saved:
        raise RuntimeError("the clock is installed already")
    for name in _NAMES:
        _process.saved[name] = getattr(time, name)
        setattr(time, name, _ahead(name, getattr(time, name)))


def uninstall() -> None:
    """Restore the clocks that `install` patched."""
    for name, original in _process.saved.items():
        setattr(time, name, original)
    _process.saved.clear()
    _process.held = {}
    _process.skipped = 0.0


def skipped() -> float:
    """Return the seconds skipped so far: the time that clocks show less the time that really passed."""
    return _process.skipped


def new_event_loop(network: Network) -> asyncio.SelectorEventLoop:
    """Return an event loop that skips time whenever the loop and the running double only wait.

    Raise RuntimeError if the clock is not installed.
    """
    if not _process.saved:
        raise RuntimeError("the clock is not installed")
    return _Loop(_Selector(network))


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Stop the clock inside the context, apart from jumps; afterwards it continues from there.

    Computation then takes no time, however slow the machine: an implementation that discards audio after a
    pause sees no pause but a scripted one.
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
    process, is_integer = _process, name.endswith("_ns")

    def read() -> float:
        now: float = process.held[name] if process.held else original()
        return now + (round(process.skipped * 1e9) if is_integer else process.skipped)

    return read


class _Selector(selectors.DefaultSelector):
    """A selector that skips the rest of a wait as soon as nothing can happen during it."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.thread_calls = 0
        self.own: frozenset[int] = frozenset()
        self._network = network

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events, at most `timeout` seconds of the patched clock."""
        until = None if timeout is None else time.monotonic() + timeout
        interval, quiet = POLL_INTERVAL, 0
        while True:
            # Ask before waiting: a thread that has ended by then has also woken the loop.
            is_alone = until is not None and until > time.monotonic() and self._is_alone()
            left = interval if until is None else min(interval, until - time.monotonic())
            events = super().select(0.0 if is_alone else max(left, 0.0))
            now = time.monotonic()
            if events or (until is not None and now >= until):
                return events
            quiet = quiet + 1 if is_alone or self._is_idle() else 0
            interval = POLL_INTERVAL if quiet else min(interval * 1.5, LONGEST_POLL_INTERVAL)
            if is_alone or quiet >= QUIET_POLLS:
                ends = [end for end in (until, self._network.next_deadline()) if end is not None]
                _process.skipped += max(0.0, min(ends, default=now) - now)
                quiet = 0

    def _is_alone(self) -> bool:
        """Return whether nothing but a timer can happen, not even the delivery of what was sent."""
        return (
            not self.thread_calls
            and not self._network.connections
            and self.get_map().keys() == self.own
            and not _has_busy_threads(self._network.threads())
        )

    def _is_idle(self) -> bool:
        return (
            not self.thread_calls
            and all(self._is_known(key.fd) for key in self.get_map().values())
            and not _has_busy_threads(self._network.threads())
            and self._network.is_quiet()
        )

    def _is_known(self, descriptor: int) -> bool:
        """Return whether only the double or the loop itself can make a descriptor ready."""
        if descriptor in self.own:
            return True
        try:
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                return self._network.serves(copy.getpeername()[1])
        except (OSError, IndexError):
            return False


class _Loop(asyncio.SelectorEventLoop):
    """An event loop that counts its calls under way in threads."""

    def __init__(self, selector: _Selector) -> None:
        super().__init__(selector)
        self._waiting = selector
        # A new loop has only registered the socket pair that wakes it.
        selector.own = frozenset(key.fd for key in selector.get_map().values())

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        """Run a call in a thread; the clock does not jump until it has returned."""
        future = super().run_in_executor(executor, func, *args)
        self._waiting.thread_calls += 1
        future.add_done_callback(self._count_return)
        return future

    def _count_return(self, _: asyncio.Future[Any]) -> None:
        self._waiting.thread_calls -= 1


def _has_busy_threads(known: frozenset[int | None]) -> bool:
    """Return whether any other thread is running; idle workers of a pool do not count."""
    own = known | {threading.get_ident()}
    return any(
        frame.f_code is not _IDLE_WORKER for ident, frame in sys._current_frames().items() if ident not in own
    )
