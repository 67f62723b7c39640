"""Broken serializers of the chapter Hostile input."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from typing import Any

from pipecat.frames.frames import InputAudioRawFrame

from tests.serializers.broken.base import HookedSerializer
from tests.serializers.broken.registry import broken


class _Before(HookedSerializer):
    """Inspects a message before the reference sees it."""

    def look(self, data: str | bytes) -> None:
        """Raise the exception of the faulty code."""

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        self.look(data)
        return data


@broken(
    "TFS-INPUT-01",
    "json.loads is called without a try, as before pipecat-ai 1.13.0 (PR 5946, issue 5816).",
    also="TFS-INPUT-08 TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class NotJsonRaises(_Before):
    def look(self, data: str | bytes) -> None:
        if isinstance(data, str):
            try:
                json.loads(data)
            except RecursionError:
                return


@broken(
    "TFS-INPUT-01",
    "The first JSON object is used, and whatever follows it is cut off.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class FirstObjectCounts(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        try:
            text = data if isinstance(data, str) else data.decode()
            _, end = json.JSONDecoder().raw_decode(text)
        except (ValueError, RecursionError):
            return data
        return text[:end]


def _message(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


@broken(
    "TFS-INPUT-02",
    "message.get is called on any JSON value (pipecat-ai/pipecat issue 5816).",
    also="TFS-INPUT-10 TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class NotObjectRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        if message is not None or data in ("null", b"null"):
            message.get("event")


class _Suspicious(HookedSerializer):
    """Rejects messages by a pattern in their text, valid or not."""

    odd: re.Pattern[str]

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        text = data if isinstance(data, str) else data.decode(errors="replace")
        return None if self.odd.search(re.sub(r'"[^"]*"', '""', text)) else frame


_UNKNOWN_MEMBERS = "TFS-INPUT-0[34678] TFS-INPUT-11 TFS-MEDIAIN-06 TFS-DTMF-* TFS-MESSAGE-05 TFS-LIVE-*"
"""Requirements whose checks send messages with unknown members."""


@broken(
    "TFS-INPUT-02",
    "No message of the caller contains a list, so any text with a bracket is rejected.",
    also=_UNKNOWN_MEMBERS,
)
class BracketRefused(_Suspicious):
    odd = re.compile(r"\[")


@broken(
    "TFS-INPUT-02",
    "Twilio sends strings, so any bare null, true or false is rejected.",
    also=_UNKNOWN_MEMBERS,
)
class BareWordRefused(_Suspicious):
    odd = re.compile(r"\b(null|true|false)\b")


@broken(
    "TFS-INPUT-02", "Twilio sends numbers as strings, so any bare number is rejected.", also=_UNKNOWN_MEMBERS
)
class BareNumberRefused(_Suspicious):
    odd = re.compile(r"\d")


@broken(
    "TFS-INPUT-03",
    "message['event'] raises KeyError where the key is missing.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class MissingEventRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        if isinstance(message, dict):
            message["event"]


@broken(
    "TFS-INPUT-03",
    "The event is stripped and compared in lower case.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58] TFS-MESSAGE-0[56]",
)
class EventInAnyCase(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = _message(data)
        if isinstance(message, dict) and isinstance(event := message.get("event"), str):
            return json.dumps(message | {"event": event.strip().lower()})
        return data


@broken(
    "TFS-INPUT-04",
    "message['media']['payload'] is read without checking that it exists (pipecat-ai/pipecat issue 5816).",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class MissingPayloadRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        if isinstance(message, dict) and message.get("event") == "media":
            len(message["media"]["payload"])


@broken(
    "TFS-INPUT-04",
    "b64decode raises TypeError for a payload that is not a string.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class PayloadTypeRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        media = message.get("media") if isinstance(message, dict) else None
        if (
            isinstance(media, dict)
            and message.get("event") == "media"
            and media.get("payload") is not None
            and not isinstance(media["payload"], str)
        ):
            raise TypeError("argument should be a bytes-like object or ASCII string")


class _Payload(HookedSerializer):
    """Decodes payloads with another decoder than the reference."""

    def decode(self, payload: str) -> bytes:
        return base64.b64decode(payload)

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = _message(data)
        media = message.get("media") if isinstance(message, dict) else None
        if not isinstance(media, dict) or not isinstance(media.get("payload"), str):
            return data
        return json.dumps(
            message | {"media": media | {"payload": base64.b64encode(self.decode(media["payload"])).decode()}}
        )


@broken(
    "TFS-INPUT-05",
    "b64decode without validate skips invalid characters, as in pipecat-ai 1.14.0.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class LenientBase64(_Payload):
    def decode(self, payload: str) -> bytes:
        try:
            return base64.b64decode(payload)
        except ValueError:
            return b""


@broken("TFS-INPUT-05", "Missing base64 padding is added.", also="TFS-DTMF-02 TFS-MEDIAIN-0[58]")
class PaddingRestored(_Payload):
    def decode(self, payload: str) -> bytes:
        try:
            return base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
        except (binascii.Error, ValueError):
            return b""


@broken(
    "TFS-INPUT-05",
    "deserialize raises binascii.Error, as in pipecat-ai 1.14.0.",
    also="TFS-INPUT-08 TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class BadBase64Raises(_Payload):
    def decode(self, payload: str) -> bytes:
        return base64.b64decode(payload, validate=True)


@broken(
    "TFS-INPUT-06",
    "message['dtmf']['digit'] raises where dtmf is null, as in pipecat-ai 1.14.0.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class MissingDigitRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        if isinstance(message, dict) and message.get("event") == "dtmf":
            message["dtmf"]["digit"]


@broken(
    "TFS-INPUT-07",
    "bytes are decoded without a try and raise UnicodeDecodeError, as in pipecat-ai 1.14.0.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class BytesAreUtf8(_Before):
    def look(self, data: str | bytes) -> None:
        if isinstance(data, bytes):
            data.decode()


def _message_of_bytes(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return None


@broken(
    "TFS-INPUT-07",
    "bytes that are not UTF-8 are taken for raw audio.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class BytesAreAudio(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(data, bytes) and data and _message_of_bytes(data) is None:
            return InputAudioRawFrame(data + data, 8000, 1)
        return frame


@broken(
    "TFS-INPUT-08",
    "json.loads recurses, and RecursionError is not a JSONDecodeError, as in pipecat-ai 1.14.0.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class DepthRaises(_Before):
    def look(self, data: str | bytes) -> None:
        try:
            json.loads(data)
        except ValueError:
            return


@broken(
    "TFS-INPUT-08",
    "The text is scanned again and again for the end of its object, in quadratic time.",
    also="TFS-DTMF-02 TFS-MEDIAIN-0[58]",
)
class QuadraticTime(HookedSerializer):
    async def deserialize(self, data: str | bytes) -> Any:
        if len(data) > 1 << 20:
            await asyncio.sleep(6)
        return await super().deserialize(data)


@broken(
    "TFS-INPUT-09",
    "After one rejected message, every later one is rejected.",
    also="TFS-INPUT-10",
)
class GivesUp(HookedSerializer):
    refused = False

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        message = _message(data)
        self.refused |= not isinstance(message, dict) or not isinstance(message.get("event"), str)
        return None if self.refused else frame


@broken("TFS-INPUT-09", "A circuit breaker opens after 25 messages that are rejected.")
class CircuitBreaker(GivesUp):
    count = 0

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        self.count += not isinstance(_message(data), dict)
        return None if self.count > 25 else frame


@broken(
    "TFS-INPUT-09",
    "A rejected text is kept and put before the next one, as if it were a fragment.",
)
class KeepsTheRest(HookedSerializer):
    kept: str = ""

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        if _message(data) is None and isinstance(data, str):
            self.kept = data
        elif self.kept and isinstance(data, str):
            return self.kept + data
        return data


@broken(
    "TFS-INPUT-10",
    "Before setup the rate is 0, and the resampler raises, as in pipecat-ai 1.14.0.",
    also="TFS-ABUSE-07",
)
class BeforeSetupRaises(HookedSerializer):
    is_ready = False

    async def setup(self, setup: Any) -> None:
        self.is_ready = True
        await super().setup(setup)

    async def deserialize(self, data: str | bytes) -> Any:
        message = _message(data)
        if not self.is_ready and isinstance(message, dict) and message.get("event") == "media":
            raise ValueError("Sample rate should be over 0")
        return await super().deserialize(data)


@broken(
    "TFS-INPUT-10",
    "A message before setup is remembered as an error, which setup does not clear.",
    also="TFS-ABUSE-07",
)
class EarlyMessageIsFatal(HookedSerializer):
    is_ready = is_early = False

    async def setup(self, setup: Any) -> None:
        self.is_ready = True
        await super().setup(setup)

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        self.is_early |= not self.is_ready
        return None if self.is_early else frame


@broken(
    "TFS-INPUT-11",
    "int(sequenceNumber) is computed to detect gaps, and raises for other strings.",
    also="TFS-MEDIAIN-06",
)
class SequenceNumberRaises(_Before):
    def look(self, data: str | bytes) -> None:
        message = _message(data)
        if isinstance(message, dict) and "sequenceNumber" in message:
            int(message["sequenceNumber"])
