"""Permitted variants of messages: JSON, and what their frames become."""

from __future__ import annotations

import json
import time
from typing import Any

from pipecat.frames.frames import (
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputTransportMessageFrame,
)

from tests.serializers.broken.base import HookedSerializer
from tests.serializers.permitted.registry import permitted


class _Rewritten(HookedSerializer):
    """Writes every message again with another JSON encoder."""

    def write(self, message: Any) -> str:
        return json.dumps(message)

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if text is None else self.write(json.loads(text))


@permitted("JSON without whitespace.")
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


@permitted("The members of a message in alphabetical order, at every depth.")
class SortedMembers(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, sort_keys=True)


@permitted("Characters outside ASCII are not escaped.")
class RawUnicode(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message, ensure_ascii=False)


@permitted("Slashes, which base64 contains, are escaped, as in PHP.")
class EscapedSolidus(_Rewritten):
    def write(self, message: Any) -> str:
        return json.dumps(message).replace("/", "\\/")


@permitted(
    "stop ends the pipeline, as many applications do themselves.",
    unmet="TFS-MESSAGE-06",
    reason="This is the purpose of the variant, and no MUST forbids it.",
)
class StopEndsThePipeline(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        try:
            return EndFrame() if frame is None and json.loads(data).get("event") == "stop" else frame
        except (ValueError, AttributeError, RecursionError):
            return frame


@permitted(
    "Marks are passed to the application as InputTransportMessageFrame, as in a fork.",
    unmet="TFS-MARK-03",
    reason="This is the purpose of the variant, and no MUST forbids it.",
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
    """Audio of the caller."""


@permitted("Media whose chunk number does not increase is taken for a duplicate.")
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


@permitted("A message whose sequenceNumber was seen before is taken for a repetition.")
class IgnoresRepeatedNumbers(HookedSerializer):
    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.seen: set[str] = set()

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is None:
            return None
        number = json.loads(data).get("sequenceNumber")
        if not isinstance(number, str):
            return frame
        is_new = number not in self.seen
        self.seen.add(number)
        return frame if is_new else None


@permitted("A message without the streamSid that Twilio sends with each gives None.")
class DemandsTheStream(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return frame if frame is not None and "streamSid" in json.loads(data) else None


@permitted("Frames carry metadata of Twilio's message, and a pts in nanoseconds.")
class MetadataAndPts(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if frame is not None:
            frame.metadata["twilio"] = {"length": len(data)}
            frame.pts = time.monotonic_ns()
        return frame
