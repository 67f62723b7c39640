"""Vectors of the chapter Clear: what an interruption sends, when, and what sends no clear."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.audio import chunks, pcm, speech, utterance
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
    not_events,
    returns_json,
    serialize,
    transport_message,
    wait,
)
from twilio_vectors.cases.media_out import SIDS
from twilio_vectors.steps import (
    ROUNDED,
    audio_steps,
    codes_of,
    foreign_starts,
    media_steps,
    payloads_of_samples,
    silence_frames,
)

MESSAGES = "https://www.twilio.com/docs/voice/media-streams/websocket-messages"
INTERRUPTION: Json = {"frame": "InterruptionFrame"}


@family("clear")
def interruption() -> Iterator[Case]:
    """The form of a clear message, by serializers of several kinds; nothing else is sent here."""
    kinds: dict[str, tuple[Json, int]] = {
        "plain": (NO_HANG_UP, 8000),
        "hang-up-enabled": (HANGING_UP, 8000),
        "other-rate": (NO_HANG_UP, 24000),
        "rtvi-sent": (NO_HANG_UP | {"params": {"auto_hang_up": False, "ignore_rtvi_messages": False}}, 8000),
    }
    for name, (arguments, rate) in kinds.items():
        yield Case(
            name=f"interruption-{name}",
            text=f"An interruption gives a clear message of two members ({name.replace('-', ' ')}).",
            steps=[serialize(INTERRUPTION)],
            expect=[messages("TFS-CLEAR-01", {"event": "clear", "streamSid": "<any>"}, as_text=True)],
            arguments=dict(arguments),
            rate=rate,
            source=MESSAGES,
        )


@family("clear")
def stream_sid() -> Iterator[Case]:
    """The streamSid is the constructor's: one of the run, and each form that Twilio's pattern allows."""
    for name, sid in {"of-the-run": None, **SIDS}.items():
        yield Case(
            name=f"stream-sid-{name}",
            text=f"A clear message carries the stream_sid of the constructor ({name.replace('-', ' ')}).",
            steps=[serialize(INTERRUPTION)],
            expect=[messages("TFS-CLEAR-02", {"streamSid": STREAM_SID, "...": "<any>"}, at_least=0)],
            names={"stream_sid": sid} if sid else {},
            source="https://www.twilio.com/docs/api/errors/31951",
        )


@family("clear")
def foreign_start() -> Iterator[Case]:
    """After a start message that names another stream, a clear message still names the constructor's."""
    for name in ("stream", "all", "parameters", "inside", "outside"):
        yield Case(
            name=f"foreign-start-{name}",
            text=f"An interruption after a start message that names others ({name}).",
            steps=[deserialize(foreign_starts()[name]), serialize(INTERRUPTION)],
            expect=[messages("TFS-CLEAR-10", {"streamSid": STREAM_SID, "...": "<any>"}, at_least=0)],
            source="https://github.com/openclaw/openclaw/pull/136506",
            since="2026.12",
        )


@family("clear")
def each() -> Iterator[Case]:
    """Interruptions at every moment of a session: each gives its own clear."""
    cleared = serialize(INTERRUPTION, returns_json("TFS-CLEAR-03", {"event": "clear", "...": "<any>"}))
    sentence = audio_steps(speech(800, 91))
    sessions = {
        "before-audio": ("An interruption before any audio.", [cleared]),
        "two-in-a-row": ("Two interruptions in a row.", [cleared, cleared]),
        "ten-in-a-row": ("Ten interruptions in a row.", [cleared] * 10),
        "after-audio": (
            "An interruption after the agent has spoken.",
            [*sentence, *silence_frames(), cleared],
        ),
        "mid-speech": (
            "An interruption in mid-speech, and another a little later.",
            [*sentence, cleared, *sentence[:2], cleared],
        ),
        "after-each-frame": (
            "An interruption after each frame.",
            [step for frame in sentence for step in (frame, cleared)],
        ),
        "while-the-caller-speaks": (
            "An interruption while the caller speaks.",
            [*media_steps(codes_of(speech(800, 92))), cleared],
        ),
    }
    for name, (text, steps) in sessions.items():
        yield Case(name=f"each-{name}", text=text, steps=steps, source=MESSAGES)


@family("clear")
def no_other() -> Iterator[Case]:
    """Frames that tell of the same moment, or pass at any other, and are not an interruption."""
    named: dict[str, tuple[str, list[Json]]] = {
        "speaking": (
            "Frames that tell who speaks.",
            _plain(
                "UserStartedSpeakingFrame",
                "UserSpeakingFrame",
                "UserStoppedSpeakingFrame",
                "VADUserStartedSpeakingFrame",
                "VADUserStoppedSpeakingFrame",
                "BotStartedSpeakingFrame",
                "BotSpeakingFrame",
                "BotStoppedSpeakingFrame",
            ),
        ),
        "pipeline": (
            "Frames of the pipeline's life.",
            _plain("StartFrame", "StopFrame", "EndFrame", "CancelFrame"),
        ),
        "generation": (
            "Frames of speech that is being made.",
            _plain("LLMFullResponseStartFrame", "TTSStartedFrame", "TTSStoppedFrame"),
        ),
        "muting": (
            "Frames that mute or cancel something else.",
            [
                {"frame": "STTMuteFrame", "mute": True},
                {"frame": "UserMuteStartedFrame"},
                {"frame": "UserMuteStoppedFrame"},
                {"frame": "FunctionCallCancelFrame", "function_name": "book", "tool_call_id": "1"},
            ],
        ),
        "text": ("Text that is the word.", [{"frame": "TextFrame", "text": "clear"}]),
        "key": ("A key that is pressed.", [{"frame": "InputDTMFFrame", "button": "*"}]),
        "message": (
            "Transport messages that hold the word.",
            [
                transport_message({"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "clear"}}),
                transport_message({"clear": True}, urgent=True),
            ],
        ),
    }
    for name, (text, frames) in named.items():
        yield _quiet(name, text, [serialize(frame, not_events("TFS-CLEAR-04", "clear")) for frame in frames])
    sentence = [
        serialize(audio(pcm(speech(160, seed))), not_events("TFS-CLEAR-04", "clear")) for seed in range(5)
    ]
    yield _quiet(
        "audio", "Audio, before and after an interruption.", [*sentence, serialize(INTERRUPTION), *sentence]
    )


@family("clear")
def audio_after() -> Iterator[Case]:
    """The agent speaks after two interruptions; nothing was said before, so that all audio sent is known."""
    samples = utterance(1600, 93)
    yield Case(
        name="audio-after-interruptions",
        text="Speech after two interruptions is sent.",
        steps=[serialize(INTERRUPTION)] * 2 + audio_steps(samples) + silence_frames(),
        expect=[payloads_of_samples("TFS-CLEAR-05", samples)],
        result="acceptable",
        flags=ROUNDED,
        source=MESSAGES,
    )


@family("clear")
def late() -> Iterator[Case]:
    """An interruption after a fifth of a second of audio has had five and more times that to play."""
    for seconds in (1, 3):
        for rate in (8000, 24000):
            spoken = [
                serialize(audio(pcm(piece), rate=rate)) for piece in chunks(utterance(1600, 94), (160,))
            ]
            yield Case(
                name=f"late-{rate}-{seconds}",
                text=f"An interruption {seconds} s after 1600 samples at {rate} Hz gives a clear message.",
                steps=[
                    *spoken,
                    wait(seconds),
                    serialize(INTERRUPTION, returns_json("TFS-CLEAR-06", {"event": "clear", "...": "<any>"})),
                ],
                out_rate=rate,
                source="https://github.com/openai/openai-agents-js/issues/1173",
                since="2026.12",
            )


def _plain(*kinds: str) -> list[Json]:
    return [{"frame": kind} for kind in kinds]


def _quiet(name: str, text: str, steps: list[Json]) -> Case:
    return Case(name=f"no-other-{name}", text=f"{text} None gives a clear.", steps=steps, source=MESSAGES)
