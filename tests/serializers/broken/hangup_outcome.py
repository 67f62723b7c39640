"""Broken serializers of the chapter Hang-up: when it happens, and how it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
from loguru import logger
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StopFrame,
)

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal
from tests.serializers.broken.registry import broken
from twilio_reference import TwilioFrameSerializer


@broken(
    "TFS-HANGUP-09", "Audio that a buffer still holds is flushed by the terminal frame, after the hang-up."
)
class FlushesAtTheEnd(HookedSerializer):
    held: Any = None

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame) and frame.sample_rate == 24000:
            self.held = text
        return self.held if is_terminal(frame) else text


@broken("TFS-HANGUP-10", "setup prepares a new call, and forgets that this one has ended.")
class SetupForgetsTheEnd(HookedSerializer):
    async def setup(self, *arguments: Any) -> None:
        await super().setup(*arguments)
        if self._hang_up:
            self._hang_up._ended = False


@broken(
    "TFS-HANGUP-10",
    "There is no flag: EndFrame and then CancelFrame hang up twice (pipecat-ai/pipecat PR 1645).",
    also="TFS-FAULT-09",
)
class EveryTerminalFrame(TwilioFrameSerializer):
    conformance_capabilities = ("base_url", "api_key")

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._arguments, self._keywords = arguments, keywords

    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        return await TwilioFrameSerializer(*self._arguments, **self._keywords).serialize(frame)


@broken(
    "TFS-HANGUP-11",
    "auto_hang_up is never read; credentials are enough.",
)
class HangsUpAnyway(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        params = keywords.get("params")
        if params is not None and all(
            keywords.get(name) for name in ("call_sid", "account_sid", "auth_token")
        ):
            keywords["params"] = params.model_copy(update={"auto_hang_up": True})
        super().__init__(*arguments, **keywords)


@broken("TFS-HANGUP-11", "CancelFrame hangs up regardless of auto_hang_up.")
class CancelAnyway(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._other = None
        if all(keywords.get(name) for name in ("call_sid", "account_sid", "auth_token")):
            self._other = TwilioFrameSerializer(*arguments, **(keywords | {"params": None}))

    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, CancelFrame) and self._other and not self._hang_up:
            return await self._other.serialize(frame)
        return await super().serialize(frame)


class _HangsUpOn(HookedSerializer):
    """Hangs up on other frames and messages too."""

    async def end(self) -> None:
        await super().serialize(EndFrame())


@broken("TFS-HANGUP-12", "StopFrame ends the call, although the pipeline may go on.")
class HangsUpOnStop(_HangsUpOn):
    async def serialize(self, frame: Frame) -> Any:
        return await super().serialize(EndFrame() if isinstance(frame, StopFrame) else frame)


@broken(
    "TFS-HANGUP-12",
    "Twilio's stop event triggers a hang-up, although the call has ended or was forwarded.",
    also="TFS-INPUT-01",
)
class HangsUpOnTwiliosStop(_HangsUpOn):
    async def deserialize(self, data: str | bytes) -> Any:
        if b'"stop"' in (data.encode() if isinstance(data, str) else data):
            await self.end()
        return await super().deserialize(data)


@broken("TFS-HANGUP-12", "The caller's # ends the call, as in voicemail systems.")
class HangsUpOnPound(_HangsUpOn):
    async def deserialize(self, data: str | bytes) -> Any:
        frame = await super().deserialize(data)
        if isinstance(frame, InputDTMFFrame) and frame.button.value == "#":
            await self.end()
        return frame


@broken("TFS-HANGUP-12", "A fatal error ends the call at once, before the pipeline ends it.")
class HangsUpOnFatalErrors(_HangsUpOn):
    async def serialize(self, frame: Frame) -> Any:
        return await super().serialize(EndFrame() if getattr(frame, "fatal", False) else frame)


@broken("TFS-HANGUP-12", "An interruption ends the call.")
class HangsUpOnInterruption(_HangsUpOn):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, InterruptionFrame):
            await self.end()
        return await super().serialize(frame)


@broken(
    "TFS-HANGUP-13",
    "raise_for_status is called outside the try (pipecat-ai/pipecat PR 1634).",
    also="TFS-FAULT-01",
)
class RaisesForStatus(HangUpHooks):
    status = 200

    def change_response(self, response: httpx.Response) -> None:
        self.status = response.status_code

    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        if is_terminal(frame) and self.status >= 400:
            raise RuntimeError(f"Twilio answered {self.status}")
        return result


@broken(
    "TFS-HANGUP-13",
    "Only status codes are handled; a failed connection raises.",
    also="TFS-FAULT-01",
)
class ConnectionErrorsRaise(HangUpHooks):
    is_answered = False

    def change_response(self, response: httpx.Response) -> None:
        self.is_answered = True

    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        if is_terminal(frame) and self._hang_up and not self.is_answered:
            raise ConnectionError("no answer")
        return result


@broken("TFS-HANGUP-14", "Every 404 is logged as an error (pipecat-ai/pipecat issue 2145).")
class EndedCallsAreErrors(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        if response.status_code in (400, 404):
            logger.error(f"Failed to terminate: {response.status_code}")


@broken(
    "TFS-HANGUP-14",
    "404 is recognized as an ended call, and 400 with code 21220 is not, as in pipecat-ai 1.14.0.",
)
class OnlyNotFoundIsEnded(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        if response.status_code == 400:
            logger.error("Failed to terminate: 400")


@broken(
    "TFS-HANGUP-15", "Failures are logged at level debug.", also="TFS-FAULT-10 TFS-FAULT-12", isolated=True
)
class SilentFailures(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        logger.disable("twilio_reference")
        return await super().serialize(frame)


@broken(
    "TFS-HANGUP-15",
    "Any 404 counts as an ended call, even for a wrong account.",
    isolated=True,
    also="TFS-FAULT-10 TFS-FAULT-12",
)
class AnyNotFoundIsEnded(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        if response.status_code == 404:
            logger.disable("twilio_reference")


@broken(
    "TFS-HANGUP-16",
    "The request is sent by asyncio.create_task and never awaited.",
    isolated=True,
    also="TFS-FAULT-12",
)
class FireAndForget(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        self.task = asyncio.create_task(super().serialize(frame))
        return None
