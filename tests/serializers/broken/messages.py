"""Broken serializers of the chapter Messages."""

from __future__ import annotations

import json
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TextFrame,
)

from tests.serializers.broken.base import TRANSPORT_MESSAGES, HookedSerializer, parse_object
from tests.serializers.broken.registry import broken


class _OwnMessages(HookedSerializer):
    """A hook for transport messages of the application."""

    kinds: tuple[type[Frame], ...] = TRANSPORT_MESSAGES

    def rewrite(self, text: str) -> Any:
        return text

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return self.rewrite(text) if text is not None and isinstance(frame, self.kinds) else text


@broken(
    "TFS-MESSAGE-01",
    "Only the urgent frame is handled (Pipecat had a single class before PR 1104).",
    also="TFS-MARK-01 TFS-MESSAGE-04",
)
class UrgentOnly(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if type(frame) is OutputTransportMessageFrame else text


@broken(
    "TFS-MESSAGE-01",
    "str() of the dict is sent, and single quotes, True and None are not JSON.",
    also="TFS-MARK-01 TFS-MESSAGE-04 TFS-ABUSE-08",
)
class PythonForJson(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        return str(json.loads(text))


@broken("TFS-MESSAGE-01", "Characters outside ASCII are removed from the text.", also="TFS-MARK-01")
class AsciiOnly(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
        return plain.encode("ascii", "ignore").decode()


@broken(
    "TFS-MESSAGE-01",
    "Empty and null members are dropped, as by pydantic's exclude_none.",
    also="TFS-MARK-01",
)
class WithoutNulls(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        return json.dumps({name: value for name, value in json.loads(text).items() if value is not None})


@broken(
    "TFS-MESSAGE-02",
    "The urgent frame is a separate class, which isinstance does not match (pipecat-ai/pipecat PR 1104).",
    also="TFS-MARK-01 TFS-MESSAGE-04",
)
class PlainOnly(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, OutputTransportMessageUrgentFrame) else text


@broken(
    "TFS-MESSAGE-02",
    "The urgent message is wrapped in an envelope of its own.",
    also="TFS-MARK-01 TFS-MESSAGE-04",
)
class UrgentEnvelope(_OwnMessages):
    kinds = (OutputTransportMessageUrgentFrame,)

    def rewrite(self, text: str) -> Any:
        return json.dumps({"urgent": True, "message": json.loads(text)})


@broken("TFS-MESSAGE-02", "Urgent messages are encoded to bytes for the socket (Twilio: 31950).")
class UrgentAsBytes(_OwnMessages):
    kinds = (OutputTransportMessageUrgentFrame,)

    def rewrite(self, text: str) -> Any:
        return text.encode()


@broken(
    "TFS-MESSAGE-03",
    "RTVI messages are sent to Twilio, as before pipecat-ai/pipecat PR 3650 (issue 3634).",
    also="TFS-CONSTRUCT-12",
)
class RtviSent(HookedSerializer):
    def should_ignore_frame(self, frame: Frame) -> bool:
        return False


@broken("TFS-MESSAGE-03", "The RTVI filter checks plain frames but not urgent ones.")
class UrgentRtviSent(HookedSerializer):
    def should_ignore_frame(self, frame: Frame) -> bool:
        return not isinstance(frame, OutputTransportMessageUrgentFrame) and super().should_ignore_frame(frame)


@broken("TFS-MESSAGE-04", "ignore_rtvi_messages is inherited but never read.")
class RtviAlwaysHeldBack(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        is_rtvi = (
            isinstance(frame, TRANSPORT_MESSAGES)
            and isinstance(frame.message, dict)
            and frame.message.get("label") == "rtvi-ai"
        )
        return TextFrame("") if is_rtvi else frame


@broken(
    "TFS-MESSAGE-05",
    "start is expected once, when the socket is accepted; a second one raises.",
    also="TFS-MESSAGE-06 TFS-MEDIAIN-* TFS-INPUT-*",
)
class StartRaises(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        if parse_object(data).get("event") == "start":
            raise RuntimeError("the stream has started already")
        return data


@broken(
    "TFS-MESSAGE-05",
    "An unknown event raises NotImplementedError.",
    also="TFS-MESSAGE-06 TFS-INPUT-* TFS-MEDIAIN-*",
)
class UnknownEventsRaise(HookedSerializer):
    events = (None, "connected", "start", "media", "dtmf", "mark", "stop")

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        event = parse_object(data).get("event")
        if isinstance(event, str) and event not in self.events:
            raise NotImplementedError(event)
        return data


@broken(
    "TFS-MESSAGE-05",
    "Any message with a media member is taken for audio, whatever its event.",
    also="TFS-MESSAGE-06 TFS-INPUT-0[39]",
)
class AnythingWithMedia(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        return json.dumps(message | {"event": "media"}) if "media" in message else data


@broken("TFS-MESSAGE-06", "stop is passed on as text, and the model reads it out.")
class StopAsText(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return TextFrame("stop") if parse_object(data).get("event") == "stop" else frame


@broken("TFS-MESSAGE-06", "stop ends the pipeline from within the serializer.")
class StopEndsThePipeline(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return EndFrame() if parse_object(data).get("event") == "stop" else frame


@broken("TFS-MESSAGE-07", "Text frames are sent, as for a browser client.")
class TextIsSent(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return json.dumps({"event": "text", "text": frame.text}) if isinstance(frame, TextFrame) else text


@broken(
    "TFS-MESSAGE-07",
    "Frames that are not handled raise instead of returning None.",
    also="TFS-CLEAR-04 TFS-HANGUP-12 TFS-MEDIAOUT-* TFS-ABUSE-*",
)
class UnhandledFramesRaise(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if (
            text is None
            and not isinstance(frame, (*TRANSPORT_MESSAGES, EndFrame))
            and "Audio" not in type(frame).__name__
            and "Cancel" not in type(frame).__name__
        ):
            raise TypeError(f"{type(frame).__name__} cannot be serialized")
        return text


@broken(
    "TFS-MESSAGE-07",
    "An empty string is returned instead of None.",
    also="TFS-CLEAR-04 TFS-MEDIAOUT-* TFS-HANGUP-09 TFS-MESSAGE-03 TFS-ABUSE-*",
)
class EmptyText(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        is_other = (
            not isinstance(frame, (EndFrame, *TRANSPORT_MESSAGES)) and "Audio" not in type(frame).__name__
        )
        return "" if text is None and is_other else text


@broken("TFS-MESSAGE-08", "The label is compared here, and should_ignore_frame is never asked.")
class NeverAsks(HookedSerializer):
    async def serialize(self, frame: Frame) -> Any:
        if isinstance(frame, TRANSPORT_MESSAGES) and frame.message.get("label") != "rtvi-ai":
            return json.dumps(frame.message)
        return await super().serialize(frame)


@broken("TFS-MESSAGE-09", "Each mark that comes back is reported as an unknown event.")
class WarnsOfMarks(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if parse_object(data).get("event") == "mark":
            logger.warning("unknown event")
        return frame
