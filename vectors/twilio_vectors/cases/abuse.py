"""Vectors of the chapter Serialize under abuse: frames that no service should push, and what follows them."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.audio import pcm, silence, speech
from twilio_vectors.case import (
    Case,
    Json,
    audio,
    b64,
    family,
    messages,
    nothing,
    payloads,
    raises,
    returns_json,
    serialize,
    set_up,
)
from twilio_vectors.steps import ROUNDED, SECOND, audio_steps, payloads_of_samples, silence_frames
from twilio_vectors.ulaw import alternatives, permitted

CLEAR = {"event": "clear", "...": "<any>"}
MEDIA = {"event": "media", "...": "<any>"}
VOICE = speech(2400, seed=41)


@family("abuse")
def odd_lengths() -> Iterator[Case]:
    """Audio whose last sample is cut in half: no exception, and the speech after it is whole."""
    for rate in (8000, 16000, 24000):
        for size in (1, 319, 641):
            frame = audio(pcm(VOICE)[:size], rate=rate)
            yield Case(
                f"odd-{rate}-{size}",
                f"{size} bytes at {rate} Hz.",
                steps=[
                    serialize(frame, raises("TFS-ABUSE-01", None)),
                    serialize({"frame": "InterruptionFrame"}, returns_json("TFS-ABUSE-01", CLEAR)),
                ],
                out_rate=rate,
                result="acceptable",
                flags=("HarmlessEitherWay",),
            )


@family("abuse")
def odd_then_speech() -> Iterator[Case]:
    """Half a sample, then speech: it is dropped or filled up, and never joined to the sample that follows."""
    steps = [serialize(audio(bytes(1)), raises("TFS-ABUSE-01", None)), *audio_steps(VOICE), *silence_frames()]
    dropped = alternatives(VOICE + silence(SECOND), permitted)
    filled = alternatives([0, *VOICE, *silence(SECOND - 1)], permitted)
    yield Case(
        "odd-then-speech",
        "A frame of one byte, then speech at 8000 Hz.",
        steps=steps,
        expect=[payloads("TFS-ABUSE-01", dropped + filled, at_least=len(VOICE))],
        result="acceptable",
        flags=("HarmlessEitherWay", *ROUNDED),
    )


@family("abuse")
def stereo() -> Iterator[Case]:
    """Two channels raise no exception; their mean is best, which is the voice itself where both carry it."""
    both = [sample for sample in VOICE for _ in range(2)]
    frames = [
        serialize(audio(pcm(both[start : start + 320]), channels=2), raises("TFS-ABUSE-02", None))
        for start in range(0, len(both), 320)
    ]
    yield Case(
        "stereo-alike",
        "Both channels carry the same voice at 8000 Hz.",
        steps=[*frames, *silence_frames()],
        expect=[payloads_of_samples("TFS-ABUSE-03", VOICE)],
        result="acceptable",
        flags=ROUNDED,
    )
    other = speech(len(VOICE), seed=43)
    apart = [sample for pair in zip(VOICE, other, strict=True) for sample in pair]
    yield Case(
        "stereo-apart",
        "Each channel carries a voice of its own at 8000 Hz: both are heard, at half their level.",
        steps=[
            *(serialize(audio(pcm(apart[at : at + 320]), channels=2)) for at in range(0, len(apart), 320)),
            *silence_frames(),
        ],
        expect=[
            payloads_of_samples(
                "TFS-ABUSE-03", [(one + two) // 2 for one, two in zip(VOICE, other, strict=True)]
            )
        ],
        result="acceptable",
        flags=ROUNDED,
        since="2026.12",
    )
    for rate in (16000, 24000):
        yield Case(
            f"stereo-{rate}",
            f"Two channels at {rate} Hz.",
            steps=[serialize(audio(pcm(both), rate=rate, channels=2), raises("TFS-ABUSE-02", None))],
            out_rate=rate,
        )


@family("abuse")
def half_pairs() -> Iterator[Case]:
    """Two channels of which the last sample of the right one is missing."""
    for rate in (8000, 24000):
        yield Case(
            f"stereo-half-pair-{rate}",
            f"Two channels at {rate} Hz, and one more sample of the left.",
            steps=[
                serialize(
                    audio(pcm([*VOICE, *VOICE, 0]), rate=rate, channels=2), raises("TFS-ABUSE-02", None)
                )
            ],
            out_rate=rate,
            since="2026.12",
        )


@family("abuse")
def impossible_rates() -> Iterator[Case]:
    """A rate of zero or less has no meaning, so there is nothing to send."""
    for name, rate in {"zero": 0, "minus-one": -1, "negative": -8000}.items():
        yield Case(
            f"rate-{name}",
            f"A frame whose rate is {rate} Hz, and a good one after it.",
            steps=[
                serialize(audio(pcm(VOICE[:160]), rate=rate), nothing("TFS-ABUSE-04")),
                *audio_steps(VOICE),
                *silence_frames(),
            ],
            expect=[payloads_of_samples("TFS-ABUSE-05", VOICE)],
            result="invalid",
            flags=ROUNDED,
        )


@family("abuse")
def long_frames() -> Iterator[Case]:
    """Ten seconds of audio in one frame, as some services push them."""
    long = speech(80_000, seed=42)
    yield Case(
        "long-8000",
        "10 s in one frame at 8000 Hz.",
        steps=[serialize(audio(pcm(long)), raises("TFS-ABUSE-05", None)), *silence_frames()],
        expect=[payloads_of_samples("TFS-ABUSE-05", long)],
        result="acceptable",
        flags=ROUNDED,
    )
    for rate in (16000, 24000, 48000):
        frame = audio(b"", rate=rate) | {"audio": _repeated(VOICE, 10 * rate // len(VOICE))}
        yield Case(
            f"long-{rate}",
            f"10 s in one frame at {rate} Hz.",
            steps=[serialize(frame, raises("TFS-ABUSE-05", None))],
            expect=[messages("TFS-ABUSE-05", MEDIA)],
            out_rate=rate,
        )


@family("abuse")
def rates_that_change() -> Iterator[Case]:
    """The next service speaks at another rate, or the pipeline is set up again."""
    rates = [24000, 16000, 8000, 48000, 22050, 24000]
    steps = [serialize(audio(pcm(VOICE), rate=rate), raises("TFS-ABUSE-06", None)) for rate in rates]
    yield Case("change-every-frame", "Another rate with every frame.", steps=steps)
    back = [
        serialize(audio(pcm(VOICE), rate=24000), raises("TFS-ABUSE-06", None)),
        *audio_steps(VOICE),
        *silence_frames(),
    ]
    yield Case(
        "change-to-8000",
        "24000 Hz, then 8000 Hz: the speech at 8000 Hz is whole after what came before.",
        steps=back,
        expect=[messages("TFS-ABUSE-06", MEDIA, at_least=2)],
    )
    again = [
        set_up(24000, raises("TFS-ABUSE-06", None)),
        set_up(16000, raises("TFS-ABUSE-06", None)),
        *audio_steps(VOICE),
        *silence_frames(),
    ]
    yield Case(
        "change-by-setup",
        "setup is called again with another rate, before audio.",
        steps=again,
        expect=[payloads_of_samples("TFS-ABUSE-06", VOICE)],
        result="acceptable",
        flags=ROUNDED,
    )


@family("abuse")
def before_setup() -> Iterator[Case]:
    """Frames that come before setup was awaited."""
    ways: dict[str, Json] = {
        "audio": audio(pcm(VOICE[:160])),
        "audio-24000": audio(pcm(VOICE[:480]), rate=24000),
        "interruption": {"frame": "InterruptionFrame"},
        "message": {"frame": "OutputTransportMessageFrame", "message": {"event": "mark"}},
        "end": {"frame": "EndFrame"},
    }
    for name, frame in ways.items():
        yield Case(
            f"before-setup-{name}",
            f"A frame before setup: {name}.",
            steps=[
                serialize(frame, raises("TFS-ABUSE-07", None)),
                set_up(8000),
                serialize({"frame": "InterruptionFrame"}, returns_json("TFS-ABUSE-07", CLEAR)),
            ],
            rate=None,
            result="acceptable",
            flags=("BeforeSetup",),
        )


@family("abuse")
def empty_frames() -> Iterator[Case]:
    """Audio without samples, at every rate, between speech."""
    for rate in (8000, 16000, 24000, 48000):
        yield Case(
            f"empty-{rate}",
            f"Frames without samples at {rate} Hz.",
            steps=[serialize(audio(b"", rate=rate), raises("TFS-ABUSE-01", None)) for _ in range(3)],
            out_rate=rate,
        )


def _repeated(samples: list[int], times: int) -> Json:
    return {"base64": b64(pcm(samples)), "times": times}
