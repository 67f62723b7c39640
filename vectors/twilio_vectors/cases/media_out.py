"""Vectors of the chapter Media to Twilio: messages, encoding, sessions at 8 kHz, kinds of frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle

from twilio_vectors.audio import chunks, noise, pcm, ramp, silence, speech, utterance
from twilio_vectors.case import (
    HANGING_UP,
    NO_HANG_UP,
    STREAM_SID,
    Case,
    Json,
    audio,
    deserialize,
    family,
    messages,
    nothing,
    payloads,
    serialize,
)
from twilio_vectors.steps import (
    ROUNDED,
    SECOND,
    audio_steps,
    codes_of,
    foreign_starts,
    media_steps,
    payloads_of_samples,
    silence_frames,
)
from twilio_vectors.ulaw import DECODED, LEVELS, alternatives, exact

DEFINITION = "ITU-T G.711: the values of the codes, computed from the definition in vectors/g711.py"
SIDS = {
    "lower-case": "MZ0123456789abcdef0123456789abcdef",
    "upper-case": "MZ0123456789ABCDEF0123456789ABCDEF",
    "digits": "MZ00000000000000000000000000000000",
}
"""The forms that Twilio's own pattern ^MZ[0-9a-fA-F]{32}$ allows; other text is nobody's promise."""


@family("media-out")
def message() -> Iterator[Case]:
    """The form of a media message, for payloads that need each padding of base64 and its whole alphabet."""
    signals = {
        "one-sample": (noise(24000, 20, 1), 1),
        "whole-alphabet": (list(DECODED), 256),
        "padding-none": (noise(24000, 477, 2), 159),
        "padding-one": (noise(24000, 483, 3), 161),
        "padding-two": (noise(24000, 480, 4), 160),
        "one-second": (utterance(SECOND, 5), SECOND),
    }
    for name, (samples, size) in signals.items():
        yield _message(name, samples, size)
    yield _message("hang-up-enabled", utterance(480, 6), 160, dict(HANGING_UP))


def _message(name: str, samples: list[int], size: int, arguments: Json | None = None) -> Case:
    return Case(
        name=f"message-{name}",
        text=f"Audio becomes text messages of three members with base64: {name.replace('-', ' ')}.",
        steps=audio_steps(samples, (size,)) + silence_frames(size=max(size, 160)),
        expect=[
            messages("TFS-MEDIAOUT-01", {"event": "media", "...": "<any>"}, as_text=True),
            messages(
                "TFS-MEDIAOUT-02",
                {"event": "<any>", "streamSid": "<any>", "media": {"payload": "<any>"}},
                at_least=0,
            ),
            messages(
                "TFS-MEDIAOUT-04",
                {"media": {"payload": "<base64>", "...": "<any>"}, "...": "<any>"},
                at_least=0,
            ),
        ],
        arguments=arguments or dict(NO_HANG_UP),
        source="https://www.twilio.com/docs/voice/media-streams/websocket-messages",
    )


@family("media-out")
def stream_sid() -> Iterator[Case]:
    """The streamSid is the constructor's: one of the run, and each form that Twilio's pattern allows."""
    for name, sid in {"of-the-run": None, **SIDS}.items():
        yield Case(
            name=f"stream-sid-{name}",
            text=f"Media messages carry the stream_sid of the constructor ({name.replace('-', ' ')}).",
            steps=audio_steps(utterance(480, 5)) + silence_frames(),
            expect=[
                messages("TFS-MEDIAOUT-03", {"streamSid": STREAM_SID, "...": "<any>"}, at_least=0),
            ],
            names={"stream_sid": sid} if sid else {},
            source="https://www.twilio.com/docs/api/errors/31951",
        )


@family("media-out")
def foreign_start() -> Iterator[Case]:
    """After a start message that names another stream, media messages still name the constructor's."""
    for name in ("stream", "all", "parameters", "inside", "outside"):
        yield Case(
            name=f"foreign-start-{name}",
            text=f"The agent speaks after a start message that names others ({name}).",
            steps=[deserialize(foreign_starts()[name]), *audio_steps(utterance(480, 6)), *silence_frames()],
            expect=[messages("TFS-MEDIAOUT-20", {"streamSid": STREAM_SID, "...": "<any>"}, at_least=0)],
            source="https://github.com/openclaw/openclaw/pull/136506",
            since="2026.12",
        )


@family("media-out")
def encode() -> Iterator[Case]:
    """All 65,536 inputs in rising order, and by themselves those where encoders slip most."""
    everything = ramp(-32768, 32767)
    clipped = [sign * value for value in range(32100, 32768) for sign in (1, -1)] + [-32768]
    yield _encoding(
        "encode-all", "Every 16-bit value, from the lowest to the highest.", everything, quiet=8064
    )
    yield _encoding("encode-clipping", "The values beyond the largest code, of both signs in turn.", clipped)
    yield _encoding(
        "encode-near-silence", "The values from -64 to 64, up and down.", ramp(-64, 64) + ramp(-64, 64)[::-1]
    )


def _encoding(name: str, text: str, samples: list[int], quiet: int = SECOND) -> Case:
    return Case(
        name=name,
        text=f"{text} Each becomes a code within one quantiser level of the nearest.",
        steps=audio_steps(samples) + silence_frames(quiet),
        expect=[payloads_of_samples("TFS-MEDIAOUT-05", samples, quiet)],
        result="acceptable",
        flags=ROUNDED,
        source=DEFINITION,
    )


@family("media-out")
def exactly() -> Iterator[Case]:
    """The 255 values that codes decode to: rising, in the order of the codes, and as speech."""
    spoken_once = [min(LEVELS, key=lambda level: abs(level - sample)) for sample in utterance(2400, 7)]
    signals = {
        "values": ("The 255 values, rising.", list(LEVELS)),
        "codes": ("What each of the 256 codes decodes to, in the order of the codes.", list(DECODED)),
        "second-pass": ("Speech that has been μ-law before.", spoken_once),
    }
    for name, (text, samples) in signals.items():
        yield Case(
            name=f"exact-{name}",
            text=f"{text} Each becomes a code of that very value.",
            steps=audio_steps(samples) + silence_frames(),
            expect=[
                payloads(
                    "TFS-MEDIAOUT-06", alternatives(samples + silence(SECOND), exact), at_least=len(samples)
                )
            ],
            result="acceptable",
            flags=("NegativeZero", "WithheldSilence"),
            source=DEFINITION,
        )


@family("media-out")
def session() -> Iterator[Case]:
    """Speech with pauses in frames of one size or of many, beside a caller, among empty frames.

    Each signal ends in noise, then a second of silence: whatever is lost or added before moves it.
    """
    sizes = {
        "20-ms": (160,),
        "10-ms": (80,),
        "40-ms": (320,),
        "one-second": (SECOND,),
        "odd-sizes": (1, 159, 161, 7, 333, 97),
        "mixed-sizes": (160, 80, 800, 1, 320, 441),
    }
    for seed, (name, pieces) in enumerate(sizes.items(), 11):
        samples = utterance(9600 if max(pieces) in (160, SECOND) else 3200, seed)
        yield _session(
            name, f"Speech in frames of {_listed(pieces)} samples.", samples, audio_steps(samples, pieces)
        )
    samples = utterance(320, 21)
    yield _session("single-samples", "Speech in frames of one sample.", samples, audio_steps(samples, (1,)))
    samples = speech(1600, 22) + silence(SECOND) + utterance(1600, 23)
    yield _session(
        "long-pause", "Two sentences with a second of silence between them.", samples, audio_steps(samples)
    )
    samples = noise(30000, 1600, 24)
    yield _session("noise", "Loud noise.", samples, audio_steps(samples))
    samples = utterance(2400, 25)
    empty = serialize(audio(b""))
    steps = [step for frame in audio_steps(samples) for step in (empty, frame, empty)]
    yield _session("empty-frames-between", "Speech with empty frames between its frames.", samples, steps)
    samples = utterance(2400, 26)
    steps = [
        step
        for pair in zip(audio_steps(samples), media_steps(codes_of(speech(2400, 28))), strict=True)
        for step in pair
    ]
    yield _session("both-directions", "The agent and the caller speak at once.", samples, steps)
    samples = utterance(2400, 27)
    yield _session(
        "other-pipeline-rate",
        "Frames at 8 kHz from a pipeline that is set up at others.",
        samples,
        audio_steps(samples),
        (16000, 24000),
    )


def _session(
    name: str, text: str, samples: list[int], steps: list[Json], rates: tuple[int, int] = (8000, 8000)
) -> Case:
    return Case(
        name=f"session-{name}",
        text=f"{text} The payloads hold it all, in order.",
        steps=steps + silence_frames(),
        expect=[payloads_of_samples("TFS-MEDIAOUT-08", samples)],
        rate=rates[0],
        out_rate=rates[1],
        result="acceptable",
        flags=ROUNDED,
        source=DEFINITION,
    )


def _listed(sizes: Sequence[int]) -> str:
    return ", ".join(map(str, sizes))


@family("media-out")
def empty() -> Iterator[Case]:
    """Audio frames without samples, at the beginning of a stream."""
    for name, rate, kind in (
        ("8000", 8000, "OutputAudioRawFrame"),
        ("24000", 24000, "OutputAudioRawFrame"),
        ("speech", 24000, "TTSAudioRawFrame"),
    ):
        frame = audio(b"", rate=rate, kind=kind)
        yield Case(
            name=f"empty-{name}",
            text=f"{kind} without samples at {rate} Hz, twice: there is nothing to send.",
            steps=[
                serialize(frame, nothing("TFS-MEDIAOUT-10")),
                serialize(frame, nothing("TFS-MEDIAOUT-10")),
            ],
            source="https://github.com/pipecat-ai/pipecat/pull/2184",
        )


@family("media-out")
def frame_kinds() -> Iterator[Case]:
    """The kinds of output audio frame that Pipecat 1.2.1 to 1.14.0 all have, one by one and in turn."""
    kinds = {
        "output": "OutputAudioRawFrame",
        "speech-service": "TTSAudioRawFrame",
        "speech-output": "SpeechOutputAudioRawFrame",
    }
    samples = utterance(960, 31)
    for name, kind in kinds.items():
        yield _kind(name, f"Speech in frames of the class {kind}.", samples, audio_steps(samples, kind=kind))
    in_turn = zip(chunks(samples, (160,)), cycle(kinds.values()), strict=False)
    steps = [serialize(audio(pcm(chunk), kind=kind)) for chunk, kind in in_turn]
    yield _kind("in-turn", "Frames of each class in turn.", samples, steps)


def _kind(name: str, text: str, samples: list[int], steps: list[Json]) -> Case:
    return Case(
        name=f"kind-{name}",
        text=f"{text} All are sent.",
        steps=steps + silence_frames(),
        expect=[payloads_of_samples("TFS-MEDIAOUT-11", samples)],
        result="acceptable",
        flags=ROUNDED,
        source=DEFINITION,
    )


@family("media-out")
def callers_own_audio() -> Iterator[Case]:
    """The caller's own audio, in frames of both classes that Pipecat has for it."""
    samples = utterance(960, 31)
    steps = [
        serialize(audio(pcm(chunk), kind=kind), nothing("TFS-MEDIAOUT-12"))
        for kind in ("InputAudioRawFrame", "UserAudioRawFrame")
        for chunk in chunks(samples, (160,))
    ]
    yield Case(
        name="callers-own-audio",
        text="InputAudioRawFrame and its subclass UserAudioRawFrame: the caller's voice is not sent back.",
        steps=steps,
        result="invalid",
        twin="kind-output",
        source="reasoned decision: an echo of the caller is never wanted",
    )
