"""What the suite needs in a process that it shares with an implementation, and whether that is intact."""

from __future__ import annotations

import asyncio
import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Mapping

_VITAL = (
    (asyncio, ("timeout", "sleep", "current_task", "get_running_loop", "Runner")),
    (json, ("dumps", "loads")),
    (os, ("close", "dup", "fork", "kill", "pipe", "read", "waitid", "waitpid", "write", "_exit")),
    (selectors, ("DefaultSelector",)),
    (socket, ("socket", "create_connection", "getaddrinfo")),
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
