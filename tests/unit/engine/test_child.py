"""A child of the worker: how it died, and what it printed."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from twilio_conformance.engine import child


@pytest.mark.parametrize(
    ("leave", "sentence"),
    [
        (lambda: os._exit(0), "ended the process with status 0"),
        (lambda: os._exit(70), "ended the process with status 70"),
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "ended the process by SIGKILL"),
        (os.abort, "ended the process by SIGABRT"),
    ],
)
def test_the_death_of_a_child_is_the_end_of_a_sentence(leave: Callable[[], None], sentence: str) -> None:
    hold, release = os.pipe()
    if (pid := os.fork()) == 0:
        os.close(release)
        os.read(hold, 1)
        leave()
    assert child.death(pid) is None
    os.close(release)
    deadline = time.monotonic() + 60
    while (died := child.death(pid)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.waitpid(pid, 0)
    os.close(hold)
    assert died == sentence


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"a line\n", "a line\n"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"x" * child.OUTPUT_LIMIT, "x" * child.OUTPUT_LIMIT),
        (b"x" * (child.OUTPUT_LIMIT + 1), f"(the first of 2001 bytes) {'x' * child.OUTPUT_LIMIT}…"),
    ],
    ids=["nothing", "a line", "no text", "at the limit", "beyond the limit"],
)
def test_long_output_is_cut_and_says_so(tmp_path: Path, printed: bytes, shown: str) -> None:
    (tmp_path / "output").write_bytes(printed)
    with (tmp_path / "output").open("rb") as stream:
        assert child.beginning(stream) == shown
