"""What the specification demands of one step of a session, whatever is played before it."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

NOTHING, AUDIO, KEY, TEXT, ANYTHING = "nothing", "audio", "key", "text", "anything"
"""What a step may return: None; audio, at once or later; a key press; a text; or anything at all."""

KEYS = frozenset("0123456789*#")
EVENTS = frozenset({"connected", "start", "media", "dtmf", "mark", "stop"})
DEEP, LONG_NUMBER, LONG_TEXT = 150, 300, 100_000

_AUDIO_FRAMES = frozenset({"OutputAudioRawFrame", "TTSAudioRawFrame", "SpeechOutputAudioRawFrame"})
_MESSAGE_FRAMES = {
    "OutputTransportMessageFrame": "TFS-MESSAGE-01",
    "OutputTransportMessageUrgentFrame": "TFS-MESSAGE-02",
}

_OF_GOOD_AUDIO = frozenset({"TFS-MEDIAIN-09", "TFS-MEDIAIN-10", "TFS-INPUT-11"})


@dataclass(frozen=True, slots=True)
class Topic:
    """What a step is about.

    Attributes:
        requirement: What is violated by an exception, or by a value that is not demanded.
        demand: What the step has to return.
        silent_on: The requirement for a value where none is demanded, if it is another one.
    """

    requirement: str
    demand: str
    silent_on: str | None = None


def of_message(data: Json, names: Mapping[str, str], *, is_set_up: bool) -> Topic:
    """What deserialize has to do with this.

    Args:
        data: The step's `deserialize`.
        names: What ${name} stands for.
        is_set_up: Whether setup has been called.
    """
    topic = _of_given(given(data, names), names)
    if not is_set_up and (topic.demand == AUDIO or topic.requirement in _OF_GOOD_AUDIO):
        return Topic("TFS-INPUT-10", ANYTHING)
    return topic


def _of_given(raw: str | bytes, names: Mapping[str, str]) -> Topic:
    is_bytes = isinstance(raw, bytes)
    if isinstance(raw, bytes):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return Topic("TFS-INPUT-07", NOTHING if _is_json_in_no_encoding(raw) else ANYTHING)
        if text.startswith("\ufeff"):
            return Topic("TFS-INPUT-07", ANYTHING)
    else:
        text = raw
    if _is_extreme(text):
        return Topic("TFS-INPUT-08", ANYTHING)
    oddities: list[str] = []
    try:
        message = json.loads(
            text, parse_constant=oddities.append, object_pairs_hook=lambda pairs: _unique(pairs, oddities)
        )
    except ValueError:
        return Topic("TFS-INPUT-07" if is_bytes else "TFS-INPUT-01", NOTHING)
    if oddities:
        return Topic("TFS-INPUT-11", ANYTHING)
    if not isinstance(message, dict):
        return Topic("TFS-INPUT-02", NOTHING)
    topic = _of_object(message, names)
    if topic.demand == AUDIO and is_bytes:
        return Topic("TFS-MEDIAIN-05", AUDIO)
    return topic


def _of_object(message: Json, names: Mapping[str, str]) -> Topic:
    event = message.get("event")
    if not isinstance(event, str) or (event not in EVENTS and event.strip().lower() in EVENTS):
        return Topic("TFS-INPUT-03", NOTHING)
    if event == "mark":
        return Topic("TFS-MARK-02", NOTHING, "TFS-MARK-03")
    if event not in ("media", "dtmf"):
        return Topic("TFS-MESSAGE-05", NOTHING, "TFS-MESSAGE-06")
    body = message.get(event)
    if not isinstance(body, dict):
        return Topic("TFS-INPUT-04" if event == "media" else "TFS-INPUT-06", NOTHING)
    topic = _of_media(body) if event == "media" else _of_key(body)
    if topic.demand not in (AUDIO, KEY):
        return topic
    stream = message.get("streamSid", names["stream_sid"])
    if not isinstance(stream, str) or not isinstance(message.get("sequenceNumber", ""), str):
        return Topic("TFS-INPUT-11", ANYTHING)
    if stream != names["stream_sid"]:
        return Topic("TFS-MEDIAIN-10", NOTHING if event == "media" else ANYTHING)
    return topic


def _of_media(media: Json) -> Topic:
    payload = media.get("payload")
    if not isinstance(payload, str):
        return Topic("TFS-INPUT-04", NOTHING)
    if payload == "":
        return Topic("TFS-MEDIAIN-08", NOTHING)
    try:
        binascii.a2b_base64(payload.encode(), strict_mode=True)
    except (ValueError, UnicodeEncodeError):
        return Topic("TFS-INPUT-05", NOTHING)
    track = media.get("track", "inbound")
    if track == "outbound":
        return Topic("TFS-MEDIAIN-09", NOTHING)
    informing = (track, media.get("chunk", ""), media.get("timestamp", ""))
    if track != "inbound" or not all(isinstance(value, str) for value in informing):
        return Topic("TFS-INPUT-11", ANYTHING)
    return Topic("TFS-MEDIAIN-03", AUDIO)


def _of_key(dtmf: Json) -> Topic:
    digit = dtmf.get("digit")
    if not isinstance(digit, str):
        return Topic("TFS-INPUT-06", NOTHING)
    if digit not in KEYS:
        return Topic("TFS-DTMF-02", NOTHING)
    return Topic("TFS-DTMF-01", KEY)


def of_frame(frame: Json, *, ignores_rtvi: bool, rate: int | None) -> Topic:
    """What serialize has to do with this frame.

    Args:
        frame: The step's `serialize`.
        ignores_rtvi: Whether messages of RTVI are to be withheld.
        rate: The rate of the last audio, or of setup; None before setup.
    """
    kind = frame["frame"]
    if kind in _AUDIO_FRAMES:
        return Topic("TFS-ABUSE-07", ANYTHING) if rate is None else _of_audio(frame, rate)
    if kind == "InputAudioRawFrame":
        return Topic("TFS-MEDIAOUT-12", NOTHING)
    if kind == "InterruptionFrame":
        return Topic("TFS-CLEAR-01", TEXT)
    if kind in ("EndFrame", "CancelFrame"):
        return Topic("TFS-HANGUP-13", NOTHING, "TFS-HANGUP-09")
    if kind in _MESSAGE_FRAMES:
        message = frame["message"]
        if not isinstance(message, dict):
            return Topic("TFS-ABUSE-08", ANYTHING)
        if message.get("label") == "rtvi-ai":
            return Topic("TFS-MESSAGE-03", NOTHING) if ignores_rtvi else Topic("TFS-MESSAGE-04", TEXT)
        return Topic("TFS-MARK-01" if message.get("event") == "mark" else _MESSAGE_FRAMES[kind], TEXT)
    return Topic("TFS-MESSAGE-07", NOTHING)


def _of_audio(frame: Json, rate: int) -> Topic:
    size = length(frame)
    if frame["sample_rate"] <= 0:
        return Topic("TFS-ABUSE-04", NOTHING)
    if size == 0:
        return Topic("TFS-ABUSE-01", NOTHING, "TFS-MEDIAOUT-10")
    if size % 2:
        return Topic("TFS-ABUSE-01", ANYTHING)
    if frame["num_channels"] != 1:
        return Topic("TFS-ABUSE-02", AUDIO)
    if frame["sample_rate"] != rate:
        return Topic("TFS-ABUSE-06", AUDIO)
    return Topic("TFS-MEDIAOUT-11", AUDIO)


def length(frame: Json) -> int:
    """Bytes of a frame's audio."""
    audio = frame["audio"]
    if isinstance(audio, str):
        return len(base64.b64decode(audio))
    return len(base64.b64decode(audio["base64"])) * int(audio["times"])


def given(data: Json, names: Mapping[str, str]) -> str | bytes:
    """What deserialize is given, as the runner of the vectors makes it."""
    if "base64" in data:
        return base64.b64decode(data["base64"])
    if "text" in data:
        return str(data["text"])
    if "json" in data:
        text = json.dumps(data["json"], separators=(",", ":"))
    else:
        text = "".join(
            part if isinstance(part, str) else part["repeat"] * part["times"] for part in data["parts"]
        )
    for name, value in names.items():
        text = text.replace("${" + name + "}", value)
    return text.encode() if data.get("as") == "bytes" else text


def _is_extreme(text: str) -> bool:
    return (
        len(text) > LONG_TEXT
        or text.count("[") + text.count("{") > DEEP
        or re.search(rf"\d{{{LONG_NUMBER},}}", text) is not None
    )


def _is_json_in_no_encoding(raw: bytes) -> bool:
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"):
        try:
            json.loads(raw.decode(encoding))
        except ValueError:
            continue
        return False
    return True


def _unique(pairs: list[tuple[str, Any]], oddities: list[str]) -> Json:
    members = dict(pairs)
    if len(members) < len(pairs):
        oddities.append("a member twice")
    return members
