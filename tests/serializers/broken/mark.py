"""Broken serializers of the chapter Mark."""

from __future__ import annotations

import json
from typing import Any

from pipecat.frames.frames import EndFrame, Frame, TextFrame

from tests.serializers.broken.base import TRANSPORT_MESSAGES, HookedSerializer, parse_object
from tests.serializers.broken.registry import broken


@broken("TFS-MARK-01", "mark is missing from the list of events that may be sent.", also="TFS-MESSAGE-0[12]")
class MarksHeldBack(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        is_mark = isinstance(frame, TRANSPORT_MESSAGES) and text and json.loads(text).get("event") == "mark"
        return None if is_mark else text


@broken("TFS-MARK-01", "A counter is appended to the names of marks to make them unique.")
class NumberedMarks(HookedSerializer):
    count = 0

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        message = json.loads(text) if isinstance(frame, TRANSPORT_MESSAGES) and text else None
        if not message or message.get("event") != "mark" or "mark" not in message:
            return text
        self.count += 1
        message["mark"]["name"] += f"-{self.count}"
        return json.dumps(message)


@broken(
    "TFS-MARK-02",
    "A returned mark is taken for the end of the conversation and ends the pipeline.",
    also="TFS-MARK-03",
)
class MarkEndsThePipeline(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return EndFrame() if parse_object(data).get("event") == "mark" else frame


@broken(
    "TFS-MARK-02",
    "mark.name is looked up among the marks sent, and unknown names raise KeyError.",
    also="TFS-INPUT-11 TFS-MARK-03",
)
class UnknownMarksRaise(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        if message.get("event") == "mark":
            raise KeyError(message.get("mark", {}).get("name"))
        return data


@broken(
    "TFS-MARK-03",
    "A fork passes marks on to its application as text.",
)
class MarksForTheApplication(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return TextFrame("mark") if parse_object(data).get("event") == "mark" else frame
