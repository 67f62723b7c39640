"""Broken serializers of the chapter Hang-up under faults."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any, ClassVar

import httpx
from loguru import logger
from pipecat.frames.frames import Frame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal
from tests.serializers.broken.registry import broken
from tests.serializers.permitted.hangup import ByStreams
from twilio_reference import TwilioFrameSerializer


@broken(
    "TFS-FAULT-01",
    "An assertion rejects statuses below 200 and above 599.",
    also="TFS-HANGUP-13",
)
class OddStatusRaises(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        self.status = response.status_code

    async def serialize(self, frame: Frame) -> Any:
        self.status = 200
        result = await super().serialize(frame)
        if self.status not in (200, 400, 401, 403, 404, 429, 500, 503):
            raise ValueError(f"unexpected status {self.status}")
        return result


class _Ends(HookedSerializer):
    """A hook around the whole hang-up."""

    async def end(self, frame: Frame) -> Any:
        """Serialize a terminal frame."""
        return await super().serialize(frame)

    async def serialize(self, frame: Frame) -> Any:
        return (
            await self.end(frame) if is_terminal(frame) and self._hang_up else await super().serialize(frame)
        )


@broken("TFS-FAULT-01", "A timeout is not among the exceptions that are caught.")
class TimeoutRaises(_Ends):
    async def end(self, frame: Frame) -> Any:
        started = asyncio.get_running_loop().time()
        result = await super().end(frame)
        if asyncio.get_running_loop().time() - started > 7:
            raise TimeoutError
        return result


@broken(
    "TFS-FAULT-01",
    "A handwritten client takes an interim 102 for the final response and fails on it.",
    also="TFS-FAULT-12",
)
class InterimRaises(ByStreams):
    interim = False

    def is_interim(self, status: int) -> bool:
        self.interim |= super().is_interim(status)
        return super().is_interim(status)

    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        if self.interim:
            raise ValueError("the answer has no body")
        return result


class _ReadsSuccess(HangUpHooks):
    """Reads the body of a successful response, for two seconds at most."""

    error: Exception | None = None

    async def on_response(self, response: httpx.Response) -> None:
        if response.is_success:
            try:
                async with asyncio.timeout(2):
                    json.loads(await response.aread())
            except (ValueError, httpx.HTTPError, TimeoutError) as error:
                self.error = error


@broken(
    "TFS-FAULT-01",
    "json() is called on every success, and its error is not caught.",
    also="TFS-HANGUP-13",
)
class BodyOfSuccessRaises(_ReadsSuccess):
    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        if self.error is not None:
            raise ValueError(str(self.error))
        return result


@broken(
    "TFS-FAULT-02",
    "aiohttp's default timeout of 300 s is the only limit, as in pipecat-ai 1.14.0.",
    also="TFS-FAULT-03 TFS-FAULT-04",
)
class PatientWithSilence(_Ends):
    async def end(self, frame: Frame) -> Any:
        started = asyncio.get_running_loop().time()
        result = await super().end(frame)
        if asyncio.get_running_loop().time() - started > 7:
            await asyncio.sleep(292)
        return result


@broken(
    "TFS-FAULT-03",
    "Each read has a timeout but the whole request does not: a slow response never ends.",
    also="TFS-FAULT-02 TFS-FAULT-04",
)
class PatientWithDrips(HangUpHooks):
    is_answered = False

    def change_response(self, response: httpx.Response) -> None:
        self.is_answered = True

    async def serialize(self, frame: Frame) -> Any:
        started = asyncio.get_running_loop().time()
        result = await super().serialize(frame)
        if is_terminal(frame) and asyncio.get_running_loop().time() - started > 7:
            await asyncio.sleep(60)
        return result


@broken("TFS-FAULT-03", "The body of a success is read to its end without a timeout.")
class PatientWithSuccess(_ReadsSuccess):
    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        if isinstance(self.error, TimeoutError):
            await asyncio.sleep(60)
        return result


@broken("TFS-FAULT-03", "Retry-After is honoured, however long that is.", also="TFS-FAULT-04")
class WaitsAsLongAsAsked(HangUpHooks):
    pause = 0.0

    def change_response(self, response: httpx.Response) -> None:
        self.pause = float(response.headers.get("Retry-After", 0))

    async def serialize(self, frame: Frame) -> Any:
        result = await super().serialize(frame)
        await asyncio.sleep(self.pause)
        return result


@broken("TFS-FAULT-04", "The timeout of the request is 15 s.")
class FifteenSeconds(_Ends):
    async def end(self, frame: Frame) -> Any:
        started = asyncio.get_running_loop().time()
        result = await super().end(frame)
        if asyncio.get_running_loop().time() - started > 7:
            await asyncio.sleep(7)
        return result


@broken(
    "TFS-FAULT-05",
    "A blocking client runs on the event loop, and every other call stalls.",
    also="TFS-FAULT-06",
)
class BlocksTheLoop(_Ends):
    async def end(self, frame: Frame) -> Any:
        def work() -> None:
            asyncio.run(TwilioFrameSerializer.serialize(self, frame))

        thread = threading.Thread(target=work)
        thread.start()
        thread.join(20)


@broken("TFS-FAULT-06", "except BaseException swallows the cancellation.")
class SwallowsCancellation(_Ends):
    async def end(self, frame: Frame) -> Any:
        try:
            return await super().end(frame)
        except asyncio.CancelledError:
            return None


@broken(
    "TFS-FAULT-07",
    "The flag is set before the attempt, as in pipecat-ai 1.14.0, so a failure is never retried.",
    also="TFS-FAULT-08 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11",
)
class OneAttempt(HangUpHooks):
    attempted = False

    async def serialize(self, frame: Frame) -> Any:
        if is_terminal(frame) and self.attempted:
            return None
        self.attempted |= is_terminal(frame)
        return await super().serialize(frame)

    def change_request(self, request: httpx.Request) -> None:
        if getattr(self, "sent_once", False):
            raise httpx.UnsupportedProtocol("no second request")
        self.sent_once = True


@broken(
    "TFS-FAULT-08",
    "The flag is set before the request, and cancellation leaves it set, as in pipecat-ai 1.14.0.",
)
class CancelledIsDone(_Ends):
    is_cancelled = False

    async def end(self, frame: Frame) -> Any:
        if self.is_cancelled:
            return None
        try:
            return await super().end(frame)
        except asyncio.CancelledError:
            self.is_cancelled = True
            raise


@broken("TFS-FAULT-09", "The flag is set after the request, so concurrent frames all hang up.")
class FlagAfterTheRequest(TwilioFrameSerializer):
    conformance_capabilities: ClassVar[tuple[str, ...]] = ("base_url", "api_key")

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._arguments, self._keywords = arguments, keywords
        self._under_way = 0

    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        self._under_way += 1
        try:
            if self._under_way == 1:
                return await super().serialize(frame)
            return await TwilioFrameSerializer(*self._arguments, **self._keywords).serialize(frame)
        finally:
            self._under_way -= 1


@broken(
    "TFS-FAULT-10",
    "Redirects are followed, and the page they lead to counts as success, as in pipecat-ai 1.14.0.",
    also="TFS-SECURE-02",
)
class FollowsRedirects(HangUpHooks):
    options: ClassVar[dict[str, Any]] = {"follow_redirects": True}


@broken("TFS-FAULT-10", "Any status below 400 counts as success.")
class RedirectIsSuccess(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        if 300 <= response.status_code < 400:
            response.status_code = 200


@broken("TFS-FAULT-11", "Only 200 counts as success, as in pipecat-ai 1.14.0.")
class OnlyStatus200(HangUpHooks):
    def change_response(self, response: httpx.Response) -> None:
        if 200 < response.status_code < 300:
            logger.error(f"Failed to terminate: {response.status_code}")


def _ended(serializer: Any) -> bool:
    return bool(getattr(serializer._hang_up, "_ended", False))


@broken(
    "TFS-FAULT-12",
    "The log record quotes the message in the body, and without a body nothing is logged.",
    isolated=True,
)
class SilentTimeout(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        logger.disable("twilio_reference")
        started = asyncio.get_running_loop().time()
        result = await super().serialize(frame)
        logger.enable("twilio_reference")
        if asyncio.get_running_loop().time() - started < 3 and self._hang_up and not _ended(self):
            logger.error("Could not end the call")
        return result


@broken(
    "TFS-FAULT-12",
    "Failures are logged at level debug, to keep the console quiet.",
    also="TFS-FAULT-10 TFS-HANGUP-15 TFS-SECURE-0[123458]",
    isolated=True,
)
class QuietFailures(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        logger.disable("twilio_reference")
        return await super().serialize(frame)


@broken(
    "TFS-FAULT-13",
    "The whole body is read for the log, as in pipecat-ai 1.14.0.",
    also="TFS-HANGUP-14",
)
class ReadsEverything(HangUpHooks):
    async def on_response(self, response: httpx.Response) -> None:
        await response.aread()
