"""The process that imports the implementation, and forks a child for every job: none can touch another.

It speaks JSON lines: orders come in on one pipe, the configuration first; answers go out on another.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.metadata
import os
import platform
import selectors
import signal
import sys
import tempfile
import traceback
from dataclasses import dataclass
from json import loads
from time import monotonic
from typing import TYPE_CHECKING, Any, BinaryIO

from twilio_conformance.engine import sandbox
from twilio_conformance.engine.pipe import Lines, send
from twilio_conformance.engine.timeouts import CallTimeouts, ChildStatus
from twilio_conformance.errors import ConformanceError, UsageError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import BOOK
from twilio_conformance.subject.redaction import Names
from twilio_conformance.twilio import clock, network

if TYPE_CHECKING:
    from twilio_conformance.adapter.processes import Adapter, Pool
    from twilio_conformance.engine.job import World

Json = dict[str, Any]

OUTPUT_LIMIT = 2000
"""Characters of an implementation's own output that a report shows."""

ADAPTER_JOBS_FACTOR = 3
"""How many times as many jobs run at once then: they wait more than they work."""

TICK = 0.05
"""Seconds between two looks at the time limits."""

_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Order:
    """A job that the worker was given; one that is `alone` runs beside no other."""

    job: str
    requirements: list[str]
    limit: float
    alone: bool = False


@dataclass
class _Child:
    """A forked child at work on an order."""

    order: Order
    pid: int
    results: BinaryIO
    output: BinaryIO
    names: Names
    sign: ChildStatus
    started: float
    call_count: int = 0
    call_since: float = 0.0
    received: bytes = b""
    is_silent: bool = False
    adapter: Adapter | None = None
    said_before: int = 0
    is_clean: bool = False

    @property
    def place(self) -> str:
        """Where the child is, for a sentence."""
        return f" in {self.sign.call}" if self.sign.call else ""


def main(orders: int, answers: int) -> None:
    """Serves jobs until the pipe of orders is closed, and ends the process.

    Args:
        orders: File descriptor to read JSON lines from.
        answers: File descriptor to write JSON lines to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    sandbox.limit_files()
    incoming, outgoing = os.fdopen(orders, "rb", buffering=0), os.fdopen(answers, "wb", buffering=0)
    reader = Lines(incoming)
    try:
        Worker(reader.wait(), reader, outgoing).serve()
    except ConformanceError as error:
        send(outgoing, {"error": str(error), "kind": type(error).__name__})
    # A thread that the implementation has started at its import would keep the process alive.
    os._exit(0)


class Worker:
    """Holds the imported implementation and the children that grade it."""

    def __init__(self, configuration: Json, orders: Lines, answers: BinaryIO) -> None:
        """Imports the implementation with the network double and the clock in place.

        Raises:
            UsageError: The implementation cannot be found or imported, or the machine has no loopback.
            DataError: The specification or the vectors are damaged.
        """
        self._catalogue = catalogue.load(configuration["edition"])
        try:
            network.require_loopback()
        except OSError as error:
            raise UsageError(
                f"no connection to {network.LOOPBACK} can be made on this machine ({error}): the suite plays"
                " Twilio there; bring the loopback interface up (ip link set lo up)"
            ) from None
        network.install()
        named = target.parse(configuration["impl"])
        if not named.command:
            # In another process time is real: here it must neither skip nor be held.
            clock.install()
        BOOK.attach()
        self._orders, self._answers = orders, answers
        self._jobs = int(configuration["jobs"])
        self._pool: Pool | None = None
        self._world = self._import(named)
        self._waiting: list[Order] = []
        self._children: dict[int, _Child] = {}
        self._patience = CallTimeouts()
        self._deeds: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(orders.stream, selectors.EVENT_READ)

    def _import(self, named: target.Target) -> World:
        """Imports the implementation, and the checks after it: it finds Pipecat as it is anywhere else."""
        before, state = sandbox.vital(), sandbox.state()
        if named.command:
            from twilio_conformance.adapter.processes import Pool

            self._pool = Pool(named, network.certificate())
        implementation = self._pool.resolve() if self._pool else resolution.resolve(named)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if ruined := sandbox.unusable(before):
            raise UsageError(
                f"--impl={named.spec}: importing it replaces {', '.join(ruined)}, which the suite needs"
            )
        replaced = sandbox.replaced(before)
        deeds = [f"replaces {', '.join(replaced)}"] if replaced else []
        if not self._pool:
            # An adapter's process is one that the suite has started.
            deeds += sandbox.deeds(state)
        self._news = [f"importing the implementation {deed}" for deed in deeds]
        from twilio_conformance.checks import _core
        from twilio_conformance.engine import job

        job.import_late_modules()
        return job.World(implementation, self._catalogue, _core.load_checks(), sandbox.vital())

    def serve(self) -> None:
        """Answers ready, then takes orders until there are no more."""
        found = self._world.implementation
        send(
            self._answers,
            {
                "ready": {
                    "notes": self._news,
                    "name": found.name,
                    "version": found.version,
                    "capabilities": sorted(found.capabilities),
                    "is_class": found.is_class,
                    "network": found.network,
                    "checks": {
                        name: [entry.requirement, entry.limit] for name, entry in self._world.checks.items()
                    },
                    "pipecat": importlib.metadata.version("pipecat-ai"),
                    "python": platform.python_version(),
                }
            },
        )
        gc.freeze()
        try:
            while self._step():
                pass
        finally:
            for child in list(self._children.values()):
                self._end(child)
            if self._pool:
                self._pool.end()

    def _step(self) -> bool:
        """Waits for what comes first: an order, a result, a child's death, a time limit."""
        for key, _ in self._selector.select(timeout=TICK if self._children else None):
            if key.fileobj is self._orders.stream:
                lines = self._orders.read()
                if lines is None:
                    return False
                self._waiting += [self._order(line) for line in lines]
            elif key.data.pid in self._children:
                self._receive(key.data)
        for child in list(self._children.values()):
            self._look_after(child, monotonic())
        while self._waiting and self._has_room_for(self._waiting[0]):
            self._fork(self._waiting.pop(0))
        return True

    def _order(self, line: Json) -> Order:
        """An order; what another process does takes its time, for no clock can skip there."""
        return Order(**line | {"limit": line["limit"] * (target.REAL_TIME if self._pool else 1)})

    def _has_room_for(self, order: Order) -> bool:
        crew = self._jobs * (ADAPTER_JOBS_FACTOR if self._pool else 1)
        most = 1 if order.alone or any(child.order.alone for child in self._children.values()) else crew
        return len(self._children) < most

    def _look_after(self, child: _Child, now: float) -> None:
        """Ends a child that is over a limit; takes note of one that has ended by itself."""
        if child.sign.count != child.call_count:
            child.call_count, child.call_since = child.sign.count, now
        waited = now - child.call_since if child.sign.call else 0.0
        limit = self._patience.limit(child.sign.call)
        if (death := _death(child.pid)) is not None:
            self._receive(child)
            if child.pid in self._children:
                self._fail(child, child.sign.words or f"{death}{child.place}")
        elif limit is not None and waited > limit:
            told = (
                f"did not return within {limit:g} s, which is all it was given after others had not returned"
            )
            self._fail(child, f"hung{child.place}: it {told}", NOT_TESTABLE, lost=child.sign.call)
        elif now - child.started > child.order.limit:
            if waited > self._patience.SHORT:
                self._fail(child, f"hung{child.place} and was ended after {child.order.limit:g} s",
                           lost=child.sign.call)  # fmt: skip
            else:
                self._fail_slow(child)

    def _fork(self, order: Order) -> None:
        names = Names()
        if (vector := self._catalogue.vectors.get(order.job)) is not None:
            names.values.update(vector.data["given"].get("names", {}))
        send(self._answers, {"begun": order.job})
        reading, writing = os.pipe()
        output = tempfile.TemporaryFile()  # noqa: SIM115
        sign = ChildStatus()
        adapter = self._pool.take() if self._pool else None
        said = adapter.mark() if adapter else 0
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            self._be_child(order, os.fdopen(writing, "wb", buffering=0), output, names, sign, adapter)
        os.close(writing)
        os.set_blocking(reading, False)
        results = os.fdopen(reading, "rb", buffering=0)
        child = _Child(
            order, pid, results, output, names, sign, monotonic(), adapter=adapter, said_before=said
        )
        self._children[pid] = child
        self._selector.register(results, selectors.EVENT_READ, child)

    def _be_child(
        self,
        order: Order,
        results: BinaryIO,
        output: BinaryIO,
        names: Names,
        sign: ChildStatus,
        adapter: Adapter | None,
    ) -> None:
        """Runs one job and leaves the process, whatever the implementation has done to it."""
        leave = os._exit
        try:
            self._let_go()
            os.setsid()
            die_with_parent()
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            devnull = os.open(os.devnull, os.O_RDONLY)
            os.dup2(devnull, 0)
            sandbox.limit_memory()
            from twilio_conformance.engine import job

            found = job.run(self._world, order.job, order.requirements, names, sign.enter, adapter)
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
        except BaseException:
            found = {"trouble": traceback.format_exc()}
        try:
            send(results, found)
        except BaseException:
            with contextlib.suppress(BaseException):
                sign.leave("closed the file descriptors of the process, and the check could not report")
        finally:
            leave(0)

    def _let_go(self) -> None:
        """Closes what only the worker may read and write."""
        for stream in (self._orders.stream, self._answers):
            stream.close()
        for sibling in self._children.values():
            sibling.results.close()
            sibling.output.close()
        self._selector.close()

    def _receive(self, child: _Child) -> None:
        """Takes what a child has written; a whole line is its result."""
        with contextlib.suppress(BlockingIOError):
            while data := os.read(child.results.fileno(), 1 << 20):
                child.received += data
            if not child.is_silent:
                child.is_silent = True
                self._selector.unregister(child.results)
        line, end, _ = child.received.partition(b"\n")
        if end:
            found = loads(line)
            for call in found.pop("hung", ()):
                self._note(self._patience.lose(call))
            told = found.pop("adapter", {})
            child.is_clean = told.get("is_clean", False)
            self._note(told.get("fault") and f"{child.order.job}: {told['fault']}")
            self._finish(child, found)

    def _fail(self, child: _Child, deed: str, status: str = FAIL, lost: str = "") -> None:
        """Ends a child; what the implementation did is what its job has found."""
        if lost:
            self._note(self._patience.lose(lost))
        outcome = Outcome(status, f"the implementation {deed}").as_json()
        self._finish(child, {"outcomes": dict.fromkeys(child.order.requirements, outcome)})

    def _fail_slow(self, child: _Child) -> None:
        """Ends a child of which no call hung; what lies between suite and implementation may be what is slow."""
        deed = f"took more than {child.order.limit:g} s over the whole check and was ended"
        if self._pool is None:
            self._fail(child, deed)
            return
        told = f"the adapter {deed}; of each call, {self._pool.pace * 1000:.0f} ms are its own, as for hello"
        self._note(f"{child.order.job}: {told}")
        outcome = Outcome(NOT_TESTABLE, told).as_json()
        self._finish(child, {"outcomes": dict.fromkeys(child.order.requirements, outcome)})

    def _finish(self, child: _Child, found: Json) -> None:
        """Ends a child and passes on what it found, without a secret in it."""
        deeds = found.pop("deeds", ())
        output = "".join(f"(the implementation {deed})\n" for deed in deeds) + _beginning(child.output)
        for deed in deeds:
            if deed not in self._deeds:
                self._note(f"the implementation {deed}, first in {child.order.job}")
        self._deeds.update(deeds)
        if child.adapter:
            output += child.adapter.said(child.said_before)
        self._end(child)
        shown = child.names.redact(found | {"output": output})
        send(self._answers, {"job": child.order.job} | shown)
        child.output.close()
        child.sign.close()

    def _end(self, child: _Child) -> None:
        self._children.pop(child.pid)
        if not child.is_silent:
            self._selector.unregister(child.results)
        child.results.close()
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(child.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        if self._pool and child.adapter:
            self._pool.give_back(child.adapter, is_clean=child.is_clean)

    def _note(self, sentence: str | None) -> None:
        if sentence is not None:
            send(self._answers, {"note": sentence})


def die_with_parent() -> None:
    """Lets the kernel end this process when its parent dies, where it can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _death(pid: int) -> str | None:
    """How a child died, as a sentence; None while it lives."""
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return f"ended the process with status {info.si_status}"
    return f"ended the process by {signal.Signals(info.si_status).name}"


def _beginning(stream: BinaryIO) -> str:
    """The beginning of what a child wrote to its standard output and error, and how much there was."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    text = stream.read(OUTPUT_LIMIT).decode("utf-8", "replace")
    return text if size <= OUTPUT_LIMIT else f"(the first of {size} bytes) {text}…"
