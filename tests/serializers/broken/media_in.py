"""Broken serializers of the chapter Media from Twilio."""

from __future__ import annotations

import audioop
import base64
import json
from types import SimpleNamespace
from typing import Any

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame

from tests.serializers.broken.base import HookedSerializer, with_audio
from tests.serializers.broken.registry import broken


@broken(
    "TFS-MEDIAIN-01",
    "deserialize returns an output frame, which is sent back out (pipecat-ai/pipecat PR 480).",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class OutputFrameForTheCaller(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        return OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)


@broken(
    "TFS-MEDIAIN-01",
    "num_channels is 2, as in sample code for browsers.",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23] TFS-MEDIAIN-14",
)
class TwoChannels(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return with_audio(frame, num_channels=2) if isinstance(frame, InputAudioRawFrame) else frame


@broken(
    "TFS-MEDIAIN-01",
    "The audio is the resampler's numpy array, which has no bytes' methods.",
    also="TFS-MEDIAIN-* TFS-SETUP-* TFS-INPUT-* TFS-LIVE-* TFS-FIDELITY-* TFS-LATENCY-*",
)
class ArrayForTheCaller(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        return with_audio(frame, audio=np.frombuffer(frame.audio, "<i2"))


class _IncomingPcm(HookedSerializer):
    """A hook for the caller's audio."""

    def change_pcm(self, pcm: bytes) -> bytes:
        return pcm

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        pcm = self.change_pcm(frame.audio)
        return with_audio(frame, pcm) if pcm else None


@broken(
    "TFS-MEDIAIN-02",
    "Audio is decoded as A-law instead of μ-law.",
    also="TFS-MEDIAIN-0[35679] TFS-MEDIAIN-10 TFS-SETUP-0[23] TFS-FIDELITY-0[2345679] TFS-FIDELITY-15",
)
class AlawFromTwilio(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        return audioop.alaw2lin(audioop.lin2ulaw(pcm, 2), 2)


@broken(
    "TFS-MEDIAIN-02",
    "The samples are written big-endian.",
    also="TFS-MEDIAIN-0[345679] TFS-MEDIAIN-10 TFS-SETUP-0[23] TFS-LATENCY-0[12345] TFS-FIDELITY-* TFS-LATENCY-08 TFS-MEDIAIN-14",
)
class BigEndianIn(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        return audioop.byteswap(pcm, 2)


@broken(
    "TFS-MEDIAIN-02",
    "The table holds 14-bit values that are never scaled: the caller is too quiet.",
    also="TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class FourteenBits(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        return (np.frombuffer(pcm, "<i2") >> 2).tobytes()


@broken(
    "TFS-MEDIAIN-02",
    "Negative codes decode one too high, because the bias is subtracted before the sign is applied.",
    also="TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class BiasAfterSign(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2")
        return np.where(samples < 0, samples + 1, samples).astype("<i2").tobytes()


@broken(
    "TFS-MEDIAIN-03",
    "Every eleventh message is lost by a queue that is one entry too short.",
    also="TFS-SETUP-0[23]",
)
class DropsMessages(_IncomingPcm):
    count = 0

    def change_pcm(self, pcm: bytes) -> bytes:
        self.count += 1
        return b"" if self.count % 11 == 0 else pcm


@broken(
    "TFS-MEDIAIN-03",
    "Messages are sorted by timestamp, so each is returned with the next one.",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-04 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class SwapsMessages(_IncomingPcm):
    kept = b""

    def change_pcm(self, pcm: bytes) -> bytes:
        self.kept, before = (b"", pcm + self.kept) if self.kept else (pcm, b"")
        return before


@broken(
    "TFS-MEDIAIN-03",
    "Silence from the caller is not passed on, so no pause ever ends.",
    also="TFS-MEDIAIN-02 TFS-SETUP-0[23]",
)
class DropsTheCallersSilence(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        return pcm if any(pcm) else b""


@broken(
    "TFS-MEDIAIN-04",
    "The frame is labeled with the pipeline's rate but not converted (pipecat-ai/pipecat PR 1148).",
)
class LabelWithoutConversion(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        self.rate = setup.audio_in_sample_rate
        await super().setup(SimpleNamespace(audio_in_sample_rate=8000))

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate != 8000:
            return frame
        return with_audio(frame, sample_rate=self.rate)


@broken(
    "TFS-MEDIAIN-05",
    "Only str is handled; bytes are ignored (before pipecat-ai/pipecat PR 3379).",
    also="TFS-INPUT-07",
)
class TextOnly(HookedSerializer):
    async def deserialize(self, data: str | bytes) -> Any:
        return await super().deserialize(data) if isinstance(data, str) else None


@broken("TFS-MEDIAIN-05", "bytes are converted by str(), which writes b'…' around them.", also="TFS-INPUT-07")
class BytesByStr(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        return str(data)


@broken("TFS-MEDIAIN-06", "A regular expression finds the payload and expects event to be the first member.")
class EventFirst(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return data if text.startswith('{"event":"') else "null"


class _IncomingMessages(HookedSerializer):
    """A hook for messages from Twilio, parsed."""

    def change_message(self, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return data
        return json.dumps(self.change_message(message)) if isinstance(message, dict) else data


@broken(
    "TFS-MEDIAIN-06",
    "A strict model of the message rejects unknown members.",
    also="TFS-MEDIAIN-05 TFS-MEDIAIN-0[39] TFS-MEDIAIN-10",
)
class KnownMembersOnly(_IncomingMessages):
    known = frozenset({"event", "sequenceNumber", "streamSid", "media", "dtmf", "mark", "start", "stop"})

    def change_message(self, message: dict[str, Any]) -> dict[str, Any]:
        return message if message.keys() <= self.known else {}


@broken(
    "TFS-MEDIAIN-07",
    "Any payload other than 160 bytes is taken for damaged.",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-SETUP-0[23]",
)
class TwentyMillisecondsOnly(_IncomingPcm):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        is_media = isinstance(frame, InputAudioRawFrame)
        size = len(base64.b64decode(json.loads(data)["media"]["payload"])) if is_media else 160
        return frame if size == 160 else None


@broken("TFS-MEDIAIN-07", "The payload is cut off at the 4096 bytes of a buffer.")
class CutAt4096(_IncomingPcm):
    def change_pcm(self, pcm: bytes) -> bytes:
        return pcm[:8192]


@broken(
    "TFS-MEDIAIN-08",
    "A message without samples returns a frame without samples (pipecat-ai/pipecat issue 1054).",
)
class EmptyFrames(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is not None:
            return frame
        try:
            is_empty = json.loads(data)["media"]["payload"] == ""
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return InputAudioRawFrame(b"", 8000, 1) if is_empty else None


@broken(
    "TFS-MEDIAIN-09",
    "track is not read, so the agent hears itself, as in pipecat-ai 1.14.0.",
)
class BothTracks(_IncomingMessages):
    def change_message(self, message: dict[str, Any]) -> dict[str, Any]:
        if isinstance(message.get("media"), dict):
            message["media"].pop("track", None)
        return message


@broken("TFS-MEDIAIN-10", "streamSid is not compared, as in pipecat-ai 1.14.0.")
class AnyStream(_IncomingMessages):
    def change_message(self, message: dict[str, Any]) -> dict[str, Any]:
        message.pop("streamSid", None)
        return message
