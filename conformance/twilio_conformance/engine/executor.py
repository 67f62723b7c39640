"""Runs jobs in a worker process and hands out what they found; no implementation enters this process."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any, BinaryIO

from twilio_conformance.adapter.reaper import end_marked
from twilio_conformance.errors import ConformanceError, DataError, SuiteError, UsageError
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome
from twilio_conformance.subject.target import HANDSHAKE, IN_PROCESS, REAL_TIME

Json = dict[str, Any]

IMPORT_LIMIT = 60.0
"""Seconds that the import of an implementation may take."""

GRACE = 30.0
"""Seconds beyond a job's own limit after which a worker that says nothing is taken for dead."""

LOOK = 0.25
"""Seconds between two looks at whether a worker that says nothing is alive."""

FAREWELL = 5.0
"""Seconds that a worker has to end when it is told to."""

WINDOW = 64
"""Jobs that the worker holds: so few that their orders fit into the pipe, whether it reads them or not."""

MOST_DEATHS = 6
"""Deaths of the worker after which what is left is not graded."""

_MARK = "CONFORMANCE_RUN"
"""Set for the worker and all that comes of it; the network double takes TWILIO_* out of the environment."""

_PATH = "TWILIO_CONFORMANCE_PATH"

_SOURCE = (
    f"import json, os, sys; sys.path[:] = json.loads(os.environ.pop('{_PATH}'));"
    " from twilio_conformance.engine.worker import main; main(*map(int, sys.argv[1:]))"
)

_ERRORS: dict[str, type[ConformanceError]] = {kind.__name__: kind for kind in (UsageError, DataError)}


@dataclass(frozen=True, slots=True)
class Job:
    """A vector or a check to run for some requirements, within so many seconds of real time."""

    id: str
    requirements: tuple[str, ...]
    limit: float


@dataclass(frozen=True, slots=True)
class Found:
    """What a job found: an outcome for each requirement, and what the implementation printed."""

    outcomes: dict[str, Outcome]
    output: str


class _Worker:
    """One worker process: orders go in, answers come out, each a JSON line."""

    def __init__(self, configuration: Json, errors: BinaryIO) -> None:
        """Starts the process; it imports the implementation at once."""
        self.mark = f"{_MARK}={secrets.token_hex(16)}"
        self.is_over = self.is_ready = False
        self._answers: list[Json] = []
        self._arrived = threading.Condition()
        orders_in, orders_out = os.pipe()
        answers_in, answers_out = os.pipe()
        name, _, value = self.mark.partition("=")
        inherited = {key: text for key, text in os.environ.items() if key not in _UNWANTED}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SOURCE, str(orders_in), str(answers_out)],
            pass_fds=(orders_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            start_new_session=True,
            env=inherited | {name: value, _PATH: json.dumps(_search_path()), "OPENBLAS_NUM_THREADS": "1"},
        )
        os.close(orders_in)
        os.close(answers_out)
        self._orders = os.fdopen(orders_out, "wb", buffering=0)
        self._listener = threading.Thread(
            target=self._listen, args=(os.fdopen(answers_in, "rb"),), daemon=True
        )
        self._listener.start()
        self.send(configuration)

    def send(self, document: Json) -> None:
        """Hands over one order; a worker that has died takes none."""
        if not self._orders.closed:
            with contextlib.suppress(BrokenPipeError):
                self._orders.write(json.dumps(document).encode() + b"\n")

    def take(self, timeout: float) -> list[Json]:
        """What has arrived, as soon as there is something; nothing when time is up or the process is over."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._answers or self.is_over, timeout)
            answers, self._answers = self._answers, []
            return answers

    def is_alive(self) -> bool:
        """Whether the process runs; one that was stopped by a signal is as good as dead."""
        if self._process.poll() is not None:
            return False
        try:
            stopped = os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            # It has ended between the two questions.
            return False
        return stopped is None or stopped.si_code != os.CLD_STOPPED

    @property
    def has_failed(self) -> bool:
        """Whether it ended by an exception of its own: nobody else gives it this exit status."""
        return self._process.poll() == 1

    def close(self) -> None:
        """Ends the process, by force if need be, and every process that came of it."""
        self._orders.close()
        try:
            # While it imports it does not listen.
            self._process.wait(timeout=FAREWELL if self.is_ready and self.is_alive() else 0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        end_marked(self.mark)
        self._listener.join(timeout=FAREWELL)

    def _listen(self, stream: BinaryIO) -> None:
        with stream:
            for line in stream:
                with self._arrived:
                    self._answers.append(json.loads(line))
                    self._arrived.notify_all()
        with self._arrived:
            self.is_over = True
            self._arrived.notify_all()


class Executor:
    """The worker with the implementation, started anew when it dies, and the jobs it was given."""

    def __init__(self, impl: str, edition: str, *, jobs: int) -> None:
        """An executor that has not started.

        Args:
            impl: What --impl says.
            edition: The edition to grade against.
            jobs: How many children may run at once.
        """
        self._configuration = {"impl": impl, "edition": edition, "jobs": jobs}
        self.implementation: Json = {}
        self.notes: list[str] = []
        self._jobs: dict[str, Job] = {}
        self._found: dict[str, Json] = {}
        self._waiting: deque[Job] = deque()
        self._held: set[str] = set()
        self._begun: list[str] = []
        self._suspects: list[str] = []
        self._deaths = 0
        self._error_output = tempfile.TemporaryFile()  # noqa: SIM115
        self._worker: _Worker | None = None

    def start(self) -> None:
        """Starts the worker and waits until it has imported the implementation.

        Raises:
            UsageError: The implementation cannot be found or imported.
            DataError: The specification or the vectors are damaged.
        """
        try:
            self._launch()
            if not self.implementation["is_class"]:
                self._shake_hands()
        except BaseException:
            self.close()
            raise

    def submit(self, jobs: Iterable[Job]) -> None:
        """Queues jobs that are not queued yet; they run in this order."""
        for job in jobs:
            if job.id not in self._jobs:
                self._jobs[job.id] = job
                self._waiting.append(job)
        self._hand_over()

    def result(self, job: Job) -> Found:
        """Waits for what a job found.

        Raises:
            SuiteError: The suite failed in this job.
        """
        self.submit([job])
        found = self._await(job.id)
        if "trouble" in found:
            raise SuiteError(f"{job.id} failed inside the suite:\n{found['trouble']}")
        outcomes = {name: Outcome.from_json(outcome) for name, outcome in found["outcomes"].items()}
        return Found(outcomes, found.get("output", ""))

    def close(self) -> None:
        """Ends the worker and every process that came of it."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._error_output.close()

    @property
    def checks(self) -> dict[str, tuple[str, float]]:
        """The checks in code: the requirement and the limit in seconds of each, by id."""
        return {
            name: (requirement, limit) for name, (requirement, limit) in self.implementation["checks"].items()
        }

    def _launch(self) -> None:
        """Starts a worker and waits until it is ready."""
        impl = self._configuration["impl"]
        self._worker = worker = _Worker(self._configuration, self._error_output)
        answers = worker.take(IMPORT_LIMIT)
        if not answers:
            how = "ended the process" if worker.is_over else f"did not finish within {IMPORT_LIMIT:g} s"
            raise UsageError(f"--impl={impl}: importing it {how}{self._last_words()}")
        (answer,) = answers
        if "error" in answer:
            raise _ERRORS.get(answer["kind"], SuiteError)(answer["error"])
        self.implementation = answer["ready"]
        self.notes += self.implementation.pop("notes")
        worker.is_ready = True

    def _shake_hands(self) -> None:
        job = Job(HANDSHAKE, (), 20.0)
        self.submit([job])
        if wrong := self._await(job.id).get("handshake"):
            impl = self._configuration["impl"]
            raise UsageError(
                f"--impl={impl}: the factory gave a value of type {wrong}; it has to give a serializer"
            )

    def _hand_over(self) -> None:
        """Gives the worker as many jobs as it may hold."""
        while self._waiting and len(self._held) < WINDOW:
            job = self._waiting.popleft()
            if self._worker is None:
                message = "not graded: the implementation ended the suite's worker process too often"
                self._found[job.id] = _verdict_on(job, NOT_TESTABLE, message)
                continue
            self._held.add(job.id)
            self._worker.send(
                {
                    "job": job.id,
                    "requirements": list(job.requirements),
                    "limit": job.limit,
                    "alone": job.id in self._suspects,
                }
            )

    def _await(self, job: str) -> Json:
        """What a job found, as the worker said it; workers that die meanwhile are replaced."""
        silent_since = monotonic()
        while job not in self._found:
            worker = self._worker
            assert worker is not None
            arrived = worker.take(LOOK)
            for answer in arrived:
                self._take(answer)
            self._hand_over()
            longest = max((self._jobs[name].limit for name in self._begun), default=0.0)
            patience = GRACE + longest * (REAL_TIME if self.implementation["network"] != IN_PROCESS else 1)
            if arrived:
                silent_since = monotonic()
            elif not worker.is_alive() or monotonic() - silent_since > patience:
                self._replace(worker)
                silent_since = monotonic()
        return self._found[job]

    def _take(self, answer: Json) -> None:
        if "note" in answer:
            self.notes.append(answer["note"])
        elif "begun" in answer:
            self._begun.append(answer["begun"])
        else:
            self._found[answer["job"]] = answer
            self._begun.remove(answer["job"])
            self._held.remove(answer["job"])

    def _replace(self, dead: _Worker) -> None:
        """Starts a new worker; what ran when the old one died runs again, each job alone, to find the one.

        Raises:
            SuiteError: The worker failed by itself.
        """
        dead.close()
        if dead.has_failed:
            raise SuiteError(f"the worker process failed{self._last_words()}")
        for answer in dead.take(0):
            self._take(answer)
        self._worker = None
        self._deaths += 1
        under_way, self._begun = self._begun, []
        if len(under_way) == 1 and under_way[0] in self._suspects:
            deed = "ended the suite's own worker process, which ran this check and nothing else"
            self._found[under_way[0]] = _verdict_on(
                self._jobs[under_way[0]], FAIL, f"the implementation {deed}"
            )
        self._suspects = [
            *(name for name in under_way if name not in self._found),
            *(name for name in self._suspects if name not in self._found and name not in under_way),
        ]
        if self._deaths < MOST_DEATHS:
            self._launch_again()
        if self._worker is None:
            times = "once" if self._deaths == 1 else f"{self._deaths} times"
            self.notes.append(f"the implementation ended the worker process {times}: the rest was not graded")
        left = [job for name, job in self._jobs.items() if name not in self._found]
        self._held.clear()
        self._waiting = deque(sorted(left, key=lambda job: job.id not in self._suspects))
        self._hand_over()

    def _launch_again(self) -> None:
        try:
            self._launch()
        except ConformanceError as error:
            if self._worker is not None:
                self._worker.close()
                self._worker = None
            self.notes.append(f"the worker process died and could not be started again: {error}")

    def _last_words(self) -> str:
        self._error_output.seek(0)
        lines = self._error_output.read().decode("utf-8", "replace").strip().splitlines()
        return f": {lines[-1][:300]}" if lines else ""


_UNWANTED = frozenset({"PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONASYNCIODEBUG", "PYTHONINSPECT"})
"""Settings for the host's Python that would change what an implementation logs, or what the worker does."""


def _verdict_on(job: Job, status: str, message: str) -> Json:
    return {"outcomes": dict.fromkeys(job.requirements, Outcome(status, message).as_json())}


def _search_path() -> list[str]:
    """Where the implementation is looked for: this process's path, and first of all the current folder."""
    here = str(Path.cwd())
    return [here, *(entry or here for entry in sys.path if entry != here)]
