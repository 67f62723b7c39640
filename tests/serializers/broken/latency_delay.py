"""Broken serializers of the chapter Latency: audio held back."""

from __future__ import annotations

from typing import Any

import numpy as np
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
)

from tests.serializers.broken.base import IncomingSamples, OutgoingSamples, Real
from tests.serializers.broken.base_audio import HeldBack
from tests.serializers.broken.registry import broken


@broken("TFS-LATENCY-01", "Frames of 40 ms, Pipecat's default, are split into pieces that wait for 150 ms.")
class LateInFramesOf40Milliseconds(HeldBack):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            samples = len(frame.audio) // (2 * max(frame.num_channels, 1))
            self.held = 1200 if 25 * samples == frame.sample_rate else 0
        return super().before_serialize(frame)


@broken(
    "TFS-LATENCY-01",
    "A block-based resampler waits for 200 ms of audio (pipecat-ai/pipecat PR 2091).",
    also="TFS-LATENCY-0[234]",
)
class HeldBack200ms(HeldBack):
    held = 1600


@broken(
    "TFS-LATENCY-01",
    "Frames of 100 ms and more go through a player's buffer, which always holds 200 ms.",
)
class HeldBackInLongFrames(HeldBack):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.held = 1600 if len(frame.audio) >= frame.sample_rate // 5 * frame.num_channels else 0
        return super().before_serialize(frame)


@broken(
    "TFS-LATENCY-01",
    "Messages of the caller that are not 20 ms long are collected until there are 200 ms.",
)
class OtherMessagesGathered(IncomingSamples):
    _gathered = b""

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        held = self._gathered + frame.audio
        is_usual = abs(len(frame.audio) - frame.sample_rate // 25) <= 8
        self._gathered = b"" if is_usual or len(held) >= 2 * frame.sample_rate // 5 else held
        if self._gathered:
            return None
        return InputAudioRawFrame(audio=held, sample_rate=frame.sample_rate, num_channels=1)


@broken("TFS-LATENCY-02", "A jitter buffer of 40 ms is added where there is no jitter.")
class HeldBack40ms(HeldBack):
    held = 320


@broken(
    "TFS-LATENCY-03",
    "The last block waits for the next one: 100 ms stay inside (pipecat-ai/pipecat PR 5386).",
    also="TFS-LATENCY-0[124]",
)
class TailHeldBack(HeldBack):
    held = 800


@broken(
    "TFS-LATENCY-04",
    "Playback starts after 150 ms, like a player with a pre-buffer.",
    also="TFS-LATENCY-0[12]",
)
class PreBuffered(HeldBack):
    started = False

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.started = False
        return super().before_serialize(frame)

    def change_codes(self, codes: bytes) -> bytes:
        if self.rate == 8000 or self.started:
            return codes
        self._kept += codes
        if len(self._kept) < 1200:
            return b""
        codes, self._kept, self.started = self._kept, b"", True
        return codes


@broken(
    "TFS-LATENCY-04",
    "A voice detector opens 10 ms into an utterance and drops the audio before.",
    also="TFS-ABUSE-13 TFS-LATENCY-05 TFS-FIDELITY-01 TFS-FIDELITY-1[01] TFS-FIDELITY-12 TFS-FIDELITY-13",
)
class OnsetCutOff(OutgoingSamples):
    silent = True

    def change_samples(self, samples: Real) -> Real:
        cut = 80 if self.silent and samples.any() else 0
        self.silent = not samples[-80:].any()
        return np.where(np.arange(samples.size) < cut, 0, samples)


class _OfSome(HeldBack):
    """Holds back 200 ms of some frames or calls."""

    def is_held(self, frame: OutputAudioRawFrame) -> bool:
        """Return whether this frame is held back."""
        raise NotImplementedError

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.held = 1600 * self.is_held(frame)
        return super().before_serialize(frame)


@broken(
    "TFS-LATENCY-01",
    "Speech of a TTS service, which is most of what an agent says, is collected until there are 200 ms.",
    also="TFS-LATENCY-0[234578] TFS-FIDELITY-01 TFS-FIDELITY-1[13]",
)
class HoldsBackSpeechOnly(_OfSome):
    def is_held(self, frame: OutputAudioRawFrame) -> bool:
        return isinstance(frame, TTSAudioRawFrame)


@broken(
    "TFS-LATENCY-01",
    "Audio of a class of the application is not taken for speech and waits for 200 ms.",
    also="TFS-LATENCY-0[234578] TFS-FIDELITY-01 TFS-FIDELITY-1[13]",
)
class HoldsBackAnApplicationsFrames(_OfSome):
    def is_held(self, frame: OutputAudioRawFrame) -> bool:
        return type(frame).__module__ != OutputAudioRawFrame.__module__


@broken(
    "TFS-LATENCY-01",
    "Where an API key is given, a queue of 200 ms waits for a token that is never fetched.",
    also="TFS-LATENCY-0[234578] TFS-FIDELITY-01 TFS-FIDELITY-1[13]",
)
class HoldsBackWithAnApiKey(_OfSome):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.has_key = bool(keywords.get("api_key_sid"))

    def is_held(self, frame: OutputAudioRawFrame) -> bool:
        return self.has_key
