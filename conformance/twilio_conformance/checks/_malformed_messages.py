"""Malformed messages for whole calls."""

from __future__ import annotations

MALFORMED: dict[str, str | bytes] = {
    "an array": "[]",
    "null": "null",
    "a number": "3",
    "a string": '"media"',
    "no JSON": "not json",
    "an empty text": "",
    "no event": "{}",
    "an event that is an object": '{"event": {"media": 1}}',
    "media without content": '{"event": "media"}',
    "media that is null": '{"event": "media", "media": null}',
    "a payload that is a number": '{"event": "media", "media": {"payload": 123}}',
    "a payload that is not base64": '{"event": "media", "media": {"track": "inbound", "payload": "abc"}}',
    "dtmf that is null": '{"event": "dtmf", "dtmf": null}',
    "a digit that is a list": '{"event": "dtmf", "dtmf": {"digit": []}}',
    "a number of 5000 digits": '{"event": "media", "media": ' + "9" * 5000 + "}",
    "100,000 levels": "[" * 100_000,
    "binary that is not UTF-8": b"\x80\x81{",
}
"""Messages that Twilio never sends, but that anyone can send to a public endpoint."""
