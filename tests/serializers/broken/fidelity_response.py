"""Broken serializers of the chapter Fidelity: wrong levels, noise, distortion and frequency response."""

from __future__ import annotations

import audioop
import base64
import json
import math
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, InputAudioRawFrame, OutputAudioRawFrame

from tests.serializers.broken.base import HookedSerializer, IncomingSamples, OutgoingSamples, Real
from tests.serializers.broken.registry import broken
from twilio_reference.resampler import Resampler


@broken(
    "TFS-FIDELITY-02",
    "Downmixing halves the level, and mono frames are downmixed too.",
)
class HalfGain(OutgoingSamples):
    def change_samples(self, samples: Real) -> Real:
        return samples / 2


@broken("TFS-FIDELITY-02", "The polarity is inverted by a subtraction the wrong way round in the filter.")
class InvertedSign(OutgoingSamples):
    def change_samples(self, samples: Real) -> Real:
        return -samples


@broken(
    "TFS-FIDELITY-02",
    "Automatic gain control brings every frame to the same peak.",
    also="TFS-LATENCY-05 TFS-FIDELITY-01 TFS-FIDELITY-1[1245]",
)
class AutomaticGain(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        peak = float(np.abs(samples).max(initial=0))
        return samples * 12000 / peak if peak > 500 else samples


@broken(
    "TFS-FIDELITY-03",
    "Dither of the wrong amplitude is added before the samples are rounded.",
    also="TFS-LATENCY-05",
)
class LoudDither(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        dither = np.random.default_rng(7).uniform(-120, 120, samples.size)
        return samples + np.where(samples == 0, 0, dither)


@broken(
    "TFS-FIDELITY-03",
    "Samples are cut to 8 linear bits on the way.",
    also="TFS-FIDELITY-09 TFS-FIDELITY-15",
)
class EightLinearBits(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        return np.floor(samples / 256) * 256


class _Smoothed(IncomingSamples):
    """A symmetric three-tap filter with unit gain at 1020 Hz; `share` is the weight of the outer taps."""

    share = 0.0
    _before: Real = np.zeros(2)

    def change_samples(self, samples: Real) -> Real:
        line = np.concatenate([self._before, samples])
        self._before = line[-2:]
        smoothed = self.share * (line[:-2] + line[2:]) + (1 - 2 * self.share) * line[1:-1]
        kept: float = 1 - 2 * self.share * (1 - math.cos(2 * math.pi * 1019.7 / 16000))
        shaped: Real = smoothed / kept
        return shaped


@broken(
    "TFS-FIDELITY-04",
    "The filter cuts off at 3 kHz instead of 4 kHz: consonants sound dull.",
    also="TFS-FIDELITY-05",
)
class Dull(_Smoothed):
    share = 0.26


@broken(
    "TFS-FIDELITY-04",
    "np.interp replaces a resampler: samples are interpolated linearly.",
    also="TFS-FIDELITY-0[3567] TFS-LATENCY-05",
)
class LinearInterpolation(HookedSerializer):
    last = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate % 8000 or frame.sample_rate == 8000:
            return frame
        codes = base64.b64decode(json.loads(data)["media"]["payload"])
        given = np.append(self.last, np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(float))
        self.last = given[-1]
        places = np.arange(1, len(codes) * frame.sample_rate // 8000 + 1) * 8000 / frame.sample_rate
        drawn = np.rint(np.interp(places, np.arange(given.size), given)).astype("<i2")
        return InputAudioRawFrame(audio=drawn.tobytes(), sample_rate=frame.sample_rate, num_channels=1)


@broken(
    "TFS-FIDELITY-05",
    "The fast setting of a resampler attenuates the upper end of the band.",
    also="TFS-FIDELITY-01",
)
class SlightlyDull(_Smoothed):
    share = 0.06


class _Decimated(OutgoingSamples):
    """Mixes in a `share` of audio decimated without a filter, where the ratio of rates is an integer."""

    share = 1.0
    place = 0

    def change_samples(self, samples: Real) -> Real:
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


@broken(
    "TFS-FIDELITY-06",
    "Audio is decimated without an anti-alias filter.",
    also="TFS-FIDELITY-07 TFS-FIDELITY-11",
)
class WithoutAntiAlias(_Decimated):
    share = 1.0


@broken(
    "TFS-FIDELITY-06",
    "Every second sample is dropped without a filter, before a good filter does the rest.",
    also="TFS-FIDELITY-07 TFS-FIDELITY-17 TFS-LATENCY-05",
)
class HalfBandSkipped(OutgoingSamples):
    odd = 0

    def before_serialize(self, frame: Frame) -> Frame:
        super().before_serialize(frame)
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate not in (32000, 44100, 48000):
            return frame
        samples = np.frombuffer(frame.audio, "<i2")
        half, self.odd = samples[self.odd :: 2], (self.odd + samples.size) % 2
        return OutputAudioRawFrame(audio=half.tobytes(), sample_rate=frame.sample_rate // 2, num_channels=1)


@broken("TFS-FIDELITY-07", "The filter is too short: its stop band is only 45 dB down.", also="TFS-ABUSE-01")
class ShortFilter(_Decimated):
    share = 0.0056


@broken("TFS-FIDELITY-08", "Comfort noise replaces silence, as in a codec with voice activity detection.")
class ComfortNoise(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        return samples if samples.any() else np.random.default_rng(3).normal(0, 40, samples.size)


@broken("TFS-FIDELITY-09", "Unsigned samples are centered one bit too high.", also="TFS-LATENCY-05")
class Offset(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        return samples + 40


@broken("TFS-FIDELITY-10", "The cast to 16 bits comes before the clip, so the loudest peaks wrap around.")
class WrappedPeaks(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        return np.where(np.abs(samples) >= 32767, -samples, samples)


class _LevelOfEach(IncomingSamples):
    """Applies a gain that depends on the level of the current audio."""

    def gain(self, level: float) -> float:
        """Return the factor for audio of this RMS, in 16-bit units."""
        raise NotImplementedError

    def change_samples(self, samples: Real) -> Real:
        level = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
        return samples * self.gain(level)


@broken("TFS-FIDELITY-15", "A noise gate treats a quiet voice, below -45 dBm0, as silence.")
class NoiseGate(_LevelOfEach):
    def gain(self, level: float) -> float:
        return 0.0 if level < 110 else 1.0


@broken("TFS-FIDELITY-15", "A compressor raises quiet passages by 3 dB.", also="TFS-LATENCY-05")
class QuietPassagesLifted(_LevelOfEach):
    def gain(self, level: float) -> float:
        return 1.41 if level < 600 else 1.0


@broken("TFS-FIDELITY-15", "A limiter keeps 3 dB of headroom, which telephone audio does not need.")
class Limiter(IncomingSamples):
    def change_samples(self, samples: Real) -> Real:
        return samples.clip(-23000, 23000)


class _Nearest(Resampler):
    """A resampler that repeats or drops samples."""

    def process(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2")
        count = samples.size * self.output_rate // self.input_rate
        nearest: bytes = samples[np.arange(count) * self.input_rate // self.output_rate].tobytes()
        return nearest


@broken("TFS-FIDELITY-16", "Samples are repeated when InputParams.sample_rate is set.")
class RepeatedForInputParams(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        if self._rate_override:
            self._input = _Nearest(8000, self._rate_override)


@broken("TFS-FIDELITY-17", "Stereo is decimated without an anti-alias filter.", also="TFS-LATENCY-05")
class TwoChannelsWithoutAFilter(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.num_channels != 2:
            return frame
        step, rest = divmod(frame.sample_rate, 8000)
        if rest or step < 2 or len(frame.audio) % (4 * step):
            return frame
        left = np.frombuffer(frame.audio, "<i2")[:: 2 * step]
        return OutputAudioRawFrame(audio=left.tobytes(), sample_rate=8000, num_channels=1)


@broken("TFS-FIDELITY-08", "Comfort noise takes the place of silence that lasts for more than 3 s.")
class LateComfortNoise(OutgoingSamples):
    silent = 0

    def change_samples(self, samples: Real) -> Real:
        self.silent = 0 if samples.any() else self.silent + len(samples)
        noise = np.random.default_rng(5).normal(0, 57, len(samples))
        return noise if self.silent > 24000 else samples


@broken("TFS-FIDELITY-15", "A noise gate closes after 3 s below -46 dBm0.")
class GateWithAHold(IncomingSamples):
    quiet = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds = frame.num_frames / frame.sample_rate
        return super().after_deserialize(data, frame)

    def change_samples(self, samples: Real) -> Real:
        loud = samples.size and np.sqrt(np.mean(samples**2)) > 81
        self.quiet = 0.0 if loud else self.quiet + self.seconds
        return 0 * samples if self.quiet > 3 else samples
