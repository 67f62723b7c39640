"""Twilio's messages and Pipecat's audio, as the reference's tests write and read them."""

import base64
import json
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
from pipecat.frames.frames import OutputAudioRawFrame

from twilio_reference import TwilioFrameSerializer

Make = Callable[..., Awaitable[TwilioFrameSerializer]]

SID = "MZ" + "0123456789abcdef" * 2
CODES = bytes(range(0, 160))
MEDIA: dict[str, Any] = {
    "event": "media",
    "sequenceNumber": "4",
    "media": {
        "track": "inbound",
        "chunk": "2",
        "timestamp": "5",
        "payload": base64.b64encode(CODES).decode(),
    },
    "streamSid": SID,
}
DTMF: dict[str, Any] = {
    "event": "dtmf",
    "streamSid": SID,
    "sequenceNumber": "5",
    "dtmf": {"track": "inbound_track", "digit": "5"},
}


def media(**changes: Any) -> str:
    """An inbound media message with another value, or without one (`...`), in its media object."""
    changed = {key: value for key, value in (MEDIA["media"] | changes).items() if value is not ...}
    return json.dumps(MEDIA | {"media": changed})


def speech(rate: int, milliseconds: int = 20, seed: int = 1) -> bytes:
    """Noise in the telephone band's amplitude range."""
    return (
        np.random.default_rng(seed).integers(-9000, 9000, rate * milliseconds // 1000).astype("<i2").tobytes()
    )


def output(pcm: bytes, rate: int, channels: int = 1) -> OutputAudioRawFrame:
    """An outbound audio frame."""
    return OutputAudioRawFrame(audio=pcm, sample_rate=rate, num_channels=channels)


def codes(text: str | None) -> bytes:
    """The mu-law codes in an outbound media message."""
    assert isinstance(text, str)
    return base64.b64decode(json.loads(text)["media"]["payload"], validate=True)
