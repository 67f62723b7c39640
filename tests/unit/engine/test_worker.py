"""The worker process: how a child died, what it printed, and the limits of calls that hang."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import miniature
from tests.host import REFERENCE
from twilio_conformance import EDITION
from twilio_conformance.engine import worker
from twilio_conformance.engine.executor import Executor

JOBS = 12

HANGING = """
import time
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    async def setup(self, configuration):
        time.sleep(1_000_000)
"""


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
    assert worker._death(pid) is None
    os.close(release)
    deadline = time.monotonic() + 60
    while (death := worker._death(pid)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    os.waitpid(pid, 0)
    os.close(hold)
    assert death == sentence


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        (b"", ""),
        (b"a line\n", "a line\n"),
        (b"\xff", "\N{REPLACEMENT CHARACTER}"),
        (b"x" * worker.OUTPUT_LIMIT, "x" * worker.OUTPUT_LIMIT),
        (b"x" * (worker.OUTPUT_LIMIT + 1), f"(the first of 2001 bytes) {'x' * worker.OUTPUT_LIMIT}…"),
    ],
    ids=["nothing", "a line", "no text", "at the limit", "beyond the limit"],
)
def test_long_output_is_cut_and_says_so(tmp_path: Path, printed: bytes, shown: str) -> None:
    (tmp_path / "output").write_bytes(printed)
    with (tmp_path / "output").open("rb") as stream:
        assert worker._beginning(stream) == shown


def test_the_limits_of_an_implementation_that_always_hangs_get_shorter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"deed/{number}" for number in range(JOBS)]
    suite = miniature.build(tmp_path, tuple(map(str, range(JOBS))))
    (suite / "hanging.py").write_text(HANGING)
    package = suite / miniature.PACKAGE.name
    miniature.set_limit(package / "engine" / "job.py", "VECTOR_LIMIT", "2.0")
    miniature.replace(package / "engine" / "timeouts.py", "SHORT = 3, 2.0", "SHORT = 3, 1.0")
    monkeypatch.setattr(
        "twilio_conformance.subject.process.search_path", lambda: [*map(str, (suite, REFERENCE)), *sys.path]
    )
    executor = Executor("hanging", EDITION, concurrency=2)
    try:
        executor.start()
        executor.submit(names)
        found = [executor.result(name).outcomes["TFS-DEED-01"] for name in names]
    finally:
        executor.close()
    assert found[0].message == "the implementation hung in setup(8000) and was ended after 2 s"
    assert found[0].status == "fail"
    assert found[-1].message == (
        "the implementation hung in setup(8000): it did not return within 0.2 s,"
        " which is all it was given after others had not returned"
    )
    assert found[-1].status == "not-testable"
    assert executor.notes == [
        "3 calls did not return: every later call was given 1 s",
        "setup did not return 5 times: every later one was given 0.2 s",
    ]
