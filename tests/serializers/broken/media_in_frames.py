"""Broken serializers of the chapter Media from Twilio: types, identity and timestamps of frames."""

from __future__ import annotations

from typing import Any

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, InputDTMFFrame

from tests.serializers.broken.base import HookedSerializer, parse_object
from tests.serializers.broken.registry import broken


@broken("TFS-MEDIAIN-11", "The audio is collected in a bytearray, which is not copied at the end.")
class AudioInABytearray(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            frame.audio = bytearray(frame.audio)  # type: ignore[assignment]
        return frame


@broken(
    "TFS-MEDIAIN-11",
    "The rate is a number of NumPy after a calculation.",
    also="TFS-MEDIAIN-0[1-7] TFS-MEDIAIN-09 TFS-MEDIAIN-1[04] TFS-SETUP-0[23] TFS-FIDELITY-* TFS-LATENCY-* TFS-INPUT-*",
)
class RateOfNumPy(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            frame.sample_rate = np.int64(frame.sample_rate)  # type: ignore[assignment]
        return frame


@broken("TFS-MEDIAIN-11", "Whether there is one channel is kept as a bool.", also="TFS-MEDIAIN-01")
class ChannelsAsBool(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            frame.num_channels = True
        return frame


@broken("TFS-MEDIAIN-12", "One frame is filled again and again, to save allocations.")
class OneFrameForAll(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        self._frame = getattr(self, "_frame", frame)
        self._frame.audio, self._frame.num_frames = frame.audio, frame.num_frames
        return self._frame


@broken("TFS-MEDIAIN-12", "The frames of the twelve keys are created once.")
class FramesOfKeysKept(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputDTMFFrame):
            return frame
        self._keys = getattr(self, "_keys", {})
        return self._keys.setdefault(frame.button, frame)


@broken("TFS-MEDIAIN-12", "The frame of silence is created once, as half of a call is silent.")
class FrameOfSilenceKept(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or any(frame.audio):
            return frame
        self._silence = getattr(self, "_silence", frame)
        return self._silence


@broken("TFS-MEDIAIN-12", "Frames are copies of a template, with the template's id.")
class CopiesOfATemplate(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self._first = getattr(self, "_first", frame.id)
            frame.id = self._first
        return frame


@broken("TFS-MEDIAIN-13", "Twilio's timestamp becomes pts as it is, in milliseconds.")
class TimestampInMilliseconds(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            frame.pts = int(parse_object(data)["media"].get("timestamp", 0))
        return frame


@broken("TFS-MEDIAIN-13", "pts is Twilio's timestamp, as the text that it is.")
class TimestampAsText(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            frame.pts = parse_object(data)["media"].get("timestamp")
        return frame


@broken("TFS-MEDIAIN-14", "Every member that Twilio documents is required.", also="TFS-INPUT-* TFS-ABUSE-*")
class EveryMemberRequired(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        message = parse_object(data)
        if isinstance(frame, InputAudioRawFrame) and len(frame.audio) == 320:
            return frame if "sequenceNumber" in message and "timestamp" in message["media"] else None
        return frame
