"""Grade many implementations with the suite's own code, with one process each instead of one a check.

The suite runs every check in its own process, because it cannot know what an implementation leaves behind.
The serializers here are known, and only those marked as isolated need a process for each check.

Everything that the proof uses of the suite's internals is in this module.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import json
import os
import selectors
import signal
import tempfile
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from twilio_conformance.checks._core import Check, load_checks
from twilio_conformance.engine import job
from twilio_conformance.engine.messages import vector_jobs
from twilio_conformance.errors import UsageError
from twilio_conformance.spec import catalogue, coverage
from twilio_conformance.spec.catalogue import Catalogue
from twilio_conformance.spec.verdict import FAIL, Outcome, status_of
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.redaction import Names
from twilio_conformance.subject.target import Implementation
from twilio_conformance.twilio import clock, network
from twilio_conformance.twilio.network import Network

VECTOR_LIMIT = 20.0
"""Seconds of real time for one vector; a graded run allows 60, for slower machines and adapters."""

MAX_TIMEOUTS = 3
"""Checks of one candidate that may exceed their time limit before the rest are not run."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One implementation to grade.

    Attributes:
        name: Its name in the results.
        find: Loads it, in the process that grades it.
        isolated: Whether every task needs its own process.
        measure: Called after each task; its result is kept in `Results.measurements`.
    """

    name: str
    find: Callable[[], Implementation]
    isolated: bool = False
    measure: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A vector or a check in code, the requirements that it grades, and its limit in seconds of real time."""

    id: str
    requirements: tuple[str, ...]
    limit: float


@dataclass
class Results:
    """The results of one candidate; `outcomes` by requirement, then by check."""

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    seconds: float = 0.0
    timeouts: int = 0
    error: str = ""
    measurements: dict[str, Any] = field(default_factory=dict)

    def add(self, task: Task, outcomes: dict[str, Outcome]) -> None:
        """Add the outcomes of one task."""
        for requirement, outcome in outcomes.items():
            self.outcomes.setdefault(requirement, {})[task.id] = outcome

    def status(self, requirement: str) -> str | None:
        """Return the status of a requirement; None if nothing graded it."""
        found = self.outcomes.get(requirement)
        return status_of(found.values()) if found else None

    def failures(self) -> dict[str, str]:
        """Return the status of every requirement that failed or could not be tested."""
        found = {requirement: status_of(own.values()) for requirement, own in self.outcomes.items()}
        return {name: status for name, status in found.items() if status in ("fail", "not-testable")}


def loader(spec: str) -> Callable[[], Implementation]:
    """Return a function that loads the implementation that --impl would name."""
    return lambda: resolution.resolve(target.parse(spec))


class Runner:
    """Grades candidates, with the suite loaded once."""

    def __init__(self, jobs: int = 2) -> None:
        """Load requirements, vectors and checks, and install the network double.

        Args:
            jobs: How many candidates to grade at once.
        """
        # Looking up the version of an implementation lists all distributions, which takes a third of a second.
        distributions = importlib.metadata.packages_distributions()
        importlib.metadata.packages_distributions = lambda: distributions
        network.install()
        clock.install()
        CAPTURE.attach()
        self._jobs = jobs
        self.catalogue: Catalogue = catalogue.load()
        self.profiles = {name: entry.profile for name, entry in self.catalogue.requirements.items()}
        self.checks: dict[str, Check] = load_checks()
        jobs_in_code = job.jobs_in_code(self.catalogue, self.checks)
        in_code = {each.id: each.requirements[0] for each in jobs_in_code.values()}
        self.entries = coverage.entries(self.catalogue, in_code)
        self.tasks = {
            each.id: Task(each.id, tuple(each.requirements), each.limit if each.module else VECTOR_LIMIT)
            for each in (*vector_jobs(self.catalogue).values(), *jobs_in_code.values())
        }
        gc.freeze()  # a child that collects garbage must not copy what is loaded here

    def tasks_of(self, requirement: str) -> list[Task]:
        """Return the tasks that grade a requirement."""
        return [self.tasks[entry.check] for entry in self.entries if entry.requirement == requirement]

    def grade(
        self,
        work: Iterable[tuple[Candidate, Sequence[Task]]],
        enough: Callable[[Results], bool] = lambda _: False,
    ) -> Iterator[tuple[Candidate, Results]]:
        """Grade candidates, each by its tasks in order, until `enough` returns true for its results.

        Yields:
            Each candidate with its results, in the order in which they finish.
        """
        remaining = iter(work)
        processes: list[_CandidateProcess] = []
        with selectors.DefaultSelector() as selector:
            while True:
                while len(processes) < self._jobs and (following := next(remaining, None)) is not None:
                    processes.append(_CandidateProcess(self, *following, selector))
                if not processes:
                    return
                for key, _ in selector.select(timeout=0.1):
                    key.data.receive()
                for process in list(processes):
                    if process.is_done(enough):
                        processes.remove(process)
                        yield process.candidate, process.results


class _CandidateProcess:
    """A child process that grades one candidate; it is replaced when a check ends it or takes too long."""

    def __init__(
        self,
        runner: Runner,
        candidate: Candidate,
        tasks: Sequence[Task],
        selector: selectors.BaseSelector,
    ) -> None:
        self._runner, self.candidate, self._selector = runner, candidate, selector
        self._tasks = deque(tasks)
        self.results = Results()
        self._started = time.monotonic()
        self._fork()

    def _fork(self) -> None:
        tasks = list(self._tasks)[:1] if self.candidate.isolated else list(self._tasks)
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _be_child(self._runner, self.candidate, tasks, os.fdopen(writing, "wb", buffering=0))
        os.close(writing)
        os.set_blocking(reading, False)
        self._pipe = os.fdopen(reading, "rb", buffering=0)
        self._received, self._since, self._ended = b"", time.monotonic(), False
        self._unfinished = len(tasks)
        self._selector.register(self._pipe, selectors.EVENT_READ, self)

    def receive(self) -> None:
        """Read the lines that the child has written."""
        with suppress(BlockingIOError):
            while data := os.read(self._pipe.fileno(), 1 << 20):
                self._received += data
            self._ended = True
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, found: dict[str, Any]) -> None:
        if "error" in found:
            self.results.error = found["error"]
            self._tasks.clear()
            return
        if "unusable" in found:
            while self._tasks:
                self._fail(self._tasks.popleft(), found["unusable"])
            return
        self._since = time.monotonic()
        self._unfinished -= 1
        task = self._tasks.popleft()
        outcomes = {name: Outcome(**outcome) for name, outcome in found["outcomes"].items()}
        self.results.add(task, outcomes)
        self.results.measurements[task.id] = found.get("measure")

    def is_done(self, enough: Callable[[Results], bool]) -> bool:
        """Return whether the candidate is graded; replace a child that hangs or has ended."""
        late = self._tasks and time.monotonic() - self._since > self._tasks[0].limit
        over = not self._tasks or enough(self.results) or self.results.timeouts >= MAX_TIMEOUTS
        if not (late or over or self._ended):
            return False
        self._selector.unregister(self._pipe)
        self._pipe.close()
        _kill(self._pid)
        if over:
            return self._close()
        if late or self._unfinished:
            self._fail(
                self._tasks.popleft(),
                "the implementation did not finish in time"
                if late
                else "the implementation ended the process",
            )
            self.results.timeouts += bool(late)
        if not self._tasks:
            return self._close()
        self._fork()
        return False

    def _close(self) -> bool:
        self.results.seconds = time.monotonic() - self._started
        return True

    def _fail(self, task: Task, how: str) -> None:
        outcome = Outcome(FAIL, how, actual=how)
        self.results.add(task, dict.fromkeys(task.requirements, outcome))


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _be_child(runner: Runner, candidate: Candidate, tasks: Sequence[Task], results: BinaryIO) -> None:
    """Grade in this process, then exit; what the candidate prints is seen by its checks and then discarded."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        output = tempfile.TemporaryFile()  # noqa: SIM115
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
        world = job.Context(candidate.find(), runner.catalogue, runner.checks)
        for task in tasks:
            found = _graded(world, task)
            _send(results, found | ({"measure": candidate.measure()} if candidate.measure else {}))
    except UsageError as error:
        _send(results, {"unusable": str(error)})
    except BaseException:
        _send(results, {"error": traceback.format_exc()})
    finally:
        os._exit(0)


def _graded(world: job.Context, task: Task) -> dict[str, Any]:
    """Run a task and return its outcomes, cleaning up for the next one."""
    names, double = Names(), Network()
    if task.id in world.catalogue.vectors:
        names.values.update(world.catalogue.vectors[task.id].data["given"].get("names", {}))
    try:
        with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner, double:
            probe = Probe(world.implementation, double, names)
            found = runner.run(job.grade(world, task.id, list(task.requirements), probe, explain=False))
    except BaseException as error:
        action = job.action_behind(error, world.implementation)
        if action is None:
            raise
        found = dict.fromkeys(task.requirements, Outcome(FAIL, f"the implementation {action}"))
    return {"outcomes": job.as_json(found)}


def _send(stream: BinaryIO, document: dict[str, Any]) -> None:
    data = json.dumps(document).encode() + b"\n"
    while data:
        data = data[stream.write(data) :]
