"""Serializers for the tests of the fuzzer, each broken in one way. They are not registered for the proof."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from pipecat.frames.frames import CancelFrame, EndFrame, Frame, InterruptionFrame

from twilio_reference import TwilioFrameSerializer as Reference


class WithoutKeyOne(Reference):
    """Ignores the key 1."""

    async def deserialize(self, data: str | bytes) -> Frame | None:
        frame = await super().deserialize(data)
        return None if getattr(getattr(frame, "button", None), "value", None) == "1" else frame


class RaisesForNonObjects(Reference):
    """Raises for JSON that is not an object."""

    async def deserialize(self, data: str | bytes) -> Frame | None:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = {}
        message.get("event")
        return await super().deserialize(data)


class WithoutClear(Reference):
    """Sends no clear message."""

    async def serialize(self, frame: Frame) -> str | None:
        return None if isinstance(frame, InterruptionFrame) else await super().serialize(frame)


class ExitsAtInterruption(Reference):
    """Ends the process at an interruption."""

    async def serialize(self, frame: Frame) -> str | None:
        if isinstance(frame, InterruptionFrame):
            os._exit(3)
        return await super().serialize(frame)


class BlocksAtInterruption(Reference):
    """Blocks the process at an interruption."""

    async def serialize(self, frame: Frame) -> str | None:
        if isinstance(frame, InterruptionFrame):
            time.sleep(3600)
        return await super().serialize(frame)


class WithoutCredentialCheck(Reference):
    """Accepts missing credentials."""

    def __init__(self, stream_sid: str, **keywords: Any) -> None:
        missing = {name: "x" for name in ("call_sid", "account_sid", "auth_token") if not keywords.get(name)}
        super().__init__(stream_sid, **{**keywords, **missing})


class WithoutHangUp(Reference):
    """Never hangs up."""

    async def serialize(self, frame: Frame) -> str | None:
        return None if isinstance(frame, EndFrame | CancelFrame) else await super().serialize(frame)
