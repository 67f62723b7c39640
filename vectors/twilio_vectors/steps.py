"""Steps and messages that chapters share: the agent's audio as frames, and Twilio's messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from twilio_vectors.audio import chunks, pcm, silence
from twilio_vectors.case import (
    ACCOUNT_SID,
    CALL_SID,
    STREAM_SID,
    Json,
    audio,
    b64,
    deserialize,
    deserialize_parts,
    payloads,
    received,
    serialize,
)
from twilio_vectors.ulaw import DECODED, alternatives, permitted

SECOND = 8000
"""Samples in a second."""

CALLER_SILENCE = 8001
"""Samples of a message of silence: a second, and a multiple of three, which is //// in base64, repeated."""

OTHER_STREAM = "${other_stream_sid}"
OTHER_CALL = "CA" + "0" * 32
OTHER_ACCOUNT = "AC" + "0" * 32
"""What a message names that is about something else; no run makes these up for its own."""

ROUNDED = ("NeighbouringCode", "NegativeZero", "WithheldSilence")
"""Flags of outgoing audio."""


def audio_steps(
    samples: list[int], sizes: Sequence[int] = (160,), kind: str = "OutputAudioRawFrame"
) -> list[Json]:
    """Return steps that serialize the samples, in frames of these sizes in samples, used in turn."""
    return [serialize(audio(pcm(chunk), kind=kind)) for chunk in chunks(samples, sizes)]


def silence_frames(count: int = SECOND, size: int = 160) -> list[Json]:
    """Return steps that serialize digital silence, in short notation."""
    frames = [
        audio(b"") | {"audio": {"base64": b64(pcm([0])), "times": len(piece)}}
        for piece in _pieces(count, size)
    ]
    return [serialize(frame) for frame in frames]


def payloads_of_samples(requirement: str, samples: list[int], quiet: int = SECOND) -> Json:
    """Expect the samples, then at most `quiet` samples of silence, each as a code that G.711 permits."""
    return payloads(requirement, alternatives(samples + silence(quiet), permitted), at_least=len(samples))


def media(
    codes: bytes, number: int = 1, at: int = 0, *, track: str = "inbound", stream: str = STREAM_SID
) -> Json:
    """Return Twilio's media message with these codes: the number-th, `at` milliseconds from the start."""
    return {
        "event": "media",
        "sequenceNumber": str(number + 1),
        "media": {"track": track, "chunk": str(number), "timestamp": str(at), "payload": b64(codes)},
        "streamSid": stream,
    }


def media_messages(
    codes: bytes, sizes: Sequence[int] = (160,), *, track: str = "inbound", stream: str = STREAM_SID
) -> list[Json]:
    """Return Twilio's media messages with these codes, in pieces of these sizes in codes, used in turn."""
    messages = []
    at = 0
    for number, piece in enumerate(chunks(codes, sizes), 1):
        messages.append(media(piece, number, at // 8, track=track, stream=stream))
        at += len(piece)
    return messages


def media_steps(codes: bytes, sizes: Sequence[int] = (160,)) -> list[Json]:
    """Return steps that deserialize these codes as the caller's audio."""
    return [deserialize(message) for message in media_messages(codes, sizes)]


def silence_step() -> Json:
    """Return a step that deserializes a second of the caller's silence, in short notation."""
    before, after = (
        '{"event":"media","streamSid":"' + STREAM_SID + '","media":{"track":"inbound","payload":"',
        '"}}',
    )
    return deserialize_parts([before, ("////", CALLER_SILENCE // 3), after])


def audio_of_codes(requirement: str, codes: bytes) -> Json:
    """Expect the samples of the codes, then at most the silence of `silence_step`."""
    samples = [DECODED[code] for code in codes]
    return received(requirement, pcm(samples + silence(CALLER_SILENCE)), rate=8000, at_least=len(samples))


def codes_of(samples: list[int]) -> bytes:
    """Return the code nearest to each sample, as the caller's encoder may send it."""
    return bytes(
        min(permitted(sample), key=lambda code: (abs(DECODED[code] - sample), -code)) for sample in samples
    )


def dtmf(digit: object, beside: Json | None = None, number: int = 4) -> Json:
    """Return Twilio's message for a key press; `beside` replaces the members of `dtmf` beside the digit."""
    members = {"track": "inbound_track"} if beside is None else beside
    return {
        "event": "dtmf",
        "sequenceNumber": str(number),
        "streamSid": STREAM_SID,
        "dtmf": members | {"digit": digit},
    }


def mark(name: str, number: int = 7) -> Json:
    """Return Twilio's message that reports a mark as played."""
    return {"event": "mark", "sequenceNumber": str(number), "streamSid": STREAM_SID, "mark": {"name": name}}


def connected(version: str = "1.0.0") -> Json:
    """Return Twilio's first message."""
    return {"event": "connected", "protocol": "Call", "version": version}


def start(tracks: Sequence[str] = ("inbound",), parameters: Json | None = None) -> Json:
    """Return Twilio's second message; without `parameters` it has no customParameters."""
    stream = {
        "accountSid": ACCOUNT_SID,
        "streamSid": STREAM_SID,
        "callSid": CALL_SID,
        "tracks": list(tracks),
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
    }
    if parameters is not None:
        stream["customParameters"] = parameters
    return {"event": "start", "sequenceNumber": "1", "start": stream, "streamSid": STREAM_SID}


def foreign_starts() -> dict[str, Json]:
    """Return start messages that name another stream, call or account: one, all, and only inside or outside `start`."""
    own = start()
    others = {"streamSid": OTHER_STREAM, "callSid": OTHER_CALL, "accountSid": OTHER_ACCOUNT}
    changes: dict[str, Json] = {
        "stream": {"streamSid": OTHER_STREAM},
        "call": {"callSid": OTHER_CALL},
        "account": {"accountSid": OTHER_ACCOUNT},
        "all": others,
        "parameters": {"customParameters": others | {"call_sid": OTHER_CALL, "stream_sid": OTHER_STREAM}},
    }
    messages = {
        name: own | {"streamSid": change.get("streamSid", STREAM_SID), "start": own["start"] | change}
        for name, change in changes.items()
    }
    messages["inside"] = own | {"start": own["start"] | others}
    messages["outside"] = own | {"streamSid": OTHER_STREAM}
    return messages


def stop(number: int = 900) -> Json:
    """Return Twilio's last message."""
    return {
        "event": "stop",
        "sequenceNumber": str(number),
        "streamSid": STREAM_SID,
        "stop": {"accountSid": ACCOUNT_SID, "callSid": CALL_SID},
    }


def _pieces(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))
