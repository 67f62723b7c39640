"""Every way to conform: other HTTP clients, encoding instead of refusing, repeating instead of giving up."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from base64 import b64encode
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import requests

from tests.unit.checks.implementations.sound import FORM, Login, Reply, Sound


class RefusesAndAsksOnceByAiohttp(Sound):
    """As it stands."""


class Encodes(Sound):
    """Takes whatever it is given and percent-encodes it; dots alone, and a colon in a login, cannot be encoded."""

    def problem(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str | None:
        if account_sid in (".", ".."):
            return "account_sid is a dot segment"
        if ":" in account_sid:
            return "account_sid has a colon"
        return super().problem("CA" + "0" * 32, "AC" + "0" * 32, region, edge)

    def address(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str:
        call, account = (quote(sid, safe="", errors="surrogatepass") for sid in (call_sid, account_sid))
        return super().address(call, account, region, edge)


class EncodesByHttpx(Encodes):
    """httpx on the event loop."""

    async def post(self, login: Login) -> Reply:
        async with (
            httpx.AsyncClient(timeout=None) as client,
            client.stream("POST", self.url, data=FORM, auth=login) as response,
        ):
            if response.is_success:
                return response.status_code, b""
            return response.status_code, await anext(response.aiter_raw(4096), b"")


class Repeats(Sound):
    """Repeats an attempt that met a failure which may pass, twice and after a pause."""

    async def attempt(self, login: Login) -> bool:
        for pause in (0.2, 0.5):
            try:
                status, _ = reply = await self.post(login)
            except OSError:
                status, reply = 503, (503, b"")
            if status not in (429, 500, 502, 503):
                self.reply = reply
                break
            await asyncio.sleep(pause)
        return await super().attempt(login)

    async def post(self, login: Login) -> Reply:
        reply: Reply | None = self.__dict__.pop("reply", None)
        return reply or await super().post(login)


class InTheBackground(Sound):
    """Lets a request go on when its task is cancelled."""

    async def attempt(self, login: Login) -> bool:
        self.task = asyncio.create_task(super().attempt(login))
        self.task.add_done_callback(self.learn)
        return await asyncio.shield(self.task)

    def learn(self, task: asyncio.Task[bool]) -> None:
        if not task.cancelled() and task.exception() is None:
            self.ended = task.result()


class RequestsInAThread(Sound):
    """requests in a thread, its answers not followed and not read to the end."""

    keeps_real_time = True
    limit = 6.0

    async def post(self, login: Login) -> Reply:
        return await asyncio.to_thread(self.post_here, login)

    def post_here(self, login: Login) -> Reply:
        with requests.post(
            self.url, FORM, auth=login, timeout=4, allow_redirects=False, stream=True
        ) as response:
            return response.status_code, b"" if response.ok else response.raw.read(4096)


class Unfollowing(urllib.request.HTTPRedirectHandler):
    """Follows nobody."""

    def redirect_request(self, *_: Any) -> None:
        return None


class UrllibInAThread(Sound):
    """urllib.request in a thread."""

    keeps_real_time = True
    limit = 6.0
    handlers: tuple[Any, ...] = (Unfollowing,)

    async def post(self, login: Login) -> Reply:
        return await asyncio.to_thread(self.post_here, login)

    def post_here(self, login: Login) -> Reply:
        basic = b64encode(":".join(login).encode()).decode()
        request = urllib.request.Request(
            self.url, urlencode(FORM).encode(), {"Authorization": f"Basic {basic}"}, method="POST"
        )
        try:
            with urllib.request.build_opener(*self.handlers).open(request, timeout=4) as response:
                return response.status, b""
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(4096)
