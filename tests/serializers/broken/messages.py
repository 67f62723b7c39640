"""Mutants of the chapters DTMF, Mark and Messages."""

from __future__ import annotations

import contextlib
import json
from typing import Any

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputDTMFFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TextFrame,
)

from tests.serializers.broken.base import Seamed
from tests.serializers.broken.registry import mutant

_TRANSPORT = (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)


def _parsed(data: str | bytes) -> dict[str, Any]:
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(data)
        if isinstance(message, dict):
            return message
    return {}


def _dtmf(data: str | bytes) -> dict[str, Any]:
    message = _parsed(data)
    dtmf = message.get("dtmf") if message.get("event") == "dtmf" else None
    return dtmf if isinstance(dtmf, dict) else {}


# DTMF


@mutant("TFS-DTMF-01", "Only the digits are keys: int() reads them.", also="TFS-DTMF-0[34]")
class DigitsOnly(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return None if isinstance(frame, InputDTMFFrame) and not frame.button.value.isdigit() else frame


@mutant("TFS-DTMF-01", "Star and pound are mixed up in a table typed by hand.", also="TFS-DTMF-0[34]")
class StarForPound(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame) and frame.button.value in "*#":
            return InputDTMFFrame(KeypadEntry("#" if frame.button.value == "*" else "*"))
        return frame


@mutant(
    "TFS-DTMF-01",
    "The digit is handed on as text, not as a KeypadEntry.",
    also="TFS-INPUT-07 TFS-INPUT-09 TFS-INPUT-10 TFS-MEDIAIN-05 TFS-DTMF-0[34]",
)
class DigitAsText(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            frame.button = frame.button.value  # type: ignore[assignment]
        return frame


@mutant("TFS-DTMF-02", "KeypadEntry(digit) raises for A to D (pipecat-ai/pipecat PR 6321).")
class UnknownKeysRaise(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        if "digit" in dtmf:
            KeypadEntry(dtmf["digit"])
        return data


@mutant(
    "TFS-DTMF-02",
    "The digit is stripped and cut to one character before it is looked up.",
)
class FirstCharacter(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        if isinstance(digit := dtmf.get("digit"), str):
            return json.dumps(_parsed(data) | {"dtmf": dtmf | {"digit": digit.strip()[:1]}})
        return data


@mutant("TFS-DTMF-02", "str(digit) is looked up, so that the number 5 is a key.")
class NumbersAreKeys(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        return (
            json.dumps(_parsed(data) | {"dtmf": dtmf | {"digit": str(dtmf["digit"])}})
            if dtmf.get("digit") is not None
            else data
        )


@mutant("TFS-DTMF-03", "Only the track inbound is taken, though dtmf.track reads inbound_track.",
        also="TFS-DTMF-01 TFS-DTMF-04 TFS-INPUT-07 TFS-INPUT-09 TFS-INPUT-10 TFS-MEDIAIN-05 TFS-HANGUP-12 TFS-MEDIAIN-03")  # fmt: skip
class InboundKeysOnly(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        is_other = isinstance(frame, InputDTMFFrame) and _dtmf(data).get("track") != "inbound"
        return None if is_other else frame


@mutant("TFS-DTMF-03", "track is read with [] and is missing from another provider's message.")
class TrackIsRequired(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        return "null" if dtmf and "track" not in dtmf else data


@mutant(
    "TFS-DTMF-04",
    "The same key twice is taken for a bounce of the key.",
    also="TFS-INPUT-09 TFS-INPUT-10 TFS-DTMF-0[123]",
)
class Debounced(Seamed):
    last = ""

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputDTMFFrame):
            return frame
        self.last, before = frame.button.value, self.last
        return None if before == self.last else frame


# Mark


@mutant("TFS-MARK-01", "mark is not in the list of events that may be sent.",
        also="TFS-MESSAGE-0[12]")  # fmt: skip
class MarksHeldBack(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        is_mark = isinstance(frame, _TRANSPORT) and text and json.loads(text).get("event") == "mark"
        return None if is_mark else text


@mutant("TFS-MARK-01", "Names of marks are made unique by a counter that nobody asked for.")
class NumberedMarks(Seamed):
    count = 0

    def sent(self, frame: Frame, text: Any) -> Any:
        message = json.loads(text) if isinstance(frame, _TRANSPORT) and text else None
        if not message or message.get("event") != "mark" or "mark" not in message:
            return text
        self.count += 1
        message["mark"]["name"] += f"-{self.count}"
        return json.dumps(message)


@mutant(
    "TFS-MARK-02",
    "A returned mark says that the agent has finished, so the pipeline is ended.",
    also="TFS-MARK-03",
)
class MarkEndsThePipeline(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return EndFrame() if _parsed(data).get("event") == "mark" else frame


@mutant("TFS-MARK-02", "mark.name is looked up among the marks sent, and raises KeyError for the others.",
        also="TFS-INPUT-11 TFS-MARK-03")  # fmt: skip
class UnknownMarksRaise(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        message = _parsed(data)
        if message.get("event") == "mark":
            raise KeyError(message.get("mark", {}).get("name"))
        return data


@mutant(
    "TFS-MARK-03",
    "A fork hands marks on as text for its application.",
)
class MarksForTheApplication(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return TextFrame("mark") if _parsed(data).get("event") == "mark" else frame


# Messages


class _OwnMessages(Seamed):
    """The seam for an application's own messages."""

    kinds: tuple[type[Frame], ...] = _TRANSPORT

    def rewrite(self, text: str) -> Any:
        return text

    def sent(self, frame: Frame, text: Any) -> Any:
        return self.rewrite(text) if text is not None and isinstance(frame, self.kinds) else text


@mutant("TFS-MESSAGE-01", "Only the urgent frame is handled (Pipecat had one kind before PR 1104).",
        also="TFS-MARK-01 TFS-MESSAGE-04")  # fmt: skip
class UrgentOnly(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def sent(self, frame: Frame, text: Any) -> Any:
        return None if type(frame) is OutputTransportMessageFrame else text


@mutant(
    "TFS-MESSAGE-01",
    "str() of the dict is sent: single quotes, True and None are not JSON.",
    also="TFS-MARK-01 TFS-MESSAGE-04 TFS-ABUSE-08",
)
class PythonForJson(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        return str(json.loads(text))


@mutant("TFS-MESSAGE-01", "The text is stripped of what is not ASCII.", also="TFS-MARK-01")
class AsciiOnly(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        plain = json.dumps(json.loads(text), ensure_ascii=False)
        return plain.encode("ascii", "ignore").decode()


@mutant(
    "TFS-MESSAGE-01",
    "Empty and null members are dropped, as pydantic's exclude_none does.",
    also="TFS-MARK-01",
)
class WithoutNulls(_OwnMessages):
    kinds = (OutputTransportMessageFrame,)

    def rewrite(self, text: str) -> Any:
        return json.dumps({name: value for name, value in json.loads(text).items() if value is not None})


@mutant("TFS-MESSAGE-02", "The urgent frame is a class of its own, and isinstance does not see it (pipecat-ai/pipecat PR 1104).",
        also="TFS-MARK-01 TFS-MESSAGE-04")  # fmt: skip
class PlainOnly(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, OutputTransportMessageUrgentFrame) else text


@mutant("TFS-MESSAGE-02", "The urgent message is wrapped in an envelope of its own.",
        also="TFS-MARK-01 TFS-MESSAGE-04")  # fmt: skip
class UrgentEnvelope(_OwnMessages):
    kinds = (OutputTransportMessageUrgentFrame,)

    def rewrite(self, text: str) -> Any:
        return json.dumps({"urgent": True, "message": json.loads(text)})


@mutant("TFS-MESSAGE-02", "Urgent messages are encoded for the socket at once (Twilio: 31950).")
class UrgentAsBytes(_OwnMessages):
    kinds = (OutputTransportMessageUrgentFrame,)

    def rewrite(self, text: str) -> Any:
        return text.encode()


@mutant("TFS-MESSAGE-03", "RTVI messages go out to Twilio, as before pipecat-ai/pipecat PR 3650 (issue 3634).",
        also="TFS-CONSTRUCT-12")  # fmt: skip
class RtviSent(Seamed):
    def should_ignore_frame(self, frame: Frame) -> bool:
        return False


@mutant("TFS-MESSAGE-03", "The filter looks at plain frames only, not at urgent ones.")
class UrgentRtviSent(Seamed):
    def should_ignore_frame(self, frame: Frame) -> bool:
        return not isinstance(frame, OutputTransportMessageUrgentFrame) and super().should_ignore_frame(frame)


@mutant("TFS-MESSAGE-04", "ignore_rtvi_messages is inherited but never read.")
class RtviAlwaysHeldBack(Seamed):
    def given(self, frame: Frame) -> Frame:
        is_rtvi = (
            isinstance(frame, _TRANSPORT)
            and isinstance(frame.message, dict)
            and frame.message.get("label") == "rtvi-ai"
        )
        return TextFrame("") if is_rtvi else frame


@mutant(
    "TFS-MESSAGE-05",
    "start is expected at accept, so that a second one raises.",
    also="TFS-MESSAGE-06 TFS-MEDIAIN-* TFS-INPUT-*",
)
class StartRaises(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        if _parsed(data).get("event") == "start":
            raise RuntimeError("the stream has started already")
        return data


@mutant(
    "TFS-MESSAGE-05",
    "An unknown event raises NotImplementedError.",
    also="TFS-MESSAGE-06 TFS-INPUT-* TFS-MEDIAIN-*",
)
class UnknownEventsRaise(Seamed):
    events = (None, "connected", "start", "media", "dtmf", "mark", "stop")

    def heard(self, data: str | bytes) -> str | bytes:
        event = _parsed(data).get("event")
        if isinstance(event, str) and event not in self.events:
            raise NotImplementedError(event)
        return data


@mutant(
    "TFS-MESSAGE-05",
    "Whatever carries media is audio, whatever its event is.",
    also="TFS-MESSAGE-06 TFS-INPUT-0[39]",
)
class AnythingWithMedia(Seamed):
    def heard(self, data: str | bytes) -> str | bytes:
        message = _parsed(data)
        return json.dumps(message | {"event": "media"}) if "media" in message else data


@mutant("TFS-MESSAGE-06", "stop is handed on as text, and the model reads it out.")
class StopAsText(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return TextFrame("stop") if _parsed(data).get("event") == "stop" else frame


@mutant("TFS-MESSAGE-06", "stop ends the pipeline from within the serializer.")
class StopEndsThePipeline(Seamed):
    def understood(self, data: str | bytes, frame: Any) -> Any:
        return EndFrame() if _parsed(data).get("event") == "stop" else frame


@mutant("TFS-MESSAGE-07", "Text frames are sent for a browser that no longer listens.")
class TextIsSent(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return json.dumps({"event": "text", "text": frame.text}) if isinstance(frame, TextFrame) else text


@mutant("TFS-MESSAGE-07", "Frames that are not handled raise instead of giving None.",
        also="TFS-CLEAR-04 TFS-HANGUP-12 TFS-MEDIAOUT-* TFS-ABUSE-*")  # fmt: skip
class UnhandledFramesRaise(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        if (
            text is None
            and not isinstance(frame, (*_TRANSPORT, EndFrame))
            and "Audio" not in type(frame).__name__
            and "Cancel" not in type(frame).__name__
        ):
            raise TypeError(f"{type(frame).__name__} cannot be serialized")
        return text


@mutant(
    "TFS-MESSAGE-07",
    "None is an empty text for Twilio.",
    also="TFS-CLEAR-04 TFS-MEDIAOUT-* TFS-HANGUP-09 TFS-MESSAGE-03 TFS-ABUSE-*",
)
class EmptyText(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        is_other = not isinstance(frame, (EndFrame, *_TRANSPORT)) and "Audio" not in type(frame).__name__
        return "" if text is None and is_other else text
