"""Permitted variants of the audio: resamplers, filters, μ-law encoders, block sizes."""

from __future__ import annotations

import asyncio
import audioop
import base64
import json
from typing import Any, ClassVar
from unittest import mock

import av
import numpy as np
import samplerate
import soxr
from numpy.typing import NDArray
from pipecat.frames.frames import Frame, InterruptionFrame, OutputAudioRawFrame
from scipy.signal import butter, lfilter

from tests.serializers.broken.base import HookedSerializer
from tests.serializers.permitted.registry import permitted
from twilio_reference import serializer
from twilio_reference.resampler import Resampler

Real = NDArray[np.float64]


class _Converter(Resampler):
    """Another resampler behind the interface of the reference's."""

    def reset(self) -> None:
        """Start a new stream."""
        self._due = 0.0
        if self.input_rate != self.output_rate:
            self.begin()

    def begin(self) -> None:
        """Create the resampler."""
        raise NotImplementedError

    def convert(self, samples: NDArray[np.int16]) -> Any:
        """Return the samples that are ready."""
        raise NotImplementedError

    def process(self, pcm: bytes) -> bytes:
        if self.input_rate == self.output_rate:
            return pcm
        converted = np.asarray(self.convert(np.frombuffer(pcm, "<i2").astype(np.int16)))
        self._due += len(pcm) // 2 * self.output_rate / self.input_rate - converted.size
        rounded: bytes = np.rint(converted).clip(-32768, 32767).astype("<i2").tobytes()
        return rounded

    def flush(self) -> bytes:
        due = round(self._due)
        tail = self.process(bytes(2 * (self.input_rate // 10)))[: 2 * due] if due > 0 else b""
        self.reset()
        return tail


def _appended(tail: bytes, pcm: bytes) -> tuple[bytes, bytes]:
    """Return the tail of the old rate and then the new audio, since a long tail cannot be mixed in."""
    return tail + pcm, b""


class _OtherResampler(HookedSerializer):
    """The reference with another resampler."""

    resampler: ClassVar[type[Resampler]]

    async def setup(self, setup: Any) -> None:
        with mock.patch.object(serializer, "Resampler", self.resampler):
            await super().setup(setup)

    async def serialize(self, frame: Frame) -> Any:
        with mock.patch.multiple(serializer, Resampler=self.resampler, overlay=_appended):
            return await super().serialize(frame)


class _Swresample(_Converter):
    def begin(self) -> None:
        self._stream = av.AudioResampler(format="s16", layout="mono", rate=self.output_rate)

    def convert(self, samples: NDArray[np.int16]) -> Any:
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = self.input_rate
        pieces = [piece.to_ndarray()[0] for piece in self._stream.resample(frame)]
        return np.concatenate(pieces) if pieces else np.zeros(0)


@permitted("PyAV's resampler, which is FFmpeg's.")
class ByPyAV(_OtherResampler):
    resampler = _Swresample


class _Libsamplerate(_Converter):
    def begin(self) -> None:
        self._stream = samplerate.Resampler("sinc_medium", channels=1)

    def convert(self, samples: NDArray[np.int16]) -> Any:
        return self._stream.process(samples.astype(np.float32), self.output_rate / self.input_rate)


@permitted(
    "libsamplerate at medium quality. After about 13 s its stream from 16 kHz no longer matches the audio given, which"
    " TFS-FIDELITY-12 detects, so it does not claim audio.",
    profiles="core robust secure",
)
class ByLibsamplerate(_OtherResampler):
    resampler = _Libsamplerate


class _SoxrInWindows(_Converter):
    def begin(self) -> None:
        self._block = self.input_rate // 50
        self._waiting = np.zeros(self._block, np.int16)

    def convert(self, samples: NDArray[np.int16]) -> Any:
        self._waiting = np.append(self._waiting, samples)
        pieces = [np.zeros(0)]
        while self._waiting.size >= 3 * self._block:
            window = self._waiting[: 3 * self._block]
            whole = soxr.resample(window, self.input_rate, self.output_rate, "HQ")
            step = self.output_rate // 50
            pieces.append(whole[step : 2 * step])
            self._waiting = self._waiting[self._block :]
        return np.concatenate(pieces)


@permitted("soxr HQ on windows of 20 ms, with 20 ms of context before and after.")
class BySoxrInWindows(_OtherResampler):
    resampler = _SoxrInWindows


class _Later(Resampler):
    """The resampler of the reference, which holds back 40 ms more."""

    def reset(self) -> None:
        super().reset()
        self._late = b""

    def process(self, pcm: bytes) -> bytes:
        self._late += super().process(pcm)
        due = max(0, len(self._late) - 2 * (self.output_rate // 25))
        given, self._late = self._late[:due], self._late[due:]
        return given

    def flush(self) -> bytes:
        tail = self.process(bytes(2 * round((self.delay + 0.04) * self.input_rate)))
        self.reset()
        return tail


@permitted(
    "40 ms of audio are held back, and an interruption drops them.",
    unmet="TFS-LATENCY-02 TFS-LIVE-02 TFS-LIVE-04",
    reason="40 ms exceed the recommended 20 ms.",
)
class HeldBackFor40Milliseconds(_OtherResampler):
    resampler = _Later


class _AllPass(Resampler):
    """The resampler of the reference and an all-pass filter, which changes the phase and not the level."""

    def reset(self) -> None:
        super().reset()
        self._state = np.zeros(1)

    def process(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(super().process(pcm), "<i2").astype(float)
        if self.input_rate == self.output_rate or not samples.size:
            return samples.astype("<i2").tobytes()
        bent, self._state = lfilter([-0.4, 1], [1, -0.4], samples, zi=self._state)
        rounded: bytes = np.rint(bent).clip(-32768, 32767).astype("<i2").tobytes()
        return rounded


@permitted("A filter without linear phase.")
class WithoutLinearPhase(_OtherResampler):
    resampler = _AllPass


@permitted("A first-order high-pass filter at 60 Hz removes direct current.")
class WithoutDirectCurrent(_OtherResampler):
    class resampler(Resampler):
        def reset(self) -> None:
            super().reset()
            self._state = np.zeros(1)

        def process(self, pcm: bytes) -> bytes:
            converted = super().process(pcm)
            if not converted or self.input_rate == self.output_rate:
                return converted
            samples = np.frombuffer(converted, "<i2").astype(float)
            numerator, denominator = butter(1, 60, "high", fs=self.output_rate)
            filtered, self._state = lfilter(numerator, denominator, samples, zi=self._state)
            rounded: bytes = np.rint(filtered).clip(-32768, 32767).astype("<i2").tobytes()
            return rounded


class _Encoder(HookedSerializer):
    """Another μ-law encoder for audio at 8000 Hz."""

    def encode(self, pcm: bytes) -> bytes:
        raise NotImplementedError

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if not isinstance(frame, OutputAudioRawFrame) or text is None:
            return text
        if frame.sample_rate != 8000 or frame.num_channels != 1 or len(frame.audio) % 2:
            return text
        message = json.loads(text)
        expected = base64.b64decode(message["media"]["payload"])
        codes = self.encode(frame.audio)
        if len(codes) == len(expected):
            message["media"]["payload"] = base64.b64encode(codes).decode()
        return json.dumps(message)


@permitted("The encoder of CPython's audioop, which uses the two's complement of negative samples.")
class AudioopEncoder(_Encoder):
    def encode(self, pcm: bytes) -> bytes:
        return audioop.lin2ulaw(pcm, 2)


_LEVELS = np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), "<i2").astype(int)


@permitted(
    "An encoder that searches for the nearest level.",
    unmet="TFS-MEDIAOUT-07",
    reason="The nearest level on 16 bits matches neither reference encoder.",
)
class NearestLevelEncoder(_Encoder):
    order = np.argsort(_LEVELS, kind="stable")

    def encode(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype(int)
        levels = _LEVELS[self.order]
        place = np.searchsorted(levels, samples).clip(1, 255)
        below = samples - levels[place - 1] <= levels[place] - samples
        return bytes(self.order[place - below].astype(np.uint8))


@permitted(
    "The textbook encoder on 16 bits: bias 132, clip 32635.",
    unmet="TFS-MEDIAOUT-07",
    reason="It differs from G.191 on negative samples, and from audioop, which works on 14 bits.",
)
class SixteenBitEncoder(_Encoder):
    def encode(self, pcm: bytes) -> bytes:
        samples = np.frombuffer(pcm, "<i2").astype(int)
        magnitude = np.minimum(np.abs(samples), 32635) + 132
        exponent = np.floor(np.log2(magnitude)).astype(int) - 7
        mantissa = magnitude >> (exponent + 3) & 15
        return bytes((~(np.where(samples < 0, 128, 0) | exponent << 4 | mantissa) & 0xFF).astype(np.uint8))


@permitted(
    "Silence is code 0x7F, negative zero.",
    unmet="TFS-MEDIAOUT-07",
    reason="Both reference encoders use positive zero.",
)
class NegativeZero(_Encoder):
    def encode(self, pcm: bytes) -> bytes:
        return audioop.lin2ulaw(pcm, 2).replace(b"\xff", b"\x7f")


class _Chunked(HookedSerializer):
    """Sends blocks of a fixed size; an interruption drops the incomplete block."""

    size = 160

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._gathered = b""

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, InterruptionFrame):
            self._gathered = b""
        if not isinstance(frame, OutputAudioRawFrame) or text is None:
            return text
        message = json.loads(text)
        self._gathered += base64.b64decode(message["media"]["payload"])
        whole = len(self._gathered) // self.size * self.size
        if not whole:
            return None
        codes, self._gathered = self._gathered[:whole], self._gathered[whole:]
        message["media"]["payload"] = base64.b64encode(codes).decode()
        return json.dumps(message)


@permitted(
    "Audio is sent in blocks of 20 ms; the rest waits for the next frame.",
    unmet="TFS-LATENCY-02",
    reason="A block of 20 ms plus the delay of the filter exceeds 20 ms.",
)
class BlocksOf20Milliseconds(_Chunked):
    pass


@permitted(
    "Audio is sent in blocks of 40 ms.", unmet="TFS-LATENCY-02", reason="The block alone is 40 ms long."
)
class BlocksOf40Milliseconds(_Chunked):
    size = 320


@permitted("Audio is sent in blocks of 7 samples, since no block size is special.")
class BlocksOfSeven(_Chunked):
    size = 7


@permitted("Each frame and each message waits 1 ms, as for a queue between two tasks.")
class AwaitsEachFrame(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        await asyncio.sleep(0.001)
        return await super().serialize(frame)

    async def deserialize(self, data: str | bytes) -> Any:
        await asyncio.sleep(0.001)
        return await super().deserialize(data)


@permitted(
    "Audio is converted behind a lock, in turns of the event loop, and dropped if a clear overtakes it."
)
class ConvertsBehindALock(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._lock = asyncio.Lock()
        self._interruptions = 0

    async def serialize(self, frame: Frame) -> Any:
        self._interruptions += isinstance(frame, InterruptionFrame)
        if not isinstance(frame, OutputAudioRawFrame):
            return await super().serialize(frame)
        before = self._interruptions
        async with self._lock:
            text = await super().serialize(frame)
            await asyncio.sleep(0)
        return text if before == self._interruptions else None
