"""Grade broken serializers whose fault shows in one situation only, and report the share that is killed.

Each broken serializer is joined with the reference under a condition drawn at random from the situations of its
chapter: with an API key, for speech, for the second call in the process. Where the condition holds the broken one acts,
elsewhere the reference.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from pipecat.frames import frames
from pipecat.serializers.base_serializer import FrameSerializer

from tests.proof.runner import Candidate, Runner, loader
from tests.serializers.broken.registry import BrokenSerializer
from twilio_conformance.spec import situations
from twilio_conformance.subject.target import Implementation
from twilio_reference import TwilioFrameSerializer

Construct = Callable[..., Any]
Arguments = dict[str, Any]

DOCUMENTED = ("stream_sid", "call_sid", "account_sid", "auth_token", "region", "edge")
"""The arguments that may be passed by position."""


@dataclass(frozen=True, slots=True)
class Condition:
    """When the fault shows.

    Attributes:
        dimension: The dimension of the situations that it is drawn from.
        phrase: The condition in words.
        at_construction: Decides by the arguments, with those by position named, and how many there were of these.
        at_setup: Decides by the rates of setup.
        for_frame: Decides by the frame; everything but frames is the reference's then.
        after: Decides by the calls so far, as names of methods and the types or texts that they were given.
    """

    dimension: str
    phrase: str
    at_construction: Callable[[Arguments, int, int], bool] | None = None
    at_setup: Callable[[Any], bool] | None = None
    for_frame: Callable[[frames.Frame], bool] | None = None
    after: Callable[[list[str]], bool] | None = None


def _is_own(frame: frames.Frame) -> bool:
    return type(frame).__module__ != frames.__name__


CONDITIONS = (
    Condition("credentials", "with an API key", lambda given, *_: bool(given.get("api_key_secret"))),
    Condition("address", "with a region", lambda given, *_: bool(given.get("region"))),
    Condition("address", "with region au1", lambda given, *_: given.get("region") == "au1"),
    Condition("address", "with a base_url", lambda given, *_: bool(given.get("base_url"))),
    Condition(
        "params",
        "with params of a subclass",
        lambda given, *_: type(given.get("params")) not in (type(None), TwilioFrameSerializer.InputParams),
    ),
    Condition("passing", "with arguments by position", lambda _, positional, __: positional > 0),
    Condition("around", "with TWILIO_REGION set", lambda *_: "TWILIO_REGION" in os.environ),
    Condition("beside", "for the second instance of a process", lambda _, __, count: count == 2),
    Condition("rate", "at 16 kHz", at_setup=lambda setup: setup.audio_in_sample_rate == 16000),
    Condition("rate", "at 24 kHz", at_setup=lambda setup: setup.audio_out_sample_rate == 24000),
    Condition("frame", "for TTSAudioRawFrame", for_frame=lambda it: isinstance(it, frames.TTSAudioRawFrame)),
    Condition("frame", "for an application's own class", for_frame=_is_own),
    Condition("before", "after an interruption", after=lambda calls: "InterruptionFrame" in calls[:-1]),
    Condition("before", "after a second setup", after=lambda calls: calls.count("setup") > 1),
    Condition("before", "after a message that is no JSON", after=lambda calls: "no JSON" in calls[:-1]),
    Condition("before", "after a start", after=lambda calls: "start" in calls[:-1]),
    Condition("between", "after a TextFrame", after=lambda calls: "TextFrame" in calls[:-1]),
    Condition("between", "after an unknown event", after=lambda calls: "unknown" in calls[:-1]),
)
"""What a fault may depend on, for each dimension of spec/situations.toml."""

ROTATED = ("credentials", "address", "params", "frame")
"""Dimensions through which checks of audio rotate."""

OF_AUDIO = ("for TTSAudioRawFrame",)
AUDIO_CHAPTERS = ("MEDIAOUT", "ABUSE", "LATENCY", "FIDELITY")
"""Conditions that only audio for Twilio can meet, and the chapters that send some."""


@dataclass(frozen=True, slots=True)
class Draw:
    """A broken serializer and the condition under which it is broken."""

    serializer: BrokenSerializer
    condition: Condition

    @property
    def name(self) -> str:
        """The name in the results."""
        return f"{self.serializer.name}, {self.condition.phrase}"


def draw(runner: Runner, registered: list[BrokenSerializer], seed: int) -> list[Draw]:
    """Return each broken serializer with one condition of a dimension that its requirement is crossed with."""
    random = Random(seed)
    drawn = []
    for serializer in registered:
        crossed = {
            value.dimension
            for task in runner.tasks_of(serializer.violates)
            for value in situations.parse(task.id)[1]
        }
        if runner.profiles[serializer.violates] == "audio":
            crossed = set(ROTATED)
        possible = [
            Draw(serializer, each)
            for each in CONDITIONS
            if each.dimension in crossed
            and (each.phrase not in OF_AUDIO or chapter_of(serializer) in AUDIO_CHAPTERS)
        ]
        if possible:
            drawn.append(random.choice(possible))
    return drawn


def chapter_of(serializer: BrokenSerializer) -> str:
    """Return the chapter of the requirement that a serializer violates, as in its id."""
    return serializer.violates.split("-")[1]


def find(chosen: Draw) -> Implementation:
    """Load a broken serializer that is broken under its condition only."""
    broken = loader(chosen.serializer.impl)()
    counts: Counter[str] = Counter()

    def construct(*positional: Any, **named: Any) -> Any:
        counts["instances"] += 1
        given = dict(zip(DOCUMENTED, positional, strict=False)) | named
        decide = chosen.condition.at_construction
        if decide is not None:
            kind = (
                broken.construct
                if decide(given, len(positional), counts["instances"])
                else TwilioFrameSerializer
            )
            return kind(*positional, **named)
        return _Joined(
            TwilioFrameSerializer(*positional, **named),
            broken.construct(*positional, **named),
            chosen.condition,
        )

    return replace(broken, construct=construct, capabilities=frozenset({"base_url", "api_key"}))


class _Joined(FrameSerializer):
    """Gives each call to the sound or to the broken instance."""

    def __init__(self, sound: Any, broken: Any, condition: Condition) -> None:
        super().__init__()
        self._sound, self._broken, self._condition = sound, broken, condition
        self._calls: list[str] = []
        self._is_broken = False

    async def setup(self, configuration: Any) -> None:
        self._calls.append("setup")
        await self._sound.setup(configuration)
        await self._broken.setup(configuration)
        if self._condition.at_setup is not None:
            self._is_broken = self._condition.at_setup(configuration)

    async def serialize(self, frame: Any) -> Any:
        if self._condition.for_frame is not None:
            self._is_broken = self._condition.for_frame(frame)
        return await self._next(type(frame).__name__).serialize(frame)

    async def deserialize(self, data: Any) -> Any:
        return await self._next(_kind(data)).deserialize(data)

    def _next(self, call: str) -> Any:
        self._calls.append(call)
        if self._condition.after is not None:
            self._is_broken = self._condition.after(self._calls)
        return self._broken if self._is_broken else self._sound


def _kind(data: Any) -> str:
    text = data if isinstance(data, str) else bytes(data).decode("utf-8", "replace")
    for event in ("start", "unknown"):
        if f'"event":"{event}"' in text[:40]:
            return event
    return "no JSON" if not text.endswith("}") else "message"


def grade(runner: Runner, drawn: list[Draw]) -> tuple[dict[str, list[int]], list[str]]:
    """Grade each draw by the checks of its own requirement.

    Returns:
        By dimension, how many were killed and how many there were; and the survivors.
    """
    by_name = {each.name: each for each in drawn}
    work = [
        (
            Candidate(each.name, lambda each=each: find(each), isolated=True),  # type: ignore[misc]
            runner.tasks_of(each.serializer.violates),
        )
        for each in drawn
    ]
    shares: dict[str, list[int]] = {}
    survivors = []
    for candidate, results in runner.grade(work, lambda results: bool(results.failures())):
        chosen = by_name[candidate.name]
        share = shares.setdefault(chosen.condition.dimension, [0, 0])
        share[1] += 1
        if results.failures():
            share[0] += 1
        else:
            survivors.append(f"{chosen.name}: {chosen.serializer.violates} passes {results.error}".strip())
            print(f"  {survivors[-1]}", flush=True)
    return shares, survivors


def sentences(shares: dict[str, list[int]]) -> Iterator[str]:
    """Yield how many were killed, in all and for each dimension."""
    killed, count = (sum(share[part] for share in shares.values()) for part in (0, 1))
    yield f"conditionally broken serializers killed: {killed} of {count}"
    for dimension, (dead, all_of_it) in sorted(shares.items()):
        yield f"{dimension} {dead} of {all_of_it}"
