"""A child of the worker, the jobs that it runs, how it died and what it printed."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from twilio_conformance.engine.messages import Job
from twilio_conformance.engine.status import ChildStatus
from twilio_conformance.subject.process import LineReader
from twilio_conformance.subject.redaction import Names

if TYPE_CHECKING:
    from twilio_conformance.adapter.processes import Adapter

OUTPUT_LIMIT = 2000
"""Characters of an implementation's own output that a report shows."""


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A job to run.

    Attributes:
        job: The job.
        limit: Seconds of real time after which it is ended.
        alone: Whether it runs beside no other.
        shares: Whether it may share a process with others, one after the other.
    """

    job: Job
    limit: float
    alone: bool
    shares: bool = False


@dataclass
class Child:
    """A forked child and what it needs until its jobs are over; most have one."""

    orders: list[QueuedJob]
    output: BinaryIO
    names: Names
    status: ChildStatus
    adapter: Adapter | None
    adapter_output_start: int
    pid: int = 0
    reader: LineReader | None = None
    started: float = 0.0
    call_count: int = 0
    call_since: float = 0.0
    used_before: float = 0.0
    is_waiting: bool = False
    is_pipe_closed: bool = False

    @property
    def order(self) -> QueuedJob:
        """The job, or the first of several."""
        return self.orders[0]

    @property
    def place(self) -> str:
        """Where the child is, for a sentence."""
        return f" in {self.status.call}" if self.status.call else ""


def death(pid: int) -> str | None:
    """Return how a child died, as a sentence; None while it lives."""
    info = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if info is None:
        return None
    if info.si_code == os.CLD_EXITED:
        return f"ended the process with status {info.si_status}"
    return f"ended the process by {signal.Signals(info.si_status).name}"


def beginning(stream: BinaryIO) -> str:
    """Return the beginning of what a child printed, with its length where it is cut."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    text = stream.read(OUTPUT_LIMIT).decode("utf-8", "replace")
    return text if size <= OUTPUT_LIMIT else f"(the first of {size} bytes) {text}…"
