"""Checks of the chapter Serialize under abuse: messages that are not JSON, and frames that must not change."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

from pipecat.frames import frames

from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject.frames import Json, shorten
from twilio_conformance.subject.probe import Probe

CYCLE: Json = {"event": "mark"}
CYCLE["self"] = CYCLE

DEEP: Json = {}
for _ in range(100_000):
    DEEP = {"a": DEEP}

NOT_JSON: Json = {
    "a set": {"members": {1, 2}},
    "bytes": {"payload": b"\xff"},
    "an object": {"value": object()},
    "NaN": {"value": float("nan")},
    "infinity": {"value": float("inf")},
    "a cycle": CYCLE,
    "keys that are tuples": {(1, 2): 3},
    "100,000 levels": DEEP,
    "a list": [1, 2],
    "a text": "hello",
    "a number": 3,
    "None": None,
}
"""Messages that are not JSON objects, or not JSON at all."""


@check("TFS-ABUSE-08")
async def a_message_that_cannot_be_json_raises_nothing_and_sends_nothing_invalid(probe: Probe) -> None:
    """With the RTVI filter on and off, and with both kinds of transport message."""
    for ignores in (True, False):
        subject = await probe.ready(
            stream_sid="${stream_sid}", params={"auto_hang_up": False, "ignore_rtvi_messages": ignores}
        )
        for name, message in NOT_JSON.items():
            for kind in (frames.OutputTransportMessageFrame, frames.OutputTransportMessageUrgentFrame):
                observation = await subject.serialize(kind(message=message))
                harmless = observation.raised is None and _is_json_or_nothing(observation.value)
                wanted, actual = "None, or JSON text", observation.outcome
                expect(harmless, f"a message with {name} does harm", wanted, actual)


def _is_json_or_nothing(value: Any) -> bool:
    if value is None:
        return True
    constants: list[str] = []
    try:
        json.loads(value, parse_constant=constants.append)
    except (TypeError, ValueError):
        return False
    # NaN and the infinities are no JSON, though json reads them.
    return isinstance(value, str) and not constants


@check("TFS-ABUSE-09")
async def a_frame_is_the_same_after_serialize_as_before(probe: Probe) -> None:
    """Other processors hold the same frame."""
    probe.require_object()
    subject = await probe.ready()
    pcm = bytes(range(256)) * 5
    given: list[frames.Frame] = [
        frames.OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)
        for rate, channels in ((8000, 1), (24000, 1), (8000, 2), (16000, 2))
    ]
    given += [
        frames.OutputTransportMessageFrame(message={"event": "mark", "mark": {"name": "a"}}),
        frames.OutputTransportMessageFrame(message={"label": "rtvi-ai"}),
        *(frames.InterruptionFrame(), frames.EndFrame(), frames.CancelFrame()),
    ]
    for frame in given:
        before = copy.deepcopy(_contents(frame))
        await subject.serialize(frame)
        after = _contents(frame)
        changed = [name for name in before | after if before.get(name, ...) != after.get(name, ...)]
        contents = {name: shorten(after.get(name)) for name in changed}
        message = f"serialize changes a {type(frame).__name__}"
        expect(not changed, message, "the frame as it was", contents)


def _contents(frame: frames.Frame) -> dict[str, Any]:
    return {entry.name: getattr(frame, entry.name) for entry in dataclasses.fields(frame)} | vars(frame)
