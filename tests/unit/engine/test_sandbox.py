"""Limits of a process that runs an implementation, and the changes of its state that are noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from twilio_conformance.engine import sandbox


def _in_child(action: Callable[[], bool]) -> bool:
    """Whether an action holds in a process of its own."""
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


def test_files_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "FILE_LIMIT", 1 << 20)
    place = tmp_path / "large"

    def write() -> bool:
        sandbox.limit_files()
        return _raises(OSError, lambda: place.write_bytes(bytes(2 << 20)))

    assert _in_child(write)
    assert place.stat().st_size == 1 << 20


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda: os.chdir("/"), "changed the working directory"),
        (lambda: os.environ.update(CHANGED="1"), "changed the environment"),
        (lambda: sys.path.append("elsewhere"), "changed the search path of modules"),
        (lambda: setattr(sys, "stdin", None), "changed the standard streams"),
        (lambda: subprocess.Popen(["sleep", "1"]), "left a process behind"),
    ],
)
def test_a_change_of_the_process_is_a_clause(change: Callable[[], object], sentence: str) -> None:
    def act() -> bool:
        before = sandbox.state()
        change()
        return sandbox.state_changes(before) == [sentence]

    assert _in_child(act)


def test_a_process_that_nothing_has_changed_has_no_changes() -> None:
    assert _in_child(lambda: sandbox.state_changes(sandbox.state()) == [])
