"""Broken adapters: each is diagnosed in one sentence, and never taken for a violation."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import miniature
from tests.adapters import broken, javascript
from tests.unit.adapter.broken_adapter import GREETINGS
from twilio_conformance.errors import UsageError
from twilio_conformance.spec.verdict import NOT_TESTABLE, PASS

CLEAR = ("TFS-CLEAR-01", "clear/interruption-plain")
ENCODING = ("TFS-MEDIAOUT-07", "media.encoding_equals_a_reference_encoder")
CONSTRUCTION = ("TFS-CONSTRUCT-04", "construction/without-hang-up-none")

DIAGNOSES = {
    "chatty": "writes a line that is not JSON: 'Serializing a frame'",
    "dying": "ended with status 3 (its last words: out of cheese) in serialize",
    "lying": "answers request 1, which is not open",
    "confused": "gives a result for serialize that the protocol does not know: {'payload': '/v7+'}",
    "double": "answers serialize with the members id, raised, result",
    "lost": "cannot perform serialize: 'there is no frame of this name'",
    "endless": "writes a line of more than 64 MiB",
    "garbled": "answers serialize with an exception without type and message, or with bases that are no names",
    "deep": "writes a line that is not JSON: '[[[[",
    "generous": "answers construct with the result {'text': 'made'} where null is wanted",
}


@pytest.mark.parametrize("how", DIAGNOSES)
def test_a_broken_adapter_is_diagnosed_as_what_it_is(grade, how):
    executor, found = grade(broken(how), CLEAR)
    outcome = found[CLEAR[1]].outcomes[CLEAR[0]]
    assert outcome.status == NOT_TESTABLE, outcome.message
    assert f"the adapter {DIAGNOSES[how]}" in outcome.message
    assert any(DIAGNOSES[how] in note for note in executor.notes)


def test_a_fault_after_the_last_call_is_noted_and_touches_no_verdict(grade):
    executor, found = grade(broken("parting"), CONSTRUCTION)
    assert found[CONSTRUCTION[1]].outcomes[CONSTRUCTION[0]].status == PASS
    assert executor.notes == [
        f"{CONSTRUCTION[1]}: the adapter answers close with an exception; it asks nothing of the implementation"
    ]


def test_an_adapter_that_is_slow_at_everything_is_told_by_its_pace(launch, tmp_path, monkeypatch):
    suite = miniature.build(tmp_path, ("nothing",))
    miniature.set_limit(suite / miniature.PACKAGE.name / "engine" / "messages.py", "VECTOR_LIMIT", "0.6")
    monkeypatch.setattr("twilio_conformance.subject.process.search_path", lambda: [str(suite), *sys.path])
    # The limit is multiplied by 3 over stdio; three answers take longer.
    executor, (check,) = launch(broken("sluggish"), ("TFS-KEY-01", "key/1"), edition=miniature.load(suite))
    found = executor.result(check).outcomes["TFS-KEY-01"]
    assert found.status == NOT_TESTABLE
    told = "the adapter took more than 1.8 s over the whole check and was ended; of each call, 7"
    assert found.message.startswith(told) and found.message.endswith("ms are its own, as for hello")
    assert executor.notes == [f"key/1: {found.message}"]


SILENT = {
    "a deaf adapter": (broken("deaf"), ENCODING, "answers nothing while serialize is under way", True),
    "a slow adapter": (broken("slow"), CONSTRUCTION, "does not answer construct within 10 s", True),
    "an implementation that hangs": (
        javascript(Path(__file__).parent / "hanging_serializer.mjs"), CLEAR,
        "setup raised DidNotReturn('no return within 10 s')", False),
}  # fmt: skip
"""Command, what it is graded on, what is said, and whether it is the adapter's fault."""


def test_who_gives_no_answer_is_told_and_who_starts_slowly_is_waited_for(launch, tmp_path):
    started = tmp_path / "started"
    late = f"sh -c 'test -e {started} && sleep 11; touch {started}; exec {javascript()}'"
    # All at once: each takes its time limit of 10 s.
    launched = {name: launch(line, asked) for name, (line, asked, *_) in SILENT.items()}
    # The process that said hello serves the first job, a new one the second.
    executor, jobs = launch(late, CLEAR, CONSTRUCTION)
    told = {
        name: (executor.result(check).outcomes[SILENT[name][1][0]], executor.notes)
        for name, (executor, (check,)) in launched.items()
    }
    waited_for = [outcome.status for job in jobs for outcome in executor.result(job).outcomes.values()]
    for name, (_, _, diagnosis, is_adapters_fault) in SILENT.items():
        outcome, noted = told[name]
        assert outcome.status == NOT_TESTABLE, (name, outcome)
        assert diagnosis in outcome.message, name
        assert any(diagnosis in note for note in noted) == is_adapters_fault, name
    assert (waited_for, executor.notes) == ([PASS, PASS], [])


@pytest.mark.parametrize(
    ("line", "diagnosis"),
    [("no-such-program --at-all", "no-such-program cannot be started"),
     ("true", "the adapter ended with status 0"),
     ("sh -c 'echo hello; sleep 5'", "writes a line that is not JSON: 'hello'"),
     *((broken(how), "the adapter answers hello with .* where .* are wanted, of protocol 1") for how in GREETINGS),
     (broken("sleepy"), "takes 2.5 s for hello once it runs; 2 s are permitted"),
     ("'unbalanced", "No closing quotation")],
)  # fmt: skip
def test_a_command_that_is_no_adapter_is_a_usage_error(grade, line, diagnosis):
    with pytest.raises(UsageError, match=diagnosis):
        grade(line, CLEAR)


def test_after_an_adapter_has_died_the_next_job_has_a_new_one(grade):
    _, found = grade(broken("dying"), CLEAR, CONSTRUCTION)
    assert found[CONSTRUCTION[1]].outcomes[CONSTRUCTION[0]].status == PASS


def test_no_adapter_and_no_process_of_one_outlives_the_run(launch, tmp_path):
    witness = tmp_path / "pids"
    line = f"sh -c 'sleep 600 & echo $! $$ > {witness}; {javascript()}; true'"
    executor, (job,) = launch(line, CLEAR)
    assert executor.result(job).outcomes[CLEAR[0]].status == PASS
    pids = [int(word) for word in witness.read_text().split()]
    assert all(Path(f"/proc/{pid}").exists() for pid in pids)
    executor.close()
    for pid in pids:
        _expect_gone(pid)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name
)
def test_no_process_of_an_adapter_outlives_a_suite_that_is_ended(tmp_path, number):
    witness = tmp_path / "pids"
    line = f"sh -c 'sleep 600 & echo $! $$ > {witness}; {broken('deaf')}; true'"
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-p", "twilio_conformance.plugin", f"--impl=stdio:{line}", "-k", CLEAR[1]],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    until = time.monotonic() + 60
    while not (witness.exists() and witness.read_text()) and time.monotonic() < until:
        time.sleep(0.1)
    # In the midst of the first job: the process that said hello goes on to it.
    time.sleep(2)
    assert process.poll() is None
    process.send_signal(number)
    process.wait(timeout=30)
    for pid in witness.read_text().split():
        _expect_gone(int(pid))


def _expect_gone(pid: int) -> None:
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert not Path(f"/proc/{pid}").exists()
