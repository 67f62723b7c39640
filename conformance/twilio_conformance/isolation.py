"""Runs jobs in a worker process and hands out what they found; the implementation never enters this process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from twilio_conformance.errors import SuiteError, UsageError
from twilio_conformance.verdict import Outcome
from twilio_conformance.worker import HANDSHAKE

Json = dict[str, Any]

IMPORT_LIMIT = 60.0
"""Seconds that the import of an implementation may take."""

GRACE = 30.0
"""Seconds beyond a job's own limit after which the worker itself is taken for dead."""


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


class Executor:
    """One worker process with the implementation, and the jobs it was given."""

    def __init__(self, impl: str, edition: str, *, jobs: int) -> None:
        """An executor that has not started.

        Args:
            impl: What --impl says.
            edition: The edition to grade against.
            jobs: How many children may run at once.
        """
        self._configuration = {"impl": impl, "edition": edition, "jobs": jobs}
        self.implementation: Json = {}
        self._limits: dict[str, float] = {}
        self._found: dict[str, Json] = {}
        self._arrived = threading.Condition()
        self._closed = False
        self._error_output = tempfile.TemporaryFile()  # noqa: SIM115

    def start(self) -> None:
        """Starts the worker and waits until it has imported the implementation.

        Raises:
            UsageError: The implementation cannot be found or imported.
        """
        self._process, self._orders, answers = self._spawn()
        self._send(self._configuration)
        threading.Thread(target=self._listen, args=(answers,), daemon=True).start()
        self._await_ready(self._configuration["impl"])

    def submit(self, jobs: Iterable[Job]) -> None:
        """Queues jobs that are not queued yet; they run in this order."""
        for job in jobs:
            if job.id not in self._limits:
                self._limits[job.id] = job.limit
                self._send({"job": job.id, "requirements": list(job.requirements), "limit": job.limit})

    def result(self, job: Job) -> Found:
        """Waits for what a job found.

        Raises:
            SuiteError: The suite failed in this job, or its worker died.
        """
        self.submit([job])
        with self._arrived:
            while job.id not in self._found:
                if (
                    not self._arrived.wait(job.limit + GRACE)
                    and job.id not in self._found
                    and not self._alive()
                ):
                    break
                if self._closed:
                    break
        found = self._found.get(job.id)
        if found is None:
            raise SuiteError(f"the worker died before {job.id} was over: {self._errors()}")
        if "trouble" in found:
            raise SuiteError(f"{job.id} failed inside the suite:\n{found['trouble']}")
        outcomes = {name: Outcome.from_json(outcome) for name, outcome in found["outcomes"].items()}
        return Found(outcomes, found.get("output", ""))

    def close(self) -> None:
        """Ends the worker and every child of it."""
        self._orders.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _spawn(self) -> tuple[subprocess.Popen[bytes], Any, Any]:
        orders_in, orders_out = os.pipe()
        answers_in, answers_out = os.pipe()
        source = (
            "import json, os, sys; sys.path[:] = json.loads(os.environ.pop('TWILIO_CONFORMANCE_PATH'));"
            f" from twilio_conformance.worker import main; main({orders_in}, {answers_out})"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", source],
            pass_fds=(orders_in, answers_out),
            stdin=subprocess.DEVNULL,
            stdout=self._error_output,
            stderr=self._error_output,
            start_new_session=True,
            env=os.environ
            | {"TWILIO_CONFORMANCE_PATH": json.dumps(_search_path()), "OPENBLAS_NUM_THREADS": "1"},
        )
        os.close(orders_in)
        os.close(answers_out)
        return process, os.fdopen(orders_out, "wb", buffering=0), os.fdopen(answers_in, "rb")

    def _send(self, document: Json) -> None:
        try:
            self._orders.write(json.dumps(document).encode() + b"\n")
        except BrokenPipeError:
            self._closed = True

    def _listen(self, answers: Any) -> None:
        for line in answers:
            document = json.loads(line)
            with self._arrived:
                self._found[document.get("job", "ready" if "ready" in document else "error")] = document
                self._arrived.notify_all()
        with self._arrived:
            self._closed = True
            self._arrived.notify_all()

    def _await_ready(self, impl: str) -> None:
        with self._arrived:
            self._arrived.wait_for(
                lambda: self._closed or {"ready", "error"} & self._found.keys(), IMPORT_LIMIT
            )
        if "error" in self._found:
            raise UsageError(self._found["error"]["error"])
        if "ready" not in self._found:
            how = "ended the process" if self._closed else f"did not finish within {IMPORT_LIMIT:g} s"
            self._process.kill()
            raise UsageError(f"--impl={impl}: importing it {how}. {self._errors()}".rstrip())
        self.implementation = self._found["ready"]["ready"]
        if not self.implementation["is_class"]:
            self._shake_hands(impl)

    def _shake_hands(self, impl: str) -> None:
        self._send({"job": HANDSHAKE, "requirements": [], "limit": 20})
        with self._arrived:
            self._arrived.wait_for(lambda: self._closed or HANDSHAKE in self._found, 20 + GRACE)
        wrong = self._found.get(HANDSHAKE, {}).get("handshake")
        if wrong:
            self.close()
            raise UsageError(f"--impl={impl}: the factory gave a {wrong}; it has to give a serializer")

    @property
    def checks(self) -> dict[str, tuple[str, float]]:
        """The checks in code: the requirement and the limit in seconds of each, by id."""
        return {
            name: (requirement, limit) for name, (requirement, limit) in self.implementation["checks"].items()
        }

    def _alive(self) -> bool:
        return self._process.poll() is None

    def _errors(self) -> str:
        self._error_output.seek(0)
        return self._error_output.read()[-2000:].decode("utf-8", "replace").strip()


def _search_path() -> list[str]:
    """Where the implementation is looked for: this process's path, and first of all the current folder."""
    here = str(os.getcwd())
    return [here, *(entry or here for entry in sys.path if entry != here)]
