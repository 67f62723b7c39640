"""The probe's backend for any language: serializers behind a process that speaks spec/ADAPTER.md.

A `Serializer` here is used as an instance in this process is; what it raises and returns are values that came
over the line.
"""

from __future__ import annotations

import base64
import binascii
import dataclasses
import enum
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pipecat.frames import frames as pipecat

from twilio_conformance.adapter.client import ANSWER_LIMIT, Channel
from twilio_conformance.adapter.protocol import LEVELS
from twilio_conformance.errors import NotApplicable, NotObservable, RemoteException
from twilio_conformance.subject.frames import Foreign, FrameValue, Value, describe, shorten
from twilio_conformance.subject.logs import LogRecord

Json = dict[str, Any]


class Serializer:
    """One serializer in the adapter's process, used as one in this process.

    Attributes:
        is_ahead: Whether audio may be sent ahead of the answers.
    """

    def __init__(self, channel: Channel, arguments: Json, *, may_end: bool, is_ahead: bool) -> None:
        """Constructs it.

        Args:
            channel: The way to the adapter.
            arguments: The constructor's, by name, as JSON.
            is_ahead: See `Serializer`.
            may_end: Whether it may be given a terminal frame: its request would be seen.

        Raises:
            RemoteException: The constructor raised.
            AdapterFault: See `Channel.ask`.
        """
        self._channel, self._may_end, self.is_ahead = channel, may_end, is_ahead
        self._name = f"s{secrets.token_hex(4)}"
        channel.ask("construct", ANSWER_LIMIT, serializer=self._name, arguments=arguments)

    async def setup(self, configuration: Any) -> Value:
        """The call with the rates of a configuration as Pipecat passes it."""
        rates = {
            name: getattr(configuration, name) for name in ("audio_in_sample_rate", "audio_out_sample_rate")
        }
        return self._value("setup", await self._channel.call("setup", serializer=self._name, **rates))

    async def serialize(self, frame: pipecat.Frame) -> Value:
        """The call with a frame of Pipecat's.

        Raises:
            NotObservable: The frame would cause a request to Twilio itself.
        """
        if not self._may_end and isinstance(frame, pipecat.EndFrame | pipecat.CancelFrame):
            raise NotObservable(
                "hang-up is not testable here: there is no network namespace, and base_url is not claimed"
            )
        shown = show(frame)
        return self._value(
            "serialize", await self._channel.call("serialize", serializer=self._name, frame=shown)
        )

    async def deserialize(self, data: str | bytes) -> Value:
        """The call with a text or bytes."""
        return self._value("deserialize", await self._channel.call("deserialize", **self._data(data)))

    def serialize_each(self, given: Sequence[pipecat.Frame], limit: float) -> Iterator[Value | BaseException]:
        """The calls with one audio frame after the other, sent ahead of the answers: what each gave or raised."""
        requests = [{"serializer": self._name, "frame": show(frame)} for frame in given]
        return self._each("serialize", requests, limit)

    def deserialize_each(self, given: Sequence[str | bytes], limit: float) -> Iterator[Value | BaseException]:
        """The calls with one message after the other, sent ahead of the answers: what each gave or raised."""
        return self._each("deserialize", list(map(self._data, given)), limit)

    def _each(self, op: str, requests: list[Json], limit: float) -> Iterator[Value | BaseException]:
        for answer in self._channel.ask_each(op, requests, limit):
            if answer is None:
                yield TimeoutError()
                continue
            try:
                yield self._value(op, self._channel.outcome(op, answer))
            except RemoteException as raised:
                yield raised

    def _data(self, data: str | bytes) -> Json:
        given = {"text": data} if isinstance(data, str) else {"base64": base64.b64encode(data).decode()}
        return {"serializer": self._name} | given

    def close(self) -> None:
        """Lets the adapter forget it.

        Raises:
            AdapterFault: See `Channel.ask`.
        """
        self._channel.ask("close", ANSWER_LIMIT, serializer=self._name)

    def _value(self, op: str, result: Any) -> Value:
        try:
            return read(result)
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error):
            raise self._channel.wrong_result(op, result) from None


def show(frame: pipecat.Frame) -> Json:
    """A frame as a request holds it: its class, and what it carries beyond the defaults.

    Raises:
        NotApplicable: It carries what JSON cannot say.
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
    """The value that a result stands for.

    Raises:
        KeyError, TypeError, ValueError: It is none that the protocol knows.
    """
    if result is None:
        return None
    kinds = result.keys()
    if kinds == {"text"} and isinstance(result["text"], str):
        return str(result["text"])
    if kinds == {"base64"}:
        return base64.b64decode(result["base64"], validate=True)
    if kinds - {"bases"} == {"frame"}:
        if "bases" not in kinds:
            return _frame(result["frame"], None)
        if isinstance(result["bases"], list) and _are_texts(result["bases"]):
            return _frame(result["frame"], result["bases"])
    if (
        kinds == {"other"}
        and result["other"].keys() == {"type", "text"}
        and _are_texts(result["other"].values())
    ):
        return Foreign(result["other"]["type"], result["other"]["text"])
    raise ValueError("an unknown kind of result")


def write(returned: object) -> Json | None:
    """The result that says what a method in this process returned: what `read` reads."""
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
    """The member of an answer that says what was raised in this process."""
    bases = [base.__name__ for base in type(error).__mro__[1:]]
    return {"raised": {"type": type(error).__name__, "bases": bases, "message": str(error)}}


def write_logs(records: Iterable[LogRecord]) -> list[Json]:
    """The member `logs` of an answer; levels in between count as the next lower one."""
    names = {level: name for name, level in LEVELS.items()}
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
