"""Broken serializers of the chapter DTMF."""

from __future__ import annotations

import json
from typing import Any

from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import InputDTMFFrame

from tests.serializers.broken.base import HookedSerializer, parse_object
from tests.serializers.broken.registry import broken


@broken("TFS-DTMF-01", "Only digits are accepted as keys, because int() parses them.", also="TFS-DTMF-0[34]")
class DigitsOnly(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return None if isinstance(frame, InputDTMFFrame) and not frame.button.value.isdigit() else frame


@broken("TFS-DTMF-01", "Star and pound are swapped in a handwritten table.", also="TFS-DTMF-0[34]")
class StarForPound(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame) and frame.button.value in "*#":
            return InputDTMFFrame(KeypadEntry("#" if frame.button.value == "*" else "*"))
        return frame


@broken(
    "TFS-DTMF-01",
    "The digit is passed on as text instead of a KeypadEntry.",
    also="TFS-INPUT-07 TFS-INPUT-09 TFS-INPUT-10 TFS-MEDIAIN-05 TFS-DTMF-0[34] TFS-INPUT-06 TFS-INPUT-08",
)
class DigitAsText(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            frame.button = frame.button.value  # type: ignore[assignment]
        return frame


def _dtmf(data: str | bytes) -> dict[str, Any]:
    message = parse_object(data)
    dtmf = message.get("dtmf") if message.get("event") == "dtmf" else None
    return dtmf if isinstance(dtmf, dict) else {}


@broken(
    "TFS-DTMF-02",
    "KeypadEntry(digit) raises for A to D (pipecat-ai/pipecat PR 6321).",
    also="TFS-INPUT-08",
)
class UnknownKeysRaise(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        if "digit" in dtmf:
            KeypadEntry(dtmf["digit"])
        return data


@broken(
    "TFS-DTMF-02",
    "The digit is stripped and cut to one character before the lookup.",
)
class FirstCharacter(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        if isinstance(digit := dtmf.get("digit"), str):
            return json.dumps(parse_object(data) | {"dtmf": dtmf | {"digit": digit.strip()[:1]}})
        return data


@broken("TFS-DTMF-02", "str(digit) is looked up, so the number 5 is accepted as a key.")
class NumbersAreKeys(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        return (
            json.dumps(parse_object(data) | {"dtmf": dtmf | {"digit": str(dtmf["digit"])}})
            if dtmf.get("digit") is not None
            else data
        )


@broken(
    "TFS-DTMF-03",
    "Only the track inbound is accepted, although dtmf.track is inbound_track.",
    also="TFS-DTMF-01 TFS-DTMF-04 TFS-INPUT-07 TFS-INPUT-09 TFS-INPUT-10 TFS-MEDIAIN-05 TFS-HANGUP-12 TFS-MEDIAIN-03 TFS-INPUT-06 TFS-INPUT-08",
)
class InboundKeysOnly(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        is_other = isinstance(frame, InputDTMFFrame) and _dtmf(data).get("track") != "inbound"
        return None if is_other else frame


@broken("TFS-DTMF-03", "track is read with [], and another provider's message does not have it.")
class TrackIsRequired(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        dtmf = _dtmf(data)
        return "null" if dtmf and "track" not in dtmf else data


@broken("TFS-DTMF-10", "streamSid is never compared, as in pipecat-ai 1.14.0.")
class KeysOfAnyStream(HookedSerializer):
    def before_deserialize(self, data: str | bytes) -> str | bytes:
        is_key = parse_object(data).get("event") == "dtmf"
        return json.dumps(parse_object(data) | {"streamSid": self._stream_sid}) if is_key else data


@broken(
    "TFS-DTMF-04",
    "The same key twice is taken for contact bounce.",
    also="TFS-INPUT-09 TFS-INPUT-10 TFS-DTMF-0[123]",
)
class Debounced(HookedSerializer):
    last = ""

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputDTMFFrame):
            return frame
        self.last, before = frame.button.value, self.last
        return None if before == self.last else frame
