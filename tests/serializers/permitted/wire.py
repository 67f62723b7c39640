"""Variants of what is sent to Twilio and taken from it: JSON, base classes, arguments."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer as PipecatsSerializer

from tests.serializers.broken.base import CAPABILITIES, HookedSerializer
from tests.serializers.permitted.registry import permitted
from twilio_reference import TwilioFrameSerializer


class _Rewritten(HookedSerializer):
    """Every text is written anew."""

    def write(self, message: Any) -> str:
        return json.dumps(message)

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if text is None else self.write(json.loads(text))


@permitted("JSON without white space.")
class CompactJson(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, separators=(",", ":"))


@permitted("JSON with indentation and a final newline.")
class IndentedJson(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, indent=2) + "\n"


@permitted("The members of a message in reverse order.")
class ReversedMembers(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(dict(reversed(message.items())))


@permitted("The members of a message, at every depth, in alphabetical order.")
class SortedMembers(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, sort_keys=True)


@permitted("Characters beyond ASCII are written as they are.")
class RawUnicode(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, ensure_ascii=False)


@permitted("Solidus is escaped, as PHP and others do it; base64 is full of them.")
class EscapedSolidus(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message).replace("/", "\\/")


@permitted(
    "stop ends the pipeline, as many applications do by hand.",
    unmet="TFS-MESSAGE-06",
    reason="It is the purpose of the variant; the MUST beside it permits it.",
)
class StopEndsThePipeline(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        try:
            return EndFrame() if frame is None and json.loads(data).get("event") == "stop" else frame
        except (ValueError, AttributeError, RecursionError):
            return frame


@permitted(
    "Marks go to the application as InputTransportMessageFrame, as a fork does it.",
    unmet="TFS-MARK-03",
    reason="It is the purpose of the variant; the MUST beside it permits it.",
)
class MarksAsMessages(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        try:
            message = json.loads(data)
            is_mark = frame is None and message["event"] == "mark"
        except (ValueError, KeyError, TypeError, RecursionError):
            return frame
        return InputTransportMessageFrame(message=message) if is_mark else frame


@permitted("The caller's audio is a subclass of InputAudioRawFrame.")
class OwnInputFrame(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return (
            _CallersAudio(frame.audio, frame.sample_rate, 1)
            if isinstance(frame, InputAudioRawFrame)
            else frame
        )


class _CallersAudio(InputAudioRawFrame):
    """Audio of a caller."""


@permitted(
    "The pipecat class itself.",
    profiles="core",
    unmet="TFS-MEDIAIN-09 TFS-MEDIAIN-10 TFS-MEDIAOUT-12 TFS-CONSTRUCT-03 TFS-HANGUP-14",
    reason="Known findings of pipecat-ai 1.14.0.",
)
class PipecatItself(PipecatsSerializer):
    pass


@permitted(
    "A subclass of Pipecat's class that keeps to the caller's track.",
    profiles="core",
    unmet="TFS-MEDIAIN-10 TFS-MEDIAOUT-12 TFS-CONSTRUCT-03 TFS-HANGUP-14",
    reason="Known findings of pipecat-ai 1.14.0.",
)
class PipecatSubclass(PipecatsSerializer):
    async def deserialize(self, data: str | bytes) -> Any:
        message = json.loads(data)
        is_echo = message.get("event") == "media" and message["media"].get("track", "inbound") != "inbound"
        return None if is_echo else await super().deserialize(data)


@permitted("A FrameSerializer that delegates to another, without inheriting from it.")
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
    reason="It hands the token on to another constructor, on a line that a traceback shows.",
)
def made(stream_sid: str, *arguments: Any, **keywords: Any) -> TwilioFrameSerializer:
    """The reference, made by a function."""
    return TwilioFrameSerializer(stream_sid, *arguments, **keywords)


@permitted("More keyword-only arguments and more parameters.")
class MoreArguments(HookedSerializer):
    class InputParams(TwilioFrameSerializer.InputParams):
        verbose: bool = False
        name: str = "agent"

    def __init__(self, *arguments: Any, tracer: Any = None, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._tracer = tracer


@permitted(
    "No base_url and no API keys: capabilities that it does not claim.",
    unmet="TFS-SECURE-13",
    reason="It hands the token on to another constructor, on a line that a traceback shows.",
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


@permitted("region and edge are checked as a pair whether they are used or not.")
class PairAlwaysChecked(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        if bool(keywords.get("region")) != bool(keywords.get("edge")) and len(arguments) < 5:
            raise ValueError("region and edge must be given together")
        super().__init__(*arguments, **keywords)


@permitted("The ValueErrors are of a class of their own, with more words.")
class OwnValueError(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        try:
            super().__init__(*arguments, **keywords)
        except ValueError as error:
            raise CredentialsError(f"Cannot hang up later: {error}. See the manual.") from None


class CredentialsError(ValueError):
    """A ValueError that says more."""


@permitted("Media whose chunk number is not above the last one's is taken for a repetition.")
class IgnoresRepeatedChunks(HookedSerializer):
    last = 0

    async def deserialize(self, data: str | bytes) -> Any:
        frame = await super().deserialize(data)
        if isinstance(frame, InputAudioRawFrame):
            number = str(json.loads(data)["media"].get("chunk", ""))
            if number.isdecimal():
                self.last, last = max(int(number), self.last), self.last
                return frame if int(number) > last else None
        return frame
