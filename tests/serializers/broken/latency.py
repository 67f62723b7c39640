"""Mutants of the chapter Latency: audio that stays inside, and what becomes of it at pauses and breaks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
from pipecat.frames.frames import Frame, InputAudioRawFrame, InterruptionFrame, OutputAudioRawFrame

from tests.serializers.broken.base import CodeSeam, Converted, Real, Received
from tests.serializers.broken.registry import mutant


class HeldBack(CodeSeam):
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
        self._kept += codes
        cut = len(self._kept) if self.rate == 8000 else max(len(self._kept) - self.held, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


class _Muted(Converted):
    """Sends silence in place of the next `muted` samples."""

    muted = 0

    def reshape(self, samples: Real) -> Real:
        silent, self.muted = self.muted, max(self.muted - samples.size, 0)
        return np.where(np.arange(samples.size) < silent, 0, samples)


@mutant("TFS-LATENCY-01", "A block-based resampler waits for 200 ms of audio (pipecat-ai/pipecat PR 2091).",
        also="TFS-LATENCY-0[234]")  # fmt: skip
class HeldBack200ms(HeldBack):
    held = 1600


@mutant(
    "TFS-LATENCY-01",
    "Frames of 100 ms and more go through a player's buffer, which keeps 200 ms and is never emptied.",
)
class HeldBackInLongFrames(HeldBack):
    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.held = 1600 if len(frame.audio) >= frame.sample_rate // 5 * frame.num_channels else 0
        return super().given(frame)


@mutant(
    "TFS-LATENCY-01",
    "The caller's messages of other sizes than 20 ms are gathered, until there are 200 ms of them.",
)
class OtherMessagesGathered(Received):
    _gathered = b""

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        held = self._gathered + frame.audio
        is_usual = abs(len(frame.audio) - frame.sample_rate // 25) <= 8
        self._gathered = b"" if is_usual or len(held) >= 2 * frame.sample_rate // 5 else held
        if self._gathered:
            return None
        return InputAudioRawFrame(audio=held, sample_rate=frame.sample_rate, num_channels=1)


@mutant("TFS-LATENCY-02", "A jitter buffer of 40 ms is put where nothing jitters.")
class HeldBack40ms(HeldBack):
    held = 320


@mutant("TFS-LATENCY-03", "The last block waits for its successor: 100 ms stay inside (pipecat-ai/pipecat PR 5386).",
        also="TFS-LATENCY-0[124]")  # fmt: skip
class TailHeldBack(HeldBack):
    held = 800


@mutant("TFS-LATENCY-04", "Playing starts when 150 ms are there, as a player's pre-buffer does.",
        also="TFS-LATENCY-0[12]")  # fmt: skip
class PreBuffered(HeldBack):
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
class ClearedByAPause(Converted):
    last = 0.0

    def recode(self, codes: bytes) -> bytes:
        now, before = time.monotonic(), self.last
        self.last = now
        is_late = before > 0 and now - before > 0.2 and self.rate != 8000
        return codes[240:] if is_late else codes


@mutant("TFS-LATENCY-05", "A timer of the event loop forgets 30 ms when no audio has come for 0.2 s.")
class ForgottenByATimer(Converted):
    timer: asyncio.TimerHandle | None = None
    forgotten = False

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        forgotten, self.forgotten = self.forgotten, False
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(0.2, self._forget)
        return codes[240:] if forgotten else codes

    def _forget(self) -> None:
        self.forgotten = True


@mutant("TFS-LATENCY-05", "A voice detector opens late after a pause: the first 300 ms are silence.")
class MutedAfterAPause(_Muted):
    last = 0.0

    def reshape(self, samples: Real) -> Real:
        now, before = time.monotonic(), self.last
        self.last = now
        if before > 0 and now - before > 0.2:
            self.muted = 2400
        return super().reshape(samples)


@mutant("TFS-LATENCY-06", "clear is sent, and the resampler goes on with what it holds, as in pipecat-ai 1.14.0.",
        also="TFS-LATENCY-02 TFS-LATENCY-07")  # fmt: skip
class StaleAfterClear(HeldBack):
    held = 400

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame


@mutant(
    "TFS-LATENCY-07", "The frame after an interruption is taken for a late one of the old speech and dropped."
)
class FirstAfterClearLost(Converted):
    late = False

    def given(self, frame: Frame) -> Frame:
        self.late = self.late or isinstance(frame, InterruptionFrame)
        return super().given(frame)

    def recode(self, codes: bytes) -> bytes:
        dropped, self.late = self.late and self.rate != 8000, False
        return b"" if dropped else codes


@mutant("TFS-LATENCY-07", "The new speech is faded in after an interruption, from silence that lasts 150 ms.")
class MutedAfterClear(_Muted):
    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.muted = 1200
        return super().given(frame)


@mutant("TFS-LATENCY-04", "A voice detector opens 10 ms into an utterance, and cuts off what came before.",
        also="TFS-LATENCY-05 TFS-FIDELITY-01 TFS-FIDELITY-1[01] TFS-FIDELITY-12 TFS-FIDELITY-13")  # fmt: skip
class OnsetCutOff(Converted):
    silent = True

    def reshape(self, samples: Real) -> Real:
        cut = 80 if self.silent and samples.any() else 0
        self.silent = not samples[-80:].any()
        return np.where(np.arange(samples.size) < cut, 0, samples)
