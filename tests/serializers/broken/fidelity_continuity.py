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
    DelayedOnceLate,
    HeldBack,
    RateChanges,
    Rearranged,
    SamplesByPosition,
)
from tests.serializers.broken.registry import broken


@broken(
    "TFS-FIDELITY-01",
    "A buffer underruns 2.5 s into a long utterance, and 100 ms of silence are sent.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23] TFS-LATENCY-05",
)
class HoleInALongUtterance(OutgoingSamples):
    count = 0

    def change_samples(self, samples: Real) -> Real:
        places = self.count + np.arange(samples.size)
        self.count += samples.size
        return np.where((places >= 20000) & (places < 20800), 0, samples)


@broken(
    "TFS-FIDELITY-01",
    "The output length is rounded down for each chunk, which loses a sample.",
    also="TFS-ABUSE-1[23] TFS-FIDELITY-18 TFS-LATENCY-0[12357] TFS-FIDELITY-0[345] TFS-FIDELITY-1[123] TFS-MEDIAOUT-09",
)
class OneSampleLostAChunk(OutgoingSamples):
    def change_codes(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:-1]


@broken(
    "TFS-FIDELITY-01",
    "A ring buffer of 3.2 s is one sample too short: three samples are wrong where it wraps.",
    also="TFS-FIDELITY-1[23] TFS-LATENCY-07",
)
class ClickAfterThreeSeconds(SamplesByPosition):
    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        return np.where(places % 25600 >= 25597, 30000, samples)


@broken("TFS-FIDELITY-01", "A noise gate opens 150 ms late after a second of silence.")
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


@broken("TFS-FIDELITY-01", "Each word of the caller after 0.2 s of silence is faded in over 100 ms.")
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
    "A jitter buffer overruns and drops 20 ms; later it underruns and sends 20 ms twice.",
    also="TFS-ABUSE-14 TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class SlipsAndBack(Rearranged):
    def change_codes(self, codes: bytes) -> bytes:
        return self.cut(21200, 22800, 160, codes)


@broken(
    "TFS-FIDELITY-01",
    "A lost packet is concealed by 100 ms of noise as loud as the voice.",
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
    """Scales the converted samples between two positions by `factor`."""

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
    "An echo canceler takes the agent's own speech for an echo and attenuates 200 ms by 18 dB.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23] TFS-LATENCY-05",
)
class DampedForAMoment(ScaledBetween):
    between = (25600, 27200)
    factor = 0.126


@broken(
    "TFS-FIDELITY-01",
    "A buffer is reused with the wrong polarity: 80 ms are inverted.",
    also="TFS-LATENCY-07 TFS-FIDELITY-1[23]",
)
class InvertedForAMoment(ScaledBetween):
    between = (25600, 26240)
    factor = -1.0


@broken(
    "TFS-FIDELITY-11",
    "The filter is reset for every chunk (pipecat-ai/pipecat issues 1653, 2070).",
    also="TFS-FIDELITY-0[37]",
)
class FilterOfEachChunk(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, OutputAudioRawFrame):
            self._output = None
        return await super().serialize(frame)


@broken("TFS-FIDELITY-11", "A frame shorter than a millisecond is taken for a remainder and dropped.")
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
    "A converter's buffer holds 0.7 s, and the rest of a longer chunk is lost.",
    also="TFS-ABUSE-14 TFS-LATENCY-01",
)
class LongChunksCut(OutgoingSamples):
    def change_codes(self, codes: bytes) -> bytes:
        return codes if self.rate == 8000 else codes[:5600]


@broken(
    "TFS-FIDELITY-11",
    "The converter for the caller's audio has a buffer of 0.7 s, and the rest of a longer message is lost.",
    also="TFS-LATENCY-01",
)
class LongMessagesCut(IncomingSamples):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame) or frame.sample_rate == 8000:
            return frame
        audio = frame.audio[: 2 * (frame.sample_rate * 7 // 10)]
        return InputAudioRawFrame(audio=audio, sample_rate=frame.sample_rate, num_channels=1)


@broken(
    "TFS-FIDELITY-11",
    "Frames of a fifth to two fifths of a second take a separate path, which ends 5 ms early.",
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


@broken("TFS-FIDELITY-13", "A new rate creates a new resampler, and the frame that caused it is lost.")
class FrameOfTheChangeLost(OutgoingSamples):
    known: ClassVar[tuple[int, ...]] = ()
    before = 0

    def change_codes(self, codes: bytes) -> bytes:
        changed, self.before = self.before not in (0, self.rate), self.rate
        return b"" if changed else codes


@broken(
    "TFS-FIDELITY-13",
    "200 ms of silence are sent to compensate for the delay of a new filter.",
    also="TFS-ABUSE-05",
)
class SilenceAtAChangeOfRate(RateChanges):
    def first(self, codes: bytes) -> bytes:
        return b"\xff" * 1600


@broken(
    "TFS-FIDELITY-13",
    "The history of the old filter is sent again when a new one is created.",
    also="TFS-LATENCY-06",
)
class RepeatsAtAChangeOfRate(RateChanges):
    def first(self, codes: bytes) -> bytes:
        return self.last


@broken(
    "TFS-FIDELITY-13", "The resampler for the new rate starts with an empty buffer 100 ms into the utterance."
)
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


@broken("TFS-FIDELITY-13", "A new rate adds a queue of 200 ms before the converter.")
class LateAfterAChangeOfRate(DelayedOnceLate):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.late = self.late or self.rate not in (8000, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame


@broken(
    "TFS-FIDELITY-13",
    "The last 50 ms wait for more audio, and a change of rate drops them.",
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
    "Rates that are not multiples of 8000 Hz take a separate path, which starts a frame late.",
)
class FrameOfACrookedRateLost(FrameOfTheChangeLost):
    def change_codes(self, codes: bytes) -> bytes:
        kept = super().change_codes(codes)
        return kept if self.rate % 8000 else codes


@broken(
    "TFS-FIDELITY-14",
    "The resampler is a class attribute, so all calls share its history.",
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
    "TFS-FIDELITY-14",
    "Both directions share one filter history, so the caller's audio leaks into the agent's.",
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
    "A message or a text between two audio frames restarts the player, which loses 200 ms.",
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


@broken("TFS-FIDELITY-14", "An interruption empties all buffers, and half a second of the caller is lost.")
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
