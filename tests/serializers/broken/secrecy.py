"""Broken serializers of the chapter Credentials and identifiers."""

from __future__ import annotations

import base64
import ssl
from typing import Any, ClassVar

import httpx
from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, InterruptionFrame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal
from tests.serializers.broken.registry import broken


@broken(
    "TFS-SECURE-01",
    "verify=False was meant for a test server and stayed.",
    also="TFS-HANGUP-1[05] TFS-FAULT-*",
)
class UnverifiedTls(HangUpHooks):
    options: ClassVar[dict[str, Any]] = {"verify": False}


@broken("TFS-SECURE-01", "The name in the certificate is not checked, because a proxy had another one.")
class UnverifiedName(HangUpHooks):
    @property
    def options(self) -> dict[str, Any]:  # type: ignore[override]
        context = ssl.create_default_context()
        context.check_hostname = False
        return {"verify": context}


class _WithoutTls(httpx.AsyncHTTPTransport):
    """Repeats a request without TLS where the connection failed with it."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except httpx.ConnectError:
            request.url = request.url.copy_with(scheme="http")
            return await super().handle_async_request(request)


@broken(
    "TFS-SECURE-02",
    "What fails with TLS is repeated without it, for a proxy that terminated TLS.",
    also="TFS-SECURE-01",
)
class FallsBackToCleartext(HangUpHooks):
    @property
    def options(self) -> dict[str, Any]:  # type: ignore[override]
        return {"transport": _WithoutTls()}


@broken(
    "TFS-SECURE-02",
    "A redirect to http is followed, with the POST body and credentials.",
    also="TFS-SECURE-0[34] TFS-FAULT-*",
)
class FollowsIntoCleartext(HangUpHooks):
    options: ClassVar[dict[str, Any]] = {"follow_redirects": True}


@broken(
    "TFS-SECURE-03",
    "Redirects are followed by hand, and the headers are sent along.",
    also="TFS-SECURE-0[24] TFS-FAULT-*",
)
class CredentialsFollow(HangUpHooks):
    options: ClassVar[dict[str, Any]] = {"follow_redirects": True}

    def change_request(self, request: httpx.Request) -> None:
        self.login = request.headers.get("Authorization") or getattr(self, "login", "")
        request.headers["Authorization"] = self.login


def _token(request: httpx.Request) -> str:
    return base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode().partition(":")[2]


@broken(
    "TFS-SECURE-04",
    "The credentials are also put into the URL, as in old samples of Twilio.",
    also="TFS-HANGUP-* TFS-CONSTRUCT-* TFS-SECURE-*",
)
class TokenInTheQuery(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.url = request.url.copy_merge_params({"token": _token(request)})


@broken("TFS-SECURE-04", "The token is repeated in a header for the company's proxy.", also="TFS-SECURE-*")
class TokenInAnotherHeader(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["X-Twilio-Token"] = _token(request)


@broken("TFS-SECURE-04", "Half of the token is sent in a header, for support.")
class HalfTheTokenInAHeader(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["X-Support"] = _token(request)[:16]


class _LoggedTransport(httpx.AsyncHTTPTransport):
    """Logs an exception with its traceback, in which loguru shows the values of variables."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        login = request.headers["Authorization"]
        try:
            return await self.send(request, login)
        except httpx.TransportError:
            logger.exception("Failed to hang up")
            raise

    async def send(self, request: httpx.Request, login: str) -> httpx.Response:
        request.headers["Authorization"] = login
        return await super().handle_async_request(request)


@broken("TFS-SECURE-05", "logger.exception shows the values of variables, as in Pipecat 0.0.64 to 0.0.95.")
class LogsTheException(HangUpHooks):
    @property
    def options(self) -> dict[str, Any]:  # type: ignore[override]
        return {"transport": _LoggedTransport()}


@broken(
    "TFS-SECURE-05",
    "A failed answer is logged, cut to a decent length; an echo of the request is short.",
    also="TFS-FAULT-13 TFS-HANGUP-14 TFS-SECURE-15",
)
class LogsTheAnswer(HangUpHooks):
    async def on_response(self, response: httpx.Response) -> None:
        if not response.is_success:
            logger.debug(f"Twilio: {(await response.aread())[:1000]!r}")


@broken(
    "TFS-SECURE-05",
    "The request is logged with its headers at level debug (before pipecat-ai/pipecat PR 3084).",
    also="TFS-SECURE-*",
)
class LogsHeaders(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        logger.debug(f"POST {request.url} {dict(request.headers)}")


@broken(
    "TFS-SECURE-05",
    "A debugging statement that prints the arguments was left in.",
    also="TFS-SECURE-*",
    isolated=True,
)
class PrintsTheToken(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        print("token", _token(request))


@broken("TFS-SECURE-05", "An unusable message is logged with the serializer's own state, for debugging.")
class LogsItself(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._arguments = (arguments, keywords)

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is None:
            logger.debug(f"nothing for the pipeline, from {self._arguments}")
        return frame


@broken("TFS-SECURE-06", "The repr of a dataclass contains all its fields.", also="TFS-SECURE-05")
class ReprWithToken(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._shown = keywords

    def __repr__(self) -> str:
        return f"TwilioFrameSerializer({self._shown})"


@broken(
    "TFS-SECURE-06",
    "The ValueError quotes the arguments.",
    also="TFS-CONSTRUCT-07 TFS-SECURE-13",
)
class ErrorWithToken(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, **keywords)
        except ValueError as error:
            raise ValueError(f"{error}: {keywords}") from None


@broken(
    "TFS-SECURE-07",
    "An unusable message is logged whole, as in pipecat-ai 1.14.0.",
    also="TFS-SECURE-08",
)
class LogsDamagedMessages(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is None:
            logger.warning(f"Ignored: {data[:12000]!r}")
        return frame


@broken(
    "TFS-SECURE-07",
    "A frame that is not sent is logged with its repr, which for the caller's audio holds the samples.",
)
class LogsWhatIsNotSent(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if text is None and isinstance(frame, InputAudioRawFrame):
            logger.trace(f"not sent: {frame!r:.2000}")
        return text


@broken("TFS-SECURE-07", "Every message is logged at level trace.", also="TFS-SECURE-08 TFS-SECURE-16")
class TracesMessages(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        logger.trace(f"got {data[:12000]!r}")
        return data


@broken(
    "TFS-SECURE-08",
    "The log quotes Twilio's response at any length, as in pipecat-ai 1.14.0.",
    also="TFS-SECURE-07",
)
class LogsWithoutBound(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is None and len(data) > 16384:
            logger.warning("Ignored: " + "x" * len(data))
        return frame

    async def serialize(self, frame: Frame) -> Any:
        if is_terminal(frame):
            logger.debug("Twilio's answer: " + "x" * 20000)
        return await super().serialize(frame)


_NAMES = ("call_sid", "account_sid", "auth_token", "region", "edge", "params")


class _Unquoted(HangUpHooks):
    """Builds the URL from unchecked arguments."""

    name: ClassVar[str] = ""

    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        keywords |= dict(zip(_NAMES, arguments, strict=False))
        self._raw = keywords.get(self.name)
        if isinstance(self._raw, str) and not self._raw.isalnum():
            keywords[self.name] = "CA0" if self.name == "call_sid" else "AC0"
        else:
            self._raw = None
        super().__init__(stream_sid, **keywords)

    def change_request(self, request: httpx.Request) -> None:
        if self._raw is None:
            return
        placeholder = "CA0" if self.name == "call_sid" else "AC0"
        target = request.url.raw_path.decode().replace(f"/{placeholder}", f"/{self._raw}")
        request.url = request.url.copy_with(raw_path=target.encode("utf-8", "replace"))


@broken(
    "TFS-SECURE-09",
    "call_sid goes into an f-string unchecked, as in pipecat-ai 1.14.0.",
    also="TFS-SECURE-13 TFS-SECURE-10",
)
class RawCallSid(_Unquoted):
    name = "call_sid"


@broken(
    "TFS-SECURE-09", "The pattern of a SID knows lower-case digits only.", also="TFS-SECURE-10 TFS-SECURE-13"
)
class OnlyLowerCaseSids(HangUpHooks):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_sid, *arguments, **keywords)
        keywords |= dict(zip(_NAMES, arguments, strict=False))
        for name in ("call_sid", "account_sid"):
            if any(digit in "ABCDEF" for digit in str(keywords.get(name))[2:]):
                raise ValueError(f"{name} has upper-case digits")


@broken(
    "TFS-SECURE-10",
    "account_sid goes into an f-string unchecked, as in pipecat-ai 1.14.0.",
    also="TFS-SECURE-13 TFS-SECURE-09",
)
class RawAccountSid(_Unquoted):
    name = "account_sid"


@broken(
    "TFS-SECURE-11",
    "region and edge go into the host unchecked, so whoever sets them receives the credentials.",
    also="TFS-CONSTRUCT-* TFS-SECURE-*",
)
class RawRegion(HangUpHooks):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        keywords |= dict(zip(_NAMES, arguments, strict=False))
        region, edge = keywords.get("region"), keywords.get("edge")
        self._root = None
        if isinstance(region, str) and isinstance(edge, str) and region and edge:
            self._root = f"https://api.{edge}.{region}.twilio.com"
            keywords |= {"region": "ie1", "edge": "dublin"}
        super().__init__(stream_sid, **keywords)

    def change_request(self, request: httpx.Request) -> None:
        if self._root is not None:
            request.url = httpx.URL(self._root + request.url.raw_path.decode())
            request.headers["Host"] = request.url.netloc.decode()


@broken(
    "TFS-SECURE-12",
    "The message is built with an f-string, and quotes are not escaped.",
    also="TFS-SECURE-13 TFS-CLEAR-* TFS-MEDIAOUT-*",
)
class RawStreamSid(HookedSerializer):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_sid, *arguments, **keywords)
        self._sid = stream_sid

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, InterruptionFrame):
            return f'{{"event": "clear", "streamSid": "{self._sid}"}}'
        return text


@broken(
    "TFS-SECURE-13",
    "A subclass passes the token on by name, on a line that a traceback with values shows.",
)
class HandsOnTheToken(HookedSerializer):
    def __init__(self, stream_sid: str, auth_token: str | None = None, **keywords: Any) -> None:
        super().__init__(stream_sid, auth_token=auth_token, **keywords)
