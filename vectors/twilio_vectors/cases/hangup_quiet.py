"""Cases of the chapter Hang-up in which nothing may be requested: all other frames, all messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from twilio_vectors.case import (
    ACCOUNT_SID,
    CALL_SID,
    HANGING_UP,
    STREAM_SID,
    Case,
    Json,
    audio,
    deserialize,
    family,
    requests,
    serialize,
    set_up,
    transport_message,
)
from twilio_vectors.cases.hangup import STOP

QUIET = [requests("TFS-HANGUP-12", 0)]

FRAMES: list[Json] = [
    {"frame": "StartFrame"},
    {"frame": "StopFrame"},
    {"frame": "InterruptionFrame"},
    {"frame": "HeartbeatFrame", "timestamp": 1},
    {"frame": "ErrorFrame", "error": "the speech service has failed"},
    {"frame": "TextFrame", "text": "Goodbye."},
    {"frame": "TTSSpeakFrame", "text": "Goodbye."},
    {"frame": "TTSStartedFrame"},
    {"frame": "TTSStoppedFrame"},
    {"frame": "BotStoppedSpeakingFrame"},
    {"frame": "UserStoppedSpeakingFrame"},
    {"frame": "LLMFullResponseEndFrame"},
    audio(bytes(320)),
    audio(bytes(320), kind="TTSAudioRawFrame"),
    audio(bytes(320), kind="InputAudioRawFrame"),
    {"frame": "InputDTMFFrame", "button": "#"},
    {"frame": "OutputDTMFFrame", "button": "#"},
    {"frame": "OutputDTMFUrgentFrame", "button": "#"},
    transport_message({"event": "stop", "streamSid": STREAM_SID}),
    transport_message({"event": "stop", "streamSid": STREAM_SID}, urgent=True),
]
"""Frames that every supported Pipecat has and that end no pipeline, those nearest to an end included."""

MESSAGES: dict[str, Json] = {
    "connected": {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    "start": {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM_SID,
        "start": {
            "streamSid": STREAM_SID,
            "accountSid": ACCOUNT_SID,
            "callSid": CALL_SID,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        },
    },
    "media": {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": STREAM_SID,
        "media": {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": "/////w=="},
    },
    "dtmf": {
        "event": "dtmf",
        "sequenceNumber": "3",
        "streamSid": STREAM_SID,
        "dtmf": {"track": "inbound_track", "digit": "#"},
    },
    "mark": {"event": "mark", "sequenceNumber": "4", "streamSid": STREAM_SID, "mark": {"name": "hang up"}},
    "stop": STOP,
    "unknown": {"event": "hangup", "sequenceNumber": "6", "streamSid": STREAM_SID},
    "completed": {"event": "status", "callSid": CALL_SID, "Status": "completed"},
}
"""A message of each event, and two of events that are not Twilio's."""


@family("hangup")
def quiet_beginning() -> Iterator[Case]:
    """Construction and setup request nothing."""
    for name, text, rate, steps in (
        ("construction", "An instance is constructed and never used.", None, []),
        ("setup", "An instance is constructed and set up.", None, [set_up(16000)]),
    ):
        yield _quiet(name, text, steps, rate=rate)


@family("hangup")
def quiet_frames() -> Iterator[Case]:
    """Every frame but EndFrame and CancelFrame requests nothing."""
    for frame in FRAMES:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", frame["frame"]).lower()
        yield _quiet(
            f"frame-{words.removesuffix('-frame')}",
            f"serialize is given one {frame['frame']}.",
            [serialize(frame)],
        )


@family("hangup")
def quiet_errors() -> Iterator[Case]:
    """An error that is fatal ends the pipeline by a frame of its own, which comes later."""
    error = {"frame": "ErrorFrame", "error": "the speech service has failed", "fatal": True}
    case = _quiet("frame-error-fatal", "serialize is given one fatal ErrorFrame.", [serialize(error)])
    yield replace(case, since="2026.12")


@family("hangup")
def quiet_messages() -> Iterator[Case]:
    """Every message from Twilio requests nothing, stop included."""
    for name, message in MESSAGES.items():
        yield _quiet(f"message-{name}", f"deserialize is given: {name}.", [deserialize(message)])
    yield _quiet(
        "call",
        "A whole call, from connected to stop, without a terminal frame.",
        [*map(deserialize, MESSAGES.values()), *map(serialize, FRAMES[:12])],
    )


def _quiet(name: str, text: str, steps: list[Json], *, rate: int | None = 8000) -> Case:
    return Case(
        name=f"quiet-{name}",
        text=text,
        arguments=dict(HANGING_UP),
        rate=rate,
        steps=steps,
        expect=list(QUIET),
        source="api.txt",
    )
