"""Broken serializers of the chapter Construction: the base class, I/O, the event loop, and what calls leave behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

from pipecat.frames.frames import Frame
from pipecat.serializers.base_serializer import FrameSerializer

from tests.serializers.broken.base import CAPABILITIES, HangUpHooks, HookedSerializer, is_terminal
from tests.serializers.broken.registry import broken
from twilio_reference import TwilioFrameSerializer


@broken(
    "TFS-CONSTRUCT-20",
    "The constructor of the base class is not called, as before pipecat-ai/pipecat PR 3560.",
    also="TFS-MESSAGE-08 TFS-SECURE-06 TFS-SECURE-13",
)
class BaseNotInitialized(FrameSerializer):
    InputParams = TwilioFrameSerializer.InputParams
    conformance_capabilities: ClassVar[tuple[str, ...]] = CAPABILITIES

    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        self._inner = TwilioFrameSerializer(stream_sid, *arguments, **keywords)
        self._params = self._inner._params

    async def setup(self, setup: Any) -> None:
        await self._inner.setup(setup)

    async def serialize(self, frame: Frame) -> Any:
        return await self._inner.serialize(frame)

    async def deserialize(self, data: str | bytes) -> Any:
        return await self._inner.deserialize(data)


@broken("TFS-CONSTRUCT-20", "id is an attribute of the class, so all instances have the same.")
class OneIdForAll(HookedSerializer):
    id = 1


@broken("TFS-CONSTRUCT-21", "Settings are read from a file.")
class ReadsSettings(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._hosts = Path("/etc/hosts").read_text()


@broken("TFS-CONSTRUCT-21", "The host is looked up ahead, to save time at the end.")
class LooksUpTheHost(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        socket.getaddrinfo("api.twilio.com", 443)


@broken("TFS-CONSTRUCT-22", "The constructor starts a task, which needs a running loop.")
class TaskOfTheConstructor(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._ready = asyncio.get_running_loop().create_future()


@broken("TFS-CONSTRUCT-23", "A task that keeps statistics is never cancelled.")
class StatisticsForEver(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        self._task = asyncio.create_task(asyncio.sleep(3600))


@broken("TFS-CONSTRUCT-23", "Each instance has a thread, which waits for ever.", isolated=True)
class ThreadOfEachCall(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        await super().setup(setup)
        threading.Thread(target=threading.Event().wait, daemon=True).start()


_OPEN: list[Any] = []


@broken("TFS-CONSTRUCT-23", "Connections of failed hang-ups are kept in a list, to look at them later.")
class KeepsSockets(HangUpHooks):
    async def serialize(self, frame: Frame) -> Any:
        if is_terminal(frame):
            _OPEN.append(socket.socket())
        return await super().serialize(frame)


@broken(
    "TFS-CONSTRUCT-24",
    "A machine-learning model is warmed up by the constructor.",
    also="TFS-FIDELITY-* TFS-LATENCY-*",
)
class SlowConstructor(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        time.sleep(0.25)


@broken("TFS-CONSTRUCT-24", "The name is looked up before the request, on the thread of the event loop.")
class LooksUpOnTheLoop(HangUpHooks):
    async def serialize(self, frame: Frame) -> Any:
        if is_terminal(frame):
            socket.getaddrinfo("api.twilio.com", 443)
        return await super().serialize(frame)
