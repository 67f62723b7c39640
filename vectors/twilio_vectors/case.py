"""The vocabulary of cases: steps, expectations, and the case that holds them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from twilio_conformance.spec.situations import numbered

EDITION = "2026.12"
"""The edition that the vectors are compiled for."""

FIRST_EDITION = "2026.11"
"""The edition of every case that names no other."""

Json = dict[str, Any]
Family = Callable[[], Iterator["Case"]]

FAMILIES: list[tuple[str, Family]] = []

STREAM_SID = "${stream_sid}"
CALL_SID = "${call_sid}"
ACCOUNT_SID = "${account_sid}"
AUTH_TOKEN = "${auth_token}"

NO_HANG_UP = {"stream_sid": STREAM_SID, "params": {"auto_hang_up": False}}
"""Arguments of a serializer that never hangs up."""

HANGING_UP = {
    "stream_sid": STREAM_SID,
    "call_sid": CALL_SID,
    "account_sid": ACCOUNT_SID,
    "auth_token": AUTH_TOKEN,
}
"""Arguments of a serializer that hangs up, by default."""

COMPLETED = {"status": 200, "json": {"sid": CALL_SID, "account_sid": ACCOUNT_SID, "status": "completed"}}
"""Twilio's answer to a successful hang-up, in short."""


@dataclass(frozen=True)
class Case:
    """One case; `name` is unique in its chapter, `text` says in a sentence what it is about."""

    name: str
    text: str
    steps: list[Json] = field(default_factory=list)
    expect: list[Json] = field(default_factory=list)
    arguments: Json = field(default_factory=lambda: dict(NO_HANG_UP))
    rate: int | None = 8000
    out_rate: int | None = None
    answers: list[Json] = field(default_factory=lambda: [dict(COMPLETED)])
    construction: list[Json] = field(default_factory=list)
    names: Json = field(default_factory=dict)
    environment: Json = field(default_factory=dict)
    result: str = "valid"
    flags: tuple[str, ...] = ()
    source: str = "the requirement's own sources"
    twin: str | None = None
    premise: str | None = None
    since: str = FIRST_EDITION

    def compiled(self, chapter: str) -> Json:
        """Return the vector as JSON, with members in the order of the schema."""
        given: Json = {
            "arguments": self.arguments,
            "setup": rates(self.rate, self.out_rate),
            "answers": self.answers,
        }
        if self.names:
            given["names"] = self.names
        if self.environment:
            given["environment"] = self.environment
        vector: Json = {
            "id": f"{chapter}/{self.name}",
            "description": self.text,
            "since": self.since,
            "result": self.result,
            "flags": list(self.flags),
            "source": self.source,
        }
        if self.twin:
            vector["twin"] = f"{chapter}/{self.twin}"
        if self.premise:
            vector["premise"] = self.premise
        vector["given"] = given
        if self.construction:
            vector["construction"] = self.construction
        return vector | {"steps": list(numbered(self.steps)), "expect": self.expect}


def family(chapter: str) -> Callable[[Family], Family]:
    """Register a function that yields the cases of one family of a chapter."""

    def register(function: Family) -> Family:
        if not function.__doc__:
            raise ValueError(f"{function.__module__}.{function.__name__} has no docstring")
        FAMILIES.append((chapter, function))
        return function

    return register


def rates(rate: int | None, out_rate: int | None = None) -> Json | None:
    """Return the argument of setup: the pipeline's rates in Hz, or None where setup is not called."""
    return None if rate is None else {"audio_in_sample_rate": rate, "audio_out_sample_rate": out_rate or rate}


def b64(data: bytes) -> str:
    """Return standard base64 with padding."""
    return base64.b64encode(data).decode("ascii")


# Frames


def audio(pcm: bytes, *, rate: int = 8000, channels: int = 1, kind: str = "OutputAudioRawFrame") -> Json:
    """Return an audio frame of 16-bit little-endian PCM."""
    return {"frame": kind, "audio": b64(pcm), "sample_rate": rate, "num_channels": channels}


def transport_message(message: Any, *, urgent: bool = False) -> Json:
    """Return a frame with an application's message; urgent ones overtake queued audio."""
    kind = "OutputTransportMessageUrgentFrame" if urgent else "OutputTransportMessageFrame"
    return {"frame": kind, "message": message}


# Steps


def serialize(frame: Json, *expect: Json) -> Json:
    """Return a step that serializes a frame."""
    return _step({"serialize": frame}, expect)


def deserialize(message: Any, *expect: Json, as_bytes: bool = False) -> Json:
    """Return a step that deserializes a message, written as compact JSON."""
    return _step({"deserialize": {"json": message} | ({"as": "bytes"} if as_bytes else {})}, expect)


def deserialize_text(text: str, *expect: Json) -> Json:
    """Return a step that deserializes a str as it is."""
    return _step({"deserialize": {"text": text}}, expect)


def deserialize_bytes(data: bytes, *expect: Json) -> Json:
    """Return a step that deserializes bytes as they are."""
    return _step({"deserialize": {"base64": b64(data)}}, expect)


def deserialize_parts(parts: list[str | tuple[str, int]], *expect: Json, as_bytes: bool = False) -> Json:
    """Return a step that deserializes a long str; a part (text, times) is repeated."""
    pieces = [part if isinstance(part, str) else {"repeat": part[0], "times": part[1]} for part in parts]
    return _step({"deserialize": {"parts": pieces} | ({"as": "bytes"} if as_bytes else {})}, expect)


def set_up(rate: int, *expect: Json, out_rate: int | None = None) -> Json:
    """Return a step that calls setup, for the first time or again."""
    return _step({"setup": rates(rate, out_rate)}, expect)


def wait(seconds: float) -> Json:
    """Return a step that waits, in seconds on the event loop's clock."""
    return {"wait": seconds}


def _step(step: Json, expect: Iterable[Json]) -> Json:
    expectations = list(expect)
    return step | ({"expect": expectations} if expectations else {})


# Expectations of a step


def nothing(requirement: str) -> Json:
    """Expect None, and no exception."""
    return {"requirement": requirement, "returns": "nothing"}


def returns_json(requirement: str, shape: Any, *, as_text: bool = False) -> Json:
    """Expect text that parses to this shape; as_text demands a str, otherwise its bytes do as well."""
    return {"requirement": requirement, "returns": {"json": shape} | ({"as": "text"} if as_text else {})}


def gives_frame(requirement: str, kind: str, **attributes: Any) -> Json:
    """Expect a frame of this class with these attributes."""
    return {"requirement": requirement, "frame": {"frame": kind} | attributes}


def raises(requirement: str, kind: str | list[str | None] | None, *mentions: str) -> Json:
    """Expect an exception of this class (None: none; a list: any of these), whose message has these texts."""
    return {"requirement": requirement, "raises": kind} | ({"mentions": list(mentions)} if mentions else {})


def not_frames(requirement: str, *kinds: str) -> Json:
    """Expect neither an exception nor a frame of these classes."""
    return {"requirement": requirement, "not_frames": list(kinds)}


def not_events(requirement: str, *events: str) -> Json:
    """Expect neither an exception nor a message of these events."""
    return {"requirement": requirement, "not_events": list(events)}


def within(requirement: str, seconds: float) -> Json:
    """Expect the step to end within these seconds on the event loop's clock."""
    return {"requirement": requirement, "within": seconds}


# Expectations of the session


def messages(requirement: str, shape: Any, *, at_least: int = 1, as_text: bool = False) -> Json:
    """Expect every returned text to have this shape; as_text demands a str, otherwise bytes do as well.

    "<base64>" stands for a payload, "<any>" for anything, the member "..." for members that belong to another
    requirement. Fewer messages than at_least are a violation; with 0, no message at all is not testable.
    """
    expected = {"shape": shape, "at_least": at_least} | ({"as": "text"} if as_text else {})
    return {"requirement": requirement, "messages": expected}


def payloads(requirement: str, alternatives: list[bytes], *, at_least: int) -> Json:
    """Expect the joined payloads: each code in one of the alternatives, and at least so many codes."""
    return {
        "requirement": requirement,
        "payloads": {"each_in": [b64(codes) for codes in alternatives], "at_least": at_least},
    }


def received(requirement: str, pcm: bytes | None, *, rate: int, at_least: int = 0, channels: int = 1) -> Json:
    """Expect the joined InputAudioRawFrames: this PCM, at least so many samples, each frame at this rate."""
    expected: Json = {"sample_rate": rate, "num_channels": channels}
    if pcm is not None:
        expected |= {"equals": b64(pcm)}
    return {"requirement": requirement, "audio": expected | {"at_least": at_least}}


def requests(requirement: str, at_least: int, at_most: int | None = -1) -> Json:
    """Expect so many requests: exactly at_least without at_most, and no upper limit where it is None."""
    return {
        "requirement": requirement,
        "requests": {"at_least": at_least, "at_most": at_least if at_most == -1 else at_most},
    }


def request(requirement: str, **aspects: Any) -> Json:
    """Expect these aspects of every request: method, url, target, form, basic (a login, or several to choose from)."""
    return {"requirement": requirement, "request": aspects}


def logged(requirement: str, level: str, *, at_least: int = 0, at_most: int | None = None) -> Json:
    """Expect so many log records of this level or above."""
    return {"requirement": requirement, "log": {"level": level, "at_least": at_least, "at_most": at_most}}
