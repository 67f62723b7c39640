"""Serializers whose hang-up is broken in one way each; `violates` names all that this breaks."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, ClassVar

import aiohttp
from loguru import logger

from tests.unit.checks.implementations.permitted import UrllibInAThread
from tests.unit.checks.implementations.sound import Login, Reply, Sound


class RaisesWhatItDoesNotExpect(Sound):
    """Catches what its HTTP client documents; an answer in an unknown charset raises a LookupError."""

    violates = ("TFS-FAULT-01",)

    async def hang_up(self, login: Login) -> None:
        try:
            async with asyncio.timeout(self.limit), self.lock:
                if not self.ended:
                    self.ended = await self.attempt(login)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.note(error)
        except Exception as error:
            self.note(error)
            raise

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        body = await super().read(response)
        return body.decode(response.get_encoding(), "replace").encode()


class WaitsForEver(Sound):
    """Leaves time to its HTTP client, which has no limit."""

    violates = ("TFS-FAULT-02", "TFS-FAULT-03", "TFS-FAULT-04")
    limit = 390.0


class LimitsTheTimeBetweenBytes(Sound):
    """Has a limit of 5 s, but for each piece of the answer."""

    violates = ("TFS-FAULT-03", "TFS-FAULT-04")
    limit = 390.0

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {
            "timeout": aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=5)
        }


class WaitsAsLongAsItIsAsked(Sound):
    """Honours Retry-After without a limit of its own."""

    violates = ("TFS-FAULT-03", "TFS-FAULT-04")
    limit = 390.0

    async def attempt(self, login: Login) -> bool:
        async with asyncio.timeout(8):
            ended = await super().attempt(login)
        if not ended:
            await asyncio.sleep(self.pause)
        return ended

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        self.pause = float(response.headers.get("Retry-After", 0))
        return await super().read(response)


class TakesItsTime(Sound):
    """Gives up after 20 s."""

    violates = ("TFS-FAULT-04",)
    limit = 20.0


class BlocksTheLoop(UrllibInAThread):
    """Needs no thread, it thinks."""

    violates = ("TFS-FAULT-05",)

    async def post(self, login: Login) -> Reply:
        return self.post_here(login)


class SwallowsItsCancellation(Sound):
    """Catches everything."""

    violates = ("TFS-FAULT-06",)

    async def hang_up(self, login: Login) -> None:
        try:
            await super().hang_up(login)
        except BaseException:
            logger.error("The call goes on")


class RemembersAFailureAsDone(Sound):
    """Sets its flag before it asks; only a cancellation takes it back."""

    violates = ("TFS-FAULT-07",)

    async def attempt(self, login: Login) -> bool:
        try:
            await super().attempt(login)
        except Exception as error:
            self.note(error)
        return True

    async def hang_up(self, login: Login) -> None:
        await super().hang_up(login)
        self.ended = True


class RemembersACancellationAsDone(Sound):
    """Sets its flag before it asks; only a failure takes it back."""

    violates = ("TFS-FAULT-08",)

    async def attempt(self, login: Login) -> bool:
        self.ended = True
        try:
            return await super().attempt(login)
        except Exception:
            self.ended = False
            raise


class LetsThemRace(Sound):
    """Has no lock."""

    violates = ("TFS-FAULT-09",)

    async def hang_up(self, login: Login) -> None:
        self.lock = asyncio.Lock()
        await super().hang_up(login)


class FollowsRedirects(Sound):
    """Leaves redirects to aiohttp, which follows them, over cleartext too."""

    violates: ClassVar[tuple[str, ...]] = ("TFS-FAULT-10", "TFS-SECURE-02")

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {"allow_redirects": True}


class TakesARedirectForSuccess(Sound):
    """Asks whether the status is below 400."""

    violates = ("TFS-FAULT-10",)

    def is_success(self, status: int) -> bool:
        return status < 400


class KnowsOneSuccess(Sound):
    """Takes 201 for a failure."""

    violates = ("TFS-FAULT-11",)

    def is_success(self, status: int) -> bool:
        return status == 200


class SaysNothingOfAGateway(Sound):
    """Takes every 404 for a call that has ended."""

    violates = ("TFS-FAULT-12",)

    def note_answer(self, status: int, body: bytes) -> None:
        if status != 404:
            super().note_answer(status, body)


class SaysNothingOfATimeLimit(Sound):
    """Thinks of a timeout as nothing unusual."""

    violates = ("TFS-FAULT-12",)

    def note(self, error: Exception) -> None:
        if not isinstance(error, TimeoutError):
            super().note(error)


class ReadsWhateverComes(Sound):
    """Reads a failed answer to its end, however far that is."""

    violates = ("TFS-FAULT-13",)

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        return await response.read()


# Connections


class VerifiesNothing(Sound):
    """Has had trouble with certificates once."""

    violates = ("TFS-SECURE-01",)

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {"ssl": False}


class VerifiesNoName(Sound):
    """Takes any certificate of a known authority."""

    violates = ("TFS-SECURE-01",)

    def options(self, login: Login) -> dict[str, Any]:
        context = ssl.create_default_context()
        context.check_hostname = False
        return super().options(login) | {"ssl": context}


class FallsBackToCleartext(Sound):
    """Tries without TLS what has failed with it."""

    violates = ("TFS-SECURE-01", "TFS-SECURE-02")

    async def post(self, login: Login) -> Reply:
        try:
            return await super().post(login)
        except aiohttp.ClientSSLError:
            self.url = self.url.replace("https:", "http:")
            return await super().post(login)


class SignsTheSession(FollowsRedirects):
    """Gives its login to aiohttp's session, which signs whatever it is led to."""

    violates = ("TFS-FAULT-10", "TFS-SECURE-02", "TFS-SECURE-03")

    def session(self, login: Login) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None), auth=aiohttp.BasicAuth(*login)
        )

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {"auth": None}


class RepeatsItsCredentialsElsewhere(UrllibInAThread):
    """Leaves redirects to urllib, which takes the Authorization header along."""

    violates = ("TFS-FAULT-10", "TFS-SECURE-02", "TFS-SECURE-03")
    handlers = ()
