"""Mutants of the chapter Fidelity: broken audio paths off 8000 Hz."""

from __future__ import annotations

import audioop
import base64
import json
import math
from typing import Any, ClassVar

import numpy as np
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame

from tests.serializers.broken.base import Converted, Real, Received, Seamed
from tests.serializers.broken.registry import mutant


@mutant(
    "TFS-FIDELITY-01",
    "A long utterance has a hole: after 2.5 s a buffer runs empty and 100 ms of silence are sent.",
        also="TFS-LATENCY-07 TFS-FIDELITY-1[23]")  # fmt: skip
class HoleInALongUtterance(Converted):
    count = 0

    def reshape(self, samples: Real) -> Real:
        places = self.count + np.arange(samples.size)
        self.count += samples.size
        return np.where((places >= 20000) & (places < 20800), 0, samples)


@mutant("TFS-FIDELITY-01", "The output's length is rounded down for each chunk: a sample is lost.",
        also="TFS-LATENCY-0[12357] TFS-FIDELITY-0[345] TFS-FIDELITY-1[123] TFS-MEDIAOUT-09")  # fmt: skip
class OneSampleLostAChunk(Converted):
    def recode(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:-1]


@mutant(
    "TFS-FIDELITY-02",
    "A mix of two channels halves the level, and a mono frame goes through it too.",
)
class HalfGain(Converted):
    def reshape(self, samples: Real) -> Real:
        return samples / 2


@mutant("TFS-FIDELITY-02", "The sign is inverted: a subtraction the wrong way round in the filter.")
class InvertedSign(Converted):
    def reshape(self, samples: Real) -> Real:
        return -samples


@mutant(
    "TFS-FIDELITY-02",
    "Automatic gain brings every frame to the same peak.",
    also="TFS-LATENCY-05 TFS-FIDELITY-01 TFS-FIDELITY-1[1245]",
)
class AutomaticGain(Received):
    def reshape(self, samples: Real) -> Real:
        peak = float(np.abs(samples).max(initial=0))
        return samples * 12000 / peak if peak > 500 else samples


@mutant("TFS-FIDELITY-03", "Dither of the wrong size is added before the samples are rounded.")
class LoudDither(Received):
    def reshape(self, samples: Real) -> Real:
        dither = np.random.default_rng(7).uniform(-120, 120, samples.size)
        return samples + np.where(samples == 0, 0, dither)


@mutant(
    "TFS-FIDELITY-03",
    "Samples are cut to 8 linear bits on their way.",
    also="TFS-FIDELITY-09 TFS-FIDELITY-15",
)
class EightLinearBits(Received):
    def reshape(self, samples: Real) -> Real:
        return np.floor(samples / 256) * 256


class _Smoothed(Received):
    """A symmetric filter of three taps, and the gain that keeps 1020 Hz; `share` is that of the outer taps."""

    share = 0.0
    _before: Real = np.zeros(2)

    def reshape(self, samples: Real) -> Real:
        line = np.concatenate([self._before, samples])
        self._before = line[-2:]
        smoothed = self.share * (line[:-2] + line[2:]) + (1 - 2 * self.share) * line[1:-1]
        kept: float = 1 - 2 * self.share * (1 - math.cos(2 * math.pi * 1019.7 / 16000))
        shaped: Real = smoothed / kept
        return shaped


@mutant("TFS-FIDELITY-04", "A filter for 3 kHz stands where one for 4 kHz belongs: consonants are dull.",
        also="TFS-FIDELITY-05")  # fmt: skip
class Dull(_Smoothed):
    share = 0.26


@mutant("TFS-FIDELITY-05", "The fast setting of a resampler bends the upper end of the band.")
class SlightlyDull(_Smoothed):
    share = 0.06


@mutant("TFS-FIDELITY-04", "Samples between those of Twilio lie on straight lines: np.interp for a resampler.",
        also="TFS-FIDELITY-0[3567]")  # fmt: skip
class LinearInterpolation(Seamed):
    last = 0.0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate % 8000 or frame.sample_rate == 8000:
            return frame
        codes = base64.b64decode(json.loads(data)["media"]["payload"])
        given = np.append(self.last, np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(float))
        self.last = given[-1]
        places = np.arange(1, len(codes) * frame.sample_rate // 8000 + 1) * 8000 / frame.sample_rate
        drawn = np.rint(np.interp(places, np.arange(given.size), given)).astype("<i2")
        return InputAudioRawFrame(audio=drawn.tobytes(), sample_rate=frame.sample_rate, num_channels=1)


class _Decimated(Converted):
    """Naive decimation, every n-th sample, where the ratio is whole; `share` of it is mixed in."""

    share = 1.0
    place = 0

    def reshape(self, samples: Real) -> Real:
        step, rest = divmod(self.rate, 8000)
        if rest:
            return samples
        channels = max(self.frame.num_channels, 1)
        whole = len(self.frame.audio) // (2 * channels) * 2 * channels
        frames = np.frombuffer(self.frame.audio[:whole], "<i2").reshape(-1, channels)
        given: Real = frames.mean(axis=1)[::step]
        given = given[: samples.size]
        if given.size < samples.size:
            return samples
        return self.share * given + (1 - self.share) * samples


@mutant("TFS-FIDELITY-06", "Every n-th sample is taken, without a filter before it.",
        also="TFS-FIDELITY-07 TFS-FIDELITY-11")  # fmt: skip
class WithoutAntiAlias(_Decimated):
    share = 1.0


@mutant("TFS-FIDELITY-07", "A short filter lets the stop band through, 45 dB down.", also="TFS-ABUSE-01")
class ShortFilter(_Decimated):
    share = 0.0056


@mutant(
    "TFS-FIDELITY-08", "Comfort noise is put into silence, as a codec with voice activity detection does."
)
class ComfortNoise(Received):
    def reshape(self, samples: Real) -> Real:
        return samples if samples.any() else np.random.default_rng(3).normal(0, 40, samples.size)


@mutant("TFS-FIDELITY-09", "Unsigned samples are centred one bit too high.")
class Offset(Received):
    def reshape(self, samples: Real) -> Real:
        return samples + 40


@mutant("TFS-FIDELITY-10", "The cast to 16 bits comes before the clip: the loudest peaks wrap around.")
class WrappedPeaks(Received):
    def reshape(self, samples: Real) -> Real:
        return np.where(np.abs(samples) >= 32767, -samples, samples)


@mutant("TFS-FIDELITY-11", "The filter starts anew at each chunk (pipecat-ai/pipecat issues 1653, 2070).",
        also="TFS-FIDELITY-0[37]")  # fmt: skip
class FilterOfEachChunk(Seamed):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = None
        return await super().serialize(frame)


@mutant(
    "TFS-FIDELITY-12",
    "The ratio of the rates is a rounded decimal number: a sample too many every ten seconds.",
)
class Drifts(Received):
    count = 0.0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        self.count += len(frame.audio) / 2 / frame.sample_rate
        if self.count < 10:
            return frame
        self.count -= 10
        audio = frame.audio + frame.audio[-2:] * (frame.sample_rate // 4000)
        return InputAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)


@mutant("TFS-FIDELITY-12", "The queue in front of the converter grows: 50 ms more are withheld each minute.")
class WithholdsMoreAndMore(Converted):
    count = 0
    _kept = b""

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        self.count += len(codes)
        self._kept += codes
        cut = max(len(self._kept) - 400 * (self.count // (60 * 8000)), 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@mutant(
    "TFS-FIDELITY-11", "A frame of less than a millisecond is taken for the rest of a division and dropped."
)
class TinyFramesDropped(Converted):
    def given(self, frame: Frame) -> Frame:
        super().given(frame)
        if isinstance(frame, OutputAudioRawFrame) and len(frame.audio) // 2 < frame.sample_rate // 1000:
            silent = frame.sample_rate != 8000
            return OutputAudioRawFrame(
                audio=b"" if silent else frame.audio, sample_rate=frame.sample_rate, num_channels=1
            )
        return frame


@mutant("TFS-FIDELITY-13", "A new rate makes a new resampler, and the frame that brought it is lost.")
class FrameOfTheChangeLost(Converted):
    known: ClassVar[tuple[int, ...]] = ()
    before = 0

    def recode(self, codes: bytes) -> bytes:
        changed, self.before = self.before not in (0, self.rate), self.rate
        return b"" if changed else codes


@mutant(
    "TFS-FIDELITY-14",
    "The resampler is an attribute of the class: all calls share its history.",
    also="TFS-FIDELITY-08 TFS-FIDELITY-11",
)
class SharedResampler(Seamed):
    shared: ClassVar[dict[int, Any]] = {}

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = self.shared.get(frame.sample_rate)
        text = await super().serialize(frame)
        if isinstance(frame, OutputAudioRawFrame):
            self.shared[frame.sample_rate] = self._output
        return text


@mutant(
    "TFS-FIDELITY-14", "One history serves both directions: what the caller says colours what the agent says."
)
class DirectionsMixed(Received):
    last: Real = np.zeros(1)

    def reshape(self, samples: Real) -> Real:
        return samples + float(self.last[-1])

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame) and len(frame.audio) >= 2:
            self.last = np.frombuffer(frame.audio[:2], "<i2").astype(float)
        return frame
