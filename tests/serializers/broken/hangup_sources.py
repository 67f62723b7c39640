"""Broken serializers of the chapter Hang-up: the socket or the environment has a say, or the headers disagree."""

from __future__ import annotations

import os
from typing import Any

import httpx

from tests.serializers.broken.base import HangUpHooks, HookedSerializer, parse_object
from tests.serializers.broken.registry import broken
from twilio_reference.hangup import HangUp, basic_login, call_url


class _FromTheStart(HookedSerializer):
    """Replaces arguments of the constructor by members of the start message."""

    taken: tuple[tuple[str, str], ...] = ()

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._given = keywords

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        start = parse_object(data).get("start")
        if isinstance(start, dict) and self._hang_up and self._given.get("auth_token"):
            taken = {name: start[member] for name, member in self.taken if isinstance(start.get(member), str)}
            given = self._given | taken
            sids = given["account_sid"], given["call_sid"]
            login = basic_login(given["call_sid"], given["account_sid"], given["auth_token"], None, None)
            places = {name: given.get(name) for name in ("region", "edge", "base_url")}
            self._hang_up = HangUp(call_url(*sids, **places), login)
        return data


@broken("TFS-HANGUP-20", "callSid of the start message replaces call_sid (openclaw PR 136506).")
class CallOfTheStart(_FromTheStart):
    taken = (("call_sid", "callSid"),)


@broken("TFS-HANGUP-20", "accountSid of the start message replaces account_sid, and the token is another's.")
class AccountOfTheStart(_FromTheStart):
    taken = (("account_sid", "accountSid"),)


@broken("TFS-HANGUP-20", "callSid of the stop message replaces call_sid where the stream is the own one.")
class CallOfTheStop(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        named = message.get("stop")
        if self._hang_up and message.get("streamSid") == self._stream_sid and isinstance(named, dict):
            root, _, _ = self._hang_up._url.rpartition("/")
            self._hang_up._url = f"{root}/{named.get('callSid')}.json"
        return data


@broken(
    "TFS-HANGUP-21",
    "The SID of the API key is sent with the auth token, as each is looked up first on its own.",
)
class KeySidWithToken(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if keywords.get("api_key_sid") and keywords.get("auth_token") and keywords.get("api_key_secret"):
            keywords |= {"api_key_secret": keywords["auth_token"], "auth_token": None}
        super().__init__(*arguments, **keywords)


@broken(
    "TFS-HANGUP-22",
    "Without region and edge, TWILIO_REGION and TWILIO_EDGE apply, as in Twilio's own client.",
)
class RegionOfTheEnvironment(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        region, edge = os.environ.get("TWILIO_REGION"), os.environ.get("TWILIO_EDGE")
        if region and edge and request.url.host == "api.twilio.com":
            request.url = request.url.copy_with(host=f"api.{edge}.{region}.twilio.com")
            request.headers["Host"] = request.url.host


@broken("TFS-HANGUP-22", "TWILIO_AUTH_TOKEN takes the place of auth_token, so that tokens can be changed.")
class TokenOfTheEnvironment(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        token = os.environ.get("TWILIO_AUTH_TOKEN")
        if token and keywords.get("auth_token"):
            keywords["auth_token"] = token
        super().__init__(*arguments, **keywords)


@broken("TFS-HANGUP-23", "The header is set by hand, and the client adds one for its auth argument.")
class TwoAuthorizationHeaders(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        login = request.headers["Authorization"]
        request.headers = httpx.Headers([*request.headers.multi_items(), ("Authorization", login)])


@broken("TFS-HANGUP-24", "The Host header is a constant, left from a time without regions.")
class HostOfTheDefaultRegion(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["Host"] = "api.twilio.com"


@broken("TFS-HANGUP-24", "The Host header is written without the port of base_url.")
class HostWithoutItsPort(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        request.headers["Host"] = request.url.host
