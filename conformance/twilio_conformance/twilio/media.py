"""The caller's track of a stream: media messages, numbered and timed as Twilio does."""

from __future__ import annotations

import base64
from typing import Any

RATE = 8000
"""Samples a second."""


class CallerTrack:
    """Makes one media message after the other; its numbers and times go on for as long as the stream does."""

    def __init__(self) -> None:
        """Starts at the stream's beginning."""
        self._chunk = 0
        self._samples = 0

    def message(self, codes: bytes) -> dict[str, Any]:
        """The next message, of these codes of the caller's voice; its SID is that of the instance."""
        self._chunk += 1
        timestamp = 1000 * self._samples // RATE
        self._samples += len(codes)
        return {
            "event": "media",
            # 1 is the start message.
            "sequenceNumber": str(self._chunk + 1),
            "streamSid": "${stream_sid}",
            "media": {
                "track": "inbound",
                "chunk": str(self._chunk),
                "timestamp": str(timestamp),
                "payload": base64.b64encode(codes).decode(),
            },
        }
