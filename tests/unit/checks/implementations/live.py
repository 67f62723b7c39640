"""Serializers that break a whole call in one way each, or differ in a way that is permitted.

As a program it grades them, because the network double and the clock are put into the process, and prints
JSON: by class, the status of every requirement that the class names.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import sys
import time
from typing import Any, ClassVar

from pipecat.frames import frames

from tests.proof.runner import Candidate, Runner, loader
from twilio_conformance.audio import ulaw
from twilio_reference import TwilioFrameSerializer

LANES = 4
"""Calls are in real time, and wait for most of it."""


class Live(TwilioFrameSerializer):
    """The reference with its audio and texts in reach; `violates` and `keeps` name requirements."""

    violates: ClassVar[str] = ""
    keeps: ClassVar[str] = ""

    def codes(self, codes: bytes) -> bytes:
        """The codes to send in place of these."""
        return codes

    async def serialize(self, frame: frames.Frame) -> Any:
        text = await super().serialize(frame)
        if not isinstance(frame, frames.OutputAudioRawFrame) or not isinstance(text, str):
            return text
        message = json.loads(text)
        codes = self.codes(base64.b64decode(message["media"]["payload"]))
        message["media"]["payload"] = base64.b64encode(codes).decode()
        return json.dumps(message) if codes else None


class HoldsBack(Live):
    """Keeps some codes until more come; an interruption drops them."""

    held, seconds = b"", 0.2
    violates = "01 02 03 04 07"
    keeps = "05 08"

    def codes(self, codes: bytes) -> bytes:
        kept = round(self.seconds * 8000)
        self.held += codes
        ready, self.held = self.held[: max(0, len(self.held) - kept)], self.held[-kept:]
        return ready

    async def serialize(self, frame: frames.Frame) -> Any:
        if isinstance(frame, frames.InterruptionFrame):
            self.held = b""
        return await super().serialize(frame)


class HoldsBackWhatItMay(HoldsBack):
    """Keeps 40 ms."""

    seconds, violates, keeps = 0.04, "", "01 03 05 06 07 08 12 15"


class DropsAMessage(Live):
    """Loses one message in twenty."""

    violates, count = "05", 0

    def codes(self, codes: bytes) -> bytes:
        self.count += 1
        return b"" if self.count % 20 == 0 else codes


class StandsStill(Live):
    """Waits for 0.3 s before each twentieth frame, as a rate limiter does; nothing is lost."""

    violates, keeps, count = "15", "05", 0

    async def serialize(self, frame: frames.Frame) -> Any:
        if isinstance(frame, frames.OutputAudioRawFrame):
            self.count += 1
            if self.count % 20 == 0:
                await asyncio.sleep(0.3)
        return await super().serialize(frame)


class ForgetsAtAPause(Live):
    """Takes a pause for the end, and loses the first 50 ms after it."""

    violates, keeps, last = "06", "05", 0.0
    lost = 0

    async def deserialize(self, data: str | bytes) -> frames.Frame | None:
        frame = await super().deserialize(data)
        if isinstance(frame, frames.InputAudioRawFrame):
            now = time.monotonic()
            self.lost = 3 if self.last and now - self.last > 0.2 else max(0, self.lost - 1)
            self.last = now
            return None if self.lost else frame
        return frame


class SpeaksOnAfterAClear(HoldsBackWhatItMay):
    """Keeps 40 ms through an interruption too."""

    violates, keeps = "08", "01"

    async def serialize(self, frame: frames.Frame) -> Any:
        held = self.held
        text = await super().serialize(frame)
        if isinstance(frame, frames.InterruptionFrame):
            self.held = held
        return text


class LosesAKey(Live):
    """Knows no hash key."""

    violates = "09"

    async def deserialize(self, data: str | bytes) -> frames.Frame | None:
        return None if '"#"' in str(data) else await super().deserialize(data)


class RaisesAtAnArray(Live):
    """Takes every message for an object."""

    violates, keeps = "10", "09"

    async def deserialize(self, data: str | bytes) -> frames.Frame | None:
        if data == "[]":
            raise AttributeError("'list' object has no attribute 'get'")
        return await super().deserialize(data)


class HangsUpTwice(Live):
    """Hangs up at each of two frames, and each time through another one that knows nothing of the first."""

    violates, keeps = "11", "13"

    def __init__(self, *positional: Any, **arguments: Any) -> None:
        super().__init__(*positional, **arguments)
        self.other = TwilioFrameSerializer(*positional, **arguments)

    async def serialize(self, frame: frames.Frame) -> Any:
        if isinstance(frame, frames.EndFrame | frames.CancelFrame):
            await self.other.serialize(frame)
        return await super().serialize(frame)


class NeverHangsUp(Live):
    """Forgets CancelFrame."""

    violates = "11"

    async def serialize(self, frame: frames.Frame) -> Any:
        return None if isinstance(frame, frames.CancelFrame) else await super().serialize(frame)


class SwallowsMarks(Live):
    """Sends no message of the application."""

    violates = "12"

    async def serialize(self, frame: frames.Frame) -> Any:
        return (
            None if isinstance(frame, frames.OutputTransportMessageFrame) else await super().serialize(frame)
        )


class AddsATrack(Live):
    """Echoes the shape of what Twilio sends."""

    violates = "13"

    async def serialize(self, frame: frames.Frame) -> Any:
        text = await super().serialize(frame)
        return text.replace('"payload"', '"track": "outbound", "payload"') if text else text


class SharesItsState(Live):
    """Mixes in what any instance sent last."""

    violates = "14"
    last: ClassVar[bytes] = b""

    def codes(self, codes: bytes) -> bytes:
        other, SharesItsState.last = SharesItsState.last, codes
        if len(other) != len(codes):
            return codes
        return ulaw.encode(ulaw.decode(codes) // 2 + ulaw.decode(other) // 2)


SPECIMENS = {
    name: kind
    for name, kind in globals().copy().items()
    if inspect.isclass(kind) and issubclass(kind, Live) and kind is not Live
}


def main() -> None:
    """Grades all of them."""
    lab = Runner(jobs=LANES)
    work = [
        (
            Candidate(
                f"{name} {number}", loader(f"tests.unit.checks.implementations.live:{name}"), isolated=True
            ),
            tasks,
        )
        for name, kind in SPECIMENS.items()
        for number in f"{kind.violates} {kind.keeps}".split()
        if (tasks := lab.tasks_of(f"TFS-LIVE-{number}"))
    ]
    found: dict[str, dict[str, str | None]] = {}
    for specimen, findings in lab.grade(work):
        name, _, number = specimen.name.partition(" ")
        found.setdefault(name, {})[number] = findings.status(f"TFS-LIVE-{number}")
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
