"""The executor: jobs go in and results come out, even if the worker process dies, hangs or is stopped."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE
from twilio_conformance import EDITION
from twilio_conformance.adapter import reaper
from twilio_conformance.engine.executor import Executor
from twilio_conformance.engine.messages import VECTOR_LIMIT, Job, Result
from twilio_conformance.errors import SuiteError, UsageError

pytestmark = pytest.mark.xdist_group("a shared executor")

DEEDS = ("nothing", "kill-the-worker", "stop-the-worker", "print-a-lot", "leave-a-daemon")

Start = Callable[..., Executor]


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return miniature.build(tmp_path_factory.mktemp("suite"), DEEDS)


@pytest.fixture(scope="module")
def shared(suite: Path) -> Iterator[Executor]:
    """An executor for tests that leave it as it is."""
    with pytest.MonkeyPatch.context() as patches:
        patches.setattr("twilio_conformance.subject.process.search_path", lambda: _path(suite))
        executor = Executor("hostile", EDITION, concurrency=2)
        executor.start(miniature.load(suite))
    yield executor
    executor.close()


@pytest.fixture
def start(suite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start executors of the small suite, and end them after the test."""
    monkeypatch.setattr("twilio_conformance.subject.process.search_path", lambda: _path(suite))
    started: list[Executor] = []

    def start(impl: str = "hostile", jobs: int = 2) -> Executor:
        started.append(Executor(impl, EDITION, concurrency=jobs))
        started[-1].start(miniature.load(suite))
        return started[-1]

    yield start
    for executor in started:
        executor.close()


def _path(suite: Path) -> list[str]:
    return [*map(str, (suite, REFERENCE, IMPLEMENTATIONS)), *sys.path]


def _key(number: int) -> str:
    return f"key/{number}"


def _deed(name: str) -> str:
    return f"deed/{name}"


def _status(result: Result) -> str:
    (outcome,) = result.outcomes.values()
    return outcome.status


def _pid(executor: Executor) -> int:
    assert executor._worker is not None
    return executor._worker.process.pid


def test_the_worker_describes_the_implementation_and_lists_the_jobs(shared: Executor) -> None:
    found = shared.implementation
    assert (found["name"], found["is_class"]) == ("hostile:TwilioFrameSerializer", True)
    check = "deeds.an_interruption_gives_a_text"
    assert shared.jobs[check] == Job(check, ["TFS-DEED-02"], 5, "deeds")
    assert shared.jobs["key/1"] == Job("key/1", ["TFS-KEY-01"], VECTOR_LIMIT)


def test_a_job_has_an_outcome_for_each_of_its_requirements(shared: Executor) -> None:
    found = shared.result("call/end")
    assert {name: outcome.status for name, outcome in found.outcomes.items()} == {
        "TFS-CALL-01": "pass",
        "TFS-CALL-02": "pass",
    }


def test_jobs_that_were_submitted_run_once_and_are_read_in_any_order(shared: Executor) -> None:
    shared.submit(_key(number) for number in (1, 2, 3, 4))
    shared.submit([_key(2)])
    assert [_status(shared.result(_key(number))) for number in (4, 1, 1, 2)] == ["pass"] * 4


def test_more_jobs_than_the_worker_holds_are_all_graded(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twilio_conformance.engine.executor.MAX_QUEUED", 1)
    executor = start()
    executor.submit(_key(number) for number in (1, 2, 3, 4))
    assert [_status(executor.result(_key(number))) for number in (1, 2, 3, 4)] == ["pass"] * 4


def test_a_result_holds_what_the_implementation_printed(shared: Executor) -> None:
    assert shared.result(_deed("print-a-lot")).output.startswith("(the first of 100000000 bytes) xxx")


@pytest.mark.parametrize("deed", ["kill-the-worker", "stop-the-worker"])
def test_the_check_that_ends_the_worker_fails_and_the_others_are_graded(start: Start, deed: str) -> None:
    executor = start()
    jobs = [_key(1), _deed(deed), _key(2), _deed("nothing")]
    executor.submit(jobs)
    assert [_status(executor.result(job)) for job in jobs] == ["pass", "fail", "pass", "pass"]
    (outcome,) = executor.result(jobs[1]).outcomes.values()
    assert outcome.message.startswith("the implementation ended the suite's own worker process")
    assert executor.notes == []


def test_a_worker_that_dies_too_often_is_not_started_again(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twilio_conformance.engine.executor.MAX_WORKER_DEATHS", 1)
    executor = start()
    executor.submit([_deed("kill-the-worker"), _key(1)])
    found = executor.result(_deed("kill-the-worker"))
    assert _status(found) == "not-testable"
    assert _status(executor.result(_key(4))) == "not-testable"
    assert executor.notes == ["the implementation ended the worker process once: the rest was not graded"]


def test_a_worker_that_sends_nothing_counts_as_dead(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("twilio_conformance.engine.executor.GRACE", 0.0)
    monkeypatch.setattr("twilio_conformance.engine.executor.EXIT_GRACE", 0.1)
    monkeypatch.setattr(
        "twilio_conformance.engine.executor._Worker.is_alive", lambda worker: worker.process.poll() is None
    )
    executor = start()
    os.kill(_pid(executor), signal.SIGSTOP)
    assert _status(executor.result(_key(1))) == "pass"


def test_an_implementation_that_cannot_be_imported_again_is_not_graded_further(
    start: Start, suite: Path
) -> None:
    module = suite / "soon_gone.py"
    module.write_text("from hostile import TwilioFrameSerializer as TwilioFrameSerializer\n")
    executor = start("soon_gone:TwilioFrameSerializer")
    module.unlink()
    assert _status(executor.result(_deed("kill-the-worker"))) == "not-testable"
    assert "there is no module soon_gone" in executor.notes[0]


def test_an_exception_of_the_worker_itself_is_a_failure_of_the_suite(start: Start, suite: Path) -> None:
    source = (
        "from hostile import TwilioFrameSerializer as TwilioFrameSerializer\n"
        "from twilio_conformance.engine import worker\n"
        "del worker.Worker._fork\n"
    )
    (suite / "breaks_the_worker.py").write_text(source)
    executor = start("breaks_the_worker:TwilioFrameSerializer")
    with pytest.raises(SuiteError, match=r"the worker process failed: AttributeError: .*_fork"):
        executor.result(_key(1))


def test_a_failed_import_leaves_no_process(start: Start, suite: Path) -> None:
    (suite / "raises.py").write_text(
        "import os, pathlib\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n"
        "raise ValueError\n"
    )
    with pytest.raises(UsageError, match="importing raises failed: ValueError"):
        start("raises")
    assert not Path(f"/proc/{(suite / 'pid').read_text()}").exists()


def test_a_factory_that_returns_no_serializer_is_refused(start: Start, suite: Path) -> None:
    (suite / "returns_nothing.py").write_text("def make(**arguments): return None\n")
    with pytest.raises(UsageError, match="the factory gave a value of type NoneType without setup"):
        start("returns_nothing:make")


def test_closing_ends_the_worker_and_every_descendant(start: Start) -> None:
    executor = start()
    executor.result(_deed("leave-a-daemon"))
    assert executor._worker is not None
    mark = executor._worker.mark
    assert len(_marked(mark)) == 2
    executor.close()
    assert _marked(mark) == []


def test_closing_ends_a_worker_that_was_stopped(start: Start) -> None:
    executor = start()
    executor.submit([_deed("stop-the-worker")])
    pid = _pid(executor)
    deadline = time.monotonic() + 60
    while "T" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    executor.close()
    assert not Path(f"/proc/{pid}").exists()


def test_settings_of_the_hosts_python_do_not_reach_the_worker(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    monkeypatch.setenv("PYTHONDEVMODE", "1")
    assert _status(start().result(_key(1))) == "pass"


def _marked(mark: str) -> list[str]:
    return [path.parent.name for path in Path("/proc").glob("[0-9]*/environ") if reaper._holds(path, mark)]
