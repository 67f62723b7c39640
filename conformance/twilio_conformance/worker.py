"""The process that imports the implementation and forks a child for every job, so that no job can touch another.

It speaks JSON lines: `Orders` come in on one pipe, the first of them the configuration; answers go out on another.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import selectors
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

from twilio_conformance import catalogue, target
from twilio_conformance.errors import Finding, NotApplicable, NotTestable, SuiteError, UsageError
from twilio_conformance.logbook import BOOK
from twilio_conformance.twilio import network
from twilio_conformance.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome

Json = dict[str, Any]

OUTPUT_LIMIT = 2000
"""Characters of an implementation's own output that a report shows."""

MEMORY_LIMIT = 6 << 30
"""Bytes of address space beyond what the worker itself has that a child may take."""

HANDSHAKE = "handshake"
"""The job that constructs one instance, to see that a factory gives a serializer."""


@dataclass
class _Child:
    """A forked child at work on one job."""

    job: str
    requirements: list[str]
    pid: int
    results: BinaryIO
    output: BinaryIO
    started: float
    limit: float
    received: bytes = b""


def main(orders: int, answers: int) -> None:
    """Serves jobs until the pipe of orders is closed.

    Args:
        orders: File descriptor to read JSON lines from.
        answers: File descriptor to write JSON lines to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    incoming, outgoing = os.fdopen(orders, "rb", buffering=0), os.fdopen(answers, "wb", buffering=0)
    reader = _Lines(incoming)
    configuration = reader.wait()
    try:
        Worker(configuration, reader, outgoing).serve()
    except UsageError as error:
        _send(outgoing, {"error": str(error)})


class _Lines:
    """JSON lines of a pipe; a partial line is kept until the rest arrives."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream
        self._kept = b""

    def wait(self) -> Json:
        while True:
            lines = self.read()
            if lines is None:
                raise SystemExit(0)
            if lines:
                return lines[0]

    def read(self) -> list[Json] | None:
        """The lines that have arrived; None at the end of the pipe."""
        data = os.read(self.stream.fileno(), 1 << 20)
        if not data:
            return None
        *whole, self._kept = (self._kept + data).split(b"\n")
        return [json.loads(line) for line in whole]


def _send(stream: BinaryIO, document: Json) -> None:
    data = json.dumps(document).encode() + b"\n"
    while data:
        data = data[stream.write(data) :]


class Worker:
    """Holds the imported implementation and the children that grade it."""

    def __init__(self, configuration: Json, orders: _Lines, answers: BinaryIO) -> None:
        """Imports the implementation with the network double in place.

        Raises:
            UsageError: The implementation cannot be found or imported.
        """
        network.install()
        BOOK.attach()
        self._orders, self._answers = orders, answers
        self._jobs = int(configuration["jobs"])
        self._time_scale = float(configuration.get("time_scale", 1.0))
        self._implementation = target.resolve(target.parse(configuration["impl"]))
        self._catalogue = catalogue.load(configuration["edition"])
        from twilio_conformance.checks import load_checks

        self._checks = load_checks()
        self._waiting: list[tuple[str, list[str], float]] = []
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders.stream, selectors.EVENT_READ)

    def serve(self) -> None:
        """Answers ready, then takes orders until there are no more."""
        found = self._implementation
        _send(
            self._answers,
            {
                "ready": {
                    "name": found.name,
                    "version": found.version,
                    "capabilities": sorted(found.capabilities),
                    "is_class": found.is_class,
                    "checks": {
                        name: [entry.requirement, entry.limit] for name, entry in self._checks.items()
                    },
                    "pipecat": importlib.metadata.version("pipecat-ai"),
                    "python": platform.python_version(),
                }
            },
        )
        try:
            while self._step():
                pass
        finally:
            for child in list(self._children.values()):
                self._end(child)

    def _step(self) -> bool:
        """Waits for what comes first: an order, a result, a child's death, a time limit."""
        for key, _ in self._selector.select(timeout=0.05 if self._children else None):
            if key.fileobj is self._orders.stream:
                lines = self._orders.read()
                if lines is None:
                    return False
                self._waiting += [(line["job"], line["requirements"], line["limit"]) for line in lines]
            else:
                self._receive(key.data)
        now = time.monotonic()
        for child in list(self._children.values()):
            if now - child.started > child.limit:
                self._finish(child, f"did not finish within {child.limit:g} s and was ended")
            elif (died := _death(child.pid)) is not None:
                self._receive(child, ended=died)
        while self._waiting and len(self._children) < self._jobs:
            self._fork(*self._waiting.pop(0))
        return True

    def _fork(self, job: str, requirements: list[str], limit: float) -> None:
        reading, writing = os.pipe()
        output = tempfile.TemporaryFile()  # noqa: SIM115
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._be_child(job, requirements, os.fdopen(writing, "wb", buffering=0), output)
        os.close(writing)
        os.set_blocking(reading, False)
        results = os.fdopen(reading, "rb", buffering=0)
        child = _Child(job, requirements, pid, results, output, time.monotonic(), limit)
        self._children[pid] = child
        self._selector.register(results, selectors.EVENT_READ, child)

    def _be_child(self, job: str, requirements: list[str], results: BinaryIO, output: BinaryIO) -> None:
        """Runs one job and leaves the process."""
        try:
            os.setsid()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            devnull = os.open(os.devnull, os.O_RDONLY)
            os.dup2(devnull, 0)
            _limit_memory()
            found = _Job(self._implementation, self._catalogue, self._checks, job, requirements).run()
            sys.stdout.flush()
            sys.stderr.flush()
            _send(results, found)
        except BaseException:
            trouble = traceback.format_exc()
            with contextlib.suppress(BaseException):
                _send(results, {"trouble": trouble})
        finally:
            os._exit(0)

    def _receive(self, child: _Child, ended: str | None = None) -> None:
        """Takes what a child has written; a whole line is its result, and it owes one when it ends."""
        try:
            while data := os.read(child.results.fileno(), 1 << 20):
                child.received += data
        except BlockingIOError:
            pass
        if b"\n" in child.received:
            self._finish(child, None)
        elif ended is not None:
            self._finish(child, ended)

    def _finish(self, child: _Child, trouble: str | None) -> None:
        """Ends a child and passes on what it found, or what became of it."""
        self._end(child)
        if trouble is None:
            found = json.loads(child.received.partition(b"\n")[0])
        else:
            found = {
                "outcomes": {
                    requirement: Outcome(FAIL, f"the implementation {trouble}", actual=trouble).as_json()
                    for requirement in child.requirements
                }
            }
        _send(self._answers, {"job": child.job, "output": _output(child.output)} | found)
        child.output.close()

    def _end(self, child: _Child) -> None:
        self._children.pop(child.pid, None)
        self._selector.unregister(child.results)
        child.results.close()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)


def _death(pid: int) -> str | None:
    """How a child died, as a sentence; None while it lives."""
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return f"ended the process with status {info.si_status}"
    return f"ended the process by {signal.Signals(info.si_status).name}"


def _limit_memory() -> None:
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    limit = used + MEMORY_LIMIT
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _output(stream: BinaryIO) -> str:
    """The beginning of what a child wrote to its standard output and error, and how much there was."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    text = stream.read(OUTPUT_LIMIT).decode("utf-8", "replace")
    return text if size <= OUTPUT_LIMIT else f"{text}… ({size} bytes)"


class _Job:
    """One job in a child of its own."""

    def __init__(
        self,
        implementation: target.Implementation,
        everything: catalogue.Catalogue,
        checks: dict[str, Any],
        job: str,
        requirements: list[str],
    ) -> None:
        self._implementation = implementation
        self._catalogue = everything
        self._checks = checks
        self._job = job
        self._requirements = requirements

    def run(self) -> Json:
        """What the job found, without a secret in it."""
        from twilio_conformance.probe import Names, Probe
        from twilio_conformance.twilio.network import Network

        names = Names()
        with Network() as network:
            probe = Probe(self._implementation, network, names)
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                found = runner.run(self._grade(probe))
        redacted: Json = names.redact(found)
        return redacted

    async def _grade(self, probe: Any) -> Json:
        if self._job == HANDSHAKE:
            return _shake_hands(probe)
        started = time.monotonic()
        graders = await self._graders(probe)
        outcomes = {}
        for requirement, grader in graders.items():
            outcome = await _outcome(probe, self._catalogue.requirements[requirement].capability, grader)
            seconds = round(time.monotonic() - started, 4)
            outcomes[requirement] = replace(outcome, seconds=seconds, metrics=probe.metrics).as_json()
        return {"outcomes": outcomes}

    async def _graders(self, probe: Any) -> dict[str, Callable[[], Any]]:
        """What grades each requirement of the job; a vector is played once for all of them."""
        if self._job in self._checks:
            check = self._checks[self._job]
            return {check.requirement: lambda: check.function(probe)}
        from twilio_conformance.checks import vectors

        vector = self._catalogue.vectors[self._job]
        session = await vectors.play(vector, probe)

        def grader(requirement: str) -> Callable[[], Any]:
            async def grade() -> None:
                vectors.grade(vector, session, requirement, probe.names.fill)

            return grade

        return {requirement: grader(requirement) for requirement in self._requirements}


async def _outcome(probe: Any, capability: str | None, grade: Callable[[], Any]) -> Outcome:
    try:
        probe.require_capability(capability)
        await grade()
    except NotApplicable as finding:
        return Outcome(NOT_APPLICABLE, finding.message)
    except Finding as finding:
        status = NOT_TESTABLE if isinstance(finding, NotTestable) else FAIL
        trace = (
            *probe.trace[-40:],
            *(f"request {json.dumps(exchange.as_json())}" for exchange in probe.exchanges[:8]),
        )
        return Outcome(status, finding.message, finding.expected, finding.actual, trace)
    except SuiteError:
        raise
    return Outcome(PASS)


def _shake_hands(probe: Any) -> Json:
    observation, subject = probe.attempt(stream_sid="${stream_sid}", params={"auto_hang_up": False})
    if subject is None:
        return {"handshake": None}
    missing = [
        name
        for name in ("setup", "serialize", "deserialize")
        if not callable(getattr(subject.instance, name, None))
    ]
    return {
        "handshake": f"{type(subject.instance).__name__} without {', '.join(missing)}" if missing else None
    }
