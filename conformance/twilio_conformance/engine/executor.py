"""Runs jobs in a worker process and returns their results; no implementation is imported in this process."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable, Iterable
from json import loads
from time import monotonic
from typing import BinaryIO

from twilio_conformance.adapter.reaper import end_marked
from twilio_conformance.engine.messages import Job, Result, vector_jobs
from twilio_conformance.errors import ConformanceError, DataError, SuiteError, UsageError
from twilio_conformance.spec.catalogue import Catalogue, Json
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome
from twilio_conformance.subject.process import PythonProcess
from twilio_conformance.subject.target import HANDSHAKE

WORKER = "twilio_conformance.engine.worker"
"""The module that the worker process runs."""

IMPORT_LIMIT = 60.0
"""Seconds that the import of an implementation may take."""

GRACE = 30.0
"""Seconds beyond a job's own limit after which a worker that sends nothing counts as dead."""

POLL_INTERVAL = 0.25
"""Seconds between two checks whether a worker that sends nothing is alive."""

EXIT_GRACE = 5.0
"""Seconds that a worker has to end when it is told to."""

MAX_QUEUED = 64
"""Jobs that the worker holds at a time; their requests always fit into the pipe."""

MAX_WORKER_DEATHS = 6
"""Deaths of the worker after which the remaining jobs are not graded."""

_MARK = "CONFORMANCE_RUN"
"""Set for the worker and its descendants; the network double removes TWILIO_* from the environment."""

_ERRORS: dict[str, type[ConformanceError]] = {kind.__name__: kind for kind in (UsageError, DataError)}


class _Worker:
    """One worker process."""

    def __init__(self, configuration: Json, output: BinaryIO) -> None:
        """Start the process, which imports the implementation at once."""
        token = secrets.token_hex(16)
        self.mark = f"{_MARK}={token}"
        self.is_over = self.is_ready = False
        self._host = PythonProcess(WORKER, output, {_MARK: token})
        self.process: subprocess.Popen[bytes] = self._host.process
        self.send(configuration)

    def send(self, document: Json) -> None:
        """Send one request; a worker that has died takes none."""
        with contextlib.suppress(BrokenPipeError):
            self._host.send(document)

    def take(self, timeout: float) -> list[Json]:
        """Return what arrives, as soon as there is something; nothing on a timeout or when the worker is over."""
        until = monotonic() + timeout
        while not self.is_over and self._host.answers.wait(until - monotonic()):
            lines = self._host.answers.read()
            self.is_over = lines is None
            if lines:
                return [loads(line) for line in lines]
        return []

    def is_alive(self) -> bool:
        """Return whether the process runs; one that was stopped by a signal counts as dead."""
        if self.process.poll() is not None:
            return False
        try:
            stopped = os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # It has ended between the two calls.
            return False
        return stopped is None or stopped.si_code != os.CLD_STOPPED

    @property
    def has_failed(self) -> bool:
        """Whether it ended by an exception of its own; nothing else leads to this exit status."""
        return self.process.poll() == 1

    def close(self, *, is_idle: bool = False) -> list[Json]:
        """End the process and its descendants; an idle worker ends by itself when it is told to.

        Args:
            is_idle: Whether it has no job left.

        Returns:
            The answers that it had sent and that were not taken yet.
        """
        self._host.close(EXIT_GRACE if is_idle and self.is_ready and self.is_alive() else 0.0)
        end_marked(self.mark)
        left = []
        while answers := self.take(0.0):
            left += answers
        self._host.close_answers()
        return left


class Executor:
    """The worker with the implementation, restarted when it dies, and the jobs that it was given.

    Attributes:
        implementation: What the worker says of the implementation when it is ready.
        jobs: Every vector and check of the edition as a job, by id.
        notes: Sentences for the summary and the report.
        on_wait: Called several times a second while a result is awaited.
    """

    def __init__(self, impl: str, edition: str, *, concurrency: int) -> None:
        """Prepare an executor without starting it.

        Args:
            impl: The value of --impl.
            edition: The edition to grade against.
            concurrency: How many children may run at once.
        """
        self._configuration: Json = {"impl": impl, "edition": edition, "concurrency": concurrency}
        self.implementation: Json = {}
        self.jobs: dict[str, Job] = {}
        self._vector_jobs: dict[str, Job] = {}
        self.notes: list[str] = []
        self.on_wait: Callable[[], None] = lambda: None
        self._submitted: dict[str, None] = {}
        self._results: dict[str, Result] = {}
        self._waiting: deque[str] = deque()
        self._held: set[str] = set()
        self._started: dict[str, float] = {}
        self._suspects: list[str] = []
        self._deaths = 0
        self._error_output = tempfile.TemporaryFile()  # noqa: SIM115
        self._worker: _Worker | None = None

    def start(self, edition: Catalogue) -> None:
        """Start the worker and wait until it is ready; see `wait_until_ready`."""
        self.launch()
        self.wait_until_ready(edition)

    def launch(self) -> None:
        """Start the worker, which imports the implementation at once."""
        self._worker = _Worker(self._configuration, self._error_output)

    def wait_until_ready(self, edition: Catalogue) -> None:
        """Wait until the worker has imported the implementation.

        Args:
            edition: What to grade against.

        Raises:
            UsageError: The implementation cannot be found or imported.
            DataError: The specification or the vectors are damaged.
        """
        self._vector_jobs = vector_jobs(edition)
        try:
            self._await_import()
            if not self.implementation["is_class"]:
                self._shake_hands()
        except BaseException:
            self.close()
            raise

    def submit(self, checks: Iterable[str]) -> None:
        """Queue jobs by id that are not queued yet; they start in this order."""
        new = [check for check in dict.fromkeys(checks) if check not in self._submitted]
        self._submitted.update(dict.fromkeys(new))
        self._waiting += new
        self._hand_over()

    def result(self, check: str) -> Result:
        """Wait for the result of a job.

        Args:
            check: The id of the vector or check.

        Returns:
            The outcome of each of its requirements, and what the implementation printed.

        Raises:
            SuiteError: The suite failed in this job.
        """
        self.submit([check])
        result = self._await(check)
        if result.trouble:
            raise SuiteError(f"{check} failed inside the suite:\n{result.trouble}")
        return result

    @property
    def progress(self) -> tuple[int, int]:
        """The number of jobs that are done, and of all that were submitted."""
        return len(self._results), len(self._submitted)

    def close(self) -> None:
        """End the worker and every process that descends from it."""
        if self._worker is not None:
            self._worker.close(is_idle=not self._held)
            self._worker = None
        self._error_output.close()

    def _await_import(self) -> None:
        impl, worker = self._configuration["impl"], self._worker
        assert worker is not None
        answers = worker.take(IMPORT_LIMIT)
        if not answers:
            how = "ended the process" if worker.is_over else f"did not finish within {IMPORT_LIMIT:g} s"
            raise UsageError(f"--impl={impl}: importing it {how}{self._last_words()}")
        (answer,) = answers
        if "error" in answer:
            raise _ERRORS.get(answer["kind"], SuiteError)(answer["error"])
        self.implementation = answer["ready"]
        in_code = [Job(**entry) for entry in self.implementation.pop("jobs_in_code")]
        self.jobs = self._vector_jobs | {job.id: job for job in in_code}
        self.notes += self.implementation.pop("notes")
        worker.is_ready = True

    def _shake_hands(self) -> None:
        outcome = self.result(HANDSHAKE).outcomes[HANDSHAKE]
        # Only a value of a wrong type is refused here: a factory that raises or hangs is graded like a constructor that does.
        if outcome.expected is not None:
            impl, wrong = self._configuration["impl"], outcome.message
            raise UsageError(
                f"--impl={impl}: the factory gave a value of type {wrong}; it has to give a serializer"
            )

    def _hand_over(self) -> None:
        """Send the worker as many jobs as it may hold."""
        while self._waiting and len(self._held) < MAX_QUEUED:
            check = self._waiting.popleft()
            if self._worker is None:
                message = "not graded: the implementation ended the suite's worker process too often"
                self._conclude(check, Outcome(NOT_TESTABLE, message))
                continue
            self._held.add(check)
            requirements = self.jobs[check].requirements if check in self.jobs else []
            self._worker.send({"job": check, "requirements": requirements, "alone": check in self._suspects})

    def _await(self, check: str) -> Result:
        """Return the result of a job; replace workers that die meanwhile."""
        silent_since = monotonic()
        while check not in self._results:
            worker = self._worker
            assert worker is not None
            self.on_wait()
            arrived = worker.take(POLL_INTERVAL)
            for answer in arrived:
                self._take(answer)
            self._hand_over()
            longest = max(self._started.values(), default=0.0)
            if arrived:
                silent_since = monotonic()
            elif not worker.is_alive() or monotonic() - silent_since > GRACE + longest:
                self._replace(worker)
                silent_since = monotonic()
        return self._results[check]

    def _take(self, answer: Json) -> None:
        if "note" in answer:
            self.notes.append(answer["note"])
        elif "started" in answer:
            self._started[answer["started"]] = answer["limit"]
        else:
            result = Result.parse(answer["result"])
            self._results[result.check] = result
            del self._started[result.check]
            self._held.remove(result.check)

    def _conclude(self, check: str, outcome: Outcome) -> None:
        requirements = self.jobs[check].requirements if check in self.jobs else [check]
        self._results[check] = Result(check, dict.fromkeys(requirements, outcome))

    def _replace(self, dead: _Worker) -> None:
        """Start a new worker; jobs that ran when the old one died run again, each alone, to find the culprit.

        Raises:
            SuiteError: The worker failed by itself.
        """
        left = dead.close()
        self._worker = None
        if dead.has_failed:
            raise SuiteError(f"the worker process failed{self._last_words()}")
        for answer in left:
            self._take(answer)
        self._deaths += 1
        under_way, self._started = list(self._started), {}
        if len(under_way) == 1 and under_way[0] in self._suspects:
            action = "ended the suite's own worker process, which ran this check and nothing else"
            self._conclude(under_way[0], Outcome(FAIL, f"the implementation {action}"))
        suspects = dict.fromkeys([*under_way, *self._suspects])
        self._suspects = [check for check in suspects if check not in self._results]
        if self._deaths < MAX_WORKER_DEATHS:
            self._launch_again()
        if self._worker is None:
            times = "once" if self._deaths == 1 else f"{self._deaths} times"
            self.notes.append(f"the implementation ended the worker process {times}: the rest was not graded")
        self._held.clear()
        remaining = [check for check in self._submitted if check not in self._results]
        self._waiting = deque(sorted(remaining, key=lambda check: check not in self._suspects))
        self._hand_over()

    def _launch_again(self) -> None:
        try:
            self.launch()
            self._await_import()
        except ConformanceError as error:
            if self._worker is not None:
                self._worker.close()
                self._worker = None
            self.notes.append(f"the worker process died and could not be started again: {error}")

    def _last_words(self) -> str:
        self._error_output.seek(0)
        lines = self._error_output.read().decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""
