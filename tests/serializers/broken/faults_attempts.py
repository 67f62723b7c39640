"""Broken serializers of the chapter Hang-up under faults: between two attempts."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from unittest import mock

import httpx
from loguru import logger

from tests.serializers.broken.base import HookedSerializer
from tests.serializers.broken.registry import broken
from twilio_reference import hangup
from twilio_reference.hangup import HangUp


class _Attempts(HangUp):
    """Repeats a refused request by itself, with pauses in seconds."""

    pauses: tuple[float, ...] = (0.5, 1, 2, 4)

    async def attempt(self) -> bool:
        """Make one request; return whether the call has ended."""
        with mock.patch.object(hangup, "_PAUSES", ()):
            async with asyncio.timeout(8):
                return await self._end()

    async def end(self) -> None:
        """End the call, or give up."""
        raise NotImplementedError

    async def __call__(self) -> None:
        try:
            await self.end()
        except (TimeoutError, httpx.HTTPError) as error:
            logger.error(f"Could not end the call: {type(error).__name__}")


class _LimitForEachAttempt(_Attempts):
    async def end(self) -> None:
        async with self._lock:
            for pause in (*self.pauses, 0):
                self._ended = self._ended or await self.attempt()
                if not self._ended:
                    await asyncio.sleep(pause)


class _LooksOnlyOnce(_Attempts):
    pauses = (0.5,)

    async def end(self) -> None:
        if self._ended:
            return
        for pause in (*self.pauses, 0):
            async with self._lock:
                has_ended = await self.attempt()
            if has_ended:
                self._ended = True
                return
            await asyncio.sleep(pause)


class _PauseIsNotCancelled(_Attempts):
    async def end(self) -> None:
        async with self._lock:
            for pause in (*self.pauses[:1], 0):
                self._ended = self._ended or await self.attempt()
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(0 if self._ended else pause)


class _WithAttempts(HookedSerializer):
    kind: type[HangUp] = HangUp

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        if self._hang_up:
            # The address and the login stay.
            self._hang_up.__class__ = self.kind


@broken(
    "TFS-FAULT-06", "A cancellation in the pause before another attempt is taken for the end of the pause."
)
class PauseIsNotCancelled(_WithAttempts):
    kind = _PauseIsNotCancelled


@broken(
    "TFS-FAULT-03", "The time limit is one for each of five attempts.", also="TFS-FAULT-04 TFS-HANGUP-2[78]"
)
class LimitForEachAttempt(_WithAttempts):
    kind = _LimitForEachAttempt


@broken(
    "TFS-FAULT-09",
    "The lock is free between two attempts, and after the pause nobody looks whether another frame has ended the call.",
    also="TFS-HANGUP-2[78]",
)
class LooksOnlyOnce(_WithAttempts):
    kind = _LooksOnlyOnce
