"""Broken serializers of the chapter Live: faults that a whole call through Pipecat's transport reveals."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any, ClassVar

from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
)

from tests.serializers.broken.base import HookedSerializer, Json, OutgoingCodes, OutgoingMessages, is_terminal
from tests.serializers.broken.registry import broken


class _Held(OutgoingCodes):
    """Holds back the newest `hold` codes until more arrive; an interruption drops them."""

    hold = 0
    held = b""

    def change_codes(self, codes: bytes) -> bytes:
        codes = self.held + codes
        self.held = codes[-self.hold :]
        return codes[: -self.hold]

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.held = b""
        return frame


@broken(
    "TFS-LIVE-01",
    "A jitter buffer of 200 ms is used where there is no jitter.",
    also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class Holds200Milliseconds(_Held):
    hold = 1600


@broken(
    "TFS-LIVE-02",
    "The default of a stream resampler withholds 100 ms, as in pipecat-ai 1.14.0.",
    also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class Holds100Milliseconds(_Held):
    hold = 800


@broken(
    "TFS-LIVE-03",
    "The last 300 ms wait for a flush that never comes (pipecat-ai/pipecat PR 465).",
    also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class Holds300Milliseconds(_Held):
    hold = 2400


@broken(
    "TFS-LIVE-04", "The last 100 ms wait for a block to fill.", also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*"
)
class Holds120Milliseconds(_Held):
    hold = 960


@broken(
    "TFS-LIVE-05",
    "Every tenth chunk is lost between two threads.",
    also="TFS-ABUSE-03 TFS-ABUSE-05 TFS-ABUSE-06 TFS-CLEAR-05 TFS-MEDIAOUT-05 TFS-MEDIAOUT-06 TFS-MEDIAOUT-07 TFS-MEDIAOUT-08 TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class LosesChunks(OutgoingCodes):
    count = 0

    def change_codes(self, codes: bytes) -> bytes:
        self.count += 1
        return b"" if self.count % 10 == 0 else codes


@broken(
    "TFS-LIVE-06",
    "Messages that arrive in a burst are taken for duplicates.",
    also="TFS-MEDIAIN-01 TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-04 TFS-MEDIAIN-05 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-03 TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-* TFS-HANGUP-12 TFS-MEDIAIN-14",
)
class DropsBursts(HookedSerializer):
    last: ClassVar[float] = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        now = asyncio.get_running_loop().time()
        is_burst = now - getattr(self, "since", -1.0) < 0.002
        self.since = now
        return None if is_burst else frame


@broken(
    "TFS-LIVE-07",
    "The end of the last answer stays in the serializer.",
    also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class KeepsTheEnd(_Held):
    hold = 1200


@broken(
    "TFS-LIVE-08",
    "After an interruption, what the resampler held of the interrupted answer is sent first (R25).",
    also="TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-*",
)
class SpeaksOnAfterClear(OutgoingCodes):
    kept = b""
    interrupted = False

    def change_codes(self, codes: bytes) -> bytes:
        before, self.interrupted = (self.kept if self.interrupted else b""), False
        self.kept = codes[-800:]
        return before + codes

    def before_serialize(self, frame: Frame) -> Frame:
        self.interrupted |= isinstance(frame, InterruptionFrame)
        return frame


@broken(
    "TFS-LIVE-08",
    "Audio is converted in a thread, and what the thread returns after an interruption is sent after the clear.",
    also="TFS-LIVE-*",
)
class ThreadOutlivesTheClear(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        text = await super().serialize(frame)
        if isinstance(frame, OutputAudioRawFrame):
            await asyncio.sleep(0.2)
        return text


@broken(
    "TFS-LIVE-09",
    "Keys are ignored while the caller speaks.",
    also="TFS-DTMF-04 TFS-INPUT-09 TFS-LIVE-*",
)
class KeysOnlyInSilence(HookedSerializer):
    speaking = False

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.speaking = any(frame.audio)
        return None if isinstance(frame, InputDTMFFrame) and self.speaking else frame


@broken(
    "TFS-LIVE-10",
    "An exception from deserialize ends the receive loop (pipecat-ai/pipecat issue 5816).",
    also="TFS-INPUT-01 TFS-INPUT-02 TFS-INPUT-07 TFS-INPUT-08 TFS-INPUT-10",
)
class MalformedRaises(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        json.loads(data)["event"]
        return data


@broken(
    "TFS-LIVE-11",
    "Terminal frames are ignored, so the call stays open (pipecat-ai/pipecat PR 1645).",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-CONSTRUCT-02 TFS-CONSTRUCT-12 TFS-CONSTRUCT-14 TFS-FAULT-07 TFS-FAULT-10 TFS-FAULT-12 TFS-HANGUP-01 TFS-HANGUP-02 TFS-HANGUP-10 TFS-HANGUP-15 TFS-HANGUP-16 TFS-HANGUP-17 TFS-HANGUP-18 TFS-SECURE-11 TFS-LIVE-14 TFS-ABUSE-10 TFS-HANGUP-29",
)
class NeverHangsUp(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        return None if is_terminal(frame) else await super().serialize(frame)


@broken(
    "TFS-LIVE-12", "Messages of the application are not sent.", also="TFS-MARK-* TFS-MESSAGE-* TFS-LIVE-*"
)
class SwallowsMarks(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, OutputTransportMessageFrame) else text


@broken(
    "TFS-LIVE-12",
    "A returned mark raises, which ends Pipecat's receive loop.",
    also="TFS-INPUT-11 TFS-MARK-02 TFS-MARK-03 TFS-LIVE-*",
)
class MarkEndsTheCall(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        if '"mark"' in str(data):
            raise KeyError("mark")
        return data


@broken(
    "TFS-LIVE-13",
    "A member of the inbound message is copied into the outbound one (Twilio: 31951).",
    also="TFS-MEDIAOUT-02",
)
class ExtraMember(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"sequenceNumber": "1"}


@broken(
    "TFS-LIVE-14",
    "All calls of the process share one buffer (pipecat-ai/pipecat PR 255).",
    isolated=True,
    also="TFS-ABUSE-05 TFS-FIDELITY-* TFS-LATENCY-* TFS-LIVE-* TFS-CONSTRUCT-14",
)
class SharedBuffer(OutgoingMessages):
    events = ("media",)
    buffer: ClassVar[list[bytes]] = []

    def change_message(self, message: Json) -> Any:
        self.buffer.append(base64.b64decode(message["media"]["payload"]))
        if len(self.buffer) < 2:
            return None
        message["media"]["payload"] = base64.b64encode(self.buffer.pop(0)).decode()
        return message


@broken("TFS-LIVE-15", "A rate limiter delays every 20th frame by 0.3 s.")
class StallsInMidSpeech(HookedSerializer):
    count = 0

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self.count += 1
            if self.count % 20 == 0:
                await asyncio.sleep(0.3)
        return await super().serialize(frame)
