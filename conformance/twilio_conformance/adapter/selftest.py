"""Grades an adapter, not what is behind it: the handshake, the framing, the errors and the limits of spec/ADAPTER.md."""

from __future__ import annotations

import base64
import json
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import jsonschema

from twilio_conformance.adapter.client import ANSWER_LIMIT, HELLO_LIMIT, LINE_LIMIT, PING_LIMIT
from twilio_conformance.adapter.processes import Adapter, Pool
from twilio_conformance.adapter.protocol import PROTOCOL
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.process import LineReader, LineTooLong
from twilio_conformance.subject.target import parse
from twilio_conformance.twilio.tls import Authority

Json = dict[str, Any]

PATIENCE = 5.0
"""Seconds in which an adapter ends when its input does."""

LONG = 8 << 20
"""Bytes of a long line; the protocol's limit is eight times that."""

_QUIET = {"stream_sid": "MZ1", "params": {"auto_hang_up": False}}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: what it is, and what is wrong with it; None where nothing is."""

    what: str
    trouble: str | None


class _Sick(Exception):
    """What was looked at is not in order; the message says how."""


class _Conversation:
    """Raw lines to an adapter, and its lines back, each held against the schema."""

    def __init__(self, adapter: Adapter) -> None:
        assert adapter.process.stdin is not None and adapter.process.stdout is not None
        self._adapter = adapter
        self._requests = adapter.process.stdin.fileno()
        self._answers = LineReader(adapter.process.stdout.fileno(), LINE_LIMIT)
        # A write of more than the pipe holds must not wait for ever.
        os.set_blocking(self._requests, False)
        self._validator = jsonschema.Draft202012Validator(catalogue.load_schema("adapter"))
        self._lines: list[bytes] = []
        self._number = 0

    def say(self, op: str, **members: Any) -> int:
        self._number += 1
        self.write(json.dumps({"id": self._number, "op": op} | members).encode() + b"\n")
        return self._number

    def write(self, data: bytes) -> None:
        until = time.monotonic() + ANSWER_LIMIT
        while data:
            _, ready, _ = select.select([], [self._requests], [], max(0.0, until - time.monotonic()))
            if not ready:
                raise _Sick(f"it does not read its input within {ANSWER_LIMIT:g} s")
            try:
                data = data[os.write(self._requests, data) :]
            except BrokenPipeError:
                if not self._adapter.ending():
                    raise _Sick("it closed its input") from None
                # What it wrote before it ended tells more than that it ended: `hear` says both.
                return

    def hear(self, limit: float = ANSWER_LIMIT) -> Json:
        until = time.monotonic() + limit
        while not self._lines:
            if not self._answers.wait(until - time.monotonic()):
                raise _Sick(f"no answer within {limit:g} s")
            try:
                lines = self._answers.read()
            except LineTooLong:
                raise _Sick(f"it writes a line of more than {LINE_LIMIT >> 20} MiB") from None
            if lines is None:
                raise _Sick(f"it {self._adapter.ending() or 'closed its output'}")
            self._lines += lines
        line = self._lines.pop(0)
        try:
            answer: Json = json.loads(line)
        except (ValueError, RecursionError):
            raise _Sick(f"a line on standard output is not JSON: {line[:80]!r}") from None
        for error in self._validator.iter_errors(answer):
            raise _Sick(
                f"a response is not what the schema says: {json.dumps(answer)[:200]}: {error.message[:200]}"
            )
        return answer

    def ask(self, op: str, wanted: str, limit: float = ANSWER_LIMIT, **members: Any) -> Any:
        number = self.say(op, **members)
        answer = self.hear(limit)
        if answer["id"] != number:
            raise _Sick(f"request {number} is answered with the id {answer['id']}")
        if wanted not in answer:
            raise _Sick(f"{op} is answered with {json.dumps(answer)[:200]} where {wanted!r} is wanted")
        return answer[wanted]

    def is_silent(self) -> bool:
        return not self._answers.wait(0.2) and not self._lines and not self._answers.has_partial_line


def _shakes_hands(talk: _Conversation) -> None:
    talk.ask("hello", "result", HELLO_LIMIT, protocol=PROTOCOL)
    talk.ask("hello", "result", PING_LIMIT, protocol=PROTOCOL)


def _refuses_the_unknown(talk: _Conversation) -> None:
    talk.ask("dance", "error")
    talk.ask("hello", "error", protocol=PROTOCOL, unknown=1)
    talk.ask("serialize", "error", serializer="nobody", frame={"frame": "InterruptionFrame"})


def _gives_exceptions_as_values(talk: _Conversation) -> None:
    raised = talk.ask("construct", "raised", serializer="a", arguments={"stream_sid": "MZ1"})
    if raised["type"] != "ValueError" and "ValueError" not in raised.get("bases", ()):
        raise _Sick(f"missing credentials are a {raised['type']}, where the specification names ValueError")


def _keeps_serializers_apart(talk: _Conversation) -> None:
    for name in ("a", "b"):
        talk.ask("construct", "result", serializer=name, arguments=_QUIET | {"stream_sid": f"MZ{name}"})
    for name in ("a", "b"):
        told = talk.ask("serialize", "result", serializer=name, frame={"frame": "InterruptionFrame"})
        if f"MZ{name}" not in str(told):
            raise _Sick(f"serializer {name}, of stream MZ{name}, gives {told}")
        talk.ask("close", "result", serializer=name)
        talk.ask("close", "error", serializer=name)


def _frames_lines(talk: _Conversation) -> None:
    talk.ask("construct", "result", serializer="a", arguments=_QUIET)
    separators = json.dumps({"event": "x\u2028\u2029\x85\r"}, ensure_ascii=False)
    line = json.dumps(
        {"id": 900, "op": "deserialize", "serializer": "a", "text": separators}, ensure_ascii=False
    )
    middle = len(line.encode()) // 2
    for piece in (line.encode()[:middle], line.encode()[middle:] + b"\n"):
        talk.write(piece)
        time.sleep(0.05)
    if talk.hear()["id"] != 900:
        raise _Sick("a line in two pieces, with U+2028 in it, is not understood as one")
    talk.ask("close", "result", serializer="a")


def _answers_many_at_once(talk: _Conversation) -> None:
    talk.ask("construct", "result", serializer="a", arguments=_QUIET)
    sent = {talk.say("serialize", serializer="a", frame={"frame": "InterruptionFrame"}) for _ in range(50)}
    heard = {talk.hear()["id"] for _ in sent}
    if heard != sent:
        raise _Sick(f"of 50 requests at once, {len(sent - heard)} have no answer")
    talk.ask("close", "result", serializer="a")


def _takes_long_lines(talk: _Conversation) -> None:
    talk.ask("construct", "result", serializer="a", arguments=_QUIET)
    talk.ask("setup", "result", serializer="a", audio_in_sample_rate=8000, audio_out_sample_rate=8000)
    payload = base64.b64encode(bytes([0xFF]) * 30_000).decode()
    message = json.dumps({"event": "media", "media": {"payload": payload}})
    result = talk.ask("deserialize", "result", serializer="a", text=message)
    if not isinstance(result, dict) or "frame" not in result:
        raise _Sick(f"a media message of 40 kB gives {json.dumps(result)[:200]}")
    if talk.ask("deserialize", "result", serializer="a", text="x" * LONG) is not None:
        raise _Sick(f"a text of {LONG >> 20} MiB that is no message gives a frame")
    talk.ask("close", "result", serializer="a")


def _is_otherwise_silent(talk: _Conversation) -> None:
    if not talk.is_silent():
        raise _Sick("there is output that answers nothing")


_EXAMINATIONS: dict[str, Callable[[_Conversation], None]] = {
    "it answers hello, and again at once": _shakes_hands,
    "it refuses unknown operations, members and serializers": _refuses_the_unknown,
    "an exception of the implementation is a value": _gives_exceptions_as_values,
    "it keeps serializers apart, and forgets closed ones": _keeps_serializers_apart,
    "a line feed ends a line, and nothing else does": _frames_lines,
    "it answers many requests at once": _answers_many_at_once,
    "it takes long lines": _takes_long_lines,
    "it says nothing unasked": _is_otherwise_silent,
}


def report(command: str) -> int:
    """Prints what is in order with an adapter and what is not; 1 where something is not.

    Raises:
        UsageError: The command cannot be started.
    """
    broken = 0
    for found in diagnose(command):
        broken += found.trouble is not None
        state = "works" if found.trouble is None else "BROKEN"
        sys.stdout.write(f"{state:<7} {found.what}{f': {found.trouble}' if found.trouble else ''}\n")
        sys.stdout.flush()
    parts = f"{broken} {'part' if broken == 1 else 'parts'} of spec/ADAPTER.md"
    sys.stdout.write(f"\n{f'It does not keep to {parts}.' if broken else 'It can be graded.'}\n")
    return int(broken > 0)


def diagnose(command: str) -> Iterator[Diagnosis]:
    """Examines an adapter, one thing after the other, each with a process of its own where the last was not in order.

    Args:
        command: What follows `stdio:` in --impl.

    Raises:
        UsageError: The command cannot be started.
    """
    pool = Pool(parse(f"stdio:{command}"), Authority().pem)
    adapter: Adapter | None = None
    try:
        for what, examine in _EXAMINATIONS.items():
            if adapter is None:
                adapter = pool.take()
                talk = _Conversation(adapter)
                is_new = True
            try:
                if is_new and examine is not _shakes_hands:
                    _shakes_hands(talk)
                examine(talk)
                is_new = False
                yield Diagnosis(what, None)
            except _Sick as trouble:
                yield Diagnosis(what, str(trouble))
                adapter.end()
                adapter = None
                if examine is _shakes_hands:
                    return
        adapter = adapter or pool.take()
        yield _ends_with_its_input(adapter)
    finally:
        if adapter is not None:
            adapter.end()
        pool.end()


def _ends_with_its_input(adapter: Adapter) -> Diagnosis:
    assert adapter.process.stdin is not None
    adapter.process.stdin.close()
    until = time.monotonic() + PATIENCE
    while adapter.process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    ended = adapter.process.poll() is not None
    return Diagnosis("it ends with its input", None if ended else f"it still runs {PATIENCE:g} s later")
