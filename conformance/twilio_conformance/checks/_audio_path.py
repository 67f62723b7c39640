"""Sends audio through an instance, chunk by chunk, in either direction, and keeps what each call returned."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from pipecat.frames.frames import OutputAudioRawFrame

from twilio_conformance.audio import alignment, signals, ulaw
from twilio_conformance.audio.levels import Real, Samples
from twilio_conformance.audio.passage import Passage, split
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.audio.utterance import Comparison, compare_utterance
from twilio_conformance.checks._core import expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import FrameValue, output_audio_kinds, shorten
from twilio_conformance.subject.probe import Json, Observation, Probe, Subject
from twilio_conformance.subject.target import BASE_URL
from twilio_conformance.twilio.clock import held

VOICE_RATES = (16000, 24000, 48000)
"""The rates of Pipecat's speech services other than 8000 Hz."""

LATENCY_LIMIT = 0.060
"""Seconds of added latency that TFS-LATENCY-01 permits in one direction."""

PLACEMENT_ERROR = 0.001
"""Seconds by which a measured place in audio may be off: ten times the worst error."""

WAYS: dict[str, Json] = {
    "without auto_hang_up": {"params": {"auto_hang_up": False}},
    "with a token": {},
    "with an API key": {
        "auth_token": None, "api_key_sid": "${api_key_sid}", "api_key_secret": "${api_key_secret}",
    },
    "with a region": {"region": "ie1", "edge": "dublin"},
    "with params": {"params": {"ignore_rtvi_messages": False}},
}  # fmt: skip
"""Ways to construct an instance that convert audio alike: changes of the usual arguments."""

Chunks = int | Sequence[int]


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a call at one rate of the pipeline.

    Attributes:
        is_outgoing: Whether the audio goes to Twilio.
        rate: The pipeline's rate, in Hz.
        kind: The class of its output frames.
        way: How its instances are constructed, one of `WAYS`; "" for one that never hangs up.
    """

    is_outgoing: bool
    rate: int
    kind: type[OutputAudioRawFrame] = OutputAudioRawFrame
    way: str = ""

    def __str__(self) -> str:
        """Return where the audio comes from and where it goes, and in which frames and with which arguments."""
        is_told = self.is_outgoing and (self.way or self.kind is not OutputAudioRawFrame)
        kind = f"with {self.kind.__name__}" if is_told else ""
        return ", ".join(filter(None, (self.path, kind, self.way)))

    @property
    def path(self) -> str:
        """Where the audio comes from and where it goes."""
        return f"{self.rate} Hz to Twilio" if self.is_outgoing else f"Twilio to {self.rate} Hz"

    @property
    def rates(self) -> tuple[int, int]:
        """The rates of input and output, in Hz."""
        return (self.rate, WIRE_RATE) if self.is_outgoing else (WIRE_RATE, self.rate)

    @property
    def rate_in(self) -> int:
        """The rate of the input, in Hz."""
        return self.rates[0]

    @property
    def rate_out(self) -> int:
        """The rate of the output, in Hz."""
        return self.rates[1]

    @property
    def chunk(self) -> int:
        """Samples in 20 ms, the size of the chunks of Pipecat and Twilio."""
        return self.rate_in // 50

    def utterance(self, seconds: float, seed: int = 0) -> Samples:
        """Return an utterance (see `signals.utterance`) at the rate of the input."""
        return signals.utterance(self.rate_in, seconds, seed)

    def silence(self, seconds: float) -> Samples:
        """Return silence at the rate of the input."""
        return signals.silence(self.rate_in, seconds)

    def ideal(self, signal: Samples) -> Real:
        """Return the ideal output for a signal: resampled without delay and not rounded."""
        return alignment.ideal(signal, self.rate_in, self.rate_out)

    def compare(self, voice: Samples, output: Samples, **options: Any) -> Comparison:
        """Find an utterance in an output, and compare it (see `compare_utterance`)."""
        return compare_utterance(voice, output, self.rates, **options)

    async def ready(self, probe: Probe) -> Subject:
        """Return an instance that is set up for this direction."""
        arguments = probe.arguments(**WAYS[self.way]) if self.way else {}
        rate = WIRE_RATE if self.is_outgoing else self.rate
        return await probe.ready(rate=rate, out_rate=self.rate, **arguments)

    async def carry(
        self, subject: Subject, signal: Samples, chunks: Chunks | None = None, *, channels: int = 1
    ) -> Passage:
        """Send a signal through an instance, in chunks of 20 ms by default, in each channel if it is outgoing."""
        given, received = tuple(split(signal, chunks or self.chunk)), list[Samples | None]()
        with held():
            if self.is_outgoing:
                frames = [audio_frame(chunk, self.rate, channels, self.kind) for chunk in given]
                for sent in await subject.serialize_each(frames):
                    received.append(ulaw.decode(payload_of(sent) or b""))
            else:
                messages = [subject.track.message(ulaw.encode(chunk)) for chunk in given]
                received += map(pcm_of, await subject.deserialize_each(messages))
        return Passage.of(given, received, rate_in=self.rate_in, rate_out=self.rate_out)

    async def passage(self, probe: Probe, signal: Samples, chunks: Chunks | None = None) -> Passage:
        """Send a signal through a new instance, in chunks of 20 ms by default."""
        return await self.carry(await self.ready(probe), signal, chunks)


OUTGOING, INCOMING = (
    tuple(Direction(is_outgoing, rate) for rate in (8000, 16000, 22050, 24000, 32000, 44100, 48000))
    for is_outgoing in (True, False)
)
"""Each direction at the rates of pipelines and of speech services."""

DIRECTIONS = OUTGOING + INCOMING


def in_turn(
    probe: Probe, directions: Iterable[Direction], among: Iterable[str] = WAYS
) -> Iterator[Direction]:
    """Yield each direction with the probe's next class of output frames and way to construct, one of `among`.

    What an instance is given stays of one class: it may convert each in a stream of its own. Every class meets
    every way within twenty turns.
    """
    kinds = output_audio_kinds(with_own=not probe.implementation.is_remote)
    # A base_url is part of every construction where requests are seen at none other.
    unfit = {"with a region"} if probe.implementation.network == BASE_URL else set()
    if "api_key" not in probe.implementation.capabilities:
        unfit.add("with an API key")
    ways = [way for way in among if way not in unfit]
    for direction in directions:
        turn, kind = divmod(next(probe.turns), len(kinds))
        yield replace(direction, kind=kinds[kind], way=ways[(kind + turn) % len(ways)])


async def expect_in_each(
    directions: Iterable[Direction],
    measure: Callable[[Direction], Awaitable[str | None]],
    message: str,
    expected: str,
) -> None:
    """End the check with a message if the measure returns a fault, instead of None, for any direction."""
    faults = {str(direction): fault for direction in directions if (fault := await measure(direction))}
    expect(not faults, message, expected, faults)


def expect_recognised(direction: Direction, correlation: float) -> None:
    """End the check unless an output correlates with its ideal reference."""
    least, message = alignment.MIN_CORRELATION, f"{direction}: what comes out is not what was given"
    expect(correlation > least, message, f"a likeness above {least:g}", round(correlation, 3))


def payload_of(observation: Observation) -> bytes | None:
    """Return the μ-law codes of a media message; None if serialize returned None, NotTestable if anything else."""
    if observation.raised is not None:
        raise NotTestable("serialize of an audio frame failed", actual=observation.outcome)
    if observation.value is None:
        return None
    try:
        message = json.loads(str(observation.value))
        return base64.b64decode(message["media"]["payload"], validate=True)
    except (ValueError, KeyError, TypeError, binascii.Error) as error:
        message = "serialize of an audio frame gave no media message"
        raise NotTestable(message, actual=observation.outcome) from error


def pcm_of(observation: Observation) -> Samples | None:
    """Return the samples of an InputAudioRawFrame; None if deserialize returned None, NotTestable if anything else."""
    value = observation.value
    if observation.raised is None and value is None:
        return None
    if not isinstance(value, FrameValue) or not value.is_a("InputAudioRawFrame"):
        raise NotTestable("deserialize of a media message gave no audio", actual=observation.outcome)
    audio = value.attributes["audio"]
    if not isinstance(audio, bytes):
        raise NotTestable("deserialize gave audio that is not bytes", actual=shorten(audio))
    if len(audio) % 2:
        raise NotTestable("deserialize gave an odd number of bytes of 16-bit audio", actual=len(audio))
    return np.frombuffer(audio, dtype="<i2").astype(np.int16)


def audio_frame(
    samples: Samples, rate: int, channels: int = 1, kind: type[OutputAudioRawFrame] = OutputAudioRawFrame
) -> OutputAudioRawFrame:
    """Return an output frame with these samples in each channel."""
    pcm = np.repeat(samples.astype("<i2"), channels).tobytes()
    return kind(audio=pcm, sample_rate=rate, num_channels=channels)


async def expect_tone(probe: Probe, direction: Direction) -> None:
    """Expect a tone to keep its frequency, to half a percent, and its length, less what may be withheld."""
    tone = 440.0
    passage = await direction.passage(probe, signals.sine(tone, -10, direction.rate_in, 2))
    where = str(direction)
    # No known resampler withholds more than 160 ms.
    missing, wanted = -passage.length_error / passage.rate_out, "2 s, of which 0.3 s may be withheld"
    expect(-0.01 <= missing <= 0.3, f"{where}: the length differs", wanted, f"{2 - missing:.3f} s")
    steady = passage.output[passage.rate_out // 4 :].astype(float)
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(steady.size), 1 << 18))
    frequency = float(np.argmax(spectrum)) * passage.rate_out / (1 << 18)
    kept = abs(frequency / tone - 1) <= 0.005
    expect(kept, f"{where}: the pitch differs", f"{tone:g} Hz", f"{frequency:.1f} Hz")
