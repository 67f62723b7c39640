"""The wire: JSON texts and base64 payloads of Twilio Media Streams, read without trust.

Source: https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import binascii
import json
from contextlib import suppress
from typing import Any, Final

from loguru import logger
from pydantic_core import from_json

MAX_MESSAGE_LENGTH: Final = 131_072
"""Longest message that is read, in characters or bytes: 12 s of audio, and some 20 ms of work.

Twilio's own have about 400.
"""


def parse(data: str | bytes) -> dict[str, Any] | None:
    """Read one message.

    Args:
        data: Anything the socket gave.

    Returns:
        The JSON object. None if `data` is too long or is not exactly one JSON object in UTF-8,
        nested at most 200 deep; a log record then gives its length and quotes nothing.
    """
    if len(data) <= MAX_MESSAGE_LENGTH:
        # TypeError: a str with surrogates, which no UTF-8 is.
        with suppress(TypeError, ValueError):
            message = from_json(data, allow_inf_nan=False, cache_strings="keys")
            if isinstance(message, dict):
                return message
    logger.warning(f"Ignored a message of length {len(data)}: too long, or not a JSON object")
    return None


def codes_of(media: Any) -> bytes:
    """Read the audio of a `media` message.

    Args:
        media: The value of the message's `media` key.

    Returns:
        Its mu-law codes. Empty for the outbound track, and, with a log record that quotes
        nothing, for a payload that is anything but padded standard base64.
    """
    try:
        # A stream of both tracks would bring back what we said as if the caller had.
        if media.get("track", "inbound") != "inbound":
            return b""
        payload = media["payload"]
        if len(payload) % 4:  # Strict mode lets a pad pass that completes no quartet.
            raise ValueError("not a whole number of quartets")
        return binascii.a2b_base64(payload, strict_mode=True)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        logger.warning(f"Ignored a media message: {type(error).__name__}")
        return b""


def media_opening(stream_sid: str) -> str:
    """Write a `media` message up to its payload, which MEDIA_CLOSING follows."""
    return f'{{"event": "media", "streamSid": {json.dumps(stream_sid)}, "media": {{"payload": "'


MEDIA_CLOSING: Final = '"}}'


def payload_of(codes: bytes) -> str:
    """Write mu-law codes as a payload."""
    return binascii.b2a_base64(codes, newline=False).decode()


def clear(stream_sid: str) -> str:
    """Write a `clear` message, which empties what Twilio has buffered."""
    return json.dumps({"event": "clear", "streamSid": stream_sid})


def transport_message(message: object) -> str | None:
    """Write an application's own message.

    Args:
        message: A dict of JSON values. Twilio takes nothing but objects (warning 31951).

    Returns:
        The text. None, with a log record that quotes nothing, if `message` is no such dict.
    """
    try:
        if isinstance(message, dict):
            return json.dumps(message, allow_nan=False)
        problem = f"a {type(message).__name__}, not a dict"
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"not JSON ({type(error).__name__})"
    logger.error(f"Dropped a transport message: {problem}")
    return None
