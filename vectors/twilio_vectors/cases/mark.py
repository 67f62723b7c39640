"""Vectors of the chapter Mark: marks that an application sends, and marks that Twilio returns."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.audio import speech
from twilio_vectors.case import (
    STREAM_SID,
    Case,
    Json,
    deserialize,
    family,
    not_frames,
    nothing,
    returns_json,
    serialize,
    transport_message,
)
from twilio_vectors.steps import audio_steps, codes_of, mark, media_steps

MESSAGES = "https://www.twilio.com/docs/voice/media-streams/websocket-messages"
NAMES = {
    "named": "greeting",
    "empty-name": "",
    "unicode-name": "Begrüßung 東京 🙂",
    "escaped-name": 'say "hello" \\ \n\t\u2028',
    "long-name": "turn-" * 200,
    "numeric-name": "42",
}
TERMINAL = (
    "EndFrame",
    "CancelFrame",
    "StopFrame",
    "EndTaskFrame",
    "CancelTaskFrame",
    "StopTaskFrame",
    "EndWorkerFrame",
    "CancelWorkerFrame",
    "StopWorkerFrame",
)
"""Frames that end or cancel a pipeline; the last three exist from Pipecat 1.4 on."""

NO_ACTION = ("InputAudioRawFrame", "InputDTMFFrame", *TERMINAL)
"""What a message that is not for the pipeline never gives."""


@family("mark")
def outbound() -> Iterator[Case]:
    """Marks as transport messages, plain and urgent."""
    for name, text in NAMES.items():
        message = {"event": "mark", "streamSid": STREAM_SID, "mark": {"name": text}}
        for manner, urgent in {"plain": False, "urgent": True}.items():
            frame = transport_message(message, urgent=urgent)
            yield Case(
                name=f"outbound-{name}-{manner}",
                text=f"A mark ({name.replace('-', ' ')}) as a transport message ({manner}).",
                steps=[serialize(frame, returns_json("TFS-MARK-01", message))],
                source=MESSAGES,
            )
    message = {"event": "mark", "streamSid": STREAM_SID, "mark": {"name": "spoken"}}
    marked = serialize(transport_message(message), returns_json("TFS-MARK-01", message))
    yield Case(
        name="outbound-after-media",
        text="A mark after the media whose end it is to tell.",
        steps=[*audio_steps(speech(800, 101)), marked],
        source=MESSAGES,
    )


@family("mark")
def inbound() -> Iterator[Case]:
    """Marks that Twilio returns: by each name, three because of a clear, and amid the caller's audio."""
    for name, text in NAMES.items():
        yield _returned(name, f"A mark comes back ({name.replace('-', ' ')}).", [_mark(text, 7)])
    after_clear = [serialize({"frame": "InterruptionFrame"})]
    after_clear += [_mark(name, number) for number, name in enumerate(("one", "two", "three"), 7)]
    yield _returned("after-clear", "Three marks come back because of a clear.", after_clear)
    amid = [step for media in media_steps(codes_of(speech(480, 102))) for step in (media, _mark("amid", 9))]
    yield _returned("amid-media", "Marks come back while the caller speaks.", amid)


def _mark(name: str, number: int) -> Json:
    return deserialize(mark(name, number), not_frames("TFS-MARK-02", *NO_ACTION), nothing("TFS-MARK-03"))


def _returned(name: str, text: str, steps: list[Json]) -> Case:
    return Case(name=f"inbound-{name}", text=text, steps=steps, source=MESSAGES)
