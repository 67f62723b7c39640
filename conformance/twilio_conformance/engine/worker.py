"""The worker process: it imports the implementation and forks a child for every job, so that no job affects another.

It speaks JSON lines. The first line that it reads is the configuration; each later one names a job.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import platform
import selectors
import signal
import sys
import tempfile
import traceback
from dataclasses import asdict, replace
from json import loads
from time import monotonic
from typing import TYPE_CHECKING

from twilio_conformance.engine import sandbox
from twilio_conformance.engine.child import Child, QueuedJob, beginning, death
from twilio_conformance.engine.messages import VECTOR_LIMIT, ChildReport, Job
from twilio_conformance.engine.status import ChildStatus
from twilio_conformance.errors import ConformanceError, UsageError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Json
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.effects import Effects
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.process import LineReader, die_with_parent, kill_group, receive, send
from twilio_conformance.twilio import clock, network

if TYPE_CHECKING:
    from twilio_conformance.adapter.processes import Pool
    from twilio_conformance.engine.job import Context

ADAPTER_JOBS_FACTOR = 3
"""Concurrent jobs per core with an adapter, which mostly waits."""

REAL_TIME_JOBS = 4
"""Jobs in real time that run beside the others; they mostly wait, too."""

MAX_WAITING = 32
"""Children whose call only waits that run beside the others; a client that blocks may wait for half a minute."""

WAITING, BUSY = 1.0, 0.2
"""Seconds after which a call counts as waiting, and the share of them for which it may use a processor."""

MAX_SHARING = 8
"""Jobs that run in one process, one after the other, where they may."""

CALL_GRACE = 3.0
"""Seconds beyond a call's own limit after which its child is ended; it gives up by itself unless it is blocked."""

TICK = 0.05
"""Seconds between two checks of the time limits."""


def main(requests: int, answers: int) -> None:
    """Serve jobs until the pipe of requests is closed, then end the process.

    Args:
        requests: File descriptor to read JSON lines from.
        answers: File descriptor to write JSON lines to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    sandbox.limit_files()
    reader = LineReader(requests)
    try:
        if (configuration := receive(reader)) is not None:
            Worker(configuration, reader, answers).serve()
    except ConformanceError as error:
        send(answers, {"error": str(error), "kind": type(error).__name__})
    # A thread that the implementation started while it was imported would keep the process alive.
    os._exit(0)


class Worker:
    """The imported implementation and the children that grade it."""

    def __init__(self, configuration: Json, requests: LineReader, answers: int) -> None:
        """Import the implementation, with the network double and the clock in place.

        Args:
            configuration: The implementation, the edition and the number of jobs to run at once.
            requests: The jobs to run.
            answers: File descriptor to write JSON lines to.

        Raises:
            UsageError: The implementation cannot be found or imported, or the machine has no loopback.
            DataError: The specification or the vectors are damaged.
        """
        self._catalogue = catalogue.load(configuration["edition"], read_vectors=False)
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
            # An adapter is another process, where time is real: here it must neither skip nor stop then.
            clock.install()
        CAPTURE.attach()
        self._requests, self._answers = requests, answers
        self._pool: Pool | None = None
        self._notes: list[str] = []
        self._context = self._import(named)
        self._concurrency = int(configuration["concurrency"]) * (ADAPTER_JOBS_FACTOR if self._pool else 1)
        self._waiting: list[QueuedJob] = []
        self._children: dict[int, Child] = {}
        self._state_changes: set[str] = set()
        self._selector = selectors.DefaultSelector()
        self._selector.register(requests.descriptor, selectors.EVENT_READ)

    def _import(self, named: target.Target) -> Context:
        """Import the implementation, and only then the checks, so that it finds Pipecat not imported yet."""
        effects = Effects()
        if named.command:
            from twilio_conformance.adapter.processes import Pool

            self._pool = Pool(named, network.certificate())
            implementation = self._pool.resolve()
            self._notes += filter(None, [self._pool.limitation])
        else:
            implementation = resolution.resolve(named)
            self._notes += filter(None, [implementation.advice])
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if not self._pool:
            # The suite itself started the processes of an adapter.
            self._notes += [f"importing the implementation {change}" for change in effects.changes()]
        from twilio_conformance.checks import _core
        from twilio_conformance.engine import job

        job.preload_lazy_imports()
        context = job.Context(implementation, self._catalogue, _core.load_checks())
        self._jobs = job.jobs_in_code(self._catalogue, context.checks)
        return context

    def serve(self) -> None:
        """Report ready, then run jobs until the pipe of requests is closed."""
        found = self._context.implementation
        ready = {
            "notes": self._notes,
            "name": found.name,
            "version": found.version,
            "capabilities": sorted(found.capabilities),
            "is_class": found.is_class,
            "file": found.file,
            "network": found.network,
            "jobs_in_code": [asdict(job) for job in self._jobs.values()],
            "pipecat": importlib.metadata.version("pipecat-ai"),
            "python": platform.python_version(),
        }
        send(self._answers, {"ready": ready})
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
        """Wait for a request, a result, the death of a child or a time limit; False after the last request."""
        for key, _ in self._selector.select(timeout=TICK if self._children else None):
            if key.fd == self._requests.descriptor:
                lines = self._requests.read()
                if lines is None:
                    return False
                self._waiting += [self._order(loads(line)) for line in lines]
            elif key.data.pid in self._children:
                self._receive(key.data)
        for child in list(self._children.values()):
            self._enforce_limits(child, monotonic())
        while (order := next(filter(self._has_room_for, self._waiting), None)) is not None:
            sharing = [each for each in self._waiting if each.shares] if order.shares else [order]
            orders = sharing[:MAX_SHARING]
            self._waiting = [each for each in self._waiting if each not in orders]
            self._fork(orders)
        return True

    def _order(self, request: Json) -> QueuedJob:
        """Return the order for a request; an adapter gets more time, for no clock can skip there."""
        from twilio_conformance.engine.job import HANDSHAKE_LIMIT

        if request["job"] == target.HANDSHAKE:
            job = Job(target.HANDSHAKE, [target.HANDSHAKE], HANDSHAKE_LIMIT, module=target.HANDSHAKE)
        elif (in_code := self._jobs.get(request["job"])) is not None:
            job = in_code
        else:
            job = Job(request["job"], request["requirements"], VECTOR_LIMIT)
        shares = not job.module and not request["alone"] and not self._pool and self._context.threads == 1
        return QueuedJob(job, job.limit * (target.REAL_TIME if self._pool else 1), request["alone"], shares)

    def _has_room_for(self, order: QueuedJob) -> bool:
        if order.alone or any(child.order.alone for child in self._children.values()):
            return not self._children
        running = [child.order for child in self._children.values() if not child.is_waiting]
        if len(self._children) - len(running) >= MAX_WAITING:
            return False
        beside = sum(other.job.in_real_time == order.job.in_real_time for other in running)
        return beside < (REAL_TIME_JOBS if order.job.in_real_time else self._concurrency)

    def _enforce_limits(self, child: Child, now: float) -> None:
        """End a child that has exceeded a limit, and account for one that has ended by itself."""
        status, call, used = child.status, child.status.call, sandbox.processor_seconds(child.pid)
        if status.count != child.call_count:
            child.call_count, child.call_since, child.used_before = status.count, now, used
        # With an adapter, another process runs the calls, and its client limits each.
        waited = now - child.call_since if call and not self._pool else 0.0
        child.is_waiting = waited > WAITING and used - child.used_before < BUSY * waited
        is_late = now - child.started > child.order.limit
        if (died := death(child.pid)) is not None:
            self._receive(child)
            if child.pid in self._children:
                self._fail(child, status.failure or f"{died}{child.place}")
        elif waited > status.limit + CALL_GRACE or (is_late and waited > child.order.limit / 2):
            limit = min(status.limit, child.order.limit)
            self._fail(child, f"hung{child.place} and was ended after {limit:g} s")
        elif is_late:
            self._end_slow(child)

    def _fork(self, orders: list[QueuedJob]) -> None:
        # Read here, a vector does not have to be read in the child, where files may have run out.
        names, *_ = [self._context.names_for(order.job) for order in orders]
        for order in orders:
            send(self._answers, {"started": order.job.id, "limit": order.limit})
        results, writing = os.pipe()
        output = tempfile.TemporaryFile()  # noqa: SIM115
        adapter = self._pool.take() if self._pool else None
        child = Child(orders, output, names, ChildStatus(), adapter, adapter.mark() if adapter else 0)
        child.pid = os.fork()
        if child.pid == 0:
            os.close(results)
            self._be_child(child, writing)
        os.close(writing)
        os.set_blocking(results, False)
        child.reader, child.started = LineReader(results), monotonic()
        self._children[child.pid] = child
        self._selector.register(results, selectors.EVENT_READ, child)

    def _be_child(self, child: Child, results: int) -> None:
        """Run one job and leave the process, whatever the implementation has done to it."""
        leave = os._exit
        try:
            self._close_inherited()
            os.setsid()
            die_with_parent()
            os.dup2(child.output.fileno(), 1)
            os.dup2(child.output.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            sandbox.limit_memory()
            from twilio_conformance.engine import job

            if len(child.orders) > 1:
                jobs = [order.job for order in child.orders]
                report = job.run_together(self._context, jobs, child.status.enter)
            else:
                report = job.run(
                    self._context, child.order.job, child.names, child.status.enter, child.adapter
                )
            with contextlib.suppress(BaseException):
                sys.stdout.flush()
                sys.stderr.flush()
        except BaseException:
            report = ChildReport(trouble=traceback.format_exc())
        try:
            send(results, asdict(report))
        except BaseException:
            with contextlib.suppress(BaseException):
                failure = "closed the file descriptors of the process, and the check could not report"
                child.status.fail(failure)
        finally:
            leave(0)

    def _close_inherited(self) -> None:
        """Close in a child what only the worker may read and write."""
        os.close(self._requests.descriptor)
        os.close(self._answers)
        for sibling in self._children.values():
            assert sibling.reader is not None
            os.close(sibling.reader.descriptor)
            sibling.output.close()
        self._selector.close()

    def _receive(self, child: Child) -> None:
        """Read what a child has written; a whole line is its report."""
        assert child.reader is not None
        with contextlib.suppress(BlockingIOError):
            while (lines := child.reader.read()) is not None:
                if lines:
                    self._take_report(child, ChildReport(**loads(lines[0])))
                    return
            if not child.is_pipe_closed:
                child.is_pipe_closed = True
                self._selector.unregister(child.reader.descriptor)

    def _take_report(self, child: Child, report: ChildReport) -> None:
        if report.adapter_fault:
            self._note(f"{child.order.job.id}: {report.adapter_fault}")
        self._finish(child, report)

    def _fail(self, child: Child, action: str) -> None:
        """End a child; what the implementation did is the outcome of its job."""
        self._conclude(child, Outcome(FAIL, f"the implementation {action}"))

    def _end_slow(self, child: Child) -> None:
        """End a child in which no call hung: what was too slow for the check may yet do what it grades."""
        message = f"took more than {child.order.limit:g} s over the whole check and was ended"
        if self._pool:
            pace = f"of each call, {self._pool.pace * 1000:.0f} ms are its own, as for hello"
            message = f"the adapter {message}; {pace}"
            self._note(f"{child.order.job.id}: {message}")
        else:
            message = f"the implementation {message}: too slow to be tested here"
        self._conclude(child, Outcome(NOT_TESTABLE, message))

    def _conclude(self, child: Child, outcome: Outcome) -> None:
        self._finish(child, ChildReport(dict.fromkeys(child.order.job.requirements, asdict(outcome))))

    def _finish(self, child: Child, report: ChildReport) -> None:
        """End a child and pass its result on with all secrets removed.

        Of several jobs, those that do not hold run again, each in a process of its own: none may fail for what
        another has left behind.
        """
        if len(child.orders) > 1:
            self._end(child)
            again = [order for order in child.orders if order.job.id not in report.held]
            self._waiting = [replace(order, shares=False) for order in again] + self._waiting
            for check, outcomes in report.held.items():
                send(self._answers, {"result": {"check": check, "outcomes": outcomes}})
            child.output.close()
            child.status.close()
            return
        job, changes = child.order.job.id, report.state_changes
        output = "".join(f"(the implementation {change})\n" for change in changes) + beginning(child.output)
        for change in changes:
            if change not in self._state_changes:
                self._note(f"the implementation {change}, first in {job}")
        self._state_changes.update(changes)
        if child.adapter:
            output += child.adapter.said(child.adapter_output_start)
        self._end(child, is_adapter_clean=report.is_adapter_clean)
        shown = {"outcomes": report.outcomes, "output": output, "trouble": report.trouble}
        send(self._answers, {"result": {"check": job} | child.names.redact(shown)})
        child.output.close()
        child.status.close()

    def _end(self, child: Child, *, is_adapter_clean: bool = False) -> None:
        assert child.reader is not None
        self._children.pop(child.pid)
        if not child.is_pipe_closed:
            self._selector.unregister(child.reader.descriptor)
        os.close(child.reader.descriptor)
        kill_group(child.pid)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(child.pid, 0)
        if self._pool and child.adapter:
            self._pool.give_back(child.adapter, is_clean=is_adapter_clean)

    def _note(self, sentence: str) -> None:
        send(self._answers, {"note": sentence})
