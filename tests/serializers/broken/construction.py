"""Broken serializers of the chapter Construction."""

from __future__ import annotations

from typing import Any, ClassVar

from pipecat.frames.frames import InterruptionFrame
from pydantic import BaseModel

from tests.serializers.broken.base import CAPABILITIES, HangUpHooks, HookedSerializer, OutgoingCodes
from tests.serializers.broken.registry import broken
from twilio_reference import TwilioFrameSerializer


@broken(
    "TFS-CONSTRUCT-01",
    "stream_sid is renamed to stream_id, as in the serializer for Telnyx.",
    also="TFS-CONSTRUCT-15 TFS-HANGUP-19 TFS-CONSTRUCT-04 TFS-CONSTRUCT-06 TFS-CONSTRUCT-07 TFS-CONSTRUCT-08 TFS-CONSTRUCT-09 TFS-CONSTRUCT-12 TFS-CONSTRUCT-13 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11 TFS-SECURE-12 TFS-CONSTRUCT-22",
)
class StreamIdForStreamSid(HookedSerializer):
    def __init__(self, stream_id: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_id, *arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-01",
    "edge does not exist yet, as before Pipecat 0.0.86 (PR 2627).",
    also="TFS-CONSTRUCT-03 TFS-CONSTRUCT-04 TFS-CONSTRUCT-06 TFS-CONSTRUCT-07 TFS-CONSTRUCT-08 TFS-CONSTRUCT-09 TFS-CONSTRUCT-13 TFS-SECURE-11",
)
class WithoutEdge(HookedSerializer):
    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        params: Any = None,
        **keywords: Any,
    ) -> None:
        if "edge" in keywords:
            raise TypeError("__init__() got an unexpected keyword argument 'edge'")
        super().__init__(
            stream_sid, call_sid, account_sid, auth_token, region, region and "ashburn", params, **keywords
        )


@broken("TFS-CONSTRUCT-02", "account_sid and call_sid are swapped in the signature.", also="TFS-SECURE-13")
class AccountBeforeCall(HookedSerializer):
    def __init__(
        self,
        stream_sid: str,
        account_sid: str | None = None,
        call_sid: str | None = None,
        *arguments: Any,
        **keywords: Any,
    ) -> None:
        super().__init__(stream_sid, call_sid, account_sid, *arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-02",
    "A new argument is inserted before region, as region was inserted before params (Pipecat 0.0.86); here the constructor itself rejects its arguments.",
    also="TFS-CONSTRUCT-03 TFS-SECURE-13",
    untestable=True,
)
class NewArgumentInTheMiddle(HookedSerializer):
    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        timeout: Any = None,
        region: str | None = None,
        edge: str | None = None,
        params: Any = None,
        **keywords: Any,
    ) -> None:
        super().__init__(stream_sid, call_sid, account_sid, auth_token, region, edge, params, **keywords)


@broken("TFS-CONSTRUCT-03", "base_url is inserted before params, as in Pipecat 1.5.0 (PR 4845).")
class BaseUrlBeforeParams(HookedSerializer):
    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        base_url: str | None = None,
        params: Any = None,
        **keywords: Any,
    ) -> None:
        super().__init__(
            stream_sid, call_sid, account_sid, auth_token, region, edge, params, base_url=base_url, **keywords
        )


@broken(
    "TFS-CONSTRUCT-04",
    "Credentials are required even without hang-up (first form of pipecat-ai/pipecat PR 2627).",
    also="TFS-CONSTRUCT-01 TFS-CONSTRUCT-03 TFS-CONSTRUCT-07 TFS-SECURE-13",
)
class CredentialsAlways(HookedSerializer):
    def __init__(
        self, stream_sid: str, call_sid: str | None = None, *arguments: Any, **keywords: Any
    ) -> None:
        if not call_sid:
            raise ValueError("call_sid is required")
        super().__init__(stream_sid, call_sid, *arguments, **keywords)


class NotASerializer:
    """A serializer without the base class."""

    InputParams = TwilioFrameSerializer.InputParams
    conformance_capabilities: ClassVar[tuple[str, ...]] = CAPABILITIES

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        """Wrap the reference."""
        self._inner = TwilioFrameSerializer(*arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@broken(
    "TFS-CONSTRUCT-05",
    "A tracing wrapper delegates everything but does not inherit from the base class.",
    also="TFS-MESSAGE-08",
)
class TracingWrapper(NotASerializer):
    pass


class _Lenient(HookedSerializer):
    """Accepts missing credentials and then never hangs up."""

    required: ClassVar[tuple[str, ...]] = ()

    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        names = ("call_sid", "account_sid", "auth_token", "region", "edge", "params")
        keywords |= dict(zip(names, arguments, strict=False))
        params = keywords.get("params") or TwilioFrameSerializer.InputParams()
        absent = [name for name in names[:3] if not keywords.get(name)]
        if keywords.get("api_key_sid") or keywords.get("api_key_secret"):
            absent = [name for name in absent if name != "auth_token"]
        if params.auto_hang_up and absent and not set(absent) & set(self.required):
            keywords["params"] = params.model_copy(update={"auto_hang_up": False})
        super().__init__(stream_sid, **keywords)


@broken(
    "TFS-CONSTRUCT-06",
    "Missing credentials only cause a warning at hang-up, as before Pipecat 0.0.86 (PR 2627).",
    also="TFS-CONSTRUCT-07 TFS-CONSTRUCT-12",
)
class MissingCredentialsPass(_Lenient):
    pass


@broken(
    "TFS-CONSTRUCT-06",
    "auth_token is not checked along with the other credentials (pipecat-ai/pipecat PR 2726).",
    also="TFS-CONSTRUCT-07 TFS-SECURE-13",
)
class TokenNotChecked(_Lenient):
    required = ("call_sid", "account_sid")


@broken(
    "TFS-CONSTRUCT-06",
    "The check is an assert, which raises AssertionError, or nothing with -O.",
    also="TFS-CONSTRUCT-15 TFS-HANGUP-19 TFS-CONSTRUCT-07 TFS-CONSTRUCT-08 TFS-CONSTRUCT-12 TFS-CONSTRUCT-13 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11",
)
class AssertForCheck(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, **keywords)
        except ValueError as error:
            raise AssertionError(str(error)) from None


class _Message(HookedSerializer):
    """A hook for the message of the constructor's ValueError."""

    def change_message(self, message: str) -> str:
        return message

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, **keywords)
        except ValueError as error:
            raise ValueError(self.change_message(str(error))) from None


@broken(
    "TFS-CONSTRUCT-07",
    "The message says only that credentials are missing (before pipecat-ai/pipecat PR 2726).",
)
class MissingSomething(_Message):
    def change_message(self, message: str) -> str:
        return "Twilio credentials are missing"


@broken("TFS-CONSTRUCT-07", "Only the first missing argument is named, so a user needs three attempts.")
class FirstMissingOnly(_Message):
    def change_message(self, message: str) -> str:
        return message.partition(",")[0]


@broken(
    "TFS-CONSTRUCT-08",
    "edge without region is ignored, so a call of another region is looked up in US1.",
)
class EdgeAloneIgnored(HookedSerializer):
    def __init__(
        self, *arguments: Any, edge: str | None = None, region: str | None = None, **keywords: Any
    ) -> None:
        keywords |= {"edge": edge, "region": region} if region else {}
        super().__init__(*arguments, **keywords)


@broken("TFS-CONSTRUCT-08", "region without edge gets a default edge, which is right for one region only.")
class DefaultEdge(HookedSerializer):
    def __init__(
        self, *arguments: Any, region: str | None = None, edge: str | None = None, **keywords: Any
    ) -> None:
        if len(arguments) < 5 and region:
            keywords |= {"region": region, "edge": edge or "ashburn"}
        elif edge:
            keywords |= {"edge": edge}
        super().__init__(*arguments, **keywords)


@broken("TFS-CONSTRUCT-09", "A region that is not used raises TypeError from a string operation on None.")
class UnusedRegionRaises(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        region, edge = keywords.get("region"), keywords.get("edge")
        params = keywords.get("params")
        if params is not None and not params.auto_hang_up and bool(region) != bool(edge):
            raise TypeError('can only concatenate str (not "NoneType") to str')
        super().__init__(*arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-10",
    "auto_hang_up is off by default, for safety.",
    also="TFS-CONSTRUCT-12",
)
class NoHangUpByDefault(HookedSerializer):
    class InputParams(TwilioFrameSerializer.InputParams):
        auto_hang_up: bool = False


@broken(
    "TFS-CONSTRUCT-10",
    "sample_rate is 16000 by default, as in Pipecat 0.0.40 (PR 359).",
    also="TFS-MEDIAIN-01 TFS-MEDIAIN-02 TFS-MEDIAIN-03 TFS-MEDIAIN-04 TFS-MEDIAIN-05 TFS-MEDIAIN-06 TFS-MEDIAIN-07 TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-SETUP-02 TFS-INPUT-0[1234578]",
)
class RateByDefault(HookedSerializer):
    class InputParams(TwilioFrameSerializer.InputParams):
        sample_rate: int | None = 16000


@broken(
    "TFS-CONSTRUCT-11",
    "InputParams is a plain BaseModel, as before Pipecat 0.0.102 (PR 3650).",
    also="TFS-MESSAGE-0[34]",
)
class ParamsOfTheirOwn(HookedSerializer):
    class InputParams(BaseModel):
        ignore_rtvi_messages: bool = True
        twilio_sample_rate: int = 8000
        sample_rate: int | None = None
        auto_hang_up: bool = True


@broken("TFS-CONSTRUCT-11", "InputParams takes its values by position, and a new field shifts the others.")
class PositionalParams(HookedSerializer):
    class InputParams(TwilioFrameSerializer.InputParams):
        def __init__(self, rate: int = 8000, /, **values: Any) -> None:
            super().__init__(**({"twilio_sample_rate": rate} | values))


@broken(
    "TFS-CONSTRUCT-12",
    "The constructor falls back to InputParams(auto_hang_up=False) without params.",
    also="TFS-HANGUP-19 TFS-CONSTRUCT-02 TFS-CONSTRUCT-06 TFS-CONSTRUCT-07 TFS-CONSTRUCT-08 TFS-CONSTRUCT-13 TFS-CONSTRUCT-14 TFS-FAULT-07 TFS-FAULT-10 TFS-FAULT-12 TFS-HANGUP-01 TFS-HANGUP-02 TFS-HANGUP-10 TFS-HANGUP-15 TFS-HANGUP-16 TFS-HANGUP-17 TFS-HANGUP-18 TFS-SECURE-01 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11",
)
class OtherDefaultsWithoutParams(HookedSerializer):
    def __init__(self, *arguments: Any, params: Any = None, **keywords: Any) -> None:
        if len(arguments) < 7:
            keywords["params"] = params or TwilioFrameSerializer.InputParams(auto_hang_up=False)
        super().__init__(*arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-12",
    "params is read without a default, and None has no such attribute.",
    also="TFS-HANGUP-19 TFS-CONSTRUCT-01 TFS-CONSTRUCT-06 TFS-CONSTRUCT-07 TFS-CONSTRUCT-08 TFS-CONSTRUCT-13 TFS-SECURE-09 TFS-SECURE-10 TFS-SECURE-11 TFS-CONSTRUCT-16",
)
class ParamsRequired(HookedSerializer):
    def __init__(self, *arguments: Any, params: Any = None, **keywords: Any) -> None:
        if params is None and len(arguments) < 7:
            raise AttributeError("'NoneType' object has no attribute 'auto_hang_up'")
        super().__init__(*arguments, **(keywords | ({"params": params} if params else {})))


@broken("TFS-CONSTRUCT-13", "auth_token is required in addition to the API key.", also="TFS-HANGUP-17")
class TokenBesideTheKey(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if keywords.get("api_key_sid") and keywords.get("api_key_secret"):
            raise ValueError("auth_token is missing")
        super().__init__(*arguments, **keywords)


@broken("TFS-CONSTRUCT-13", "Half an API key is only noticed when Twilio answers 401 at the end of the call.")
class HalfAKeyPasses(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        key = [keywords.get(name) for name in ("api_key_sid", "api_key_secret")]
        if any(key) and not all(key):
            keywords |= {"api_key_sid": "SK", "api_key_secret": "unknown", "auth_token": None}
        super().__init__(*arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-14",
    "The stream SID is stored on the class (pipecat-ai/pipecat PR 255).",
    isolated=True,
    also="TFS-SECURE-13",
)
class StreamOnTheClass(HookedSerializer):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_sid, *arguments, **keywords)
        type(self).latest = self._clear  # type: ignore[attr-defined]

    def after_serialize(self, frame: Any, text: Any) -> Any:
        return type(self).latest if isinstance(frame, InterruptionFrame) else text  # type: ignore[attr-defined]


@broken(
    "TFS-CONSTRUCT-14",
    "The hang-up flag is a class attribute, so the process hangs up once.",
    isolated=True,
    also="TFS-SECURE-09 TFS-SECURE-10 TFS-ABUSE-10",
)
class OneHangUpForAll(HangUpHooks):
    ended: ClassVar[list[str]] = []

    async def serialize(self, frame: Any) -> Any:
        if type(frame).__name__ in ("EndFrame", "CancelFrame") and self._hang_up:
            if self.ended and self.ended[0] != str(id(self)):
                return None
            self.ended.append(str(id(self)))
        return await super().serialize(frame)


@broken(
    "TFS-CONSTRUCT-14",
    "The buffer of outgoing audio is a default argument, so all calls of the process share it.",
    isolated=True,
    also="TFS-FIDELITY-14 TFS-LIVE-14 TFS-LATENCY-* TFS-FIDELITY-* TFS-LIVE-* TFS-ABUSE-05",
)
class BufferForAll(OutgoingCodes):
    def change_codes(self, codes: bytes, buffer: list[bytes] = [b""]) -> bytes:  # noqa: B006
        before, buffer[0] = buffer[0], codes[-20:]
        return before + codes[:-20]


@broken(
    "TFS-CONSTRUCT-15", "Any stream_sid is accepted, even None, as in Pipecat 1.14.0.", also="TFS-SECURE-13"
)
class AnyStreamSid(HookedSerializer):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        super().__init__(stream_sid or "none", *arguments, **keywords)
