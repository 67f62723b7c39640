"""Broken serializers of the chapter Hang-up: how often a request is repeated, and what is left afterwards."""

from __future__ import annotations

from typing import Any, ClassVar
from unittest import mock

import httpx
from pipecat.frames.frames import Frame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal
from tests.serializers.broken.registry import broken
from twilio_reference import hangup


class Manners(HookedSerializer):
    """Replaces names of the reference's hang-up while a frame is serialized."""

    replaced: ClassVar[dict[str, Any]] = {}

    async def serialize(self, frame: Frame) -> Any:
        with mock.patch.multiple(hangup, **self.replaced):
            return await super().serialize(frame)


@broken("TFS-HANGUP-25", "A failed request is repeated until the time limit, several times a second.")
class RepeatsUntilTheLimit(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_PAUSES": (0.1,) * 60}


@broken("TFS-HANGUP-26", "A failed request is repeated at once.")
class WithoutPauses(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_PAUSES": (0.0,) * 4}


_seconds = hangup._seconds


def _of_numbers(text: str) -> float:
    return _seconds(text) if text.isdecimal() else 0.0


def _at_most_two(text: str) -> float:
    return min(_seconds(text), 2.0)


@broken("TFS-HANGUP-27", "Retry-After is never read.")
class RetryAfterUnread(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_seconds": lambda _: 0.0}


@broken("TFS-HANGUP-27", "Retry-After is read as a number only, and a date is taken for nothing.")
class RetryAfterInSecondsOnly(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_seconds": _of_numbers}


@broken("TFS-HANGUP-27", "Retry-After is cut to two seconds, and then the request is repeated all the same.")
class RetryAfterCutShort(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_seconds": _at_most_two}


@broken("TFS-HANGUP-28", "Whatever is no success is repeated.")
class RepeatsRefusals(Manners):
    replaced: ClassVar[dict[str, Any]] = {"_WORTH_REPEATING": frozenset(range(400, 600))}


@broken("TFS-HANGUP-29", "A refused login counts as the end, since the next one would be refused too.")
class RefusedIsDone(HangUpHooks):
    refused = False

    def change_response(self, response: httpx.Response) -> None:
        self.refused |= response.status_code in (401, 403)

    async def serialize(self, frame: Frame) -> Any:
        return None if self.refused and is_terminal(frame) else await super().serialize(frame)


@broken("TFS-HANGUP-30", "The client is kept for later, and nobody closes it.")
class ClientLeftOpen(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        self.kept: list[httpx.AsyncClient] = []
        kept = self.kept

        class Client(httpx.AsyncClient):
            async def __aexit__(self, *_: object) -> None:
                kept.append(self)

        with mock.patch.object(httpx, "AsyncClient", Client):
            return await super().serialize(frame)
