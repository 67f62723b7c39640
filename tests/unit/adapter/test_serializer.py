"""Serializers behind a channel: what goes over the line, and what comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import jsonschema
import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames

from twilio_conformance.adapter import client, serializer
from twilio_conformance.errors import AdapterFault, NotApplicable, NotObservable, RemoteException
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.frames import describe
from twilio_conformance.subject.logs import LogRecord


class Channel(client.Channel):
    """A channel that keeps requests and gives prepared results."""

    def __init__(self, *results: Any) -> None:
        self.results: list[Any] = list(results)
        self.requests: list[tuple[str, Any]] = []

    def ask(self, op: str, limit: float, **members: Any) -> Any:
        self.requests.append((op, members))

    async def call(self, op: str, **members: Any) -> Any:
        self.requests.append((op, members))
        return self.results.pop(0)

    def ask_each(self, op: str, given: Sequence[Any], limit: float) -> list[Any]:
        self.requests += [(op, members) for members in given]
        return self.results

    def outcome(self, op: str, answer: Any) -> Any:
        if "raised" in answer:
            raise RemoteException(answer["raised"], frozenset(), "")
        return answer["result"]

    def wrong_result(self, op: str, result: Any) -> AdapterFault:
        return AdapterFault(f"{op}: {result}")


def made(*results: Any, may_end: bool = True) -> tuple[serializer.Serializer, Channel]:
    channel = Channel(*results)
    return serializer.Serializer(channel, {"stream_sid": "MZ"}, may_end=may_end, is_ahead=True), channel


def test_a_serializer_has_one_name_from_construct_to_close() -> None:
    subject, channel = made({"text": "clear"})
    assert asyncio.run(subject.serialize(frames.InterruptionFrame())) == "clear"
    subject.close()
    assert [op for op, _ in channel.requests] == ["construct", "serialize", "close"]
    assert len({members["serializer"] for _, members in channel.requests}) == 1
    assert channel.requests[1][1]["frame"] == {"frame": "InterruptionFrame"}


@pytest.mark.parametrize(("data", "sent"), [("{}", {"text": "{}"}), (b"\xff", {"base64": "/w=="})])
def test_text_and_bytes_are_told_apart(data: str | bytes, sent: dict[str, str]) -> None:
    subject, channel = made(None)
    assert asyncio.run(subject.deserialize(data)) is None
    assert channel.requests[1][1].items() >= sent.items()


def test_a_result_that_the_protocol_does_not_know_is_the_fault_of_the_adapter() -> None:
    subject, _ = made({"payload": ""})
    with pytest.raises(AdapterFault, match="serialize"):
        asyncio.run(subject.serialize(frames.InterruptionFrame()))


@pytest.mark.parametrize("frame", [frames.EndFrame(), frames.CancelFrame()])
def test_a_serializer_that_would_reach_twilio_itself_gets_no_terminal_frame(frame: frames.Frame) -> None:
    subject, channel = made(may_end=False)
    with pytest.raises(NotObservable):
        asyncio.run(subject.serialize(frame))
    assert len(channel.requests) == 1


def test_requests_sent_ahead_yield_values_exceptions_and_timeouts_in_turn() -> None:
    subject, _ = made({"result": {"text": "a"}}, {"raised": "ValueError"}, None)
    value, raised, late = subject.deserialize_each(["1", "2", "3"], 1.0)
    assert value == "a"
    assert isinstance(raised, RemoteException)
    assert isinstance(late, TimeoutError)


def test_audio_and_enumerations_are_shown_as_json() -> None:
    shown = serializer.show(frames.OutputAudioRawFrame(b"\x01\x02", 8000, 1))
    assert shown == {"frame": "OutputAudioRawFrame", "audio": "AQI=", "sample_rate": 8000, "num_channels": 1}
    assert serializer.show(frames.InputDTMFFrame(button=KeypadEntry.STAR))["button"] == "*"


@pytest.mark.parametrize("message", [object(), {1: "a"}, [float("nan")], {"a": (1,)}])
def test_a_frame_that_json_cannot_express_is_not_applicable(message: Any) -> None:
    with pytest.raises(NotApplicable, match="message of this OutputTransportMessageFrame"):
        serializer.show(frames.OutputTransportMessageFrame(message=message))


def test_an_exception_is_written_with_its_base_classes() -> None:
    raised = serializer.write_raised(KeyError("a"))["raised"]
    assert (raised["type"], raised["message"]) == ("KeyError", "'a'")
    assert "LookupError" in raised["bases"]


@pytest.mark.parametrize(("level", "name"), [(5, "DEBUG"), (25, "INFO"), (40, "ERROR"), (99, "CRITICAL")])
def test_a_level_in_between_counts_as_the_next_lower_one(level: int, name: str) -> None:
    assert serializer.write_logs([LogRecord(level, "", "t")]) == [{"level": name, "text": "t"}]


@pytest.mark.parametrize(
    "result",
    [7, "text", [], {}, {"text": 5}, {"text": "", "bases": []}, {"base64": "!"}, {"base64": 5}, {"frame": 5}, {"frame": {}},
     {"frame": {"frame": "InputAudioRawFrame", "audio": "!"}}, {"frame": {"frame": "EndFrame"}, "more": 1},
     {"other": {"type": "t"}}, {"other": {"type": "t", "text": "", "more": 1}}, {"other": 5}, {"payload": ""}],
)  # fmt: skip
def test_a_result_that_the_schema_refuses_is_none_that_a_method_has(result: Any) -> None:
    assert not jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).is_valid(
        {"id": 1, "result": result}
    )
    with pytest.raises((KeyError, TypeError, ValueError, AttributeError)):
        serializer.read(result)


class SpokenFrame(frames.OutputAudioRawFrame):
    """A frame that Pipecat does not have."""


RETURNED = {
    "None": None, "text": '{"event": "clear"}', "bytes": b"\x00\xff", "an object": object(), "a number": 7,
    "audio": frames.InputAudioRawFrame(b"\x01\x02", 8000, 1), "a key": frames.InputDTMFFrame(button=KeypadEntry.STAR),
    "a frame of its own": SpokenFrame(b"\x01\x02", 8000, 1),
}  # fmt: skip


@pytest.mark.parametrize("returned", RETURNED.values(), ids=RETURNED)
def test_what_a_method_returns_is_the_same_on_both_sides(returned: Any) -> None:
    result = json.loads(json.dumps(serializer.write(returned)))
    jsonschema.Draft202012Validator(catalogue.load_schema("adapter")).validate({"id": 1, "result": result})
    assert serializer.read(result) == describe(returned)
