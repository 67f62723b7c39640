"""Broken serializers of the chapter Latency: audio around an interruption."""

from __future__ import annotations

import numpy as np
from pipecat.frames.frames import Frame, InterruptionFrame, OutputAudioRawFrame

from tests.serializers.broken.base import OutgoingCodes, OutgoingSamples, Real
from tests.serializers.broken.base_audio import DelayedOnceLate, HeldBack, Muted, RateChanges
from tests.serializers.broken.registry import broken


class _Interrupted(OutgoingSamples):
    """Counts interruptions."""

    interruptions = 0

    def before_serialize(self, frame: Frame) -> Frame:
        self.interruptions += isinstance(frame, InterruptionFrame)
        return super().before_serialize(frame)


@broken(
    "TFS-LATENCY-06",
    "Withheld audio is dropped at the first interruption of a call only.",
    also="TFS-LATENCY-07",
)
class ForgetsOnlyOnce(_Interrupted):
    _kept = b""

    def before_serialize(self, frame: Frame) -> Frame:
        frame = super().before_serialize(frame)
        if isinstance(frame, InterruptionFrame) and self.interruptions == 1:
            self._kept = b""
        return frame

    def change_codes(self, codes: bytes) -> bytes:
        self._kept += codes
        cut = max(len(self._kept) - 120, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@broken(
    "TFS-LATENCY-06",
    "An interruption takes effect with the next audio at the same rate; audio at another rate is sent first.",
)
class StaleAtAnotherRate(RateChanges):
    interrupted = False
    _kept = b""

    def before_serialize(self, frame: Frame) -> Frame:
        self.interrupted = self.interrupted or isinstance(frame, InterruptionFrame)
        return super().before_serialize(frame)

    def change_codes(self, codes: bytes) -> bytes:
        if self.interrupted and not self.changed:
            self._kept = b""
        self.interrupted = False
        self._kept += codes
        cut = len(self._kept) if self.changed else max(len(self._kept) - 120, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


@broken(
    "TFS-LATENCY-06",
    "clear is sent, but the resampler keeps what it holds, as in pipecat-ai 1.14.0.",
    also="TFS-LATENCY-02 TFS-LATENCY-07",
)
class StaleAfterClear(HeldBack):
    held = 400

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame


@broken(
    "TFS-LATENCY-06",
    "After 3 s of speech, a clear rewinds a player's ring buffer to older audio, which is played.",
    also="TFS-LATENCY-07",
)
class StaleAfterALongSpeech(OutgoingSamples):
    count = 0
    last = b""
    is_stale = False

    def before_serialize(self, frame: Frame) -> Frame:
        self.is_stale = self.is_stale or isinstance(frame, InterruptionFrame)
        return super().before_serialize(frame)

    def change_codes(self, codes: bytes) -> bytes:
        stale = self.last if self.is_stale and self.count > 24000 and self.rate != 8000 else b""
        self.count += len(codes)
        self.is_stale, self.last = False, (self.last + codes)[-800:]
        return stale + codes


@broken("TFS-LATENCY-07", "After an interruption the voice stays ducked, with inverted polarity.")
class DuckedAfterAnInterruption(_Interrupted):
    def change_samples(self, samples: Real) -> Real:
        return -samples / 8 if self.interruptions else samples


@broken(
    "TFS-LATENCY-07",
    "After an interruption a converter of lower quality takes over and repeats every sample.",
)
class PoorAfterAnInterruption(_Interrupted):
    def change_samples(self, samples: Real) -> Real:
        return np.repeat(samples[::2], 2)[: samples.size] if self.interruptions else samples


@broken("TFS-LATENCY-07", "The interrupted words fade out under the next ones for 300 ms.")
class FadedIntoTheNextWord(_Interrupted):
    _spoken: Real = np.zeros(0)
    _stale: Real = np.zeros(0)

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._stale, self._spoken = self._spoken, np.zeros(0)
        return super().before_serialize(frame)

    def change_samples(self, samples: Real) -> Real:
        self._spoken = np.append(self._spoken, samples)[-2400:]
        if not samples.any():
            return samples
        stale, self._stale = self._stale[: samples.size], self._stale[samples.size :]
        return samples + 0.7 * np.pad(stale, (0, samples.size - stale.size))


@broken(
    "TFS-LATENCY-07", "The first frame after an interruption is taken for interrupted speech and dropped."
)
class FirstAfterClearLost(OutgoingSamples):
    late = False

    def before_serialize(self, frame: Frame) -> Frame:
        self.late = self.late or isinstance(frame, InterruptionFrame)
        return super().before_serialize(frame)

    def change_codes(self, codes: bytes) -> bytes:
        dropped, self.late = self.late and self.rate != 8000, False
        return b"" if dropped else codes


@broken("TFS-LATENCY-07", "The new speech is faded in after an interruption, from 150 ms of silence.")
class MutedAfterClear(Muted):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.muted = 1200
        return super().before_serialize(frame)


@broken(
    "TFS-LATENCY-07",
    "A player that did not buffer before fills a buffer of 200 ms after a clear.",
    also="TFS-LATENCY-06",
)
class LateAfterAnInterruption(DelayedOnceLate):
    def before_serialize(self, frame: Frame) -> Frame:
        self.late = self.late or isinstance(frame, InterruptionFrame)
        return frame


@broken(
    "TFS-LATENCY-07",
    "Audio held at an interruption is sent with the next word, not with the next silence.",
)
class StaleWithTheNextWord(OutgoingCodes):
    silent = True
    _last = b""
    _stale = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._stale, self._last = self._last[-800:], b""
        if isinstance(frame, OutputAudioRawFrame):
            self.silent = not any(frame.audio)
        return frame

    def change_codes(self, codes: bytes) -> bytes:
        self._last = (self._last + codes)[-800:]
        if self.silent:
            return codes
        stale, self._stale = self._stale, b""
        return stale + codes
