"""Plays random sessions on one implementation in a process of its own.

`SessionHost` is the side of pytest's process. `main` is the other side: it imports the implementation and forks
a child that plays many sessions. A child that hangs or ends is replaced, and that is what was seen of the session.
"""

from __future__ import annotations

import asyncio
import base64
import multiprocessing
import os
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

from twilio_conformance.engine.timeouts import ChildStatus
from twilio_conformance.errors import NotTestable, SuiteError, UsageError
from twilio_conformance.fuzz.oracle import NAMES
from twilio_conformance.spec.catalogue import Json
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import CAPTURE
from twilio_conformance.subject.process import LineReader, PythonProcess, die_with_parent, receive, send
from twilio_conformance.subject.redaction import Names
from twilio_conformance.twilio import clock, network

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
        """Wait for what was seen of the session; raise SuiteError if the process has ended."""
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


def play(hosts: Sequence[SessionHost], session: Json, *, fresh: bool = False) -> list[Json]:
    """Play a session, as `given` and `steps` of a vector, on all hosts at once; return what was seen on each.

    With `fresh`, it is played in processes that have not played anything before.
    """
    for host in hosts:
        host.send({"given": session["given"], "steps": session["steps"], "fresh": fresh})
    return [host.receive() for host in hosts]


def replay(session: Json, *impls: str) -> Iterator[str]:
    """Yield what implementations do in a session, a line for each step, for scripts that show a finding."""
    with session_hosts(*impls) as hosts:
        for host, seen in zip(hosts, play(hosts, session), strict=True):
            yield from [f"{host.impl}:", *(f"  {line}" for line in narrate(seen))]


def narrate(seen: Json) -> list[str]:
    """Return what was seen of a session, with a line for each call, request and log record."""
    if end := seen.get("ended") or seen["obstacle"]:
        return [end]
    lines = [f"{step['call'][:100]}: {_outcome(step)}" for step in seen["steps"]]
    lines += [
        f"request {request['method']} {request['url']}{request['target']} {request['form']}"
        f" -> {request['answer'] or 'no answer'}"
        for request in seen["requests"]
    ]
    logs = ((level, " ".join(text.split())[:160]) for level, text in seen["logs"] if level >= 30)
    return lines + [f"logged {level}: {text}" for level, text in logs]


def _outcome(step: Json) -> str:
    """Return the outcome of a call in a few words."""
    if step["raised"] is not None:
        return f"raised {step['raised']['kind']}({step['raised']['message'][:120]!r})"
    value = step["value"]
    if value is None:
        return "returned None"
    if "frame" in value:
        shown = {name: f"<{len(base64.b64decode(item))} bytes>" if name == "audio" else item
                 for name, item in value["carried"].items() if item is not None}  # fmt: skip
        return f"returned {value['frame']}({', '.join(f'{name}={item!r}' for name, item in shown.items())})"
    kind, content = next(iter(value.items()))
    text = content if len(content) <= 120 else f"{content[:120]}… ({len(content)} characters)"
    return f"returned {text!r}" if kind == "text" else f"returned {kind} {text}"


def main(requests: int, answers: int) -> None:
    """Play sessions until the pipe of requests is closed, then end the process; see `PythonProcess`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    reader = LineReader(requests)
    try:
        player = _SessionPlayer((receive(reader) or {})["impl"])
        send(answers, {"name": player.implementation.name})
        while (session := receive(reader)) is not None:
            send(answers, player.play(session))
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
        from twilio_conformance.checks import _vectors

        self._vectors = _vectors

    def play(self, session: Json) -> Json:
        """Return what was seen of a session; {"ended": …} if the child did not survive it."""
        if session["fresh"]:
            self.end_child()
        if self._child is None:
            self._status = ChildStatus()
            self._pipe, theirs = _FORK.Pipe()
            self._child = _FORK.Process(target=self._serve, args=(theirs, self._status))
            self._child.start()
            theirs.close()
        action = "ended the process"
        try:
            self._pipe.send(session)
            if self._pipe.poll(LIMIT if self._late < MANY else SHORT):
                seen: Json = self._pipe.recv()
                return seen
            self._late += 1
            action = "hung"
        except (EOFError, ConnectionError):
            pass  # The child has ended, which is the finding.
        call = self._status.call
        self.end_child()
        return {"ended": f"{action} in {call}" if call else action}

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

    def _play(self, session: Json, double: network.Network, status: ChildStatus) -> Json:
        from twilio_conformance.subject.probe import Probe

        names = Names(dict(NAMES))
        probe = Probe(self.implementation, double, names, status.enter)
        seen_before, dialled = len(double.exchanges), len(double.connections)

        async def play() -> Any:
            played = await self._vectors.play(session, probe)
            if any(step.call.startswith(("serialize(End", "serialize(Cancel")) for step in played.steps):
                await asyncio.sleep(AFTERMATH)
            return played

        with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner:
            try:
                played = runner.run(play())
            except NotTestable as finding:
                return {"ended": finding.message}
        if len(double.connections) > dialled:
            double.settle()
        return _seen(played, double.exchanges[seen_before:], probe.logs, names)


def _seen(session: Any, exchanges: Any, logs: Any, names: Names) -> Json:
    """Return what was seen of a session as JSON, with names in place of secrets but not of SIDs."""
    from twilio_conformance.checks._expectations import aspect_of

    found: Json = {
        "construction": _raised(session.construction.raised),
        "obstacle": session.obstacle,
        "steps": [
            {"call": step.call, "raised": _raised(step.raised), "value": _value(step.value),
             "seconds": round(step.seconds, 3)}
            for step in session.steps
        ],
        "requests": [
            {aspect: aspect_of(exchange, aspect) for aspect in ("method", "url", "target", "form", "basic")}
            | {"answer": exchange.answer_status}
            for exchange in exchanges
        ],
        "logs": [[record.level, record.text[:300]] for record in logs],
        "told": any(names.redact(record.text) != record.text for record in logs),
    }  # fmt: skip
    redacted: Json = names.redact(found)
    return redacted


def _raised(raised: Any) -> Json | None:
    return None if raised is None else {"kind": raised.kind, "bases": sorted(raised.bases),
                                        "message": raised.message[:300]}  # fmt: skip


def _value(value: Any) -> Json | None:
    """Return the value of a call: None, a text, bytes, a frame with its attributes, or something foreign."""
    if value is None:
        return None
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    attributes = getattr(value, "attributes", None)
    if attributes is None:
        return {"foreign": repr(value)}
    carried = {name: item if isinstance(item, str | int | float | bool | None) else repr(item)
               for name, item in attributes.items() if not isinstance(item, bytes)}  # fmt: skip
    audio = attributes.get("audio")
    if isinstance(audio, bytes):
        carried["audio"] = base64.b64encode(audio).decode()
    return {"frame": value.kind, "bases": sorted(value.bases), "carried": carried}
