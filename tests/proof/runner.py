"""Grades many implementations with the suite's own code, quickly: a fork for each, not for each check.

The suite gives every check a process of its own, because it cannot know what an implementation leaves
behind. A specimen here is known: only one that is broken in just that way is graded check by check.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.metadata
import json
import os
import selectors
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from twilio_conformance.checks._core import Check, load_checks
from twilio_conformance.engine import job, sandbox
from twilio_conformance.errors import UsageError
from twilio_conformance.spec import catalogue, coverage
from twilio_conformance.spec.catalogue import Catalogue
from twilio_conformance.spec.verdict import FAIL, Outcome, status_of
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import BOOK
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.redaction import Names
from twilio_conformance.subject.target import Implementation
from twilio_conformance.twilio import clock, network
from twilio_conformance.twilio.network import Network

VECTOR_LIMIT = 20.0
"""Seconds of real time for one vector, as in a graded run."""

TIMEOUT_TALLY = 3
"""Checks of one specimen that may end by their time limit; it is a sleeper, and the rest of it is not run."""


@dataclass(frozen=True, slots=True)
class Specimen:
    """One implementation to grade; `find` is called in the process that grades it, and `note` after each task."""

    name: str
    find: Callable[[], Implementation]
    isolated: bool = False
    note: Callable[[], Any] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A vector or a check in code, the requirements that it grades, and its limit in seconds of real time."""

    id: str
    requirements: tuple[str, ...]
    limit: float


@dataclass
class Findings:
    """What was found of a specimen: by requirement, then by check."""

    outcomes: dict[str, dict[str, Outcome]] = field(default_factory=dict)
    seconds: float = 0.0
    timeouts: int = 0
    trouble: str = ""
    notes: dict[str, Any] = field(default_factory=dict)

    def add(self, task: Task, outcomes: dict[str, Outcome]) -> None:
        """Takes the outcomes of one task."""
        for requirement, outcome in outcomes.items():
            self.outcomes.setdefault(requirement, {})[task.id] = outcome

    def status(self, requirement: str) -> str | None:
        """The status of a requirement; None where nothing graded it."""
        found = self.outcomes.get(requirement)
        return status_of(found.values()) if found else None

    def failures(self) -> dict[str, str]:
        """The status of every requirement that does not hold."""
        found = {requirement: status_of(own.values()) for requirement, own in self.outcomes.items()}
        return {name: status for name, status in found.items() if status in ("fail", "not-testable")}


def named(spec: str) -> Callable[[], Implementation]:
    """Finds what --impl names."""
    return lambda: resolution.resolve(target.parse(spec))


class Laboratory:
    """The suite, loaded once, and the lanes in which specimens are graded."""

    def __init__(self, lanes: int = 2) -> None:
        """Loads requirements, vectors and checks, and puts the network double in place.

        Args:
            lanes: How many specimens are graded at once.
        """
        # Every search for an implementation's version lists all distributions: a third of a second.
        distributions = importlib.metadata.packages_distributions()
        importlib.metadata.packages_distributions = lambda: distributions
        network.install()
        clock.install()
        BOOK.attach()
        self._lanes = lanes
        self.originals = sandbox.vital()
        self.catalogue: Catalogue = catalogue.load()
        self.profiles = {name: entry.profile for name, entry in self.catalogue.requirements.items()}
        self.checks: dict[str, Check] = load_checks()
        self.entries = coverage.entries(
            self.catalogue, {name: check.requirement for name, check in self.checks.items()}
        )
        self.tasks = self._tasks()
        gc.freeze()  # what is here stays, and no child has to copy it when it collects

    def _tasks(self) -> dict[str, Task]:
        vectors = {
            name: Task(name, tuple(own for own in vector.requirements), VECTOR_LIMIT)
            for name, vector in self.catalogue.vectors.items()
        }
        checks = {name: Task(name, (check.requirement,), check.limit) for name, check in self.checks.items()}
        return vectors | checks

    def tasks_of(self, requirement: str) -> list[Task]:
        """All that grades a requirement."""
        return [self.tasks[entry.check] for entry in self.entries if entry.requirement == requirement]

    def grade(
        self,
        work: Iterable[tuple[Specimen, Sequence[Task]]],
        enough: Callable[[Findings], bool] = lambda _: False,
    ) -> Iterator[tuple[Specimen, Findings]]:
        """Grades specimens, each by its tasks in order, until `enough` has been found of it.

        Yields:
            Each specimen with what was found, in the order in which they are done.
        """
        waiting = iter(work)
        lanes: list[_Lane] = []
        with selectors.DefaultSelector() as selector:
            while True:
                while len(lanes) < self._lanes and (following := next(waiting, None)) is not None:
                    lanes.append(_Lane(self, *following, selector))
                if not lanes:
                    return
                for key, _ in selector.select(timeout=0.1):
                    key.data.receive()
                for lane in list(lanes):
                    if lane.is_done(enough):
                        lanes.remove(lane)
                        yield lane.specimen, lane.findings


class _Lane:
    """One specimen at work, in a child that is replaced when a check ends it or takes too long."""

    def __init__(
        self,
        laboratory: Laboratory,
        specimen: Specimen,
        tasks: Sequence[Task],
        selector: selectors.BaseSelector,
    ) -> None:
        self._laboratory, self.specimen, self._selector = laboratory, specimen, selector
        self._tasks = deque(tasks)
        self.findings = Findings()
        self._started = time.monotonic()
        self._fork()

    def _fork(self) -> None:
        tasks = list(self._tasks)[:1] if self.specimen.isolated else list(self._tasks)
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(reading)
            _be_child(self._laboratory, self.specimen, tasks, os.fdopen(writing, "wb", buffering=0))
        os.close(writing)
        os.set_blocking(reading, False)
        self._results = os.fdopen(reading, "rb", buffering=0)
        self._received, self._since, self._ended = b"", time.monotonic(), False
        self._owed = len(tasks)
        self._selector.register(self._results, selectors.EVENT_READ, self)

    def receive(self) -> None:
        """Takes the lines that the child has written."""
        with suppress(BlockingIOError):
            while data := os.read(self._results.fileno(), 1 << 20):
                self._received += data
            self._ended = True
        *lines, self._received = self._received.split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, found: dict[str, Any]) -> None:
        if "trouble" in found:
            self.findings.trouble = found["trouble"]
            self._tasks.clear()
            return
        if "unusable" in found:
            while self._tasks:
                self._fail(self._tasks.popleft(), found["unusable"])
            return
        self._since = time.monotonic()
        self._owed -= 1
        task = self._tasks.popleft()
        outcomes = {name: Outcome.from_json(outcome) for name, outcome in found["outcomes"].items()}
        self.findings.add(task, outcomes)
        self.findings.notes[task.id] = found.get("note")

    def is_done(self, enough: Callable[[Findings], bool]) -> bool:
        """Whether nothing is left to find; replaces a child that hangs or has ended."""
        late = self._tasks and time.monotonic() - self._since > self._tasks[0].limit
        over = not self._tasks or enough(self.findings) or self.findings.timeouts >= TIMEOUT_TALLY
        if not (late or over or self._ended):
            return False
        self._selector.unregister(self._results)
        self._results.close()
        _kill(self._pid)
        if over:
            return self._close()
        if late or self._owed:
            self._fail(
                self._tasks.popleft(),
                "the implementation did not finish in time"
                if late
                else "the implementation ended the process",
            )
            self.findings.timeouts += bool(late)
        if not self._tasks:
            return self._close()
        self._fork()
        return False

    def _close(self) -> bool:
        self.findings.seconds = time.monotonic() - self._started
        return True

    def _fail(self, task: Task, how: str) -> None:
        outcome = Outcome(FAIL, how, actual=how)
        self.findings.add(task, dict.fromkeys(task.requirements, outcome))


def _kill(pid: int) -> None:
    for end in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            end(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _be_child(laboratory: Laboratory, specimen: Specimen, tasks: Sequence[Task], results: BinaryIO) -> None:
    """Grades in this process, then leaves it; what the specimen prints is thrown away."""
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        world = job.World(specimen.find(), laboratory.catalogue, laboratory.checks, laboratory.originals)
        for task in tasks:
            found = _graded(world, task)
            _send(results, found | ({"note": specimen.note()} if specimen.note else {}))
    except UsageError as error:
        _send(results, {"unusable": str(error)})
    except BaseException:
        _send(results, {"trouble": traceback.format_exc()})
    finally:
        os._exit(0)


def _graded(world: job.World, task: Task) -> dict[str, Any]:
    """What a task finds, as `job.run` says it; unlike there, everything is cleaned up for the next."""
    names, bench = Names(), Network()
    if task.id in world.catalogue.vectors:
        names.values.update(world.catalogue.vectors[task.id].data["given"].get("names", {}))
    try:
        with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(bench)) as runner, bench:
            probe = Probe(world.implementation, bench, names, lambda _: None)
            return runner.run(job.grade_job(world, task.id, list(task.requirements), probe))
    except BaseException as error:
        deed = job.deed_of(error, world)
        if deed is None:
            raise
        outcome = Outcome(FAIL, f"the implementation {deed}").as_json()
        return {"outcomes": dict.fromkeys(task.requirements, outcome)}


def _send(stream: BinaryIO, document: dict[str, Any]) -> None:
    data = json.dumps(document).encode() + b"\n"
    while data:
        data = data[stream.write(data) :]
