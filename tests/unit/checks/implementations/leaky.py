"""Serializers that give away what they should keep, or take what they should refuse, in one way each."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
from loguru import logger
from pipecat.frames.frames import Frame, InterruptionFrame

from tests.unit.checks.implementations.permitted import Encodes
from tests.unit.checks.implementations.sound import FORM, Login, Reply, Sound


class SignsInTheQuery(Sound):
    """Adds the token to the URL."""

    violates = ("TFS-SECURE-04",)

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {"params": {"token": login[1]}}


class SignsInAHeaderOfItsOwn(Sound):
    """Sends half of the token in a header, for support."""

    violates = ("TFS-SECURE-04",)

    def options(self, login: Login) -> dict[str, Any]:
        return super().options(login) | {"headers": {"X-Token": login[1][:16]}}


class LogsTheException(Sound):
    """The pattern of Pipecat 0.0.64 to 0.0.95: logger.exception, of which loguru shows the values."""

    violates = ("TFS-SECURE-05",)

    async def attempt(self, login: Login) -> bool:
        try:
            auth = aiohttp.BasicAuth(*login)
            async with (
                aiohttp.ClientSession() as session,
                session.post(self.url, auth=auth, data=FORM, allow_redirects=False) as response,
            ):
                if not self.is_success(response.status):
                    self.note_answer(response.status, b"")
                return self.is_success(response.status)
        except Exception as error:
            logger.exception(f"Failed to hang up: {type(error).__name__}")
            return False


class LogsTheAnswer(Sound):
    """Logs what Twilio says, cut to a decent length; an echo is short."""

    violates = ("TFS-SECURE-05",)

    def note_answer(self, status: int, body: bytes) -> None:
        logger.error(f"The call goes on: status {status}, {body[:1000]!r}")


class LogsItsLoginAtTrace(Sound):
    """Logs for debugging, at the lowest level."""

    violates = ("TFS-SECURE-05",)

    async def post(self, login: Login) -> Reply:
        logger.trace(f"signing as {login}")
        return await super().post(login)


class Prints(Sound):
    """Prints for debugging."""

    violates = ("TFS-SECURE-05",)

    async def post(self, login: Login) -> Reply:
        print("signing with", aiohttp.BasicAuth(*login).encode())
        return await super().post(login)


class ShowsItself(Sound):
    """Has the repr of a dataclass."""

    violates = ("TFS-SECURE-06", "TFS-SECURE-13")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(login={self.login})"


class QuotesWhatItRefuses(Sound):
    """Says in its errors what it was given."""

    violates = ("TFS-SECURE-06", "TFS-SECURE-13")

    def complain(self, problem: str) -> None:
        raise ValueError(f"{problem}: {self.login}")


class RefusesBesideTheToken(Sound):
    """Raises on a line that holds the token, whose value loguru shows."""

    violates = ("TFS-SECURE-13",)

    def complain(self, problem: str) -> None:
        raise ValueError(problem if self.login else "no login")


class LogsWhatItCannotRead(Sound):
    """Pipecat's way: a message that gives no frame is logged, here cut to a decent length."""

    violates = ("TFS-SECURE-07",)

    async def deserialize(self, data: str | bytes) -> Frame | None:
        frame = await super().deserialize(data)
        if frame is None:
            logger.warning(f"cannot read {data[:1000]!r}")
        return frame


class LogsAtLength(Sound):
    """Logs what is no voice, however long it is."""

    violates = ("TFS-SECURE-08",)

    async def deserialize(self, data: str | bytes) -> Frame | None:
        frame = await super().deserialize(data)
        if frame is None and "payload" not in str(data) and len(data) > 2000:
            logger.warning(f"cannot read {data!r}")
        return frame


class TakesAnyCallSid(Encodes):
    """Puts the call SID into the path as it is."""

    violates = ("TFS-SECURE-09",)

    def address(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str:
        return super().address("CALL", account_sid, region, edge).replace("CALL", call_sid)


class TakesAnyAccountSid(Encodes):
    """Puts the account SID into the path as it is."""

    violates = ("TFS-SECURE-10",)

    def address(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str:
        return super().address(call_sid, "ACCOUNT", region, edge).replace("ACCOUNT", account_sid)


class RefusesTheWellFormed(Sound):
    """Knows no digits but lower-case ones."""

    violates = ("TFS-SECURE-09", "TFS-SECURE-10")

    def problem(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str | None:
        if re.search("[A-F]", call_sid[2:] + account_sid[2:]):
            return "a SID has upper-case digits"
        return super().problem(call_sid, account_sid, region, edge)


class TakesAnyRegion(Sound):
    """Puts region and edge into the host as they are."""

    violates = ("TFS-SECURE-11",)

    def problem(self, call_sid: str, account_sid: str, region: str | None, edge: str | None) -> str | None:
        return super().problem(call_sid, account_sid, region and "ie1", edge and "dublin")


class WritesJsonByHand(Sound):
    """Puts a message together from pieces of text."""

    violates = ("TFS-SECURE-12",)

    async def serialize(self, frame: Frame) -> str | None:
        if isinstance(frame, InterruptionFrame):
            return f'{{"event": "clear", "streamSid": "{self._stream_sid}"}}'
        return await super().serialize(frame)
