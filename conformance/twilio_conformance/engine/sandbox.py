"""Limits for a process that runs an implementation, and what the implementation changed in it.

This protects other checks from accidents, not the suite from malice: each check has a process of its own.
"""

from __future__ import annotations

import asyncio
import locale
import math
import os
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

MEMORY_LIMIT = 2 << 30
"""Bytes of memory that a process may allocate beyond what it has."""

FILE_LIMIT = 256 << 20
"""Bytes that one file may grow to, including the file that an implementation prints to."""


def state() -> dict[str, object]:
    """Return the state that an implementation shares with everything else in its process, by name."""
    return {
        "the working directory": Path.cwd(),
        "the environment": dict(os.environ),
        "the locale": locale.setlocale(locale.LC_ALL),
        "the policy of event loops": asyncio.get_event_loop_policy(),
        "the search path of modules": list(sys.path),
        "the standard streams": (sys.stdin, sys.stdout, sys.stderr),
    }


def state_changes(before: Mapping[str, object]) -> list[str]:
    """Return what changed in the process since it was in this state, each as the end of a sentence."""
    changes = [f"changed {name}" for name, value in state().items() if value != before[name]]
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return changes
    return [*changes, "left a process behind"]


def limit_files() -> None:
    """Limit the size of files that this process and its children write, and have them leave no core dump."""
    _limit(resource.RLIMIT_FSIZE, FILE_LIMIT)
    _limit(resource.RLIMIT_CORE, 0)


def limit_memory() -> None:
    """Limit how much more memory this process may allocate."""
    _limit(resource.RLIMIT_DATA, _data_in_use() + MEMORY_LIMIT)


def processor_seconds(pid: int) -> float:
    """Return the seconds of processor time that a process has used; infinity where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return math.inf
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    if hard == resource.RLIM_INFINITY or most < hard:
        resource.setrlimit(what, (most, hard))


def _data_in_use() -> int:
    """Return the bytes of private memory of this process as the limit counts them, or an estimate."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
