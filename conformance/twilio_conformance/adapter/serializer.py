"""Serializers in a process that speaks spec/ADAPTER.md, used as instances in this process are."""

from __future__ import annotations

import base64
import dataclasses
import enum
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipecat.frames import frames as pipecat

from twilio_conformance.adapter.client import ANSWER_LIMIT, Channel
from twilio_conformance.adapter.protocol import LOG_LEVELS
from twilio_conformance.errors import NotApplicable, NotObservable, RemoteException
from twilio_conformance.subject.frames import Foreign, FrameValue, Value, describe, shorten
from twilio_conformance.subject.logs import LogRecord

Json = dict[str, Any]


class Serializer:
    """One serializer in the adapter's process.

    Attributes:
        is_ahead: Whether audio may be sent ahead of the answers.
    """

    def __init__(self, channel: Channel, arguments: Json, *, may_end: bool, is_ahead: bool) -> None:
        """Construct the serializer; what its constructor raises is a RemoteException.

        `may_end` permits EndFrame and CancelFrame: the requests that they cause will be seen.
        """
        self._channel, self._may_end, self.is_ahead = channel, may_end, is_ahead
        self._name = f"s{secrets.token_hex(4)}"
        channel.ask("construct", ANSWER_LIMIT, serializer=self._name, arguments=arguments)

    async def setup(self, configuration: Any) -> Value:
        """Call setup with the rates of a configuration as Pipecat passes it."""
        names = ("audio_in_sample_rate", "audio_out_sample_rate")
        return await self._call("setup", {name: getattr(configuration, name) for name in names})

    async def serialize(self, frame: pipecat.Frame) -> Value:
        """Call serialize with a frame of Pipecat's.

        Raise NotObservable if the frame would cause a request to Twilio itself.
        """
        if not self._may_end and isinstance(frame, pipecat.EndFrame | pipecat.CancelFrame):
            raise NotObservable(
                "hang-up is not testable here: there is no network namespace, and base_url is not claimed"
            )
        return await self._call("serialize", {"frame": show(frame)})

    async def deserialize(self, data: str | bytes) -> Value:
        """Call deserialize with text or bytes."""
        return await self._call("deserialize", _data(data))

    def serialize_each(self, given: Sequence[pipecat.Frame], limit: float) -> Iterator[Value | BaseException]:
        """Call serialize with audio frames, sent ahead of the answers; yield what each returned or raised."""
        return self._each("serialize", [{"frame": show(frame)} for frame in given], limit)

    def deserialize_each(self, given: Sequence[str | bytes], limit: float) -> Iterator[Value | BaseException]:
        """Call deserialize with messages, sent ahead of the answers; yield what each returned or raised."""
        return self._each("deserialize", list(map(_data, given)), limit)

    def close(self) -> None:
        """Let the adapter forget the serializer."""
        self._channel.ask("close", ANSWER_LIMIT, serializer=self._name)

    async def _call(self, op: str, members: Json) -> Value:
        result = await self._channel.call(op, serializer=self._name, **members)
        return value_of(self._channel, op, result)

    def _each(self, op: str, given: list[Json], limit: float) -> Iterator[Value | BaseException]:
        requests = [{"serializer": self._name} | members for members in given]
        for answer in self._channel.ask_each(op, requests, limit):
            try:
                yield (
                    TimeoutError()
                    if answer is None
                    else value_of(self._channel, op, self._channel.outcome(op, answer))
                )
            except RemoteException as raised:
                yield raised


def _data(data: str | bytes) -> Json:
    return {"text": data} if isinstance(data, str) else {"base64": base64.b64encode(data).decode()}


def value_of(channel: Channel, op: str, result: Any) -> Value:
    """Return the value of a method from the result in an answer; AdapterFault if the protocol knows no such result."""
    try:
        return read(result)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise channel.wrong_result(op, result) from None


def show(frame: pipecat.Frame) -> Json:
    """Return a frame as JSON: its class, and the attributes that differ from their defaults.

    Raise NotApplicable if an attribute cannot be expressed in JSON.
    """
    shown: Json = {"frame": type(frame).__name__}
    for entry in dataclasses.fields(frame):
        value = getattr(frame, entry.name)
        if not entry.init or (entry.default is not dataclasses.MISSING and value is entry.default):
            continue
        if isinstance(value, bytes | bytearray | memoryview):
            value = base64.b64encode(value).decode()
        elif isinstance(value, enum.Enum):
            value = value.value
        if not _is_json(value):
            raise NotApplicable(
                f"{entry.name} of this {type(frame).__name__} cannot be said in JSON, over stdio"
            )
        shown[entry.name] = value
    return shown


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and _is_json(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return value == value and abs(value) != float("inf")
    return value is None or isinstance(value, str | int)


def read(result: Any) -> Value:
    """Return the value that a result stands for.

    Raise KeyError, TypeError, ValueError or AttributeError if the protocol knows no such result.
    """
    if result is None:
        return None
    match result:
        case {"text": str(text), **others} if not others:
            return text
        case {"base64": str(text), **others} if not others:
            return base64.b64decode(text, validate=True)
        case {"frame": dict(shown), **others} if not others:
            return _frame(shown, None)
        case {"frame": dict(shown), "bases": list(bases), **others} if not others and _are_texts(bases):
            return _frame(shown, bases)
        case {"other": {"type": str(kind), "text": str(text), **more}, **others} if not (others or more):
            return Foreign(kind, text)
    raise ValueError("an unknown kind of result")


def write(returned: object) -> Json | None:
    """Return the result for what a method in this process returned; the inverse of `read`."""
    value = describe(returned)
    if isinstance(value, FrameValue):
        carried = {name: _plain(item) for name, item in value.attributes.items()}
        return {"frame": {"frame": value.kind} | carried, "bases": sorted(value.bases)}
    if isinstance(value, Foreign):
        return {"other": {"type": value.type, "text": value.text}}
    if isinstance(value, bytes):
        return {"base64": _plain(value)}
    return None if value is None else {"text": value}


def write_raised(error: BaseException) -> Json:
    """Return the member `raised` of an answer for an exception of this process."""
    bases = [base.__name__ for base in type(error).__mro__[1:]]
    return {"raised": {"type": type(error).__name__, "bases": bases, "message": str(error)}}


def write_logs(records: Iterable[LogRecord]) -> list[Json]:
    """Return the member `logs` of an answer; levels in between count as the next lower one."""
    names = {level: name for name, level in LOG_LEVELS.items()}
    return [
        {"level": names[max(10, min(record.level // 10 * 10, 50))], "text": record.text} for record in records
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value if _is_json(value) else shorten(value)


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _frame(shown: Json, bases: list[str] | None) -> FrameValue:
    if not shown["frame"]:
        raise ValueError("a frame without a name")
    kind = getattr(pipecat, shown["frame"], None)
    known = [base.__name__ for base in kind.__mro__[1:-1]] if isinstance(kind, type) else []
    attributes = {name: value for name, value in shown.items() if name != "frame"}
    if "audio" in attributes:
        attributes["audio"] = base64.b64decode(attributes["audio"], validate=True)
    return FrameValue(shown["frame"], frozenset(known if bases is None else bases), attributes)
