"""Broken serializers of the chapter Hang-up: the request."""

from __future__ import annotations

import base64
import json
from typing import Any, ClassVar

import httpx
from pipecat.frames.frames import CancelFrame, EndFrame, Frame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, is_terminal, replace_body
from tests.serializers.broken.registry import broken


@broken(
    "TFS-HANGUP-01",
    "Only a canceled pipeline hangs up.",
    also="TFS-CONSTRUCT-02 TFS-CONSTRUCT-12 TFS-CONSTRUCT-14 TFS-FAULT-07 TFS-FAULT-10 TFS-FAULT-12 TFS-HANGUP-15 TFS-HANGUP-16 TFS-HANGUP-17 TFS-HANGUP-18 TFS-SECURE-01 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11",
)
class CancelOnly(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        return None if isinstance(frame, EndFrame) else await super().serialize(frame)


@broken(
    "TFS-HANGUP-01",
    "The URL keeps its placeholder, and Twilio answers 404.",
    also="TFS-CONSTRUCT-02 TFS-CONSTRUCT-12 TFS-CONSTRUCT-14 TFS-FAULT-07 TFS-FAULT-11 TFS-HANGUP-02 TFS-HANGUP-10 TFS-HANGUP-14 TFS-HANGUP-16 TFS-HANGUP-17 TFS-HANGUP-18 TFS-SECURE-01 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11 TFS-SECURE-18",
)
class UnknownCall(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, "Status=completed")
        request.url = request.url.copy_with(host="example.com")


@broken(
    "TFS-HANGUP-02",
    "Only EndFrame is handled (pipecat-ai/pipecat PR 1634 had both).",
    also="TFS-FAULT-07 TFS-FAULT-08 TFS-HANGUP-15 TFS-HANGUP-17 TFS-HANGUP-29",
)
class EndOnly(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        return None if isinstance(frame, CancelFrame) else await super().serialize(frame)


@broken(
    "TFS-HANGUP-03",
    "client.get fetches the call instead of ending it.",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-1[78]",
)
class ByGet(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.method = "GET"


@broken(
    "TFS-HANGUP-03",
    "PUT is used, as other APIs do for updates.",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-1[78]",
)
class ByPut(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.method = "PUT"


class _Target(HangUpHooks):
    """A hook for the path and query of the request."""

    def reroute(self, target: str) -> str:
        return target

    def change_request(self, request: httpx.Request) -> None:
        target = self.reroute(request.url.raw_path.decode())
        request.url = request.url.copy_with(raw_path=target.encode())


@broken(
    "TFS-HANGUP-04",
    ".json is missing from the path, so the response is XML.",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-1[78] TFS-HANGUP-2[012] TFS-CONSTRUCT-02 TFS-CONSTRUCT-14",
)
class WithoutJson(_Target):
    def reroute(self, target: str) -> str:
        return target.removesuffix(".json")


@broken(
    "TFS-HANGUP-04",
    "The URL has the date of another version of the API.",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-1[78] TFS-HANGUP-2[012] TFS-CONSTRUCT-02",
)
class OtherVersion(_Target):
    def reroute(self, target: str) -> str:
        return target.replace("2010-04-01", "2008-08-01")


@broken(
    "TFS-HANGUP-04",
    "The status is sent in the query as well.",
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-1[78] TFS-HANGUP-2[012] TFS-CONSTRUCT-02 TFS-CONSTRUCT-14",
)
class StatusInTheQuery(_Target):
    def reroute(self, target: str) -> str:
        return target + "?Status=completed"


class _Body(HangUpHooks):
    """A hook for the form of the request."""

    body: ClassVar[tuple[str, ...]] = ()

    def change_request(self, request: httpx.Request) -> None:
        replace_body(request, *self.body)


@broken(
    "TFS-HANGUP-05",
    "Status=canceled ends only calls that have not been answered.",
    also="TFS-HANGUP-1[78]",
)
class Canceled(_Body):
    body = ("Status=canceled",)


@broken("TFS-HANGUP-05", "The form is sent as JSON (json= instead of data=).", also="TFS-HANGUP-1[78]")
class JsonBody(_Body):
    body = (json.dumps({"Status": "completed"}), "application/json")


@broken(
    "TFS-HANGUP-05",
    "The content type is left to the client, which sends octet-stream.",
    also="TFS-HANGUP-1[78]",
)
class WrongContentType(_Body):
    body = ("Status=completed", "application/octet-stream")


@broken(
    "TFS-HANGUP-05",
    "Twiml with a goodbye is added, which redirects the call instead of ending it.",
    also="TFS-HANGUP-1[78]",
)
class FormWithTwiml(_Body):
    body = ("Status=completed&Twiml=%3CResponse%2F%3E",)


@broken("TFS-HANGUP-06", "The token is sent as a Bearer token.", also="TFS-HANGUP-1[78] TFS-HANGUP-2[012]")
class BearerToken(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = "Bearer token"


class _Login(HangUpHooks):
    """A hook for the credentials of the request."""

    def login(self, user: str, password: str) -> str | None:
        return f"{user}:{password}"

    def change_request(self, request: httpx.Request) -> None:
        scheme, _, pair = request.headers["Authorization"].partition(" ")
        user, _, password = base64.b64decode(pair).decode().partition(":")
        changed = self.login(user, password)
        if changed is None:
            request.headers.pop("Authorization")
        else:
            request.headers["Authorization"] = f"{scheme} {base64.b64encode(changed.encode()).decode()}"


@broken("TFS-HANGUP-06", "The call SID is the user name.", also="TFS-HANGUP-1[78] TFS-HANGUP-2[012]")
class CallAsUser(_Login):
    def login(self, user: str, password: str) -> str | None:
        return f"CA{user[2:]}:{password}"


@broken(
    "TFS-HANGUP-06",
    "The token is read from a file and keeps its newline.",
    also="TFS-HANGUP-1[78] TFS-HANGUP-2[012]",
)
class TokenWithNewline(_Login):
    def login(self, user: str, password: str) -> str | None:
        return f"{user}:{password}\n"


@broken(
    "TFS-HANGUP-06",
    "Credentials are sent only after a challenge, and Twilio's 401 is the final response.",
    also="TFS-HANGUP-1[78] TFS-HANGUP-2[012]",
)
class WithoutLogin(_Login):
    def login(self, user: str, password: str) -> str | None:
        return None


class _Host(HangUpHooks):
    """A hook for the host of the request."""

    def host(self, host: str) -> str:
        return host

    def change_request(self, request: httpx.Request) -> None:
        host = self.host(request.url.host)
        request.url = request.url.copy_with(host=host)
        request.headers["Host"] = host


@broken(
    "TFS-HANGUP-07",
    "The host spells out the default edge and region.",
    also="TFS-SECURE-03 TFS-HANGUP-0[12] TFS-HANGUP-22 TFS-SECURE-18",
)
class DefaultRegionSpelledOut(_Host):
    def host(self, host: str) -> str:
        return "api.ashburn.us1.twilio.com" if host == "api.twilio.com" else host


@broken(
    "TFS-HANGUP-07",
    "http is used; Twilio redirects to https after the token was sent in the clear.",
    also="TFS-HANGUP-08 TFS-HANGUP-18 TFS-SECURE-01 TFS-SECURE-02 TFS-SECURE-03 TFS-SECURE-09 TFS-SECURE-10 TFS-HANGUP-20",
)
class WithoutTls(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.url = request.url.copy_with(scheme="http")


@broken("TFS-HANGUP-08", "region comes before edge in the host.", also="TFS-CONSTRUCT-02 TFS-HANGUP-24")
class RegionBeforeEdge(_Host):
    def host(self, host: str) -> str:
        parts = host.split(".")
        return ".".join([parts[0], parts[2], parts[1], *parts[3:]]) if len(parts) == 5 else host


@broken("TFS-HANGUP-08", "region and edge are accepted and never used.", also="TFS-CONSTRUCT-02")
class RegionUnused(_Host):
    def host(self, host: str) -> str:
        return "api.twilio.com" if host.endswith(".twilio.com") and host.startswith("api.") else host


@broken(
    "TFS-HANGUP-08",
    "The edge is missing from the host, which is the legacy form.",
    also="TFS-SECURE-11 TFS-CONSTRUCT-02",
)
class RegionOnly(_Host):
    def host(self, host: str) -> str:
        parts = host.split(".")
        return ".".join([parts[0], *parts[2:]]) if len(parts) == 5 else host


@broken("TFS-HANGUP-09", "A goodbye message is sent at the end.", also="TFS-CLEAR-04 TFS-MESSAGE-07")
class StopIsSent(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return json.dumps({"event": "stop"}) if is_terminal(frame) else text


@broken(
    "TFS-HANGUP-09",
    "Twilio's response is returned to the transport, which sends it.",
    also="TFS-CLEAR-04",
)
class AnswerIsSent(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return "completed" if is_terminal(frame) else text


@broken(
    "TFS-HANGUP-17",
    "The SID of the API key replaces the account SID in the URL too.",
    also="TFS-HANGUP-04",
)
class KeyInTheTarget(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        _, _, pair = request.headers["Authorization"].partition(" ")
        user = base64.b64decode(pair).decode().partition(":")[0]
        if user.startswith("SK"):
            parts = request.url.raw_path.decode().split("/")
            parts[parts.index("Accounts") + 1] = user
            request.url = request.url.copy_with(raw_path="/".join(parts).encode())


@broken(
    "TFS-HANGUP-17",
    "The account SID is the user name, with the secret of the API key.",
    also="TFS-HANGUP-21",
)
class AccountWithKeysSecret(_Login):
    def login(self, user: str, password: str) -> str | None:
        return f"AC{user[2:]}:{password}" if user.startswith("SK") else f"{user}:{password}"


@broken(
    "TFS-HANGUP-18",
    "The slashes of the root and of the path are both kept (pipecat-ai/pipecat PR 4885).",
    also="TFS-HANGUP-04",
)
class DoubledSlash(_Target):
    def change_request(self, request: httpx.Request) -> None:
        if not request.url.host.endswith(".twilio.com") or request.url.host == "telephony.twilio.com":
            request.url = request.url.copy_with(raw_path=b"/" + request.url.raw_path)


@broken("TFS-HANGUP-18", "base_url is accepted and never used.")
class BaseUrlUnused(HookedSerializer):
    def __init__(self, *arguments: Any, base_url: str | None = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)


@broken("TFS-HANGUP-19", "base_url is not validated, so a mistake shows only when the call is over.")
class AnyBaseUrl(HookedSerializer):
    def __init__(self, *arguments: Any, base_url: str | None = None, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, base_url=base_url, **keywords)
        except ValueError:
            if base_url is None:
                raise
            super().__init__(*arguments, **keywords)
