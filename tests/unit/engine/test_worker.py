"""The worker process: the limits of calls that hang, and jobs that share a process."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from tests import miniature
from tests.host import REFERENCE
from twilio_conformance import EDITION
from twilio_conformance.engine.executor import Executor
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import Outcome

HANGING = """
import time
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    async def setup(self, configuration):
        time.sleep(1_000_000)
"""

ONE_INSTANCE = """
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    made = 0

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        TwilioFrameSerializer.made += 1
        self.number = self.made

    async def deserialize(self, data):
        return await super().deserialize(data) if self.number == 1 else None
"""


def grade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, jobs: int, limit: str = "8.0"
) -> tuple[list[Outcome], list[str], float]:
    """Grade an implementation, two jobs at once: the outcomes, the notes, and the seconds that it took."""
    names = [f"deed/{number}" for number in range(jobs)]
    suite = miniature.build(tmp_path, tuple(map(str, range(jobs))))
    (suite / "graded.py").write_text(source)
    miniature.set_limit(suite / miniature.PACKAGE.name / "engine" / "messages.py", "VECTOR_LIMIT", limit)
    monkeypatch.setattr(
        "twilio_conformance.subject.process.search_path", lambda: [*map(str, (suite, REFERENCE)), *sys.path]
    )
    executor, started = Executor("graded", EDITION, concurrency=2), time.monotonic()
    try:
        executor.start(miniature.load(suite))
        executor.submit(names)
        found = [executor.result(name).outcomes["TFS-DEED-01"] for name in names]
    finally:
        executor.close()
    return found, executor.notes, time.monotonic() - started


def test_each_call_that_hangs_is_given_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, notes, seconds = grade(tmp_path, monkeypatch, HANGING, jobs=12)
    assert {(each.status, each.message) for each in found} == {
        ("fail", "the implementation hung in setup(8000) and was ended after 3 s")
    }
    assert notes == []
    # Twelve times 4 s, two at once, would be 24 s; calls that only wait run side by side.
    assert seconds < 20


def test_calls_that_compute_for_ever_do_not_run_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spinning = HANGING.replace("time.sleep(1_000_000)", "while True: pass")
    found, _, seconds = grade(tmp_path, monkeypatch, spinning, jobs=4)
    assert {each.message for each in found} == {
        "the implementation hung in setup(8000) and was ended after 3 s"
    }
    assert seconds > 8


def test_what_is_slow_in_every_call_and_hangs_in_none_cannot_be_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = HANGING.replace("1_000_000", "0.5").replace(
        "setup(self, configuration)", "deserialize(self, data)"
    )
    found, _, _ = grade(tmp_path, monkeypatch, slow, jobs=2, limit="0.9")
    told = "the implementation took more than 0.9 s over the whole check and was ended: too slow to be tested here"
    assert {(each.status, each.message) for each in found} == {("not-testable", told)}


LOOP_OF_ITS_OWN = """
import asyncio
import threading
from twilio_reference import TwilioFrameSerializer as Reference

LOOP = asyncio.new_event_loop()
threading.Thread(target=LOOP.run_forever, daemon=True).start()

class TwilioFrameSerializer(Reference):
    async def deserialize(self, data):
        future = asyncio.run_coroutine_threadsafe(super().deserialize(data), LOOP)
        return await asyncio.wrap_future(future)
"""


def test_a_thread_that_starts_at_import_runs_in_each_check_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, notes, _ = grade(tmp_path, monkeypatch, LOOP_OF_ITS_OWN, jobs=2)
    assert {each.status for each in found} == {"pass"}
    (note,) = notes
    assert note.startswith("the implementation started a thread when it was imported")


def test_what_an_earlier_job_of_the_process_has_left_behind_fails_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "second.py").write_text(ONE_INSTANCE)
    monkeypatch.setattr(
        "twilio_conformance.subject.process.search_path", lambda: [str(tmp_path), str(REFERENCE), *sys.path]
    )
    vectors = catalogue.load().vectors
    chosen = [name for name in vectors if name.startswith("dtmf/key-") and "call" not in name][:6]
    executor = Executor("second", EDITION, concurrency=2)
    try:
        executor.start(catalogue.load())
        executor.submit(chosen)
        found = {executor.result(name).outcomes["TFS-DTMF-01"].status for name in chosen}
    finally:
        executor.close()
    assert len(chosen) > 1
    assert found == {"pass"}
