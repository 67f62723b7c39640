"""The process that plays sessions: it imports one implementation and forks a child to play them.

It speaks JSON lines: the configuration comes first, then a session a line; what was seen of it goes back. A
child plays many sessions. One that hangs or ends is replaced, and what became of it is what was seen.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import json
import os
import platform
import select
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any, BinaryIO

from twilio_conformance.engine.timeouts import ChildStatus
from twilio_conformance.engine.worker import die_with_parent
from twilio_conformance.errors import NotTestable, UsageError
from twilio_conformance.fuzz.names import NAMES
from twilio_conformance.spec.catalogue import Vector
from twilio_conformance.subject import resolution, target
from twilio_conformance.subject.logs import BOOK
from twilio_conformance.subject.redaction import Names
from twilio_conformance.twilio import clock, network

Json = dict[str, Any]

LIMIT, SHORT, MANY = 6.0, 1.5, 2
"""Seconds of real time for a session, and for each after so many that were not over in time."""

AFTERMATH = 1.0
"""Seconds on the event loop's clock for requests that go on after the last call has returned."""


def main(orders: int, answers: int) -> None:
    """Serves sessions until the pipe of orders is closed, and ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    incoming, outgoing = os.fdopen(orders, "rb"), os.fdopen(answers, "wb", buffering=0)
    configuration = json.loads(incoming.readline() or "{}")
    try:
        stage = Stage(configuration["impl"], incoming, outgoing)
        _write(outgoing, {"ready": stage.about})
        for line in incoming:
            _write(outgoing, stage.play(line))
    except UsageError as error:
        _write(outgoing, {"error": str(error)})
    os._exit(0)


@dataclass
class _Child:
    pid: int
    orders: BinaryIO
    answers: BinaryIO
    sign: ChildStatus


class Stage:
    """Holds the imported implementation and the child that plays."""

    def __init__(self, impl: str, *own: BinaryIO) -> None:
        """Imports the implementation with the network double and the clock in place.

        Args:
            impl: What --impl says.
            own: What a child has to close.

        Raises:
            UsageError: The implementation cannot be found or imported.
        """
        network.install()
        clock.install()
        BOOK.attach()
        self._own = own
        self._implementation = resolution.resolve(target.parse(impl))
        self._child: _Child | None = None
        self._late = 0
        # Imported here, so that an implementation finds Pipecat as it is anywhere else.
        from twilio_conformance.checks import _vectors

        self._vectors = _vectors
        self.about: Json = {
            "name": self._implementation.name,
            "version": self._implementation.version,
            "pipecat": importlib.metadata.version("pipecat-ai"),
            "python": platform.python_version(),
        }

    def play(self, line: bytes) -> Json:
        """What was seen of a session; {"ended": …} where the child did not survive it."""
        if json.loads(line).get("fresh"):
            self._end()
        child = self._child = self._child or self._fork()
        answer = b""
        try:
            child.orders.write(line)
            until = time.monotonic() + (LIMIT if self._late < MANY else SHORT)
            while not answer.endswith(b"\n"):
                left = until - time.monotonic()
                if not select.select([child.answers], [], [], max(left, 0))[0]:
                    self._late += 1
                    return self._lost("hung")
                data = os.read(child.answers.fileno(), 1 << 20)
                if not data:
                    return self._lost("ended the process")
                answer += data
        except BrokenPipeError:
            return self._lost("ended the process")
        found: Json = json.loads(answer)
        return found

    def _lost(self, deed: str) -> Json:
        call = self._child.sign.call if self._child else ""
        self._end()
        return {"ended": f"{deed} in {call}" if call else deed}

    def _end(self) -> None:
        if self._child is not None:
            os.kill(self._child.pid, signal.SIGKILL)
            os.waitpid(self._child.pid, 0)
            for part in (self._child.orders, self._child.answers, self._child.sign):
                part.close()
            self._child = None

    def _fork(self) -> _Child:
        orders_in, orders_out = os.pipe()
        answers_in, answers_out = os.pipe()
        sign = ChildStatus()
        pid = os.fork()
        if pid == 0:
            try:
                for descriptor in (orders_out, answers_in, *(stream.fileno() for stream in self._own)):
                    os.close(descriptor)
                die_with_parent()
                self._serve(os.fdopen(orders_in, "rb"), os.fdopen(answers_out, "wb", buffering=0), sign)
            finally:
                os._exit(1)
        os.close(orders_in)
        os.close(answers_out)
        orders = os.fdopen(orders_out, "wb", buffering=0)
        return _Child(pid, orders, os.fdopen(answers_in, "rb", buffering=0), sign)

    def _serve(self, orders: BinaryIO, answers: BinaryIO, sign: ChildStatus) -> None:
        from twilio_conformance.subject.probe import Probe

        double = network.Network()
        double.start()
        for line in orders:
            names = Names(dict(NAMES))
            probe = Probe(self._implementation, double, names, sign.enter)
            before, dialled = len(double.exchanges), len(double.connections)
            with asyncio.Runner(loop_factory=lambda: clock.new_event_loop(double)) as runner:
                try:
                    session = runner.run(self._play(json.loads(line), probe))
                except NotTestable as finding:
                    _write(answers, {"ended": finding.message})
                    continue
            if len(double.connections) > dialled:
                double.settle()
            _write(answers, _seen(session, double.exchanges[before:], probe.logs, names))

    async def _play(self, session: Json, probe: Any) -> Any:
        seen = await self._vectors.play(Vector(session), probe)
        if any(step.call.startswith(("serialize(End", "serialize(Cancel")) for step in seen.steps):
            await asyncio.sleep(AFTERMATH)
        return seen


def _seen(session: Any, exchanges: Any, logs: Any, names: Names) -> Json:
    """What was seen of a session, as JSON; secrets are replaced by their names, SIDs are not."""
    from twilio_conformance.checks._expectations import aspect_of

    requests = [
        {aspect: aspect_of(exchange, aspect) for aspect in ("method", "url", "target", "form", "basic")}
        | {"answer": exchange.answer_status}
        for exchange in exchanges
    ]
    texts = [record.text for record in logs]
    found: Json = {
        "construction": _raised(session.construction.raised),
        "obstacle": session.obstacle,
        "steps": [
            {"call": step.call, "raised": _raised(step.raised), "value": _value(step.value),
             "seconds": round(step.seconds, 3)}
            for step in session.steps
        ],
        "requests": requests,
        "logs": [[record.level, record.text[:300]] for record in logs],
        "told": sorted({name for text in texts for name in _secrets_in(text, names)}),
    }  # fmt: skip
    redacted: Json = names.redact(found)
    return redacted


def _secrets_in(text: str, names: Names) -> list[str]:
    return ["a secret"] if names.redact(text) != text else []


def _raised(raised: Any) -> Json | None:
    return None if raised is None else {"kind": raised.kind, "bases": sorted(raised.bases),
                                        "message": raised.message[:300]}  # fmt: skip


def _value(value: Any) -> Json | None:
    """What a call returned: None, text, bytes, a frame with what it carries, or something foreign."""
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


def _write(stream: BinaryIO, document: Json) -> None:
    data = json.dumps(document).encode("utf-8", "replace") + b"\n"
    while data:
        data = data[stream.write(data) :]


if __name__ == "__main__":
    sys.exit("start it through twilio_conformance.fuzz.player")
