"""Plays random sessions on one implementation in a process of its own.

`SessionHost` is the side of pytest's process. `main` is the other side: it imports the implementation and forks
a child that plays many sessions. A child that hangs or ends is replaced, and that is what was seen of the session.
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import pickle
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from twilio_conformance.engine.status import ChildStatus
from twilio_conformance.errors import NotTestable, SuiteError, UsageError
from twilio_conformance.fuzz.oracle import NAMES
from twilio_conformance.spec.catalogue import Json
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.process import LineReader, PythonProcess, die_with_parent, receive, send
from twilio_conformance.subject.redaction import Names
from twilio_conformance.twilio import clock, network

if TYPE_CHECKING:
    from twilio_conformance.checks._expectations import Session

REFERENCE = "twilio_reference"
"""The value of --impl for the reference."""

LIMIT, SHORT, MANY = 6.0, 1.5, 2
"""Seconds of real time for a session, and for each one after so many that were not over in time."""

AFTERMATH = 1.0
"""Seconds on the event loop's clock for requests that go on after the last call has returned."""

_FORK = multiprocessing.get_context("fork")


class SessionHost:
    """A process that plays sessions on one implementation.

    Attributes:
        impl: The value of --impl.
        name: The name of the implementation, once it is imported.
    """

    def __init__(self, impl: str) -> None:
        """Start the process, which imports the implementation at once."""
        self.impl = impl
        self.name = ""
        self._output = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = PythonProcess(__name__, self._output)
        self.send({"impl": impl})

    def send(self, document: Json) -> None:
        """Give the process a session to play; raise SuiteError if the process has ended."""
        try:
            self._process.send(document)
        except BrokenPipeError:
            raise self._ended() from None

    def receive(self) -> Json:
        """Wait for the next answer; raise SuiteError if the process has ended."""
        document: Json | None = receive(self._process.answers)
        if document is None:
            raise self._ended()
        return document

    def close(self) -> None:
        """End the process and its child."""
        self._process.close()
        self._process.close_answers()
        self._output.close()

    def _ended(self) -> SuiteError:
        self._output.seek(0)
        words = self._output.read()[-1500:].decode("utf-8", "replace").strip()
        return SuiteError(f"the player of {self.impl} ended: {words}")


@contextmanager
def session_hosts(*impls: str) -> Iterator[list[SessionHost]]:
    """Start a host for each implementation, and end them.

    Raise UsageError if one of them cannot be imported.
    """
    started: list[SessionHost] = []
    try:
        started += (SessionHost(impl) for impl in impls)
        for host in started:
            ready = host.receive()
            if "error" in ready:
                raise UsageError(ready["error"])
            host.name = ready["name"]
        yield started
    finally:
        for host in started:
            host.close()


def play(hosts: Sequence[SessionHost], document: Json, *, fresh: bool = False) -> list[Session]:
    """Play `given` and `steps` of a vector on all hosts at once; return what was seen on each.

    A session that the child did not survive has no construction. With `fresh`, it is played in processes that have not
    played anything before.
    """
    for host in hosts:
        host.send({"given": document["given"], "steps": document["steps"], "fresh": fresh})
    return [pickle.loads(base64.b64decode(host.receive()["session"])) for host in hosts]


def replay(document: Json, *impls: str) -> Iterator[str]:
    """Yield what implementations do in a session, a line for each step, for scripts that show a discrepancy."""
    from twilio_conformance.fuzz.output import narrate

    with session_hosts(*impls) as hosts:
        for host, session in zip(hosts, play(hosts, document), strict=True):
            yield from [f"{host.impl}:", *(f"  {line}" for line in narrate(session))]


def main(requests: int, answers: int) -> None:
    """Play sessions until the pipe of requests is closed, then end the process; see `PythonProcess`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    reader = LineReader(requests)
    try:
        player = _SessionPlayer((receive(reader) or {})["impl"])
        send(answers, {"name": player.implementation.name})
        while (session := receive(reader)) is not None:
            send(answers, {"session": base64.b64encode(player.play(session)).decode()})
        player.end_child()
    except UsageError as error:
        send(answers, {"error": str(error)})
    os._exit(0)


class _SessionPlayer:
    """The imported implementation and the child that plays sessions on it."""

    def __init__(self, impl: str) -> None:
        network.install()
        clock.install()
        CAPTURE.attach()
        self.implementation = resolution.resolve(target.parse(impl))
        self._child: multiprocessing.process.BaseProcess | None = None
        self._late = 0
        # Only now, so that the implementation finds Pipecat not imported yet.
        from twilio_conformance.checks import _expectations, _vectors

        self._play_vector, self._session = _vectors.play, _expectations.Session

    def play(self, document: Json) -> bytes:
        """Return what was seen of a session, pickled; only how it ended if the child did not survive it."""
        if document["fresh"]:
            self.end_child()
        if self._child is None:
            self._status = ChildStatus()
            self._pipe, theirs = _FORK.Pipe()
            self._child = _FORK.Process(target=self._serve, args=(theirs, self._status))
            self._child.start()
            theirs.close()
        action = "ended the process"
        try:
            self._pipe.send(document)
            if self._pipe.poll(LIMIT if self._late < MANY else SHORT):
                return self._pipe.recv_bytes()
            self._late += 1
            action = "hung"
        except (EOFError, ConnectionError):
            pass  # The child has ended, which is the finding.
        call = self._status.call
        self.end_child()
        return pickle.dumps(self._ended(f"{action} in {call}" if call else action))

    def end_child(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
            self._pipe.close()
            self._status.close()
            self._child = None

    def _serve(self, pipe: Connection, status: ChildStatus) -> None:
        try:
            die_with_parent()
            # The parent's end, without which this process would not see that the parent has ended.
            self._pipe.close()
            double = network.Network()
            double.start()
            while True:
                pipe.send(self._play(pipe.recv(), double, status))
        finally:
            # Threads that the implementation has started would keep the process alive.
            os._exit(1)

    def _play(self, document: Json, double: network.Network, status: ChildStatus) -> Session:
        from twilio_conformance.subject.probe import Probe

        probe = Probe(self.implementation, double, Names(dict(NAMES.values)), status.enter)
        exchanges, connections = len(double.exchanges), len(double.connections)

        async def play() -> Session:
            session = await self._play_vector(document, probe)
            if any(step.call in ("serialize(EndFrame)", "serialize(CancelFrame)") for step in session.steps):
                await asyncio.sleep(AFTERMATH)
            return session

        with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner:
            try:
                session = runner.run(play())
            except NotTestable as finding:
                return self._ended(finding.message)
        if len(double.connections) > connections:
            double.settle()
        return replace(session, exchanges=double.exchanges[exchanges:], logs=probe.logs)

    def _ended(self, how: str) -> Session:
        return self._session(obstacle=how)
