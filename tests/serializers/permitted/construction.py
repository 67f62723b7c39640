"""Permitted variants of the class: base classes, factories, constructor arguments, errors."""

from __future__ import annotations

import json
import re
from typing import Any, ClassVar

from pipecat.frames.frames import (
    Frame,
)
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer as PipecatsSerializer

from tests.serializers.broken.base import CAPABILITIES, HookedSerializer
from tests.serializers.permitted.registry import permitted
from twilio_reference import TwilioFrameSerializer


@permitted(
    "Pipecat's own class.",
    profiles="core",
    unmet="TFS-DTMF-10 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-MEDIAOUT-12 TFS-CONSTRUCT-03 TFS-HANGUP-14",
    reason="Known failures of pipecat-ai 1.14.0.",
)
class PipecatItself(PipecatsSerializer):
    pass


@permitted(
    "A subclass of Pipecat's class that accepts only the caller's track.",
    profiles="core",
    unmet="TFS-DTMF-10 TFS-MEDIAIN-10 TFS-MEDIAOUT-12 TFS-CONSTRUCT-03 TFS-HANGUP-14",
    reason="Known failures of pipecat-ai 1.14.0.",
)
class PipecatSubclass(PipecatsSerializer):
    async def deserialize(self, data: str | bytes) -> Any:
        message = json.loads(data)
        is_echo = message.get("event") == "media" and message["media"].get("track", "inbound") != "inbound"
        return None if is_echo else await super().deserialize(data)


@permitted(
    "A FrameSerializer that delegates to the reference instead of inheriting from it.",
    unmet="TFS-MESSAGE-08",
    reason="The serializer inside does not know should_ignore_frame of a subclass of the one around it.",
)
class Delegating(FrameSerializer):
    InputParams = TwilioFrameSerializer.InputParams
    conformance_capabilities: ClassVar[tuple[str, ...]] = CAPABILITIES

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        params: Any = None,
        **keywords: Any,
    ) -> None:
        self._inner = TwilioFrameSerializer(
            stream_sid, call_sid, account_sid, auth_token, region, edge, params, **keywords
        )
        super().__init__(params or self.InputParams())

    async def setup(self, setup: Any) -> None:
        await self._inner.setup(setup)

    async def serialize(self, frame: Frame) -> Any:
        return await self._inner.serialize(frame)

    async def deserialize(self, data: str | bytes) -> Any:
        return await self._inner.deserialize(data)


@permitted(
    "A factory instead of a class.",
    unmet="TFS-SECURE-13",
    reason="It passes the token to another constructor, on a line that a traceback with values shows.",
)
def made(stream_sid: str, *arguments: Any, **keywords: Any) -> TwilioFrameSerializer:
    """Return the reference."""
    return TwilioFrameSerializer(stream_sid, *arguments, **keywords)


@permitted("More keyword-only arguments and more fields of InputParams.")
class MoreArguments(HookedSerializer):
    class InputParams(TwilioFrameSerializer.InputParams):
        verbose: bool = False
        name: str = "agent"

    def __init__(self, *arguments: Any, tracer: Any = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._tracer = tracer


@permitted(
    "Neither base_url nor API keys, and it claims neither capability.",
    unmet="TFS-SECURE-13",
    reason="It passes the token to another constructor, on a line that a traceback with values shows.",
)
class DocumentedArgumentsOnly(TwilioFrameSerializer):
    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        params: Any = None,
    ) -> None:
        super().__init__(stream_sid, call_sid, account_sid, auth_token, region, edge, params)


@permitted("region and edge are checked as a pair even if they are not used.")
class PairAlwaysChecked(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if bool(keywords.get("region")) != bool(keywords.get("edge")) and len(arguments) < 5:
            raise ValueError("region and edge must be given together")
        super().__init__(*arguments, **keywords)


@permitted("A token and an API key are refused together, as in pipecat-ai 1.14.0.")
class RefusesTokenAndKey(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if keywords.get("auth_token") and keywords.get("api_key_sid"):
            raise ValueError("either auth_token or an API key, not both")
        super().__init__(*arguments, **keywords)


@permitted("The token is used where a token and a whole API key are given.")
class PrefersTheToken(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if all(keywords.get(name) for name in ("auth_token", "api_key_sid", "api_key_secret")):
            keywords |= {"api_key_sid": None, "api_key_secret": None}
        super().__init__(*arguments, **keywords)


@permitted("A subclass of ValueError with a longer message.")
class OwnValueError(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, **keywords)
        except ValueError as error:
            raise CredentialsError(f"Cannot hang up later: {error}. See the manual.") from None


class CredentialsError(ValueError):
    """A ValueError with a longer message."""


@permitted(
    "SIDs are refused unless they are well formed.",
    unmet="TFS-SECURE-13",
    reason="It passes the token to another constructor, on a line that a traceback with values shows.",
)
class RefusesOtherSids(HookedSerializer):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_sid, *arguments, **keywords)
        given = dict(zip(("call_sid", "account_sid"), arguments, strict=False)) | keywords
        for name, prefix in (("call_sid", "CA"), ("account_sid", "AC")):
            sid = given.get(name)
            if self._hang_up and not re.fullmatch(rf"{prefix}[0-9A-Fa-f]{{32}}", str(sid)):
                raise ValueError(f"{name} is not {prefix} and 32 hexadecimal digits")
