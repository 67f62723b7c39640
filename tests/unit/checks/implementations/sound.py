"""A serializer with a hang-up of its own, over aiohttp: sound, with a seam for each thing that can break."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, ClassVar

import aiohttp
from loguru import logger
from pipecat.frames.frames import CancelFrame, EndFrame, Frame

from twilio_reference import TwilioFrameSerializer as Reference

Login = tuple[str, str]
Reply = tuple[int, bytes]

FORM = {"Status": "completed"}
ENDED = {(404, 20404), (400, 21220)}


class Sound(Reference):
    """Refuses what is not well formed, asks once, and follows nobody.

    Attributes:
        violates: The requirements of the two chapters that a subclass does not keep; here none.
        keeps_real_time: Its requests wait in a thread, or in the way of the loop, where no clock skips.
        limit: Seconds after which an attempt is given up.
    """

    conformance_capabilities: ClassVar[tuple[str, ...]] = ()
    violates: ClassVar[tuple[str, ...]] = ()
    keeps_real_time: ClassVar[bool] = False
    limit: ClassVar[float] = 8.0

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        params: Reference.InputParams | None = None,
    ) -> None:
        params = params or self.InputParams()
        super().__init__(stream_sid, params=params.model_copy(update={"auto_hang_up": False}))
        self.login: Login | None = None
        self.ended = False
        self.lock = asyncio.Lock()
        if params.auto_hang_up:
            call_sid, account_sid = call_sid or "", account_sid or ""
            self.login = account_sid, auth_token or ""
            problem = self.problem(call_sid, account_sid, region, edge)
            if problem or not auth_token:
                self.complain(problem or "auth_token is missing")
            self.url = self.address(call_sid, account_sid, region, edge)

    def problem(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str | None:
        """What is wrong with the arguments."""
        for name, prefix, sid in (("call_sid", "CA", call_sid), ("account_sid", "AC", account_sid)):
            if not re.fullmatch(rf"{prefix}[0-9A-Fa-f]{{32}}", sid):
                return f"{name} is not {prefix} and 32 hexadecimal digits"
        if bool(region) != bool(edge):
            return "region and edge belong together"
        for label in (region, edge):
            if label and not re.fullmatch(r"[a-z0-9-]{1,63}", label):
                return "region and edge are one label each"
        return None

    def complain(self, problem: str) -> None:
        """Refuses the arguments."""
        raise ValueError(problem)

    def address(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str:
        """The URL of the request."""
        host = f"api.{edge}.{region}.twilio.com" if region else "api.twilio.com"
        return f"https://{host}/2010-04-01/Accounts/{account_sid}/Calls/{call_sid}.json"

    async def serialize(self, frame: Frame) -> str | None:
        """Hangs up after a terminal frame; the rest is the reference's."""
        if not isinstance(frame, EndFrame | CancelFrame):
            return await super().serialize(frame)
        if self.login:
            await self.hang_up(self.login)
        return None

    async def hang_up(self, login: Login) -> None:
        """Ends the call if it is up."""
        try:
            async with asyncio.timeout(self.limit), self.lock:
                if not self.ended:
                    self.ended = await self.attempt(login)
        except Exception as error:
            self.note(error)

    def note(self, error: Exception) -> None:
        """Logs that an attempt has failed."""
        logger.error(f"The call goes on: {type(error).__name__}")

    async def attempt(self, login: Login) -> bool:
        """Asks once; whether the call has ended."""
        status, body = await self.post(login)
        ended = self.is_success(status) or (status, code_of(body)) in ENDED
        if not ended:
            self.note_answer(status, body)
        return ended

    def is_success(self, status: int) -> bool:
        """Whether an answer with this status is one of success."""
        return 200 <= status < 300

    def note_answer(self, status: int, body: bytes) -> None:
        """Logs that Twilio has answered with a failure."""
        logger.error(f"The call goes on: status {status}")

    def options(self, login: Login) -> dict[str, Any]:
        """Arguments of the request."""
        return {"auth": aiohttp.BasicAuth(*login), "allow_redirects": False}

    async def post(self, login: Login) -> Reply:
        """Makes the request; of a failure, the beginning of the answer's body."""
        async with (
            self.session(login) as session,
            session.post(self.url, data=FORM, **self.options(login)) as response,
        ):
            return response.status, b"" if response.ok else await self.read(response)

    def session(self, login: Login) -> aiohttp.ClientSession:
        """The client, without a limit of its own."""
        return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False)

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        """The part of a body that is of interest."""
        return await response.content.read(4096)


def code_of(body: bytes) -> object:
    """Twilio's error code in the body of an answer."""
    try:
        return json.loads(body)["code"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
