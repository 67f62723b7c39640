"""The reference, except that it violates a SHOULD: it takes key A for an interruption."""

from __future__ import annotations

import json

from pipecat.frames.frames import Frame, InterruptionFrame

from twilio_reference import TwilioFrameSerializer as Reference


class TwilioFrameSerializer(Reference):
    async def deserialize(self, data: str | bytes) -> Frame | None:
        digit = json.loads(data).get("dtmf", {}).get("digit")
        return InterruptionFrame() if digit == "A" else await super().deserialize(data)
