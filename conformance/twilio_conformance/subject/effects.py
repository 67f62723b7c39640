"""Side effects: what an implementation does to its process, its files and its event loop besides answering."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ipaddress
import locale
import os
import socket
import stat
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import thread as thread_pool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.sockets import SENTINELS

WRITE, READ, LOOK_UP, CONNECT, START = "wrote", "read", "looked up", "connected to", "started"

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_EVENTS = {
    **dict.fromkeys(("os.mkdir", "os.rename", "os.remove", "os.symlink", "os.link", "os.truncate"), WRITE),
    "sqlite3.connect": WRITE,
    "socket.getaddrinfo": LOOK_UP,
    "socket.gethostbyname": LOOK_UP,
    "socket.connect": CONNECT,
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.posix_spawn", "os.fork"), START),
}
"""Events of Python's audit hooks, by what they say that the process did."""

_CODE = (".py", ".pyc", ".so")
_SYSTEM = ("/dev/", "/proc/", "/sys/", "/usr/", sys.prefix, sys.base_prefix)
"""Where files are that modules read, and what is not a file."""

_OWN_ROOMS = ("checks", "twilio")
"""The rooms of the suite that open files or sockets of their own while an implementation runs."""


@dataclass(frozen=True, slots=True)
class Effect:
    """One side effect: what was done, to what, and whether on the main thread, where the event loop runs."""

    kind: str
    object: str
    is_on_loop: bool


class Effects:
    """Side effects in this process since this object was made.

    Attributes:
        seen: The effects, in order.
    """

    _latest: Effects | None = None
    _is_hooked = False

    def __init__(self) -> None:
        """Begin to watch; an object made before no longer does."""
        self.seen: list[Effect] = []
        self._before = _state()
        Effects._latest = self
        if not Effects._is_hooked:
            Effects._is_hooked = True
            sys.addaudithook(_take)

    def of(self, *kinds: str) -> list[str]:
        """Return the effects of these kinds, in words."""
        return [f"{effect.kind} {effect.object}" for effect in self.seen if effect.kind in kinds]

    def changes(self) -> list[str]:
        """Return what changed in the process and what was written, each as the end of a sentence."""
        changes = [f"changed {name}" for name, value in _state().items() if value != self._before[name]]
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            changes.append("left a process behind")
        return [*changes, *dict.fromkeys(self.of(WRITE))]


def holdings(network: Network) -> dict[str, int]:
    """Return how many tasks, busy threads and file descriptors there are, without those of the double."""
    gc.collect()
    threads = (frame for ident, frame in sys._current_frames().items() if ident not in network.threads())
    busy = sum(frame.f_code is not thread_pool._worker.__code__ for frame in threads)
    descriptors = sum(not _is_of(network, int(entry.name)) for entry in Path("/dev/fd").iterdir())
    return {"tasks": len(asyncio.all_tasks()), "threads": busy, "file descriptors": descriptors}


@contextlib.contextmanager
def timed_steps() -> Iterator[list[float]]:
    """Yield a list to which each step of the event loop adds its seconds, less those of waiting for a processor."""
    steps: list[float] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        started = _own_time()
        try:
            run(handle)
        finally:
            steps.append(_own_time() - started)

    asyncio.Handle._run = timed  # type: ignore[method-assign, assignment]
    try:
        yield steps
    finally:
        asyncio.Handle._run = run  # type: ignore[method-assign]


def _own_time() -> float:
    """Return a time that stands still while this thread only waits for a processor, in seconds."""
    try:
        waited = int(Path("/proc/thread-self/schedstat").read_bytes().split()[1])
    except OSError:
        return time.thread_time()
    # This clock neither skips nor is held.
    return time.clock_gettime(time.CLOCK_MONOTONIC) - waited / 1e9


def _take(event: str, arguments: tuple[Any, ...]) -> None:
    """Record an audit event; see sys.addaudithook."""
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int):
            return
        name, kind = os.fsdecode(path), WRITE if flags & _WRITING else READ
    elif event in _EVENTS:
        kind = _EVENTS[event]
        name = str(arguments[1 if event == "socket.connect" else 0]) if arguments else "a process"
    else:
        return
    if (kind in (READ, WRITE) and _is_no_file_of_its_own(name)) or not _is_a_destination(event, name):
        return
    if Effects._latest is not None and not _is_the_suites():
        is_on_loop = threading.current_thread() is threading.main_thread()
        Effects._latest.seen.append(Effect(kind, name, is_on_loop))


def _is_no_file_of_its_own(name: str) -> bool:
    """Return whether a file is a module, which Python reads and compiles, or the system's."""
    return name.startswith(_SYSTEM) or name.endswith(_CODE) or "__pycache__" in name


def _is_a_destination(event: str, name: str) -> bool:
    """Return whether what is looked up is a name, for which the double has put a sentinel; True of other events."""
    if not event.startswith("socket.get"):
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(name) in SENTINELS
    return name != "None"


def _is_the_suites() -> bool:
    """Return whether the suite itself, not the implementation, is what the innermost of its frames calls."""
    frame = sys._getframe(2)
    while frame is not None:
        package, _, rest = str(frame.f_globals.get("__name__")).partition(".")
        if package == __package__.partition(".")[0] and rest != "twilio.sockets":
            return rest.partition(".")[0] in _OWN_ROOMS
        frame = frame.f_back  # type: ignore[assignment]
    return False


def _is_of(network: Network, descriptor: int) -> bool:
    """Return whether a file descriptor is a socket of the double."""
    with contextlib.suppress(OSError, IndexError):
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as copy:
                return network.serves(copy.getsockname()[1])
    return False


def _state() -> dict[str, object]:
    """Return the state that an implementation shares with everything else in its process, by name."""
    return {
        "the working directory": Path.cwd(),
        "the environment": dict(os.environ),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the policy of event loops": asyncio.get_event_loop_policy(),
        "the search path of modules": list(sys.path),
        "the standard streams": (sys.stdin, sys.stdout, sys.stderr),
    }
