"""Carries audio through an instance, chunk by chunk, and keeps what each call gave as a passage."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from pipecat.frames.frames import OutputAudioRawFrame

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.audio.passage import Passage, split
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.checks._core import expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import FrameValue
from twilio_conformance.subject.probe import Observation, Probe, Subject
from twilio_conformance.twilio.clock import held

PIPELINE_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""The rates of pipelines and voices, in Hz."""

VOICE_RATES = (16000, 24000, 48000)
"""The rates of Pipecat's voices, beside 8000 Hz."""

TONE = 440.0
"""Hz of the tone that `expect_tone` expects."""

WITHHELD = 0.3
"""Seconds that core lets an implementation hold back: more than any resampler in the field (160 ms)."""

Chunks = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a call at one rate of the pipeline."""

    is_outgoing: bool
    rate: int

    def __str__(self) -> str:
        """Where from and where to."""
        return f"{self.rate} Hz to Twilio" if self.is_outgoing else f"Twilio to {self.rate} Hz"

    @property
    def rate_in(self) -> int:
        """The rate of what is given, in Hz."""
        return self.rate if self.is_outgoing else WIRE_RATE

    @property
    def rate_out(self) -> int:
        """The rate of what comes out, in Hz."""
        return WIRE_RATE if self.is_outgoing else self.rate

    @property
    def rates(self) -> tuple[int, int]:
        """The rates of what is given and of what comes out, in Hz."""
        return self.rate_in, self.rate_out

    @property
    def chunk(self) -> int:
        """Samples of 20 ms, as Pipecat and Twilio send them."""
        return self.rate_in // 50

    async def ready(self, probe: Probe) -> Subject:
        """An instance that is set up for this way."""
        return await probe.ready(rate=WIRE_RATE if self.is_outgoing else self.rate, out_rate=self.rate)

    async def carry(self, subject: Subject, signal: Samples, chunks: Chunks | None = None) -> Passage:
        """The passage of a signal, in chunks of 20 ms where nothing else is said."""
        carried = send if self.is_outgoing else receive
        return await carried(subject, signal, self.rate, chunks or self.chunk)

    async def passage(self, probe: Probe, signal: Samples, chunks: Chunks | None = None) -> Passage:
        """The passage of a signal through an instance of its own."""
        return await self.carry(await self.ready(probe), signal, chunks)


DIRECTIONS = tuple(Direction(is_outgoing, rate) for is_outgoing in (True, False) for rate in PIPELINE_RATES)
"""Both directions at every rate."""


def payload_of(observation: Observation) -> bytes | None:
    """The μ-law codes of a media message; None where serialize returned none.

    Raises:
        NotTestable: The call raised, or returned something that is not a media message.
    """
    if observation.raised is not None:
        raise NotTestable("serialize of an audio frame failed", actual=observation.outcome)
    if observation.value is None:
        return None
    try:
        message = json.loads(str(observation.value))
        return base64.b64decode(message["media"]["payload"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        raise NotTestable(
            "serialize of an audio frame gave no media message", actual=observation.outcome
        ) from error


def pcm_of(observation: Observation) -> Samples | None:
    """The samples of an InputAudioRawFrame; None where deserialize returned none.

    Raises:
        NotTestable: The call raised, or returned something else.
    """
    value = observation.value
    if observation.raised is None and value is None:
        return None
    if not isinstance(value, FrameValue) or not value.is_a("InputAudioRawFrame"):
        raise NotTestable("deserialize of a media message gave no audio", actual=observation.outcome)
    audio = value.attributes["audio"]
    if len(audio) % 2:
        raise NotTestable("deserialize gave an odd number of bytes of 16-bit audio", actual=len(audio))
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


def audio_frame(samples: Samples, rate: int, channels: int = 1) -> OutputAudioRawFrame:
    """An output frame with these samples in each channel."""
    pcm = np.repeat(samples.astype("<i2"), channels).tobytes()
    return OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)


async def send_codes(
    subject: Subject, signal: Samples, rate: int, chunks: Chunks, channels: int = 1
) -> list[bytes]:
    """The codes that each serialize call gave for a signal at `rate` Hz, empty where it gave none."""
    given = [audio_frame(chunk, rate, channels) for chunk in split(signal, chunks)]
    with held():
        observations = await subject.serialize_each(given)
    return [payload_of(observation) or b"" for observation in observations]


async def send(subject: Subject, signal: Samples, rate: int, chunks: Chunks, channels: int = 1) -> Passage:
    """The passage of a signal at `rate` Hz to Twilio, decoded to 8000 Hz."""
    codes = await send_codes(subject, signal, rate, chunks, channels)
    return Passage.of(split(signal, chunks), map(ulaw.decode, codes), rate_in=rate, rate_out=WIRE_RATE)


async def receive(subject: Subject, signal: Samples, rate: int, chunks: Chunks) -> Passage:
    """The passage of a signal from Twilio, given at 8000 Hz, to a pipeline at `rate` Hz."""
    given, codes = tuple(split(signal, chunks)), ulaw.encode(signal)
    ends = accumulate(map(len, given))
    pieces = (codes[end - len(chunk) : end] for chunk, end in zip(given, ends, strict=True))
    messages = [subject.track.message(piece) for piece in pieces]
    with held():
        observations = await subject.deserialize_each(messages)
    return Passage.of(given, list(map(pcm_of, observations)), rate_in=WIRE_RATE, rate_out=rate)


def expect_tone(passage: Passage) -> None:
    """The tone of a passage has its frequency, to half a percent, and its length, less what is withheld."""
    where = f"from {passage.rate_in} to {passage.rate_out} Hz"
    missing = -passage.length_error / passage.rate_out
    expect(
        -0.01 <= missing <= WITHHELD,
        f"{where}: the length differs",
        expected=f"2 s, of which {WITHHELD:g} s may be withheld",
        actual=f"{2 - missing:.3f} s",
    )
    steady = passage.output[passage.rate_out // 4 :].astype(float)
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(steady.size), 1 << 18))
    frequency = float(np.argmax(spectrum)) * passage.rate_out / (1 << 18)
    expect(
        abs(frequency / TONE - 1) <= 0.005,
        f"{where}: the pitch differs",
        expected=f"{TONE:g} Hz",
        actual=f"{frequency:.1f} Hz",
    )
