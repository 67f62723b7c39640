"""Mutants of the chapter Fidelity that are broken only somewhere: at one moment, one level, one frequency."""

from __future__ import annotations

from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame

from tests.serializers.broken.audio import FrameOfTheChangeLost
from tests.serializers.broken.base import CodeSeam, Converted, Real, Received
from tests.serializers.broken.latency import ClearedByAPause, HeldBack
from tests.serializers.broken.registry import mutant


class _Rearranged(Converted):
    """Sends the codes of a call in another order; `place` is that of the next in what was converted."""

    place = 0

    def cut(self, lost: int, repeated: int, count: int, codes: bytes) -> bytes:
        """Leaves out `count` codes from the place `lost`, and sends as many twice from `repeated`."""
        if self.rate == 8000:
            return codes
        places = self.place + np.arange(len(codes))
        self.place += len(codes)
        given = np.frombuffer(codes, np.uint8)
        kept = given[(places < lost) | (places >= lost + count)].tobytes()
        again = given[(places >= repeated) & (places < repeated + count)].tobytes()
        return kept + again


@mutant(
    "TFS-FIDELITY-01",
    "A jitter buffer runs over and leaves out 20 ms; later it runs dry and sends 20 ms twice.",
        also="TFS-LATENCY-07 TFS-FIDELITY-1[23]")  # fmt: skip
class SlipsAndBack(_Rearranged):
    def recode(self, codes: bytes) -> bytes:
        return self.cut(21200, 22800, 160, codes)


@mutant(
    "TFS-FIDELITY-12",
    "A buffer leaves out 20 ms after three and a half minutes, and makes up for it two minutes later.",
)
class SlipsInAMinuteOfTen(_Rearranged):
    def recode(self, codes: bytes) -> bytes:
        return self.cut(210 * 8000, 330 * 8000, 160, codes)


@mutant("TFS-FIDELITY-01", "A lost packet is concealed by noise as loud as the voice, for 100 ms.",
        also="TFS-LATENCY-07 TFS-FIDELITY-1[23]")  # fmt: skip
class NoiseBurst(Converted):
    place = 0

    def reshape(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        noise = np.random.default_rng(self.place).normal(0, 5600, samples.size)
        return np.where((places >= 21200) & (places < 22000), noise, samples)


@mutant("TFS-FIDELITY-06", "Half of the samples are taken without a filter; the good filter has only the rest to do.",
        also="TFS-FIDELITY-07 TFS-FIDELITY-17")  # fmt: skip
class HalfBandSkipped(Converted):
    odd = 0

    def given(self, frame: Frame) -> Frame:
        super().given(frame)
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate not in (32000, 44100, 48000):
            return frame
        samples = np.frombuffer(frame.audio, "<i2")
        half, self.odd = samples[self.odd :: 2], (self.odd + samples.size) % 2
        return OutputAudioRawFrame(audio=half.tobytes(), sample_rate=frame.sample_rate // 2, num_channels=1)


@mutant("TFS-FIDELITY-13", "The new rate's resampler starts with a fresh buffer 100 ms into the utterance.")
class HoleAfterTheChange(Converted):
    before = 0
    place = 0
    changes = 0

    def reshape(self, samples: Real) -> Real:
        if self.before != self.rate:
            self.before, self.place, self.changes = self.rate, 0, self.changes + 1
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        return np.where((self.changes > 1) & (places >= 2400) & (places < 2880), 0, samples)


@mutant(
    "TFS-FIDELITY-14", "An interruption empties all buffers, the caller's too: half a second is not heard."
)
class CallerDroppedWithTheAgent(Received):
    dropped = 0

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.dropped = 25
        return frame

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or self.dropped == 0:
            return frame
        self.dropped -= 1
        return None


class _LevelOfEach(Received):
    """A gain that depends on the level of what has just come: `gain` is a function of its RMS."""

    def gain(self, level: float) -> float:
        """The factor for audio of this RMS, in PCM units."""
        raise NotImplementedError

    def reshape(self, samples: Real) -> Real:
        level = float(np.sqrt(np.mean(samples**2))) if samples.size else 0.0
        return samples * self.gain(level)


@mutant("TFS-FIDELITY-15", "A noise gate takes a quiet voice, below -45 dBm0, for a line without one.")
class NoiseGate(_LevelOfEach):
    def gain(self, level: float) -> float:
        return 0.0 if level < 110 else 1.0


@mutant("TFS-FIDELITY-15", "A compressor lifts quiet passages by 3 dB.")
class QuietPassagesLifted(_LevelOfEach):
    def gain(self, level: float) -> float:
        return 1.41 if level < 600 else 1.0


@mutant("TFS-FIDELITY-15", "A limiter leaves 3 dB of headroom that telephone audio does not need.")
class Limiter(Received):
    def reshape(self, samples: Real) -> Real:
        return samples.clip(-23000, 23000)


class _Delayed(CodeSeam):
    """Sends 200 ms late from some moment on."""

    late = False
    rate = 8000
    _kept = b""

    def recode(self, codes: bytes) -> bytes:
        if not self.late:
            return codes
        self._kept += codes
        cut = max(len(self._kept) - 1600, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@mutant(
    "TFS-LATENCY-07", "After a clear a player fills its buffer of 200 ms again, and did not have one before.",
        also="TFS-LATENCY-06")  # fmt: skip
class LateAfterAnInterruption(_Delayed):
    def given(self, frame: Frame) -> Frame:
        self.late = self.late or isinstance(frame, InterruptionFrame)
        return frame


@mutant(
    "TFS-LATENCY-07",
    "What is held at an interruption is sent with the next word, and not with the next silence.",
)
class StaleWithTheNextWord(CodeSeam):
    silent = True
    _last = b""
    _stale = b""

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._stale, self._last = self._last[-800:], b""
        if isinstance(frame, OutputAudioRawFrame):
            self.silent = not any(frame.audio)
        return frame

    def recode(self, codes: bytes) -> bytes:
        self._last = (self._last + codes)[-800:]
        if self.silent:
            return codes
        stale, self._stale = self._stale, b""
        return stale + codes


@mutant("TFS-FIDELITY-13", "A new rate makes a new queue of 200 ms in front of the converter.")
class LateAfterAChangeOfRate(_Delayed):
    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.late = self.late or self.rate not in (8000, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame


@mutant("TFS-FIDELITY-13", "The last 50 ms wait for their successor, and a change of rate forgets them.",
        also="TFS-LATENCY-02")  # fmt: skip
class TailLostAtAChangeOfRate(HeldBack):
    held = 400

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame) and frame.sample_rate != self.rate:
            self._kept = b""
        return super().given(frame)


class _Between(Converted):
    """Sends what lies between two places of what was converted at `factor` times its level."""

    place = 0
    between = (0, 0)
    factor = 1.0

    def reshape(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        first, last = self.between
        return np.where((places >= first) & (places < last), self.factor * samples, samples)


@mutant(
    "TFS-FIDELITY-01", "An echo canceller takes the agent's own words for an echo, and damps 200 ms by 18 dB.",
        also="TFS-LATENCY-07 TFS-FIDELITY-1[23]")  # fmt: skip
class DampedForAMoment(_Between):
    between = (25600, 27200)
    factor = 0.126


@mutant("TFS-FIDELITY-01", "A buffer is used again with the wrong sign: 80 ms are inverted.",
        also="TFS-LATENCY-07 TFS-FIDELITY-1[23]")  # fmt: skip
class InvertedForAMoment(_Between):
    between = (25600, 26240)
    factor = -1.0


@mutant("TFS-FIDELITY-12", "A queue of 3000 entries drops one where it begins anew: 20 ms a minute.")
class DropsAFrameAMinute(Converted):
    calls = 0

    def recode(self, codes: bytes) -> bytes:
        self.calls += 1
        return b"" if self.calls % 3000 == 0 and self.rate != 8000 else codes


@mutant(
    "TFS-FIDELITY-12",
    "The same queue repeats the entry before instead: 20 ms a minute are said twice, in their place.",
)
class RepeatsAFrameAMinute(Converted):
    calls = 0
    last = b""

    def recode(self, codes: bytes) -> bytes:
        self.calls += 1
        said = self.last if self.calls % 3000 == 0 and self.rate != 8000 else codes
        self.last = codes
        return said


@mutant(
    "TFS-FIDELITY-12", "A jitter buffer grows to 200 ms after a minute, and is emptied before ten are over."
)
class WithheldForMinutes(HeldBack):
    count = 0

    def recode(self, codes: bytes) -> bytes:
        self.count += len(codes)
        self.held = 1600 if 60 * 8000 < self.count < 590 * 8000 else 0
        return super().recode(codes)


@mutant(
    "TFS-FIDELITY-12",
    "A limit of ten minutes is counted from the frame before the first: the last 20 ms are silent.",
)
class SilentJustBeforeTenMinutes(Converted):
    seconds = 599.98
    count = 0

    def counts(self) -> bool:
        """Whether the path has a limit at this rate."""
        return self.rate != 8000

    def recode(self, codes: bytes) -> bytes:
        self.count += len(codes) if self.counts() else 0
        return b"\xff" * len(codes) if self.count > self.seconds * 8000 else codes


@mutant("TFS-FIDELITY-12", "A converter for one rate alone falls silent for good after ten seconds.",
        also="TFS-LATENCY-07")  # fmt: skip
class SilentForGoodAt48(SilentJustBeforeTenMinutes):
    seconds = 10.0

    def counts(self) -> bool:
        return self.rate == 48000


@mutant("TFS-LATENCY-05", "The second pause of a call finds a resampler that is reset with 30 ms in it.")
class ClearedByTheSecondPause(ClearedByAPause):
    pauses = 0

    def recode(self, codes: bytes) -> bytes:
        kept = super().recode(codes)
        self.pauses += len(kept) < len(codes)
        return kept if self.pauses > 1 else codes


@mutant(
    "TFS-FIDELITY-13",
    "Rates that are no multiple of 8000 Hz have a path of their own, which begins a frame late.",
)
class FrameOfACrookedRateLost(FrameOfTheChangeLost):
    def recode(self, codes: bytes) -> bytes:
        kept = super().recode(codes)
        return kept if self.rate % 8000 else codes


class _Aging(Received):
    """A caller's audio that changes as the call grows old; `seconds` of it have come."""

    seconds = 0.0

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds += len(frame.audio) / 2 / frame.sample_rate
        return super().understood(data, frame)


@mutant("TFS-FIDELITY-12", "A level control that never settles adds 0.15 dB a minute.")
class LouderByTheMinute(_Aging):
    def reshape(self, samples: Real) -> Real:
        return samples * 10 ** (0.15 * self.seconds / 60 / 20)


@mutant("TFS-FIDELITY-12", "An estimate of the line's offset drifts: after six minutes it adds one itself.")
class OffsetAfterMinutes(_Aging):
    def reshape(self, samples: Real) -> Real:
        return samples + 60 if self.seconds > 360 else samples


@mutant("TFS-FIDELITY-11", "A converter's buffer holds 0.7 s: what more a chunk has is lost.",
        also="TFS-LATENCY-01")  # fmt: skip
class LongChunksCut(Converted):
    def recode(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:5600]


@mutant("TFS-FIDELITY-11", "The same buffer is in front of the caller's converter.")
class LongMessagesCut(Received):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        audio = frame.audio[: 2 * (frame.sample_rate * 7 // 10)]
        return InputAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)


@mutant(
    "TFS-FIDELITY-11",
    "Frames of a fifth to two fifths of a second take a path of their own, which ends 5 ms too soon.",
)
class MiddlingChunksCut(Converted):
    def given(self, frame: Frame) -> Frame:
        super().given(frame)
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        most = 2 * frame.sample_rate * frame.num_channels
        if not 0.21 * most < len(frame.audio) < 0.39 * most:
            return frame
        kept = frame.audio[: -2 * (frame.sample_rate // 200) * frame.num_channels]
        return OutputAudioRawFrame(audio=kept, sample_rate=frame.sample_rate, num_channels=frame.num_channels)


@mutant("TFS-LATENCY-06", "A player whose ring of 3 s has gone round is wound back at a clear, and plays what is before it.",
        also="TFS-LATENCY-07")  # fmt: skip
class StaleAfterALongSpeech(Converted):
    count = 0
    last = b""
    is_stale = False

    def given(self, frame: Frame) -> Frame:
        self.is_stale = self.is_stale or isinstance(frame, InterruptionFrame)
        return super().given(frame)

    def recode(self, codes: bytes) -> bytes:
        stale = self.last if self.is_stale and self.count > 24000 and self.rate != 8000 else b""
        self.count += len(codes)
        self.is_stale, self.last = False, (self.last + codes)[-800:]
        return stale + codes
