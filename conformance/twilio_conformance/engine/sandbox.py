"""How a process that is shared with an implementation is guarded: by limits, and by looking at its state."""

from __future__ import annotations

import asyncio
import json
import locale
import os
import resource
import selectors
import socket
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path

MEMORY_LIMIT = 2 << 30
"""Bytes of memory that a process may take beyond what it has."""

FILE_LIMIT = 256 << 20
"""Bytes that one file may grow to, the one that an implementation prints to among them."""

_VITAL = (
    (asyncio, ("timeout", "sleep", "current_task", "get_running_loop", "Runner")),
    (json, ("dumps", "loads")),
    (os, ("close", "dup", "fork", "kill", "pipe", "read", "waitid", "waitpid", "write", "_exit")),
    (selectors, ("DefaultSelector",)),
    (socket, ("socket", "create_connection", "getaddrinfo")),
    (socket.socket, ("connect", "recv", "send")),
    (threading, ("Thread", "Lock", "Event")),
    (time, ("monotonic", "perf_counter", "sleep", "time")),
)
"""Modules, and the names in them that the suite calls while it grades."""


def vital() -> dict[str, object]:
    """What the suite cannot do without, by name, as it is now."""
    return {
        f"{module.__name__}.{name}": getattr(module, name, None) for module, names in _VITAL for name in names
    }


def replaced(originals: Mapping[str, object]) -> list[str]:
    """The names of what has been replaced since."""
    return [name for name, value in vital().items() if value is not originals[name]]


def unusable(originals: Mapping[str, object]) -> list[str]:
    """The names of what has been replaced since, and without which no check could run at all."""
    return [
        name
        for name in replaced(originals)
        if name.startswith("os.") or (name == "socket.socket" and not _is_socket(originals[name]))
    ]


def _is_socket(original: object) -> bool:
    """Whether sockets are still made by the original class, or by one that is derived from it."""
    return isinstance(socket.socket, type) and original in socket.socket.__mro__


def state() -> dict[str, object]:
    """What the implementation shares with all else in its process, by its name in a sentence."""
    return {
        "the working directory": Path.cwd(),
        "the environment": dict(os.environ),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the policy of event loops": asyncio.get_event_loop_policy(),
        "the search path of modules": list(sys.path),
        "the standard streams": (sys.stdin, sys.stdout, sys.stderr),
    }


def deeds(before: Mapping[str, object]) -> list[str]:
    """What was done to the process since it was in this state, each as the end of a sentence."""
    done = [f"changed {name}" for name, value in state().items() if value != before[name]]
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return done
    return [*done, "left a process behind"]


def limit_files() -> None:
    """Lets no file of this process and its children grow without end, and none of them leave a core."""
    _limit(resource.RLIMIT_FSIZE, FILE_LIMIT)
    _limit(resource.RLIMIT_CORE, 0)


def limit_memory() -> None:
    """Lets this process take only so much more memory."""
    _limit(resource.RLIMIT_DATA, _data_in_use() + MEMORY_LIMIT)


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(what, (most, hard))


def _data_in_use() -> int:
    """Bytes of private memory that this process has, as the limit counts them, or about so many."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
