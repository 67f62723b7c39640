"""Broken serializers of the chapter Clear."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from pipecat.frames.frames import (
    BotStoppedSpeakingFrame,
    Frame,
    InterruptionFrame,
    OutputAudioRawFrame,
    UserStartedSpeakingFrame,
)

from tests.serializers.broken.base import HookedSerializer, Json, OutgoingMessages, parse_object
from tests.serializers.broken.registry import broken


@broken(
    "TFS-CLEAR-01",
    "Interruptions are left to the transport (before pipecat-ai/pipecat PR 422).",
    also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-03",
)
class WithoutClear(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, InterruptionFrame) else text


@broken("TFS-CLEAR-01", "The clear message is encoded to bytes (Twilio: 31950).")
class ClearAsBytes(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return text.encode() if isinstance(frame, InterruptionFrame) else text


@broken(
    "TFS-CLEAR-01",
    "A reason is added to the clear message for logging (Twilio: 31951).",
    also="TFS-SECURE-12",
)
class ClearWithReason(OutgoingMessages):
    events = ("clear",)

    def change_message(self, message: Json) -> Json:
        return message | {"reason": "interruption"}


@broken(
    "TFS-CLEAR-01",
    "The event is called clearAudio, as in Plivo's API.",
    also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-03",
)
class ClearAudio(OutgoingMessages):
    events = ("clear",)

    def change_message(self, message: Json) -> Json:
        return message | {"event": "clearAudio"}


@broken(
    "TFS-CLEAR-02", "The call SID is sent instead of the stream SID.", also="TFS-SECURE-12 TFS-CONSTRUCT-02"
)
class ClearNamesTheCall(OutgoingMessages):
    events = ("clear",)

    def change_message(self, message: Json) -> Json:
        return message | {"streamSid": "CA0123456789abcdef0123456789abcdef"}


@broken(
    "TFS-CLEAR-03",
    "A flag says that Twilio's buffer is already empty, so the second clear is skipped.",
    also="TFS-ABUSE-07",
)
class ClearOnce(OutgoingMessages):
    events = ("clear",)
    cleared = False

    def change_message(self, message: Json) -> Any:
        self.cleared, before = True, self.cleared
        return None if before else message


@broken(
    "TFS-CLEAR-03",
    "clear is not sent before any audio was sent.",
    also="TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-01",
)
class ClearOnlyAfterAudio(HookedSerializer):
    spoken = False

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        self.spoken |= isinstance(frame, OutputAudioRawFrame)
        return text if self.spoken or not isinstance(frame, InterruptionFrame) else None


@broken(
    "TFS-CLEAR-04",
    "A caller who starts to speak causes a clear, whatever the interruption strategy says.",
    also="TFS-MESSAGE-07",
)
class ClearOnSpeech(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        return InterruptionFrame() if isinstance(frame, UserStartedSpeakingFrame) else frame


@broken(
    "TFS-CLEAR-04",
    "The end of the agent's speech clears what Twilio still has to play.",
    also="TFS-MESSAGE-07",
)
class ClearAfterSpeech(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        return InterruptionFrame() if isinstance(frame, BotStoppedSpeakingFrame) else frame


@broken(
    "TFS-CLEAR-05",
    "An interruption mutes the agent until the next response starts, which the serializer never learns.",
)
class MutedByClear(HookedSerializer):
    muted = False

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, InterruptionFrame):
            self.muted = True
        return None if self.muted and isinstance(frame, OutputAudioRawFrame) else text


@broken(
    "TFS-CLEAR-06",
    "clear is sent only while audio should still be playing (openai/openai-agents-js issue 1173).",
    also="TFS-CLEAR-0[123] TFS-ABUSE-01 TFS-ABUSE-07 TFS-SECURE-12",
)
class ClearOnlyWhilePlaying(HookedSerializer):
    until = float("-inf")

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        now = time.monotonic()
        if isinstance(frame, OutputAudioRawFrame) and frame.sample_rate > 0:
            self.until = max(self.until, now) + len(frame.audio) / 2 / frame.sample_rate
        return None if isinstance(frame, InterruptionFrame) and now > self.until else text


@broken(
    "TFS-CLEAR-06",
    "A second after the last audio, Twilio is taken to have played it, and no clear is sent.",
)
class NoClearAfterASecond(HookedSerializer):
    last = float("inf")

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        now = time.monotonic()
        if isinstance(frame, OutputAudioRawFrame):
            self.last = now
        return None if isinstance(frame, InterruptionFrame) and now - self.last >= 1 else text


@broken("TFS-CLEAR-07", "Audio is converted beside the event loop, and sent although a clear overtook it.")
class SentAfterBeingOvertaken(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        text = await super().serialize(frame)
        for _ in range(3 * isinstance(frame, OutputAudioRawFrame)):
            await asyncio.sleep(0)
        return text


@broken("TFS-CLEAR-10", "The streamSid of the start message replaces stream_sid (openclaw PR 136506).")
class ClearForTheStartsStream(OutgoingMessages):
    events = ("clear",)
    stream: str | None = None

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        self.stream = message.get("streamSid") if message.get("event") == "start" else self.stream
        return data

    def change_message(self, message: Json) -> Json:
        return message | ({"streamSid": self.stream} if self.stream else {})


@broken(
    "TFS-CLEAR-10", "The streamSid inside start replaces stream_sid; that of the message itself is compared."
)
class ClearForTheInnerStream(ClearForTheStartsStream):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        if message.get("event") == "start" and message.get("streamSid") == self._stream_sid:
            self.stream = message["start"].get("streamSid")
        return data
