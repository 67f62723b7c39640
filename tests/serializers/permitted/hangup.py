"""Permitted variants of the hang-up: HTTP clients, headers, equivalent requests, threads, retries."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import random
import ssl
import sys
import threading
import urllib.error
import urllib.request
from typing import Any, ClassVar
from unittest import mock
from urllib.parse import urlsplit

import aiohttp
import httpx
import requests
from loguru import logger
from pipecat.frames.frames import Frame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal, replace_body
from tests.serializers.permitted.registry import permitted
from twilio_reference import TwilioFrameSerializer, hangup
from twilio_reference.hangup import basic_login, call_url

FORM = "Status=completed"
KIND = "application/x-www-form-urlencoded"
REQUEST_TIMEOUT = 5.0
"""The time limit of one request, in seconds."""


@permitted("Header names in upper case.")
class UpperCaseHeaders(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers = httpx.Headers([(name.upper(), value) for name, value in request.headers.items()])


@permitted("More headers, and in another order.")
class MoreHeaders(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        added = {
            "User-Agent": "agent/1.0",
            "X-Request-Id": "1",
            "Accept-Language": "en",
            "Cache-Control": "no-cache",
        }
        request.headers = httpx.Headers([*added.items(), *reversed(list(request.headers.items()))])


@permitted("A charset in the content type.")
class CharsetInContentType(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, FORM, f"{KIND}; charset=UTF-8")


@permitted("The content type in upper case.")
class UpperCaseContentType(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, FORM, KIND.upper())


@permitted("A chunked body, without a Content-Length.")
class ChunkedBody(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.stream = _Pieces()
        del request.headers["Content-Length"]
        request.headers["Transfer-Encoding"] = "chunked"


class _Pieces(httpx.AsyncByteStream):
    async def __aiter__(self) -> Any:
        for piece in (b"Status", b"=", b"completed"):
            yield piece


@permitted("Percent-encoded characters in the form that need no encoding.")
class PercentEncodedForm(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, "Status=%63ompleted")


@permitted("A StatusCallback in addition to the status.")
class StatusCallback(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, f"{FORM}&StatusCallback=https%3A%2F%2Fexample.com%2Fended", KIND)


@permitted("The authentication scheme in lower case.")
class LowerCaseBasic(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = request.headers["Authorization"].replace("Basic", "basic")


@permitted("The connection is closed after the request.")
class ConnectionClose(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["Connection"] = "close"


@permitted("httpx with HTTP/2 offered.")
class Http2Offered(HangUpHooks):
    options: ClassVar[dict[str, Any]] = {"http2": True}


class _OwnHangUp(HookedSerializer):
    """Hangs up with another HTTP client: once, with a timeout, without redirects or secrets in logs."""

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        params: Any = None,
        *,
        base_url: str | None = None,
        api_key_sid: str | None = None,
        api_key_secret: str | None = None,
    ) -> None:
        super().__init__(
            stream_sid, call_sid, account_sid, auth_token, region, edge, params,
            base_url=base_url, api_key_sid=api_key_sid, api_key_secret=api_key_secret,
        )  # fmt: skip
        self._url = ""
        if (params or TwilioFrameSerializer.InputParams()).auto_hang_up:
            self._login = basic_login(call_sid, account_sid, auth_token, api_key_sid, api_key_secret)
            self._url = call_url(account_sid, call_sid, region=region, edge=edge, base_url=base_url)
        self._lock, self._done = asyncio.Lock(), False

    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        """Send the request; return the status and the beginning of the body."""
        raise NotImplementedError

    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        if not self._url:
            return None
        async with self._lock:
            if not self._done:
                self._done = await self._attempt()
        return None

    def complain(self, message: str) -> None:
        """Log that a hang-up failed."""
        logger.error(message)

    async def _attempt(self) -> bool:
        pair = base64.b64encode(":".join(self._login).encode()).decode()
        headers = {"Authorization": f"Basic {pair}", "Content-Type": KIND}
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT + 2):
                status, body = await self.post(self._url, headers, FORM)
        except Exception as error:
            self.complain(f"hang-up failed: {type(error).__name__}")
            return False
        if 200 <= status < 300 or _has_ended(status, body):
            return True
        self.complain(f"hang-up failed: status {status}")
        return False


def _has_ended(status: int, body: bytes) -> bool:
    try:
        code = json.loads(body[:4096])["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    return (status, str(code)) in ((404, "20404"), (400, "21220"))


@permitted("aiohttp.")
class ByAiohttp(_OwnHangUp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        limit = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        async with (
            aiohttp.ClientSession(timeout=limit, auto_decompress=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, b"" if response.status < 300 else await response.content.read(4096)


@permitted("The synchronous client of httpx, in a thread.")
class ByBlockingHttpx(_OwnHangUp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        def work() -> tuple[int, bytes]:
            with (
                httpx.Client(timeout=REQUEST_TIMEOUT, trust_env=False) as client,
                client.stream("POST", url, content=body, headers=headers) as response,
            ):
                start = b"" if response.is_success else next(response.iter_raw(4096), b"")
                return response.status_code, start

        return await asyncio.to_thread(work)


@permitted("requests, in a thread.")
class ByRequests(_OwnHangUp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        def work() -> tuple[int, bytes]:
            with requests.Session() as session:
                session.trust_env = False
                answer = session.post(
                    url,
                    data=body,
                    headers=headers,
                    timeout=REQUEST_TIMEOUT,
                    allow_redirects=False,
                    stream=True,
                )
                with answer:
                    return answer.status_code, answer.raw.read(4096)

        return await asyncio.to_thread(work)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any, **keywords: Any) -> None:
        return None


@permitted("urllib of the standard library, in a thread.")
class ByUrllib(_OwnHangUp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        def work() -> tuple[int, bytes]:
            opener = urllib.request.build_opener(_NoRedirects, urllib.request.ProxyHandler({}))
            request = urllib.request.Request(url, body.encode(), headers)
            try:
                with opener.open(request, timeout=REQUEST_TIMEOUT) as response:
                    return response.status, b""
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read(4096)

        return await asyncio.to_thread(work)


@permitted("urllib in a thread of its own, which passes its result to the event loop.")
class ByPlainThread(ByUrllib):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        outer = super().post

        def finish(answer: tuple[int, bytes] | None, error: Exception | None) -> None:
            if result.done():
                return
            if answer is not None:
                result.set_result(answer)
            elif error is not None:
                result.set_exception(error)

        def work() -> None:
            try:
                answer, error = asyncio.run(outer(url, headers, body)), None
            except Exception as raised:
                answer, error = None, raised
            loop.call_soon_threadsafe(finish, answer, error)

        threading.Thread(target=work, daemon=True).start()
        return await result


@permitted("http.client of the standard library, in a thread.")
class ByHttpClient(_OwnHangUp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        def work() -> tuple[int, bytes]:
            parts = urlsplit(url)
            connection = http.client.HTTPSConnection(
                str(parts.hostname), parts.port, timeout=REQUEST_TIMEOUT, context=ssl.create_default_context()
            )
            try:
                connection.request("POST", parts.path, body, headers)
                response = connection.getresponse()
                return response.status, response.read(4096)
            finally:
                connection.close()

        return await asyncio.to_thread(work)


@permitted("asyncio streams and a handwritten request.")
class ByStreams(_OwnHangUp):
    def is_interim(self, status: int) -> bool:
        return status < 200

    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(
            parts.hostname, parts.port or 443, ssl=ssl.create_default_context()
        )
        try:
            lines = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            lines += [f"Content-Length: {len(body)}", "", body]
            writer.write("\r\n".join(lines).encode())
            status = int((await reader.readline()).split()[1])
            while self.is_interim(status):
                while (await reader.readline()).strip():
                    pass
                status = int((await reader.readline()).split()[1])
            rest = b""
            while status >= 300 and len(rest) < 65536 and (piece := await reader.read(4096)):
                rest += piece
            head, _, answer = rest.partition(b"\r\n\r\n")
            if b"chunked" in head.lower():
                # Sizes and chunks alternate; the JSON of Twilio has no line breaks.
                answer = b"".join(answer.split(b"\r\n")[1::2])
            return status, answer
        finally:
            writer.close()


@permitted("A failed request is not retried.")
class OneAttempt(ByAiohttp):
    pass


@permitted("Six attempts with growing pauses of which a random part is kept.")
class JitteredBackOff(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        pauses = tuple(0.1 * 2**attempt * random.uniform(0.5, 1) for attempt in range(5))
        with mock.patch.object(hangup, "_PAUSES", pauses):
            return await super().serialize(frame)


@permitted(
    "The request is retried once after 500, 503 and 429.",
    unmet="TFS-HANGUP-27",
    reason="It does not read Retry-After.",
)
class OneRepetition(ByAiohttp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        status, answer = await super().post(url, headers, body)
        if status in (429, 500, 503):
            await asyncio.sleep(0.1)
            return await super().post(url, headers, body)
        return status, answer


@permitted("A request continues in the background when its task is cancelled, and its success is remembered.")
class ContinuesInTheBackground(ByAiohttp):
    async def _attempt(self) -> bool:
        task = asyncio.create_task(super()._attempt())
        task.add_done_callback(self._remember)
        return await asyncio.shield(task)

    def _remember(self, task: asyncio.Task[bool]) -> None:
        if not task.cancelled():
            self._done = task.result()


@permitted(
    "The request is left to a background task, and serialize returns at once.",
    unmet="TFS-HANGUP-16",
    reason="This is the purpose of the variant: api.txt says that the hang-up is initiated.",
)
class LeavesItToATask(ByAiohttp):
    task: asyncio.Task[Any] | None = None

    async def serialize(self, frame: Frame) -> Any:
        if not is_terminal(frame):
            return await super().serialize(frame)
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(super().serialize(frame))
        return None


@permitted("Attempts of 2.5 s each, a quarter of a second apart, within 7 s in all.")
class ShortAttempts(ByAiohttp):
    async def post(self, url: str, headers: dict[str, str], body: str) -> tuple[int, bytes]:
        for last in (False, False, True):
            try:
                async with asyncio.timeout(2.5):
                    return await super().post(url, headers, body)
            except (TimeoutError, aiohttp.ClientError):
                if last:
                    raise
            await asyncio.sleep(0.25)
        raise AssertionError


@permitted("Failures are logged by structlog as it comes, on standard output.")
class LogsToStandardOutput(ByAiohttp):
    def complain(self, message: str) -> None:
        print(f"2026-12-01 05:00:00 [error    ] {message}")


@permitted("Failures are logged as JSON lines on standard error.")
class LogsJsonLines(ByAiohttp):
    def complain(self, message: str) -> None:
        print(json.dumps({"event": message, "level": "error"}), file=sys.stderr)
