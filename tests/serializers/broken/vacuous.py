"""Serializers that do nothing useful; tests/proof/vacuous.py grades them."""

from __future__ import annotations

import asyncio
import json
from typing import Any, ClassVar

from pipecat.frames.frames import AudioRawFrame, Frame, InputAudioRawFrame, InterruptionFrame
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_reference import TwilioFrameSerializer


class DoesNothing(FrameSerializer):
    """Accepts everything and returns None."""

    InputParams = TwilioFrameSerializer.InputParams
    conformance_capabilities: ClassVar[tuple[str, ...]] = ("base_url", "api_key")

    def __init__(self, stream_sid: str = "", *arguments: Any, params: Any = None, **keywords: Any) -> None:
        super().__init__(params or TwilioFrameSerializer.InputParams())
        self._sid = stream_sid

    async def setup(self, setup: Any) -> None:
        pass

    async def serialize(self, frame: Frame) -> Any:
        return None

    async def deserialize(self, data: str | bytes) -> Any:
        return None


class RaisesEverywhere(DoesNothing):
    """Raises in the constructor."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        raise RuntimeError("no")


class RaisesWhenUsed(DoesNothing):
    """Can be constructed; every method raises."""

    async def setup(self, setup: Any) -> None:
        raise RuntimeError("no")

    async def serialize(self, frame: Frame) -> Any:
        raise RuntimeError("no")

    async def deserialize(self, data: str | bytes) -> Any:
        raise RuntimeError("no")


class PlausibleConstants(DoesNothing):
    """Returns plausible constants."""

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, InterruptionFrame):
            return json.dumps({"event": "clear", "streamSid": self._sid})
        if isinstance(frame, AudioRawFrame):
            media = {"payload": "/////w=="}
            return json.dumps({"event": "media", "streamSid": self._sid, "media": media})
        return None

    async def deserialize(self, data: str | bytes) -> Any:
        return InputAudioRawFrame(bytes(320), 8000, 1)


class Sleeps(DoesNothing):
    """Never returns."""

    async def setup(self, setup: Any) -> None:
        await asyncio.sleep(86400)

    async def serialize(self, frame: Frame) -> Any:
        await asyncio.sleep(86400)

    async def deserialize(self, data: str | bytes) -> Any:
        await asyncio.sleep(86400)
