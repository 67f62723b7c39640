"""Limits for a process that runs an implementation.

This protects other checks from accidents, not the suite from malice: each check has a process of its own.
"""

from __future__ import annotations

import math
import os
import resource
from pathlib import Path

MEMORY_LIMIT = 2 << 30
"""Bytes of memory that a process may allocate beyond what it has."""

FILE_LIMIT = 256 << 20
"""Bytes that one file may grow to, including the file that an implementation prints to."""


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
