"""What the specification demands of each step of a session, whatever came before it."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from twilio_conformance.subject.redaction import Names

Json = dict[str, Any]

NOTHING: Json = {"returns": "nothing"}
ANYTHING: Json = {"raises": None}
SENT: Json = {
    "returns": {"json": {"event": "media", "streamSid": "<any>", "media": {"payload": "<any>"}}, "as": "text"}
}
RECEIVED: Json = {"frame": {"frame": "InputAudioRawFrame"}}
"""What a step has to do, as an expectation of a vector: return None; raise nothing; return audio, at once or later."""

NAMES = Names(
    {
        name: (value[:2] if name.endswith("_sid") else "") + hashlib.sha256(name.encode()).hexdigest()[:32]
        for name, value in Names().values.items()
    }
)
"""The SIDs and secrets of every session by ${name}: the same in all processes, so that they can be compared."""

KEYS = frozenset("0123456789*#")
EVENTS = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
DEPTH_LIMIT, DIGIT_LIMIT, SIZE_LIMIT = 150, 300, 100_000
"""Brackets, digits of a number and characters from which any outcome but an exception is right."""

_AUDIO_FRAMES = frozenset({"OutputAudioRawFrame", "TTSAudioRawFrame", "SpeechOutputAudioRawFrame"})
_MESSAGE_FRAMES = {
    "OutputTransportMessageFrame": "TFS-MESSAGE-01",
    "OutputTransportMessageUrgentFrame": "TFS-MESSAGE-02",
}
_NEEDS_SETUP = frozenset(
    {"TFS-MEDIAIN-03", "TFS-MEDIAIN-05", "TFS-MEDIAIN-09", "TFS-MEDIAIN-10", "TFS-INPUT-11"}
)


class Rule(NamedTuple):
    """What a step has to do.

    Attributes:
        requirement: The requirement that an exception or a wrong value violates.
        expectation: The expectation of a vector that says it.
        minor: The requirement that a wrong value without effect on the call violates, if it is another one.
    """

    requirement: str
    expectation: Json
    minor: str | None = None

    @property
    def is_audio(self) -> bool:
        """Whether the step may return audio; which, the comparison of all audio shows."""
        return self.expectation in (SENT, RECEIVED)


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that the implementation does and the reference does not.

    Attributes:
        requirement: The id of the violated requirement; None if no requirement covers it.
        message: The discrepancy as a sentence.
        behavior: What the implementation does, in a word or two.
        step: The number of the step, from 0; None if it concerns the whole session.
        expectation: The expectation of a vector that would find it; None if data cannot express it.
    """

    requirement: str | None
    message: str
    behavior: str
    step: int | None = None
    expectation: Json | None = field(default=None, hash=False)

    @property
    def kind(self) -> str:
        """Requirement and behavior, which discrepancies with the same cause share."""
        return f"{self.requirement or 'no requirement'}: {self.behavior}"

    @property
    def is_hang(self) -> bool:
        """Whether a session exceeded its time limit."""
        return self.requirement is None and "hung" in self.message


def rule_for_message(data: Json, *, is_set_up: bool) -> Rule:
    """Return the rule for a step's `deserialize`."""
    raw = NAMES.message(data)
    rule = _rule_for_bytes(raw) if isinstance(raw, bytes) else _rule_for_text(raw, "TFS-INPUT-01")
    return rule if is_set_up or rule.requirement not in _NEEDS_SETUP else Rule("TFS-INPUT-10", ANYTHING)


def _rule_for_bytes(raw: bytes) -> Rule:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Rule("TFS-INPUT-07", ANYTHING if _is_json(raw) else NOTHING)
    if text.startswith("\ufeff"):
        return Rule("TFS-INPUT-07", ANYTHING)
    rule = _rule_for_text(text, "TFS-INPUT-07")
    return rule._replace(requirement="TFS-MEDIAIN-05") if rule.is_audio else rule


def _rule_for_text(text: str, malformed: str) -> Rule:
    depth = text.count("[") + text.count("{")
    if len(text) > SIZE_LIMIT or depth > DEPTH_LIMIT or re.search(rf"\d{{{DIGIT_LIMIT},}}", text):
        return Rule("TFS-INPUT-08", ANYTHING)
    oddities: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> Json:
        if len(dict(pairs)) < len(pairs):
            oddities.append("a repeated member")
        return dict(pairs)

    try:
        message = json.loads(text, parse_constant=oddities.append, object_pairs_hook=members)
    except ValueError:
        return Rule(malformed, NOTHING)
    if oddities:
        return Rule("TFS-INPUT-11", ANYTHING)
    return _rule_for_object(message) if isinstance(message, dict) else Rule("TFS-INPUT-02", NOTHING)


def _rule_for_object(message: Json) -> Rule:
    event = message.get("event")
    if not isinstance(event, str) or (event not in EVENTS and event.strip().lower() in EVENTS):
        return Rule("TFS-INPUT-03", NOTHING)
    if event == "mark":
        return Rule("TFS-MARK-02", NOTHING, "TFS-MARK-03")
    if event not in ("media", "dtmf"):
        return Rule("TFS-MESSAGE-05", NOTHING, "TFS-MESSAGE-06")
    body = message.get(event)
    if not isinstance(body, dict):
        return Rule("TFS-INPUT-04" if event == "media" else "TFS-INPUT-06", NOTHING)
    rule = _rule_for_media(body) if event == "media" else _rule_for_key(body)
    if "frame" not in rule.expectation:
        return rule
    stream = message.get("streamSid", NAMES.values["stream_sid"])
    if not isinstance(stream, str) or not isinstance(message.get("sequenceNumber", ""), str):
        return Rule("TFS-INPUT-11", ANYTHING)
    if stream != NAMES.values["stream_sid"]:
        return Rule("TFS-MEDIAIN-10", NOTHING if event == "media" else ANYTHING)
    return rule


def _rule_for_media(media: Json) -> Rule:
    payload = media.get("payload")
    if not isinstance(payload, str):
        return Rule("TFS-INPUT-04", NOTHING)
    if payload == "":
        return Rule("TFS-MEDIAIN-08", NOTHING)
    try:
        binascii.a2b_base64(payload.encode(), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return Rule("TFS-INPUT-05", NOTHING)
    track = media.get("track", "inbound")
    if track == "outbound":
        return Rule("TFS-MEDIAIN-09", NOTHING)
    if track != "inbound" or not all(isinstance(media.get(name, ""), str) for name in ("chunk", "timestamp")):
        return Rule("TFS-INPUT-11", ANYTHING)
    return Rule("TFS-MEDIAIN-03", RECEIVED, "TFS-MEDIAIN-01")


def _rule_for_key(dtmf: Json) -> Rule:
    digit = dtmf.get("digit")
    if not isinstance(digit, str):
        return Rule("TFS-INPUT-06", NOTHING)
    if digit not in KEYS:
        return Rule("TFS-DTMF-02", NOTHING)
    return Rule("TFS-DTMF-01", {"frame": {"frame": "InputDTMFFrame", "button": digit}})


def rule_for_frame(frame: Json, *, ignores_rtvi: bool, rate: int | None) -> Rule:
    """Return the rule for a step's `serialize`.

    `rate` is that of the last audio, or of setup, in Hz; None before setup.
    """
    kind = frame["frame"]
    if kind in _AUDIO_FRAMES:
        return Rule("TFS-ABUSE-07", ANYTHING) if rate is None else _rule_for_audio(frame, rate)
    if kind == "InputAudioRawFrame":
        return Rule("TFS-MEDIAOUT-12", NOTHING)
    if kind == "InterruptionFrame":
        clear = {"event": "clear", "streamSid": "${stream_sid}"}
        return Rule("TFS-CLEAR-01", {"returns": {"json": clear, "as": "text"}})
    if kind in ("EndFrame", "CancelFrame"):
        return Rule("TFS-HANGUP-13", NOTHING, "TFS-HANGUP-09")
    if kind not in _MESSAGE_FRAMES:
        return Rule("TFS-MESSAGE-07", NOTHING)
    message = frame["message"]
    if not isinstance(message, dict):
        return Rule("TFS-ABUSE-08", ANYTHING)
    as_given = {"returns": {"json": message}}
    if message.get("label") == "rtvi-ai":
        return Rule("TFS-MESSAGE-03", NOTHING) if ignores_rtvi else Rule("TFS-MESSAGE-04", as_given)
    return Rule("TFS-MARK-01" if message.get("event") == "mark" else _MESSAGE_FRAMES[kind], as_given)


def _rule_for_audio(frame: Json, rate: int) -> Rule:
    size = audio_size(frame)
    if frame["sample_rate"] <= 0:
        return Rule("TFS-ABUSE-04", NOTHING)
    if size == 0:
        return Rule("TFS-ABUSE-01", NOTHING, "TFS-MEDIAOUT-10")
    if size % 2:
        return Rule("TFS-ABUSE-01", ANYTHING)
    if frame["num_channels"] != 1:
        return Rule("TFS-ABUSE-02", SENT, "TFS-MEDIAOUT-02")
    return Rule(
        "TFS-MEDIAOUT-11" if frame["sample_rate"] == rate else "TFS-ABUSE-06", SENT, "TFS-MEDIAOUT-02"
    )


def audio_size(frame: Json) -> int:
    """Return the bytes of a frame's audio."""
    audio = frame["audio"]
    if isinstance(audio, str):
        return len(base64.b64decode(audio))
    return len(base64.b64decode(audio["base64"])) * int(audio["times"])


def _is_json(raw: bytes) -> bool:
    """Return whether bytes are JSON in UTF-16 or UTF-32, which `json` detects."""
    try:
        json.loads(raw)
    except ValueError:
        return False
    return True
