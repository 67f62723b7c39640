"""Mutants of the chapters Latency and Fidelity: broken audio paths off 8000 Hz."""

from __future__ import annotations

import audioop
import math
import time
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import Frame, InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame

from tests.mutants.registry import mutant
from tests.mutants.seams import CodeSeam, Seamed

Real = NDArray[np.float64]


class _Converted(CodeSeam):
    """The seam for outgoing codes of frames that had to be converted, as samples; 8000 Hz is left alone."""

    rate = 8000
    frame: Any = None

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate, self.frame = frame.sample_rate, frame
        return frame

    def reshape(self, samples: Real) -> Real:
        """The samples to send instead."""
        return samples

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        samples = np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(float)
        shaped = np.rint(self.reshape(samples)).clip(-32768, 32767).astype("<i2")
        return audioop.lin2ulaw(shaped.tobytes(), 2)


class _Received(Seamed):
    """The seam for the caller's audio, as samples, where it had to be converted."""

    def reshape(self, samples: Real) -> Real:
        """The samples to give instead."""
        return samples

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame) and frame.sample_rate != 8000:
            samples = np.frombuffer(frame.audio, "<i2").astype(float)
            shaped = np.rint(self.reshape(samples)).clip(-32768, 32767).astype("<i2")
            return InputAudioRawFrame(audio=shaped.tobytes(), sample_rate=frame.sample_rate, num_channels=1)
        return frame


class _HeldBack(CodeSeam):
    """Holds back so many codes; what is held is dropped by an interruption."""

    held = 0
    rate = 8000
    _kept = b""

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._kept = b""
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        self._kept += codes
        cut = max(len(self._kept) - self.held, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


# Latency


@mutant("TFS-LATENCY-01", "A block-based resampler waits for 200 ms of audio (pipecat-ai/pipecat PR 2091).",
        also="TFS-LATENCY-0[234]")  # fmt: skip
class HeldBack200ms(_HeldBack):
    held = 1600


@mutant("TFS-LATENCY-02", "A jitter buffer of 40 ms is put where nothing jitters.")
class HeldBack40ms(_HeldBack):
    held = 320


@mutant("TFS-LATENCY-03", "The last block waits for its successor: 100 ms stay inside (pipecat-ai/pipecat PR 5386).",
        also="TFS-LATENCY-0[124]")  # fmt: skip
class TailHeldBack(_HeldBack):
    held = 800


@mutant("TFS-LATENCY-04", "Playing starts when 150 ms are there, as a player's pre-buffer does.",
        also="TFS-LATENCY-0[12] TFS-LATENCY-07")  # fmt: skip
class PreBuffered(_HeldBack):
    started = False

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.started = False
        return super().given(frame)

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000 or self.started:
            return codes
        self._kept += codes
        if len(self._kept) < 1200:
            return b""
        codes, self._kept, self.started = self._kept, b"", True
        return codes


@mutant("TFS-LATENCY-05", "A timer clears the resampler after 0.2 s without audio, and 30 ms with it "
        "(pipecat-ai/pipecat issue 5769).")  # fmt: skip
class ClearedByAPause(_Converted):
    last = 0.0

    def recode(self, codes: bytes) -> bytes:
        now, before = time.monotonic(), self.last
        self.last = now
        is_late = before > 0 and now - before > 0.2 and self.rate != 8000
        return codes[240:] if is_late else codes


@mutant("TFS-LATENCY-06", "clear is sent, and the resampler goes on with what it holds, as in pipecat-ai 1.14.0.",
        also="TFS-LATENCY-02")  # fmt: skip
class StaleAfterClear(_HeldBack):
    held = 400

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame


@mutant(
    "TFS-LATENCY-07", "The frame after an interruption is taken for a late one of the old speech and dropped."
)
class FirstAfterClearLost(_Converted):
    late = False

    def given(self, frame: Frame) -> Frame:
        self.late = self.late or isinstance(frame, InterruptionFrame)
        return super().given(frame)

    def recode(self, codes: bytes) -> bytes:
        dropped, self.late = self.late and self.rate != 8000, False
        return b"" if dropped else codes


# Fidelity


@mutant("TFS-FIDELITY-01", "The output's length is rounded down for each chunk: a sample is lost.",
        also="TFS-LATENCY-* TFS-FIDELITY-* TFS-MEDIAOUT-09")  # fmt: skip
class OneSampleLostAChunk(_Converted):
    def recode(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:-1]


@mutant(
    "TFS-FIDELITY-02",
    "A mix of two channels halves the level, and a mono frame goes through it too.",
    also="TFS-FIDELITY-03 TFS-FIDELITY-1[13]",
)
class HalfGain(_Converted):
    def reshape(self, samples: Real) -> Real:
        return samples / 2


@mutant("TFS-FIDELITY-02", "The sign is inverted: a subtraction the wrong way round in the filter.",
        also="TFS-FIDELITY-1[0134]")  # fmt: skip
class InvertedSign(_Converted):
    def reshape(self, samples: Real) -> Real:
        return -samples


@mutant(
    "TFS-FIDELITY-02",
    "Automatic gain brings every frame to the same peak.",
    also="TFS-FIDELITY-* TFS-LATENCY-*",
)
class AutomaticGain(_Received):
    def reshape(self, samples: Real) -> Real:
        peak = float(np.abs(samples).max(initial=0))
        return samples * 12000 / peak if peak > 500 else samples


@mutant("TFS-FIDELITY-03", "Dither of the wrong size is added before the samples are rounded.",
        also="TFS-FIDELITY-0[89] TFS-FIDELITY-1[14]")  # fmt: skip
class LoudDither(_Received):
    def reshape(self, samples: Real) -> Real:
        dither = np.random.default_rng(7).uniform(-120, 120, samples.size)
        return samples + np.where(samples == 0, 0, dither)


@mutant(
    "TFS-FIDELITY-03", "Samples are cut to 8 linear bits on their way.", also="TFS-FIDELITY-* TFS-LATENCY-06"
)
class EightLinearBits(_Received):
    def reshape(self, samples: Real) -> Real:
        return np.floor(samples / 256) * 256


class _Smoothed(_Received):
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
        also="TFS-FIDELITY-05 TFS-FIDELITY-11")  # fmt: skip
class Dull(_Smoothed):
    share = 0.26


@mutant("TFS-FIDELITY-05", "The fast setting of a resampler bends the upper end of the band.")
class SlightlyDull(_Smoothed):
    share = 0.06


class _Decimated(_Converted):
    """Naive decimation, every n-th sample, where the ratio is whole; `share` of it is mixed in."""

    share = 1.0
    place = 0

    def reshape(self, samples: Real) -> Real:
        step, rest = divmod(self.rate, 8000)
        if rest:
            return samples
        given = np.frombuffer(self.frame.audio, "<i2").astype(float)[::step]
        given = given[: samples.size]
        if given.size < samples.size:
            return samples
        return self.share * given + (1 - self.share) * samples


@mutant("TFS-FIDELITY-06", "Every n-th sample is taken, without a filter before it.",
        also="TFS-ABUSE-01 TFS-FIDELITY-07 TFS-FIDELITY-1[0134] TFS-LATENCY-06")  # fmt: skip
class WithoutAntiAlias(_Decimated):
    share = 1.0


@mutant("TFS-FIDELITY-07", "A short filter lets the stop band through, 45 dB down.", also="TFS-ABUSE-01")
class ShortFilter(_Decimated):
    share = 0.0056


@mutant("TFS-FIDELITY-08", "Comfort noise is put into silence, as a codec with voice activity detection does.",
        also="TFS-FIDELITY-09")  # fmt: skip
class ComfortNoise(_Received):
    def reshape(self, samples: Real) -> Real:
        return samples if samples.any() else np.random.default_rng(3).normal(0, 40, samples.size)


@mutant("TFS-FIDELITY-09", "Unsigned samples are centred one bit too high.")
class Offset(_Received):
    def reshape(self, samples: Real) -> Real:
        return samples + 40


@mutant("TFS-FIDELITY-10", "The cast to 16 bits comes before the clip: the loudest peaks wrap around.")
class WrappedPeaks(_Received):
    def reshape(self, samples: Real) -> Real:
        return np.where(np.abs(samples) >= 32767, -samples, samples)


@mutant("TFS-FIDELITY-11", "The filter starts anew at each chunk (pipecat-ai/pipecat issues 1653, 2070).",
        also="TFS-FIDELITY-* TFS-LATENCY-*")  # fmt: skip
class FilterOfEachChunk(Seamed):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = None
        return await super().serialize(frame)


@mutant(
    "TFS-FIDELITY-12",
    "The ratio of the rates is a rounded decimal number: a sample too many every ten seconds.",
)
class Drifts(_Received):
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


@mutant("TFS-FIDELITY-13", "A new rate makes a new resampler, and the frame that brought it is lost.",
        also="TFS-FIDELITY-14")  # fmt: skip
class FrameOfTheChangeLost(_Converted):
    known: ClassVar[tuple[int, ...]] = ()
    before = 0

    def recode(self, codes: bytes) -> bytes:
        changed, self.before = self.before not in (0, self.rate), self.rate
        return b"" if changed else codes


@mutant("TFS-FIDELITY-14", "The resampler is an attribute of the class: all calls share its history.",
        also="TFS-FIDELITY-* TFS-LATENCY-*")  # fmt: skip
class SharedResampler(Seamed):
    shared: ClassVar[dict[int, Any]] = {}

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = self.shared.get(frame.sample_rate)
        text = await super().serialize(frame)
        if isinstance(frame, OutputAudioRawFrame):
            self.shared[frame.sample_rate] = self._output
        return text


@mutant("TFS-FIDELITY-14", "One history serves both directions: what the caller says colours what the agent says.",
        also="TFS-FIDELITY-* TFS-LATENCY-*")  # fmt: skip
class DirectionsMixed(_Received):
    last: Real = np.zeros(1)

    def reshape(self, samples: Real) -> Real:
        return samples + float(self.last[-1])

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame) and len(frame.audio) >= 2:
            self.last = np.frombuffer(frame.audio[:2], "<i2").astype(float)
        return frame
