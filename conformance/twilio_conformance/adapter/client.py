"""Requests to an adapter and its answers, which may come in any order and are matched by their id.

Whatever the adapter does wrong becomes an `AdapterFault` with one sentence, never a violation.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import secrets
import select
import time
from collections.abc import Callable, Sequence
from typing import Any

from twilio_conformance.adapter.protocol import LOG_LEVELS, PROTOCOL, mistake
from twilio_conformance.errors import AdapterFault, NotApplicable, RemoteException
from twilio_conformance.spec.catalogue import Json
from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.logs import CAPTURE, LogRecord
from twilio_conformance.subject.process import LineReader, LineTooLong

LINE_LIMIT = 64 << 20
"""Bytes of one line in either direction."""

HELLO_LIMIT = 30.0
"""Seconds for the first answer, before which an interpreter may have to start."""

ANSWER_LIMIT = 10.0
"""Seconds for an answer that only takes the adapter: construct, close, and hello once it runs."""

PING_LIMIT = 2.0
"""Seconds for hello while a call does not return; an adapter that takes longer is at fault itself."""

LIMIT_AFTER_HANG = 0.2
"""Seconds for each call after one that did not return."""

HEAD_START = 0.002
"""Seconds to wait for an answer before other tasks run; most answers arrive within that time."""


class Channel:
    """Requests to an adapter and its answers, any number of them at once.

    Attributes:
        fault: The first thing that the adapter did wrong, if any.
        stuck: The calls that did not return.
    """

    def __init__(self, requests: int, answers: int, state: Callable[[], str | None]) -> None:
        """Open a channel over the file descriptors of two pipes.

        `state` returns how the adapter's process ended, as a clause; None while it lives.
        """
        self.fault: AdapterFault | None = None
        self.stuck: list[str] = []
        self._requests, self._state = requests, state
        self._answers = LineReader(answers, LINE_LIMIT)
        os.set_blocking(requests, False)
        os.set_blocking(answers, False)
        # Ids differ between processes, so that an answer to a request of another one is detected.
        self._ids = itertools.count(secrets.randbits(32) << 16)
        self._pending: dict[int, tuple[str, asyncio.Future[Json] | None]] = {}
        self._answered: dict[int, Json] = {}
        self._forgotten: set[int] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def hello(self, limit: float = ANSWER_LIMIT) -> Json:
        """Ask the adapter to introduce itself; raise AdapterFault if it answers incorrectly or too late."""
        result: Json = self.ask("hello", limit, protocol=PROTOCOL)
        return result

    def ask(self, op: str, limit: float, **members: Any) -> Any:
        """Send a request, block at most `limit` seconds until its answer arrives and return the result.

        Raise AdapterFault if the answer is late or incorrect, and RemoteException if the implementation raised.
        """
        return self.outcome(op, self.answer(self.send(op, members), op, limit))

    def answer(self, number: int, op: str, limit: float) -> Json:
        """Block until the answer to a request of `send` arrives; AdapterFault if it takes over `limit` seconds."""
        if not self._wait(number, limit):
            raise self._at_fault(f"does not answer {op} within {limit:g} s: is it reading its input?")
        return self._answered.pop(number)

    def ask_each(self, op: str, given: Sequence[Json], limit: float) -> list[Json | None]:
        """Send requests with these members before waiting for the first answer; return all answers, for `outcome`.

        Each next answer may take `limit` seconds; from the first late one on, there is None in its place. Raise
        AdapterFault if the adapter answers incorrectly, or does not answer hello either.
        """
        requests = [self.request(op, members) for members in given]
        self.write(b"".join(line for _, line in requests))
        numbers = [number for number, _ in requests]
        for number in numbers:
            if not self._wait(number, limit):
                self._give_up(op, number)
                break
        return [self._answered.pop(number, None) for number in numbers]

    def expect_silence(self, seconds: float) -> None:
        """Read for some seconds; AdapterFault means that there is output."""
        self._take(seconds)
        if self._answers.has_partial_line:
            raise self._at_fault("writes output that answers nothing")

    async def call(self, op: str, **members: Any) -> Any:
        """Send a request and return its result; other requests can be under way meanwhile.

        Raise AdapterFault if the adapter answers incorrectly, or does not answer anything else either, and
        RemoteException if the implementation raised.
        """
        loop = asyncio.get_running_loop()
        waiting: asyncio.Future[Json] = loop.create_future()
        number = self.send(op, members, waiting)
        self._take(HEAD_START)
        if not waiting.done():
            self._listen(loop)
            try:
                # A call that hangs may block all later ones, so only the first is waited for at length.
                async with asyncio.timeout(LIMIT_AFTER_HANG if self.stuck else None):
                    await waiting
            except asyncio.CancelledError:
                self._give_up(op, number)
                raise
            except TimeoutError:
                told = f"no return within {LIMIT_AFTER_HANG:g} s, after {self.stuck[0]} had not returned"
                raise RemoteException("DidNotReturn", frozenset(), told) from None
        return self.outcome(op, waiting.result())

    def close(self) -> None:
        """Stop listening; the pipes stay open."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._answers.descriptor)
        self._loop = None

    @property
    def is_clean(self) -> bool:
        """Whether another job can use the adapter: no fault, nothing under way, no partial line."""
        return not (self.fault or self._pending or self._answers.has_partial_line or self.stuck)

    def _listen(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not loop:
            self._loop = loop
            loop.add_reader(self._answers.descriptor, self._take_what_is_there)

    def _take_what_is_there(self) -> None:
        try:
            self._take(0.0)
        except AdapterFault as fault:
            self.close()
            for _, waiting in self._pending.values():
                if waiting is not None and not waiting.done():
                    waiting.set_exception(fault)

    def _give_up(self, op: str, number: int) -> None:
        """Give up on a call. If the adapter still answers hello, the implementation is at fault."""
        self.stuck.append(op)
        self._pending.pop(number, None)
        self._forgotten.add(number)
        if self.fault is None and not self._wait(self.send("hello", {"protocol": PROTOCOL}), PING_LIMIT):
            raise self._at_fault(
                f"answers nothing while {op} is under way: either it is stuck, or the implementation blocks it"
            )

    def _wait(self, number: int, limit: float) -> bool:
        """Read answers until that of a request is there; return False if it is not there in time."""
        until = time.monotonic() + limit
        while number not in self._answered and (left := until - time.monotonic()) > 0:
            self._take(left)
        return number in self._answered

    def send(self, op: str, members: Json, waiting: asyncio.Future[Json] | None = None) -> int:
        """Send a request and return its number; the answer goes to the future, or is kept for `answer`."""
        number, line = self.request(op, members, waiting)
        self.write(line)
        return number

    def request(
        self, op: str, members: Json, waiting: asyncio.Future[Json] | None = None
    ) -> tuple[int, bytes]:
        """Return the number and the line of a request that is not written yet; see `send`."""
        if self.fault is not None:
            raise self.fault
        number = next(self._ids)
        line = json.dumps({"id": number, "op": op} | members, allow_nan=False).encode() + b"\n"
        if len(line) > LINE_LIMIT:
            raise NotApplicable(f"the request has {len(line)} bytes; the protocol's limit is {LINE_LIMIT}")
        self._pending[number] = op, waiting
        return number, line

    def write(self, data: bytes) -> None:
        """Write to the adapter; AdapterFault means that it has ended or does not read its input."""
        view = memoryview(data)
        until = time.monotonic() + HELLO_LIMIT
        while view:
            try:
                view = view[os.write(self._requests, view) :]
            except BlockingIOError:
                # The adapter may be blocked in a write itself until its answers are read.
                self._take(0.0)
                if time.monotonic() > until:
                    raise self._at_fault("does not read its input") from None
                select.select([self._answers.descriptor], [self._requests], [], 0.1)
            except BrokenPipeError:
                self._take(0.5)
                raise self._at_fault(self._ending("input")) from None

    def _take(self, seconds: float) -> None:
        """Process the answers that arrive; return after the first ones, or after so many seconds."""
        if not self._answers.wait(seconds):
            return
        try:
            lines = self._answers.read()
        except LineTooLong:
            raise self._at_fault(f"writes a line of more than {LINE_LIMIT >> 20} MiB") from None
        if lines is None:
            raise self._at_fault(self._ending())
        for line in lines:
            self._process(line)

    def _process(self, line: bytes) -> None:
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            shown = shorten(line[:80].decode("utf-8", "replace"), 100)
            raise self._at_fault(
                f"writes a line that is not JSON: {shown}; standard output is for answers, everything else"
                " belongs on standard error"
            ) from None
        number = answer.get("id") if isinstance(answer, dict) else None
        if isinstance(number, float) and number.is_integer():
            number = int(number)
        number = number if isinstance(number, int) else None
        if number in self._forgotten:
            return
        if number is None or number not in self._pending:
            wrong = (
                "without the number of a request"
                if number is None
                else f"request {number}, which is not open"
            )
            raise self._at_fault(f"answers {wrong}: {shorten(line[:200].decode('utf-8', 'replace'), 240)}")
        op, waiting = self._pending.pop(number)
        if (flaw := mistake(op, answer)) is not None:
            raise self._at_fault(flaw)
        for record in answer.get("logs", ()):
            level = record["level"]
            CAPTURE.records.append(LogRecord(LOG_LEVELS[level], level, record["text"]))
        if waiting is None:
            self._answered[number] = answer
        elif not waiting.done():
            waiting.set_result(answer)

    def outcome(self, op: str, answer: Json) -> Any:
        """Return the result in an answer; raise RemoteException if it says that the implementation raised."""
        if "error" in answer:
            raise self._at_fault(f"cannot perform {op}: {shorten(answer['error'], 300)}")
        if "result" in answer:
            return answer["result"]
        raised = answer["raised"]
        raise RemoteException(raised["type"], frozenset(raised.get("bases", ())), raised["message"])

    def _ending(self, closed: str = "output") -> str:
        under_way = ", ".join(op for op, _ in self._pending.values())
        return f"{self._state() or f'closed its {closed}'}{f' in {under_way}' if under_way else ''}"

    def _at_fault(self, clause: str) -> AdapterFault:
        if self.fault is None:
            self.fault = AdapterFault(f"the adapter {clause}")
        return self.fault

    def wrong_result(self, op: str, result: Any) -> AdapterFault:
        """Return the fault of an adapter whose result is not one that the operation can have."""
        shown = shorten(result, 200)
        return self._at_fault(f"gives a result for {op} that the protocol does not know: {shown}")
