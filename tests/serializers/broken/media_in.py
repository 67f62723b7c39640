"""Mutants of the chapters Media from Twilio and Setup."""

from __future__ import annotations

import audioop
import base64
import json
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

import numpy as np
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame

from tests.serializers.broken.base import Seamed
from tests.serializers.broken.registry import mutant


def _with(frame: InputAudioRawFrame, pcm: bytes | None = None, **changes: Any) -> InputAudioRawFrame:
    usual = {"audio": pcm, "sample_rate": frame.sample_rate, "num_channels": frame.num_channels}
    return InputAudioRawFrame(**(usual | {"audio": frame.audio if pcm is None else pcm} | changes))


class _CallerSeam(Seamed):
    """The seam for the caller's audio."""

    def revoice(self, pcm: bytes) -> bytes:
        return pcm

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        pcm = self.revoice(frame.audio)
        return _with(frame, pcm) if pcm else None


class _MessageSeam(Seamed):
    """The seam for whole messages from Twilio."""

    def reword(self, message: dict[str, Any]) -> dict[str, Any]:
        return message

    def heard(self, data: str | bytes) -> str | bytes:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            return data
        return json.dumps(self.reword(message)) if isinstance(message, dict) else data


# Frames


@mutant("TFS-MEDIAIN-01", "The output frame is taken for the caller's: it goes back out (pipecat-ai/pipecat PR 480).",
        also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]")  # fmt: skip
class OutputFrameForTheCaller(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        return OutputAudioRawFrame(frame.audio, frame.sample_rate, frame.num_channels)


@mutant(
    "TFS-MEDIAIN-01",
    "num_channels is 2, as in the browser's sample code.",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class TwoChannels(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return _with(frame, num_channels=2) if isinstance(frame, InputAudioRawFrame) else frame


@mutant(
    "TFS-MEDIAIN-02",
    "A-law is decoded in the place of μ-law.",
    also="TFS-MEDIAIN-0[35679] TFS-MEDIAIN-10 TFS-SETUP-0[23] TFS-FIDELITY-0[2345679] TFS-FIDELITY-15",
)
class AlawFromTwilio(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        return audioop.alaw2lin(audioop.lin2ulaw(pcm, 2), 2)


@mutant(
    "TFS-MEDIAIN-02",
    "The samples are written big-endian.",
    also="TFS-MEDIAIN-0[345679] TFS-MEDIAIN-10 TFS-SETUP-0[23] TFS-LATENCY-0[12345] TFS-FIDELITY-*",
)
class BigEndianIn(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        return audioop.byteswap(pcm, 2)


@mutant(
    "TFS-MEDIAIN-02",
    "The table holds 14-bit values and nobody scales them: the caller whispers.",
    also="TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class FourteenBits(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        return (np.frombuffer(pcm, "<i2") >> 2).tobytes()


@mutant(
    "TFS-MEDIAIN-02",
    "Negative codes come out one too high: the bias is taken off before the sign.",
    also="TFS-MEDIAIN-03 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]",
)
class BiasAfterSign(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2")
        return np.where(samples < 0, samples + 1, samples).astype("<i2").tobytes()


# Sessions


@mutant(
    "TFS-MEDIAIN-03",
    "Every eleventh message is lost to a queue that is one too short.",
    also="TFS-SETUP-0[23]",
)
class DropsMessages(_CallerSeam):
    count = 0

    def revoice(self, pcm: bytes) -> bytes:
        self.count += 1
        return b"" if self.count % 11 == 0 else pcm


@mutant("TFS-MEDIAIN-03", "Messages are put in order by their timestamps, so that each comes out with the next.",
        also="TFS-MEDIAIN-02 TFS-MEDIAIN-04 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-0[23]")  # fmt: skip
class SwapsMessages(_CallerSeam):
    kept = b""

    def revoice(self, pcm: bytes) -> bytes:
        self.kept, before = (b"", pcm + self.kept) if self.kept else (pcm, b"")
        return before


@mutant(
    "TFS-MEDIAIN-03",
    "Silence from the caller is not passed on, so that no pause ever ends.",
    also="TFS-MEDIAIN-02 TFS-SETUP-0[23]",
)
class DropsTheCallersSilence(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        return pcm if any(pcm) else b""


@mutant("TFS-MEDIAIN-04", "The frame is labelled with the pipeline's rate and never converted (pipecat-ai/pipecat PR 1148).")  # fmt: skip
class LabelWithoutConversion(Seamed):
    async def setup(self, setup: Any) -> None:
        self.rate = setup.audio_in_sample_rate
        await super().setup(SimpleNamespace(audio_in_sample_rate=8000))

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate != 8000:
            return frame
        return _with(frame, sample_rate=self.rate)


@mutant("TFS-MEDIAIN-05", "Only text is expected; bytes are ignored (before pipecat-ai/pipecat PR 3379).",
        also="TFS-INPUT-07")  # fmt: skip
class TextOnly(Seamed):
    async def deserialize(self, data: str | bytes) -> Any:
        return await super().deserialize(data) if isinstance(data, str) else None


@mutant(
    "TFS-MEDIAIN-05", "bytes are turned to text by str(), which writes b'…' around them.", also="TFS-INPUT-07"
)
class BytesByStr(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        return str(data)


@mutant("TFS-MEDIAIN-06", "A regular expression finds the payload, and expects event to come first.")  # fmt: skip
class EventFirst(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        text = data if isinstance(data, str) else data.decode("utf-8", "replace")
        return data if text.startswith('{"event":"') else "null"


@mutant("TFS-MEDIAIN-06", "A strict model of the message refuses the members that it does not know.",
        also="TFS-MEDIAIN-05 TFS-MEDIAIN-0[39] TFS-MEDIAIN-10")  # fmt: skip
class KnownMembersOnly(_MessageSeam):
    known = frozenset({"event", "sequenceNumber", "streamSid", "media", "dtmf", "mark", "start", "stop"})

    def reword(self, message: dict[str, Any]) -> dict[str, Any]:
        return message if message.keys() <= self.known else {}


@mutant(
    "TFS-MEDIAIN-07",
    "Anything but 160 bytes is taken for damaged.",
    also="TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-SETUP-0[23]",
)
class TwentyMillisecondsOnly(_CallerSeam):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        is_media = isinstance(frame, InputAudioRawFrame)
        size = len(base64.b64decode(json.loads(data)["media"]["payload"])) if is_media else 160
        return frame if size == 160 else None


@mutant("TFS-MEDIAIN-07", "The payload is cut to a buffer of 4096 bytes.")
class CutAt4096(_CallerSeam):
    def revoice(self, pcm: bytes) -> bytes:
        return pcm[:8192]


@mutant("TFS-MEDIAIN-08", "A message without samples gives a frame without samples (pipecat-ai/pipecat issue 1054).")  # fmt: skip
class EmptyFrames(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        if frame is not None:
            return frame
        try:
            is_empty = json.loads(data)["media"]["payload"] == ""
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return InputAudioRawFrame(b"", 8000, 1) if is_empty else None


@mutant(
    "TFS-MEDIAIN-09",
    "track is not read, as in pipecat-ai 1.14.0: the agent hears itself.",
)
class BothTracks(_MessageSeam):
    def reword(self, message: dict[str, Any]) -> dict[str, Any]:
        if isinstance(message.get("media"), dict):
            message["media"].pop("track", None)
        return message


@mutant("TFS-MEDIAIN-10", "streamSid is not compared, as in pipecat-ai 1.14.0.")
class AnyStream(_MessageSeam):
    def reword(self, message: dict[str, Any]) -> dict[str, Any]:
        message.pop("streamSid", None)
        return message


# Setup


@mutant("TFS-SETUP-01", "setup reads an attribute that older configuration objects have (pipecat-ai/pipecat PR 5316).")  # fmt: skip
class SetupOfAnotherPipecat(Seamed):
    async def setup(self, setup: Any) -> None:
        raise AttributeError(f"{type(setup).__name__!r} object has no attribute 'audio_in_rate'")


@mutant(
    "TFS-SETUP-01",
    "setup insists on a rate in its list.",
    also="TFS-ABUSE-06 TFS-SETUP-02",
)
class UsualRatesOnly(Seamed):
    async def setup(self, setup: Any) -> None:
        if setup.audio_in_sample_rate not in (8000, 16000):
            raise ValueError(f"unsupported rate {setup.audio_in_sample_rate}")
        await super().setup(setup)


@mutant("TFS-SETUP-02", "Frames are labelled with Twilio's rate (pipecat-ai/pipecat PR 1148, PR 1154).",
        also="TFS-MEDIAIN-04 TFS-SETUP-03")  # fmt: skip
class LabelledWithTwiliosRate(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return _with(frame, sample_rate=8000) if isinstance(frame, InputAudioRawFrame) else frame


@mutant("TFS-SETUP-02", "audio_out_sample_rate is read instead of audio_in_sample_rate (pipecat-ai/pipecat PR 1148).")  # fmt: skip
class RateOfTheOtherDirection(Seamed):
    async def setup(self, setup: Any) -> None:
        await super().setup(SimpleNamespace(audio_in_sample_rate=setup.audio_out_sample_rate))


@mutant("TFS-SETUP-03", "The override is read before setup and overwritten by it.")
class OverrideForgotten(Seamed):
    async def setup(self, setup: Any) -> None:
        self._rate_override = None
        await super().setup(setup)


@mutant("TFS-SETUP-03", "The override changes the label only.", also="TFS-MEDIAIN-04")
class OverrideOfTheLabel(Seamed):
    async def setup(self, setup: Any) -> None:
        self.label, self._rate_override = self._rate_override, None
        await super().setup(setup)

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        return _with(frame, sample_rate=self.label or frame.sample_rate)


@mutant("TFS-SETUP-04", "setup has nothing to await and is written without async (the API before Pipecat 0.0.55).",
        also="TFS-SETUP-01")  # fmt: skip
class PlainSetup(Seamed):
    def setup(self, setup: Any) -> Any:
        coroutine = super().setup(setup)
        try:
            coroutine.send(None)
        except StopIteration:
            return None
        raise AssertionError("the reference's setup waits")


@mutant("TFS-SETUP-04", "serialize returns its text at once for an interruption (the API before Pipecat 0.0.55).",
        also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-CLEAR-01 TFS-CLEAR-03 TFS-SECURE-12")  # fmt: skip
class PlainSerialize(Seamed):
    def serialize(self, frame: Any) -> Any:
        if type(frame).__name__ == "InterruptionFrame":
            return self._clear
        result: Awaitable[Any] = super().serialize(frame)
        return result
