"""Limits of a process that runs an implementation."""

from __future__ import annotations

import math
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twilio_conformance.engine import sandbox


def _in_child(action: Callable[[], bool]) -> bool:
    """Return whether an action returns true in a process of its own."""
    if (pid := os.fork()) == 0:
        status = 1
        try:
            status = 0 if action() else 1
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _raises(kind: type[Exception], action: Callable[[], object]) -> bool:
    try:
        action()
    except kind:
        return True
    return False


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "MEMORY_LIMIT", 64 << 20)

    def allocate() -> bool:
        sandbox.limit_memory()
        return len(bytearray(16 << 20)) > 0 and _raises(MemoryError, lambda: bytearray(128 << 20))

    assert _in_child(allocate)


def test_files_are_limited_and_no_core_dump_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: dict[int, int] = {}
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda what: unlimited)
    monkeypatch.setattr(resource, "setrlimit", lambda what, own: limits.update({what: own[0]}))
    sandbox.limit_files()
    assert limits == {resource.RLIMIT_FSIZE: sandbox.FILE_LIMIT, resource.RLIMIT_CORE: 0}


def test_a_lower_limit_of_the_host_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "FILE_LIMIT", 2 << 20)

    def limits() -> bool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        sandbox.limit_files()
        return resource.getrlimit(resource.RLIMIT_FSIZE) == (1 << 20, 1 << 20)

    assert _in_child(limits)


def test_a_file_does_not_grow_beyond_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "FILE_LIMIT", 1 << 20)
    place = tmp_path / "large"

    def write() -> bool:
        sandbox.limit_files()
        return _raises(OSError, lambda: place.write_bytes(bytes(2 << 20)))

    assert _in_child(write)
    assert place.stat().st_size == 1 << 20


def test_the_processor_time_of_a_process_is_told_and_endless_where_nobody_tells_it() -> None:
    before = sandbox.processor_seconds(os.getpid())
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    assert 0.05 < sandbox.processor_seconds(os.getpid()) - before < 60
    assert sandbox.processor_seconds(-1) == math.inf
