"""Broken serializers of the chapter Serialize under abuse."""

from __future__ import annotations

import asyncio
import audioop
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)

from tests.serializers.broken.base import HookedSerializer, parse_object
from tests.serializers.broken.registry import broken


class _Frames(HookedSerializer):
    """Inspects output audio before the reference sees it."""

    def look(self, frame: OutputAudioRawFrame) -> None:
        """Raise the exception of the faulty code."""

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.look(frame)
        return frame


@broken(
    "TFS-ABUSE-01",
    "Audio with an odd number of bytes raises, as in pipecat-ai 1.14.0 (not a whole number of frames).",
)
class HalfSamplesRaise(_Frames):
    def look(self, frame: OutputAudioRawFrame) -> None:
        if len(frame.audio) % 2:
            raise ValueError("not a whole number of frames")


@broken(
    "TFS-ABUSE-01",
    "The odd byte is kept and put before the next frame, which turns everything after it into noise.",
    also="TFS-ABUSE-13",
)
class HalfSamplesShift(HookedSerializer):
    half = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        pcm = self.half + frame.audio
        self.half = pcm[len(pcm) // 2 * 2 :]
        return OutputAudioRawFrame(pcm[: len(pcm) // 2 * 2], frame.sample_rate, frame.num_channels)


@broken(
    "TFS-ABUSE-01",
    "The first sample of a frame is read, even where the frame is empty.",
    also="TFS-MEDIAOUT-10",
)
class EmptyFramesRaise(_Frames):
    def look(self, frame: OutputAudioRawFrame) -> None:
        frame.audio[0]


@broken("TFS-ABUSE-02", "Two channels raise NotImplementedError.", also="TFS-ABUSE-03 TFS-ABUSE-12")
class StereoRaises(_Frames):
    def look(self, frame: OutputAudioRawFrame) -> None:
        if frame.num_channels != 1:
            raise NotImplementedError("stereo")


@broken(
    "TFS-ABUSE-03",
    "num_channels is not read, so stereo plays as mono at half speed, as in pipecat-ai 1.14.0.",
    also="TFS-ABUSE-12",
)
class StereoAsMono(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        return OutputAudioRawFrame(frame.audio, frame.sample_rate, 1)


@broken(
    "TFS-ABUSE-03",
    "Only the left channel is read, so whoever is recorded on the right is not heard.",
    also="TFS-ABUSE-12",
)
class LeftChannelAlone(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.num_channels != 2:
            return frame
        return OutputAudioRawFrame(audioop.tomono(frame.audio, 2, 1, 0), frame.sample_rate, 1)


@broken("TFS-ABUSE-04", "A rate of zero raises, as in pipecat-ai 1.14.0.")
class RateZeroRaises(_Frames):
    def look(self, frame: OutputAudioRawFrame) -> None:
        if frame.sample_rate <= 0:
            raise ValueError("Sample rate should be over 0")


@broken("TFS-ABUSE-04", "A sample rate of zero is taken for 8000 Hz.", also="TFS-ABUSE-05")
class RateZeroIs8000(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate > 0:
            return frame
        return OutputAudioRawFrame(frame.audio, 8000, frame.num_channels)


@broken("TFS-ABUSE-05", "A frame is cut off at 5 s, the size of a buffer.", also="TFS-ABUSE-14")
class CutAtFiveSeconds(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        return OutputAudioRawFrame(
            frame.audio[: max(0, 10 * frame.sample_rate)] if frame.sample_rate > 0 else frame.audio,
            frame.sample_rate,
            frame.num_channels,
        )


@broken("TFS-ABUSE-05", "After a frame that cannot be sent, no further audio is sent.")
class OneBadFrameIsFatal(HookedSerializer):
    bad = False

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self.bad |= frame.sample_rate <= 0
        return None if self.bad and isinstance(frame, OutputAudioRawFrame) else text


@broken("TFS-ABUSE-06", "The resampler refuses any rate other than its first, as in pipecat-ai 1.14.0.")
class OneRateACall(_Frames):
    rate = 0

    def look(self, frame: OutputAudioRawFrame) -> None:
        if frame.sample_rate > 0 and self.rate not in (0, frame.sample_rate):
            raise ValueError("the resampler cannot change its rate")
        self.rate = max(self.rate, frame.sample_rate)


@broken("TFS-ABUSE-07", "There is no sample rate before setup, and serialize raises.")
class FrameBeforeSetupRaises(HookedSerializer):
    is_ready = False

    async def setup(self, setup: Any) -> None:
        self.is_ready = True
        await super().setup(setup)

    def before_serialize(self, frame: Frame) -> Frame:
        if not self.is_ready and isinstance(frame, OutputAudioRawFrame):
            raise ValueError("Sample rate should be over 0")
        return frame


@broken(
    "TFS-ABUSE-08", "json.dumps is called without a try: a set raises TypeError, as in pipecat-ai 1.14.0."
)
class UnwritableRaises(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)):
            json.dumps(frame.message)
        return frame


@broken("TFS-ABUSE-08", "NaN is written as NaN, which is not JSON, as in pipecat-ai 1.14.0.")
class NanIsSent(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if text is None and isinstance(
            frame, (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)
        ):
            try:
                written = json.dumps(frame.message)
            except (TypeError, ValueError, RecursionError):
                return None
            return written if "NaN" in written or "Infinity" in written else None
        return text


@broken(
    "TFS-ABUSE-09",
    "The frame itself is converted in place, although other processors hold it too.",
)
class ChangesTheFrame(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            frame.sample_rate = 8000
        return text


class _Locked(HookedSerializer):
    """Converts audio with a lock taken."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.lock = asyncio.Lock()

    def waits(self, frame: Frame) -> bool:
        """Return whether a frame waits for the lock."""
        return True

    async def serialize(self, frame: Frame) -> Any:
        if not self.waits(frame):
            return await super().serialize(frame)
        await self.lock.acquire()
        if isinstance(frame, OutputAudioRawFrame):
            await asyncio.sleep(0)
        text = await super().serialize(frame)
        self.lock.release()
        return text


@broken(
    "TFS-ABUSE-10",
    "A lock is released at the end and not in a finally: a cancelled conversion keeps it"
    " (pipecat-ai/pipecat issue 1919).",
    also="TFS-FAULT-*",
)
class CancelledKeepsTheLock(_Locked):
    pass


@broken("TFS-ABUSE-10", "Frames of more than half a second are converted in a thread, with a lock taken.")
class LongFramesKeepTheLock(_Locked):
    def waits(self, frame: Frame) -> bool:
        return isinstance(frame, OutputAudioRawFrame) and (
            self.lock.locked() or 2 * frame.num_frames > frame.sample_rate
        )


@broken("TFS-ABUSE-10", "The end of the call waits for the conversion, which was cancelled and never ends.")
class EndWaitsForTheConversion(_Locked):
    def waits(self, frame: Frame) -> bool:
        return isinstance(frame, EndFrame) or (
            isinstance(frame, OutputAudioRawFrame) and not self.lock.locked()
        )


@broken("TFS-ABUSE-11", "The audio of the call is kept for a recording that nobody asks for.")
class KeepsTheCall(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.audio: list[bytes] = []

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self.audio.append(frame.audio)
        return text


@broken("TFS-ABUSE-11", "The numbers of all messages are kept, to recognize one that comes twice.")
class KeepsEveryNumber(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.numbers: set[str] = set()

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        self.numbers.add(str(parse_object(data).get("sequenceNumber")))
        return frame


class _MixesDown(HookedSerializer):
    """Mixes two channels down in a way of its own."""

    def mix(self, left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return one channel."""
        raise NotImplementedError

    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.num_channels != 2:
            return frame
        samples = np.frombuffer(frame.audio[: len(frame.audio) // 4 * 4], "<i2").reshape(-1, 2)
        mixed = self.mix(samples[:, 0], samples[:, 1])
        return OutputAudioRawFrame(mixed.astype("<i2").tobytes(), frame.sample_rate, 1)


@broken(
    "TFS-ABUSE-12",
    "Only the left channel is sent.",
    also="TFS-ABUSE-03",
)
class LeftChannelOnly(_MixesDown):
    def mix(self, left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.int16]:
        return left


@broken(
    "TFS-ABUSE-12",
    "The channels are added in 16 bits, and loud ones wrap around.",
    also="TFS-ABUSE-03 TFS-FIDELITY-17",
)
class ChannelsWrap(_MixesDown):
    def mix(self, left: NDArray[np.int16], right: NDArray[np.int16]) -> NDArray[np.int16]:
        return left + right


@broken("TFS-ABUSE-13", "Where audio is converted, an odd byte is kept and put before the next frame.")
class HalfSamplesShiftWhereConverted(HookedSerializer):
    half = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        pcm = self.half + frame.audio
        self.half = pcm[len(pcm) // 2 * 2 :]
        return OutputAudioRawFrame(pcm[: len(pcm) // 2 * 2], frame.sample_rate, frame.num_channels)


@broken(
    "TFS-ABUSE-13", "A frame without samples is taken for the end of speech, and the next 100 ms are dropped."
)
class EmptyFrameEndsSpeech(HookedSerializer):
    dropped = 0

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if not isinstance(frame, OutputAudioRawFrame):
            return text
        if not frame.audio and frame.sample_rate != 8000:
            self.dropped = 6
        self.dropped = max(self.dropped - 1, 0)
        return None if self.dropped else text


@broken("TFS-ABUSE-14", "The converter's buffer holds 3 s, and the rest of a frame is lost.")
class LongFramesCutWhereConverted(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate <= 8000:
            return frame
        kept = frame.audio[: 6 * frame.sample_rate * frame.num_channels]
        return OutputAudioRawFrame(kept, frame.sample_rate, frame.num_channels)
