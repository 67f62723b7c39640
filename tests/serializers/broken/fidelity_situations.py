"""Broken serializers of the chapter Fidelity: audio that is wrong in one situation only."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pipecat.frames.frames import Frame, OutputAudioRawFrame, TTSAudioRawFrame

from tests.serializers.broken.base import HookedSerializer, IncomingSamples, OutgoingCodes, Real
from tests.serializers.broken.registry import broken


@broken(
    "TFS-FIDELITY-06",
    "Speech of a TTS service is converted by leaving out samples, without a filter.",
    also="TFS-FIDELITY-* TFS-LATENCY-07",
)
class SpeechWithoutAFilter(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, TTSAudioRawFrame) or frame.sample_rate % 8000 or frame.num_channels != 1:
            return frame
        samples = np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], "<i2")
        return OutputAudioRawFrame(samples[:: max(frame.sample_rate // 8000, 1)].tobytes(), 8000, 1)


@broken("TFS-FIDELITY-02", "With a region, the caller is 6 dB louder.", also="TFS-FIDELITY-*")
class LouderWithARegion(IncomingSamples):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.factor = 2 if keywords.get("region") else 1

    def change_samples(self, samples: Real) -> Real:
        return self.factor * samples


@broken(
    "TFS-FIDELITY-14",
    "Codes wait in a buffer of the class, which a call of another rate overwrites.",
    isolated=True,
    also="TFS-ABUSE-14 TFS-FIDELITY-11 TFS-FIDELITY-17 TFS-LATENCY-05",
)
class OneBufferForAllRates(OutgoingCodes):
    owner: ClassVar[tuple[int, int]] = (0, 0)
    rate = 0

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame

    def change_codes(self, codes: bytes) -> bytes:
        (instance, rate), type(self).owner = self.owner, (id(self), self.rate)
        is_overwritten = instance != id(self) and rate not in (0, self.rate)
        return b"\xff" * (len(codes) // 2) + codes[len(codes) // 2 :] if is_overwritten else codes


@broken("TFS-FIDELITY-18", "Rates that are in no table are taken for 16 kHz.")
class UnknownRatesAre16kHz(HookedSerializer):
    known = (8000, 16000, 22050, 24000, 32000, 44100, 48000)

    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate <= 0:
            return frame
        rate = frame.sample_rate if frame.sample_rate in self.known else 16000
        return OutputAudioRawFrame(frame.audio, rate, frame.num_channels)


@broken("TFS-FIDELITY-18", "A pipeline of a rate that is no multiple of 8000 Hz in a table gets 16 kHz.")
class UnknownPipelinesGet16kHz(IncomingSamples):
    rate = 8000

    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        self.rate = setup.audio_in_sample_rate

    def change_samples(self, samples: Real) -> Real:
        if self.rate not in (11025, 12000, 96000):
            return samples
        places = np.linspace(0, samples.size - 1, samples.size * 16000 // self.rate)
        return np.interp(places, np.arange(samples.size), samples)
