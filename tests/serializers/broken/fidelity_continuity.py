"""Broken serializers of the chapter Fidelity: audio lost, repeated or changed at some moment."""

from __future__ import annotations

from typing import Any, ClassVar

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

from tests.serializers.broken.base import HookedSerializer, IncomingSamples, OutgoingSamples, Real
from tests.serializers.broken.base_audio import (
    DelayedFromNowOn,
    HeldBack,
    RateChanges,
    Rearranged,
    SamplesByPosition,
)
from tests.serializers.broken.registry import broken


@broken(
    "TFS-FIDELITY-01",
    "A long utterance has a hole: after 2.5 s a buffer runs empty and 100 ms of silence are sent.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class HoleInALongUtterance(OutgoingSamples):
    count = 0

    def change_samples(self, samples: Real) -> Real:
        places = self.count + np.arange(samples.size)
        self.count += samples.size
        return np.where((places >= 20000) & (places < 20800), 0, samples)


@broken(
    "TFS-FIDELITY-01",
    "The output's length is rounded down for each chunk: a sample is lost.",
    also="TFS-LATENCY-0[12357] TFS-FIDELITY-0[345] TFS-FIDELITY-1[123] TFS-MEDIAOUT-09",
)
class OneSampleLostAChunk(OutgoingSamples):
    def change_codes(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:-1]


@broken(
    "TFS-FIDELITY-01",
    "A ring of 3.2 s has one sample too few: three are wrong where it wraps.",
    also="TFS-FIDELITY-1[23] TFS-LATENCY-07",
)
class ClickAfterThreeSeconds(SamplesByPosition):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places % 25600 >= 25597, 30000, samples)


@broken("TFS-FIDELITY-01", "A gate opens 150 ms late after a second of silence.")
class GateAfterSilence(OutgoingSamples):
    silent = 0
    muted = 0

    def change_samples(self, samples: Real) -> Real:
        if not samples.any():
            self.silent += samples.size
            return samples
        if self.silent >= 8000:
            self.muted = 1200
        self.silent = 0
        gone, self.muted = min(self.muted, samples.size), max(self.muted - samples.size, 0)
        return np.where(np.arange(samples.size) < gone, 0, samples)


@broken("TFS-FIDELITY-01", "Each word of the caller after 0.2 s of silence is faded in, for 100 ms.")
class FadedInAfterSilence(IncomingSamples):
    silent = 0.0
    rising = 1.0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            self.seconds = len(frame.audio) / 2 / frame.sample_rate
        return super().after_deserialize(data, frame)

    def change_samples(self, samples: Real) -> Real:
        if np.abs(samples).max(initial=0) < 50:
            self.silent += self.seconds
            return samples
        if self.silent >= 0.2:
            self.rising = 0.0
        self.silent = 0.0
        until = min(self.rising + self.seconds / 0.1, 1.0)
        risen, self.rising = np.linspace(self.rising, until, samples.size), until
        return samples * risen


@broken(
    "TFS-FIDELITY-01",
    "A jitter buffer runs over and leaves out 20 ms; later it runs dry and sends 20 ms twice.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class SlipsAndBack(Rearranged):
    def change_codes(self, codes: bytes) -> bytes:
        return self.cut(21200, 22800, 160, codes)


@broken(
    "TFS-FIDELITY-01",
    "A lost packet is concealed by noise as loud as the voice, for 100 ms.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class NoiseBurst(OutgoingSamples):
    place = 0

    def change_samples(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        noise = np.random.default_rng(self.place).normal(0, 5600, samples.size)
        return np.where((places >= 21200) & (places < 22000), noise, samples)


class ScaledBetween(OutgoingSamples):
    """Sends what lies between two places of what was converted at `factor` times its level."""

    place = 0
    between = (0, 0)
    factor = 1.0

    def change_samples(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        first, last = self.between
        return np.where((places >= first) & (places < last), self.factor * samples, samples)


@broken(
    "TFS-FIDELITY-01",
    "An echo canceller takes the agent's own words for an echo, and damps 200 ms by 18 dB.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class DampedForAMoment(ScaledBetween):
    between = (25600, 27200)
    factor = 0.126


@broken(
    "TFS-FIDELITY-01",
    "A buffer is used again with the wrong sign: 80 ms are inverted.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class InvertedForAMoment(ScaledBetween):
    between = (25600, 26240)
    factor = -1.0


@broken(
    "TFS-FIDELITY-11",
    "The filter starts anew at each chunk (pipecat-ai/pipecat issues 1653, 2070).",
    also="TFS-FIDELITY-0[37]",
)
class FilterOfEachChunk(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = None
        return await super().serialize(frame)


@broken(
    "TFS-FIDELITY-11", "A frame of less than a millisecond is taken for the rest of a division and dropped."
)
class TinyFramesDropped(OutgoingSamples):
    def before_serialize(self, frame: Frame) -> Frame:
        super().before_serialize(frame)
        if isinstance(frame, OutputAudioRawFrame) and len(frame.audio) // 2 < frame.sample_rate // 1000:
            silent = frame.sample_rate != 8000
            return OutputAudioRawFrame(
                audio=b"" if silent else frame.audio, sample_rate=frame.sample_rate, num_channels=1
            )
        return frame


@broken(
    "TFS-FIDELITY-11",
    "A converter's buffer holds 0.7 s: what more a chunk has is lost.",
    also="TFS-LATENCY-01",
)
class LongChunksCut(OutgoingSamples):
    def change_codes(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:5600]


@broken("TFS-FIDELITY-11", "The same buffer is in front of the caller's converter.")
class LongMessagesCut(IncomingSamples):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        audio = frame.audio[: 2 * (frame.sample_rate * 7 // 10)]
        return InputAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)


@broken(
    "TFS-FIDELITY-11",
    "Frames of a fifth to two fifths of a second take a path of their own, which ends 5 ms too soon.",
)
class MiddlingChunksCut(OutgoingSamples):
    def before_serialize(self, frame: Frame) -> Frame:
        super().before_serialize(frame)
        if not isinstance(frame, OutputAudioRawFrame):
            return frame
        most = 2 * frame.sample_rate * frame.num_channels
        if not 0.21 * most < len(frame.audio) < 0.39 * most:
            return frame
        kept = frame.audio[: -2 * (frame.sample_rate // 200) * frame.num_channels]
        return OutputAudioRawFrame(audio=kept, sample_rate=frame.sample_rate, num_channels=frame.num_channels)


@broken("TFS-FIDELITY-13", "A new rate makes a new resampler, and the frame that brought it is lost.")
class FrameOfTheChangeLost(OutgoingSamples):
    known: ClassVar[tuple[int, ...]] = ()
    before = 0

    def change_codes(self, codes: bytes) -> bytes:
        changed, self.before = self.before not in (0, self.rate), self.rate
        return b"" if changed else codes


@broken(
    "TFS-FIDELITY-13", "The delay of a new filter is evened out with 200 ms of silence.", also="TFS-ABUSE-05"
)
class SilenceAtAChangeOfRate(RateChanges):
    def first(self, codes: bytes) -> bytes:
        return b"\xff" * 1600


@broken(
    "TFS-FIDELITY-13",
    "The history of the old filter is sent again when the new one is made.",
    also="TFS-LATENCY-06",
)
class RepeatsAtAChangeOfRate(RateChanges):
    def first(self, codes: bytes) -> bytes:
        return self.last


@broken("TFS-FIDELITY-13", "The new rate's resampler starts with a fresh buffer 100 ms into the utterance.")
class HoleAfterTheChange(OutgoingSamples):
    before = 0
    place = 0
    changes = 0

    def change_samples(self, samples: Real) -> Real:
        if self.before != self.rate:
            self.before, self.place, self.changes = self.rate, 0, self.changes + 1
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        return np.where((self.changes > 1) & (places >= 2400) & (places < 2880), 0, samples)


@broken("TFS-FIDELITY-13", "A new rate makes a new queue of 200 ms in front of the converter.")
class LateAfterAChangeOfRate(DelayedFromNowOn):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.late = self.late or self.rate not in (8000, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame


@broken(
    "TFS-FIDELITY-13",
    "The last 50 ms wait for their successor, and a change of rate forgets them.",
    also="TFS-LATENCY-02",
)
class TailLostAtAChangeOfRate(HeldBack):
    held = 400

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame) and frame.sample_rate != self.rate:
            self._kept = b""
        return super().before_serialize(frame)


@broken(
    "TFS-FIDELITY-13",
    "Rates that are no multiple of 8000 Hz have a path of their own, which begins a frame late.",
)
class FrameOfACrookedRateLost(FrameOfTheChangeLost):
    def change_codes(self, codes: bytes) -> bytes:
        kept = super().change_codes(codes)
        return kept if self.rate % 8000 else codes


@broken(
    "TFS-FIDELITY-14",
    "The resampler is an attribute of the class: all calls share its history.",
    also="TFS-FIDELITY-08 TFS-FIDELITY-11",
)
class SharedResampler(HookedSerializer):
    shared: ClassVar[dict[int, Any]] = {}

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = self.shared.get(frame.sample_rate)
        text = await super().serialize(frame)
        if isinstance(frame, OutputAudioRawFrame):
            self.shared[frame.sample_rate] = self._output
        return text


@broken(
    "TFS-FIDELITY-14", "One history serves both directions: what the caller says colours what the agent says."
)
class DirectionsMixed(IncomingSamples):
    last: Real = np.zeros(1)

    def change_samples(self, samples: Real) -> Real:
        return samples + float(self.last[-1])

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame) and len(frame.audio) >= 2:
            self.last = np.frombuffer(frame.audio[:2], "<i2").astype(float)
        return frame


@broken(
    "TFS-FIDELITY-14",
    "A message or a text between two frames of audio makes the player start anew: 200 ms are lost.",
)
class MessagesInterrupt(HookedSerializer):
    lost = 0

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, (OutputTransportMessageFrame, TextFrame)):
            self.lost = 10
        if isinstance(frame, OutputAudioRawFrame) and self.lost:
            self.lost -= 1
            return None
        return await super().serialize(frame)


@broken(
    "TFS-FIDELITY-14",
    "A key's tone is kept from the pipeline, and half a second of the caller's voice with it.",
)
class KeysMute(HookedSerializer):
    lost = 0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            self.lost = 25
        if isinstance(frame, InputAudioRawFrame) and self.lost:
            self.lost -= 1
            return None
        return frame


@broken(
    "TFS-FIDELITY-14", "An interruption empties all buffers, the caller's too: half a second is not heard."
)
class CallerDroppedWithTheAgent(IncomingSamples):
    dropped = 0

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self.dropped = 25
        return frame

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or self.dropped == 0:
            return frame
        self.dropped -= 1
        return None
