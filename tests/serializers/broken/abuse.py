"""Broken serializers of the chapter Serialize under abuse."""

from __future__ import annotations

import audioop
import json
from typing import Any

from pipecat.frames.frames import (
    Frame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)

from tests.serializers.broken.base import HookedSerializer
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


@broken("TFS-ABUSE-02", "Two channels raise NotImplementedError.", also="TFS-ABUSE-03")
class StereoRaises(_Frames):
    def look(self, frame: OutputAudioRawFrame) -> None:
        if frame.num_channels != 1:
            raise NotImplementedError("stereo")


@broken(
    "TFS-ABUSE-03",
    "num_channels is not read, so stereo plays as mono at half speed, as in pipecat-ai 1.14.0.",
)
class StereoAsMono(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        return OutputAudioRawFrame(frame.audio, frame.sample_rate, 1)


@broken("TFS-ABUSE-03", "Only the left channel is read, so whoever is recorded on the right is not heard.")
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


@broken("TFS-ABUSE-05", "A frame is cut off at 5 s, the size of a buffer.")
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
