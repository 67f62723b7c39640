"""Broken serializers of the chapter Fidelity: calls that go wrong after seconds or minutes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import InputAudioRawFrame

from tests.serializers.broken.base import IncomingSamples, OutgoingSamples, Real
from tests.serializers.broken.base_audio import HeldBack, Rearranged, SamplesByPosition
from tests.serializers.broken.registry import broken


@broken(
    "TFS-FIDELITY-12",
    "The ratio of the rates is rounded to a few decimals, which adds a sample every ten seconds.",
)
class Drifts(IncomingSamples):
    count = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        self.count += len(frame.audio) / 2 / frame.sample_rate
        if self.count < 10:
            return frame
        self.count -= 10
        audio = frame.audio + frame.audio[-2:] * (frame.sample_rate // 4000)
        return InputAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)


@broken("TFS-FIDELITY-12", "The queue before the converter grows and withholds 50 ms more each minute.")
class WithholdsMoreAndMore(OutgoingSamples):
    count = 0
    _kept = b""

    def change_codes(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        self.count += len(codes)
        self._kept += codes
        cut = max(len(self._kept) - 400 * (self.count // (60 * 8000)), 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@broken("TFS-FIDELITY-12", "A sample counter overflows after 30 s, and the gain drops by 12 dB.")
class QuietAfterHalfAMinute(SamplesByPosition):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places > 30 * 8000, samples / 4, samples)


@broken(
    "TFS-FIDELITY-12",
    "A buffer of ten seconds is one sample too short: three samples are wrong where it wraps.",
)
class ClickWhereABufferWraps(SamplesByPosition):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places % 80000 >= 79997, 30000, samples)


@broken(
    "TFS-FIDELITY-12",
    "Comfort noise is switched on after ten seconds and never off.",
    also="TFS-LATENCY-0[67]",
)
class NoiseFromTheTenthSecondOn(SamplesByPosition):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        noise = np.random.default_rng(self.place).normal(0, 1000, samples.size)
        return np.where(places > 80000, samples + noise, samples)


@broken(
    "TFS-FIDELITY-12",
    "Energy detection takes ten seconds of speech for noise and mutes the caller for 40 s.",
    also="TFS-LATENCY-05",
)
class CallerMutedForLong(IncomingSamples):
    seconds = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        return super().after_deserialize(data, frame)

    def change_samples(self, samples: Real) -> Real:
        return 0 * samples if 10 < self.seconds % 60 < 50 else samples


@broken(
    "TFS-FIDELITY-12",
    "A buffer drops 20 ms after three and a half minutes, and repeats 20 ms two minutes later.",
)
class SlipsInAMinuteOfTen(Rearranged):
    def change_codes(self, codes: bytes) -> bytes:
        return self.cut(210 * 8000, 330 * 8000, 160, codes)


@broken("TFS-FIDELITY-12", "A queue of 3000 entries drops one when it wraps: 20 ms a minute.")
class DropsAFrameAMinute(OutgoingSamples):
    calls = 0

    def change_codes(self, codes: bytes) -> bytes:
        self.calls += 1
        return b"" if self.calls % 3000 == 0 and self.rate != 8000 else codes


@broken(
    "TFS-FIDELITY-12",
    "A queue of 3000 entries repeats the previous one when it wraps: 20 ms a minute are replaced.",
)
class RepeatsAFrameAMinute(OutgoingSamples):
    calls = 0
    last = b""

    def change_codes(self, codes: bytes) -> bytes:
        self.calls += 1
        said = self.last if self.calls % 3000 == 0 and self.rate != 8000 else codes
        self.last = codes
        return said


@broken(
    "TFS-FIDELITY-12",
    "A jitter buffer grows to 200 ms after a minute, and empties before ten minutes are over.",
)
class WithheldForMinutes(HeldBack):
    count = 0

    def change_codes(self, codes: bytes) -> bytes:
        self.count += len(codes)
        self.held = 1600 if 60 * 8000 < self.count < 590 * 8000 else 0
        return super().change_codes(codes)


@broken(
    "TFS-FIDELITY-12",
    "A limit of ten minutes is off by one frame: the last 20 ms are silent.",
)
class SilentJustBeforeTenMinutes(OutgoingSamples):
    seconds = 599.98
    count = 0

    def counts(self) -> bool:
        """Return whether audio at this rate counts towards the limit."""
        return self.rate != 8000

    def change_codes(self, codes: bytes) -> bytes:
        self.count += len(codes) if self.counts() else 0
        return b"\xff" * len(codes) if self.count > self.seconds * 8000 else codes


@broken(
    "TFS-FIDELITY-12",
    "The converter for one rate falls silent for good after ten seconds.",
    also="TFS-LATENCY-07 TFS-ABUSE-14",
)
class SilentForGoodAt48(SilentJustBeforeTenMinutes):
    seconds = 10.0

    def counts(self) -> bool:
        return self.rate == 48000


class IncomingBySeconds(IncomingSamples):
    """A hook for the caller's audio that knows how many `seconds` were received."""

    seconds = 0.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        return super().after_deserialize(data, frame)


@broken("TFS-FIDELITY-12", "Automatic gain control never settles and adds 0.15 dB a minute.")
class LouderByTheMinute(IncomingBySeconds):
    def change_samples(self, samples: Real) -> Real:
        return samples * 10 ** (0.15 * self.seconds / 60 / 20)


@broken("TFS-FIDELITY-12", "An estimate of the line's offset drifts, and adds an offset after six minutes.")
class OffsetAfterMinutes(IncomingBySeconds):
    def change_samples(self, samples: Real) -> Real:
        return samples + 60 if self.seconds > 360 else samples
