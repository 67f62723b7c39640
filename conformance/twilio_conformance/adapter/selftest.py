"""Tests of an adapter itself: the handshake, the framing, the errors and the limits of spec/ADAPTER.md."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from twilio_conformance.adapter.client import ANSWER_LIMIT, HELLO_LIMIT, PING_LIMIT, Channel
from twilio_conformance.adapter.processes import Adapter, Pool
from twilio_conformance.adapter.serializer import value_of
from twilio_conformance.errors import AdapterFault
from twilio_conformance.subject.target import parse
from twilio_conformance.twilio.tls import Authority

END_LIMIT = 5.0
"""Seconds in which an adapter ends when its input does."""

LONG = 8 << 20
"""Bytes of a long line; the protocol's limit is eight times that."""

_QUIET = {"stream_sid": "MZ1", "params": {"auto_hang_up": False}}
_INTERRUPTION = {"frame": "InterruptionFrame"}


def report(command: str) -> int:
    """Print what works in an adapter and what does not; return the exit status.

    The command is what follows `stdio:` in --impl.
    """
    broken = 0
    for part, trouble in _diagnose(command):
        broken += trouble is not None
        sys.stdout.write(f"works   {part}\n" if trouble is None else f"BROKEN  {part}: {trouble}\n")
        sys.stdout.flush()
    parts = f"{broken} {'part' if broken == 1 else 'parts'} of spec/ADAPTER.md"
    sys.stdout.write(f"\n{f'It does not keep to {parts}.' if broken else 'It can be graded.'}\n")
    return int(broken > 0)


def _diagnose(command: str) -> Iterator[tuple[str, str | None]]:
    """Yield each part of the protocol and what is wrong with it; a process that failed is replaced."""
    pool = Pool(parse(f"stdio:{command}"), Authority().pem)
    adapter: Adapter | None = None
    try:
        for part, examine in _EXAMINATIONS.items():
            try:
                if adapter is None:
                    adapter = pool.take()
                    channel = adapter.channel()
                    _shake_hands(channel)
                examine(channel)
                yield part, None
            except AdapterFault as fault:
                yield part, fault.message
                if adapter is not None:
                    adapter.end()
                    adapter = None
                if examine is _shake_hands:
                    return
        adapter = adapter or pool.take()
        yield "it ends with its input", _end_of_input(adapter)
    finally:
        if adapter is not None:
            adapter.end()
        pool.end()


def _end_of_input(adapter: Adapter) -> str | None:
    assert adapter.process.stdin is not None
    adapter.process.stdin.close()
    try:
        adapter.process.wait(timeout=END_LIMIT)
    except subprocess.TimeoutExpired:
        return f"it still runs {END_LIMIT:g} s later"
    return None


def _ask(channel: Channel, op: str, wanted: str, limit: float = ANSWER_LIMIT, **members: Any) -> Any:
    """Return the member of an answer that is wanted: `result`, `raised` or `error`."""
    answer = channel.answer(channel.send(op, members), op, limit)
    if wanted not in answer:
        raise AdapterFault(f"{op} is answered with {json.dumps(answer)[:200]} where {wanted!r} is wanted")
    if wanted == "result" and op in ("serialize", "deserialize"):
        value_of(channel, op, answer[wanted])
    return answer[wanted]


def _shake_hands(channel: Channel) -> None:
    channel.hello(HELLO_LIMIT)
    channel.hello(PING_LIMIT)


def _refuse_the_unknown(channel: Channel) -> None:
    _ask(channel, "dance", "error")
    _ask(channel, "hello", "error", protocol=1, unknown=1)
    _ask(channel, "serialize", "error", serializer="nobody", frame=_INTERRUPTION)


def _return_exceptions(channel: Channel) -> None:
    raised = _ask(channel, "construct", "raised", serializer="a", arguments={"stream_sid": "MZ1"})
    if "ValueError" not in (raised["type"], *raised.get("bases", ())):
        text = f"missing credentials are a {raised['type']}, where the specification names ValueError"
        raise AdapterFault(text)


def _keep_serializers_apart(channel: Channel) -> None:
    for name in ("a", "b"):
        arguments = _QUIET | {"stream_sid": f"MZ{name}"}
        _ask(channel, "construct", "result", serializer=name, arguments=arguments)
    for name in ("a", "b"):
        told = _ask(channel, "serialize", "result", serializer=name, frame=_INTERRUPTION)
        if f"MZ{name}" not in str(told):
            raise AdapterFault(f"serializer {name}, of stream MZ{name}, gives {told}")
        _ask(channel, "close", "result", serializer=name)
        _ask(channel, "close", "error", serializer=name)


def _split_lines_at_line_feeds(channel: Channel) -> None:
    _ask(channel, "construct", "result", serializer="a", arguments=_QUIET)
    separators = json.dumps({"event": "x\u2028\u2029\x85\r"}, ensure_ascii=False)
    number, line = channel.request("deserialize", {"serializer": "a", "text": separators})
    line = json.dumps(json.loads(line), ensure_ascii=False).encode() + b"\n"
    for piece in (line[: len(line) // 2], line[len(line) // 2 :]):
        channel.write(piece)
        time.sleep(0.05)
    channel.answer(number, "deserialize", ANSWER_LIMIT)
    _ask(channel, "close", "result", serializer="a")


def _answer_many_at_once(channel: Channel) -> None:
    _ask(channel, "construct", "result", serializer="a", arguments=_QUIET)
    members = {"serializer": "a", "frame": _INTERRUPTION}
    for number in [channel.send("serialize", members) for _ in range(50)]:
        channel.answer(number, "serialize", ANSWER_LIMIT)
    _ask(channel, "close", "result", serializer="a")


def _take_long_lines(channel: Channel) -> None:
    _ask(channel, "construct", "result", serializer="a", arguments=_QUIET)
    _ask(channel, "setup", "result", serializer="a", audio_in_sample_rate=8000, audio_out_sample_rate=8000)
    payload = base64.b64encode(bytes([0xFF]) * 30_000).decode()
    message = json.dumps({"event": "media", "media": {"payload": payload}})
    result = _ask(channel, "deserialize", "result", serializer="a", text=message)
    if not isinstance(result, dict) or "frame" not in result:
        raise AdapterFault(f"a media message of 40 kB gives {json.dumps(result)[:200]}")
    if _ask(channel, "deserialize", "result", serializer="a", text="x" * LONG) is not None:
        raise AdapterFault(f"a text of {LONG >> 20} MiB that is no message gives a frame")
    _ask(channel, "close", "result", serializer="a")


def _write_nothing_else(channel: Channel) -> None:
    channel.expect_silence(0.2)


_EXAMINATIONS: dict[str, Callable[[Channel], None]] = {
    "it answers hello, and again at once": _shake_hands,
    "it refuses unknown operations, members and serializers": _refuse_the_unknown,
    "an exception of the implementation is a value": _return_exceptions,
    "it keeps serializers apart, and forgets closed ones": _keep_serializers_apart,
    "a line feed ends a line, and nothing else does": _split_lines_at_line_feeds,
    "it answers many requests at once": _answer_many_at_once,
    "it takes long lines": _take_long_lines,
    "it says nothing unasked": _write_nothing_else,
}
