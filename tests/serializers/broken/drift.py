"""Mutants whose audio is good in the first utterance and not in a later one: something has happened in the call."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    TextFrame,
)

from tests.serializers.broken.base import CodeSeam, Converted, Real, Received, Seamed
from tests.serializers.broken.latency import HeldBack
from tests.serializers.broken.registry import mutant
from twilio_reference.resampler import Resampler


class _Changing(CodeSeam):
    """Notices a change of rate: `sent` gives the codes to send instead of the first after it."""

    rate = 0
    changed = False
    last = b""

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.changed = self.rate not in (0, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame

    def first(self, codes: bytes) -> bytes:
        """What comes before the first codes of a new rate."""
        raise NotImplementedError

    def recode(self, codes: bytes) -> bytes:
        before = self.first(codes) if self.changed else b""
        self.last = (self.last + codes)[-1600:]
        return before + codes


@mutant("TFS-FIDELITY-13", "The delay of a new filter is evened out with 200 ms of silence.",
        also="TFS-ABUSE-05")  # fmt: skip
class SilenceAtAChangeOfRate(_Changing):
    def first(self, codes: bytes) -> bytes:
        return b"\xff" * 1600


@mutant("TFS-FIDELITY-13", "The history of the old filter is sent again when the new one is made.",
        also="TFS-LATENCY-06")  # fmt: skip
class RepeatsAtAChangeOfRate(_Changing):
    def first(self, codes: bytes) -> bytes:
        return self.last


@mutant("TFS-LATENCY-05", "Automatic gain starts anew after a pause, 18 dB too low.")
class QuietAfterAPause(Converted):
    before = 0.0
    quiet = False

    def reshape(self, samples: Real) -> Real:
        now = time.monotonic()
        self.quiet = self.quiet or (self.before > 0 and now - self.before > 0.2)
        self.before = now
        return samples / 8 if self.quiet else samples


class _Interrupted(Converted):
    """Knows how many interruptions there have been."""

    interruptions = 0

    def given(self, frame: Frame) -> Frame:
        self.interruptions += isinstance(frame, InterruptionFrame)
        return super().given(frame)


@mutant("TFS-LATENCY-07", "After an interruption the voice is ducked for good, and has the wrong sign.")
class DuckedAfterAnInterruption(_Interrupted):
    def reshape(self, samples: Real) -> Real:
        return -samples / 8 if self.interruptions else samples


@mutant(
    "TFS-LATENCY-07", "After an interruption a converter of another quality takes over: every sample twice."
)
class PoorAfterAnInterruption(_Interrupted):
    def reshape(self, samples: Real) -> Real:
        return np.repeat(samples[::2], 2)[: samples.size] if self.interruptions else samples


@mutant("TFS-LATENCY-07", "The interrupted words are faded out under the next ones, for 300 ms.")
class FadedIntoTheNextWord(_Interrupted):
    _spoken: Real = np.zeros(0)
    _stale: Real = np.zeros(0)

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._stale, self._spoken = self._spoken, np.zeros(0)
        return super().given(frame)

    def reshape(self, samples: Real) -> Real:
        self._spoken = np.append(self._spoken, samples)[-2400:]
        if not samples.any():
            return samples
        stale, self._stale = self._stale[: samples.size], self._stale[samples.size :]
        return samples + 0.7 * np.pad(stale, (0, samples.size - stale.size))


@mutant("TFS-LATENCY-06", "What is held is forgotten at the first interruption of a call and at no other.",
        also="TFS-LATENCY-07")  # fmt: skip
class ForgetsOnlyOnce(_Interrupted):
    _kept = b""

    def given(self, frame: Frame) -> Frame:
        frame = super().given(frame)
        if isinstance(frame, InterruptionFrame) and self.interruptions == 1:
            self._kept = b""
        return frame

    def recode(self, codes: bytes) -> bytes:
        self._kept += codes
        cut = max(len(self._kept) - 120, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@mutant(
    "TFS-LATENCY-06",
    "An interruption is remembered for the next audio of this rate; another rate is served first.",
)
class StaleAtAnotherRate(_Changing):
    interrupted = False
    _kept = b""

    def given(self, frame: Frame) -> Frame:
        self.interrupted = self.interrupted or isinstance(frame, InterruptionFrame)
        return super().given(frame)

    def recode(self, codes: bytes) -> bytes:
        if self.interrupted and not self.changed:
            self._kept = b""
        self.interrupted = False
        self._kept += codes
        cut = len(self._kept) if self.changed else max(len(self._kept) - 120, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


class _Counting(Converted):
    """Knows the place of each sample in what was converted."""

    place = 0

    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        """The samples to send instead, by their places."""
        raise NotImplementedError

    def reshape(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        return self.at(places, samples)


@mutant("TFS-FIDELITY-12", "A counter of samples overflows after 30 s, and the gain with it: 12 dB less.")
class QuietAfterHalfAMinute(_Counting):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places > 30 * 8000, samples / 4, samples)


@mutant("TFS-FIDELITY-12", "A buffer of ten seconds has one sample too few: three are wrong where it wraps.")
class ClickWhereABufferWraps(_Counting):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places % 80000 >= 79997, 30000, samples)


@mutant("TFS-FIDELITY-12", "Comfort noise is switched on after ten seconds and never off.",
        also="TFS-LATENCY-0[67]")  # fmt: skip
class NoiseFromTheTenthSecondOn(_Counting):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        noise = np.random.default_rng(self.place).normal(0, 1000, samples.size)
        return np.where(places > 80000, samples + noise, samples)


@mutant(
    "TFS-FIDELITY-12", "Energy detection takes a caller who speaks for ten seconds for noise, and mutes 40 s."
)
class CallerMutedForLong(Received):
    seconds = 0.0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        return super().understood(data, frame)

    def reshape(self, samples: Real) -> Real:
        return 0 * samples if 10 < self.seconds % 60 < 50 else samples


@mutant("TFS-FIDELITY-01", "A ring of 3.2 s has one sample too few: three are wrong where it wraps.",
        also="TFS-FIDELITY-1[23] TFS-LATENCY-07")  # fmt: skip
class ClickAfterThreeSeconds(_Counting):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places % 25600 >= 25597, 30000, samples)


@mutant("TFS-LATENCY-01", "Frames of 40 ms, Pipecat's default, are cut into pieces that wait for 150 ms.")
class LateInFramesOf40Milliseconds(HeldBack):
    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            samples = len(frame.audio) // (2 * max(frame.num_channels, 1))
            self.held = 1200 if 25 * samples == frame.sample_rate else 0
        return super().given(frame)


@mutant(
    "TFS-FIDELITY-14",
    "A message or a text between two frames of audio makes the player start anew: 200 ms are lost.",
)
class MessagesInterrupt(Seamed):
    lost = 0

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, (OutputTransportMessageFrame, TextFrame)):
            self.lost = 10
        if isinstance(frame, OutputAudioRawFrame) and self.lost:
            self.lost -= 1
            return None
        return await super().serialize(frame)


@mutant(
    "TFS-FIDELITY-14",
    "A key's tone is kept from the pipeline, and half a second of the caller's voice with it.",
)
class KeysMute(Seamed):
    lost = 0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            self.lost = 25
        if isinstance(frame, InputAudioRawFrame) and self.lost:
            self.lost -= 1
            return None
        return frame


class _Nearest(Resampler):
    """The nearest sample, whatever lies between."""

    def process(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2")
        count = samples.size * self.output_rate // self.input_rate
        nearest: bytes = samples[np.arange(count) * self.input_rate // self.output_rate].tobytes()
        return nearest


@mutant("TFS-FIDELITY-16", "Where InputParams.sample_rate is set, samples are repeated.")
class RepeatedForInputParams(Seamed):
    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        if self._rate_override:
            self._input = _Nearest(8000, self._rate_override)


@mutant("TFS-FIDELITY-17", "Of two channels every n-th sample is taken, without a filter before it.")
class TwoChannelsWithoutAFilter(Seamed):
    def given(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.num_channels != 2:
            return frame
        step, rest = divmod(frame.sample_rate, 8000)
        if rest or step < 2 or len(frame.audio) % (4 * step):
            return frame
        left = np.frombuffer(frame.audio, "<i2")[:: 2 * step]
        return OutputAudioRawFrame(audio=left.tobytes(), sample_rate=8000, num_channels=1)


@mutant("TFS-FIDELITY-01", "A gate opens 150 ms late after a second of silence.")
class GateAfterSilence(Converted):
    silent = 0
    muted = 0

    def reshape(self, samples: Real) -> Real:
        if not samples.any():
            self.silent += samples.size
            return samples
        if self.silent >= 8000:
            self.muted = 1200
        self.silent = 0
        gone, self.muted = min(self.muted, samples.size), max(self.muted - samples.size, 0)
        return np.where(np.arange(samples.size) < gone, 0, samples)


@mutant("TFS-FIDELITY-01", "Each word of the caller after 0.2 s of silence is faded in, for 100 ms.")
class FadedInAfterSilence(Received):
    silent = 0.0
    rising = 1.0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds = len(frame.audio) / 2 / frame.sample_rate
        return super().understood(data, frame)

    def reshape(self, samples: Real) -> Real:
        if np.abs(samples).max(initial=0) < 50:
            self.silent += self.seconds
            return samples
        if self.silent >= 0.2:
            self.rising = 0.0
        self.silent = 0.0
        until = min(self.rising + self.seconds / 0.1, 1.0)
        risen, self.rising = np.linspace(self.rising, until, samples.size), until
        return samples * risen


@mutant("TFS-LATENCY-05", "After a pause a player waits for 40 ms before it begins.")
class LateAfterAPause(CodeSeam):
    before = 0.0

    def recode(self, codes: bytes) -> bytes:
        now = time.monotonic()
        late = self.before > 0 and now - self.before > 0.2
        self.before = now
        return b"\xff" * (320 * late) + codes
