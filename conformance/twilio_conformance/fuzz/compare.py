"""Compares what two implementations did in one session, within what the specification permits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.fuzz import hangups, oracle, sound
from twilio_conformance.fuzz.differences import Difference
from twilio_conformance.fuzz.oracle import ANYTHING, AUDIO, KEY, NOTHING, TEXT, Topic
from twilio_conformance.fuzz.sound import Discord

Json = dict[str, Any]

WIRE_RATE = 8000

_OF_SENT = {"shorter": "TFS-LATENCY-03", "longer": "TFS-FIDELITY-01", "lost": "TFS-LATENCY-05",
            "leaked": "TFS-FIDELITY-02", "unlike": "TFS-FIDELITY-02"}  # fmt: skip


def compare(session: Json, actual: Json, expected: Json, names: Mapping[str, str]) -> list[Difference]:
    """The differences of a session, the gravest first; none where all that differs is permitted.

    Args:
        session: `given` and `steps` of a vector.
        actual: What was seen of the implementation.
        expected: What was seen of the reference.
        names: What ${name} stands for.
    """
    if "ended" in expected or (expected["obstacle"] is not None and expected["construction"] is None):
        deed = f"the reference {expected.get('ended') or expected['obstacle']}"
        return [Difference(None, deed, deed=deed)]
    if "ended" in actual:
        return [Difference(None, f"the implementation {actual['ended']}", deed=actual["ended"])]
    if actual["obstacle"] is not None or expected["obstacle"] is not None:
        return list(_construction(session, actual, expected))
    story = _Story(session, names)
    found = list(_steps(story, actual, expected))
    if not found and not story.is_tainted:
        found += _sent(story, actual, expected)
        found += _heard(story, actual, expected)
    if not found:
        found += hangups.compare(session, actual, expected)
    return found


def _construction(session: Json, actual: Json, expected: Json) -> Iterator[Difference]:
    arguments = session["given"]["arguments"]
    hangs_up = arguments.get("params", {}).get("auto_hang_up", True)
    ours, theirs = actual["construction"], expected["construction"]
    if ours is not None and theirs is None:
        if hangs_up or "ValueError" not in (ours["kind"], *ours["bases"]):
            yield Difference("TFS-CONSTRUCT-01", f"the constructor raised {ours['kind']}", deed="refuses")
    elif theirs is not None and ours is None and hangs_up:
        is_half = all(arguments.get(name) for name in ("call_sid", "account_sid", "auth_token"))
        requirement = "TFS-CONSTRUCT-08" if is_half else "TFS-CONSTRUCT-06"
        missing = {"raises": "ValueError"}
        text = "the constructor did not raise"
        yield Difference(requirement, text, deed="accepts", wanted=missing, is_construction=True)
    elif ours is None and theirs is None:
        yield Difference("TFS-SETUP-01", actual["obstacle"] or "setup succeeded", deed="setup")


@dataclass
class _Story:
    """A session with what is demanded of each step, and what speaks against comparing its audio."""

    session: Json
    names: Mapping[str, str]
    topics: list[Topic | None] = field(default_factory=list)
    is_tainted: bool = False
    only_wire_rate: bool = True
    paused: bool = False
    mixed: bool = False

    def __post_init__(self) -> None:
        given = self.session["given"]
        rate = None if given["setup"] is None else given["setup"]["audio_out_sample_rate"]
        rate_in = set_up = rate
        ignores_rtvi = given["arguments"].get("params", {}).get("ignore_rtvi_messages", True)
        for step in self.session["steps"]:
            topic = None
            if "setup" in step:
                rate = set_up = step["setup"]["audio_out_sample_rate"]
                rate_in = rate_in or rate
            elif "deserialize" in step:
                topic = oracle.of_message(step["deserialize"], self.names, is_set_up=rate is not None)
                if topic.demand == AUDIO and rate_in != set_up:
                    topic = Topic("TFS-ABUSE-06", AUDIO)
            elif "serialize" in step:
                frame = step["serialize"]
                topic = oracle.of_frame(frame, ignores_rtvi=ignores_rtvi, rate=rate)
                if "sample_rate" in frame and topic.demand == AUDIO:
                    rate = frame["sample_rate"]
                    self.only_wire_rate &= rate == WIRE_RATE
                    self.mixed |= frame["num_channels"] > 1
            else:
                self.paused = True
            self.topics.append(topic)
            self.is_tainted |= topic is not None and topic.demand == ANYTHING


def _steps(story: _Story, actual: Json, expected: Json) -> Iterator[Difference]:
    for number, (topic, ours, theirs) in enumerate(
        zip(story.topics, actual["steps"], expected["steps"], strict=True)
    ):
        if ours["raised"] is not None and theirs["raised"] is None:
            requirement = topic.requirement if topic else "TFS-ABUSE-06"
            kind = ours["raised"]["kind"]
            wanted: Json = {"raises": None}
            if topic is not None and topic.demand == NOTHING:
                wanted = {"returns": "nothing"}
            deed = f"raises {kind}"
            if kind == hangups.NEVER_RETURNED:
                requirement, deed = hangups.BOUND if "serialize" in ours["call"] else requirement, "hangs"
            text = f"{_short(ours['call'])} raised {kind}"
            yield Difference(requirement, text, deed=deed, step=number, wanted=wanted)
        elif topic is not None and ours["raised"] is None and theirs["raised"] is None:
            difference = _value(topic, ours, theirs)
            if difference is not None:
                yield difference.at(number)


def _short(call: str) -> str:
    """A call in one line of a report: long arguments are cut, and the cut is shown."""
    return call if len(call) <= 80 else f"{call[:78]}…)"


def _value(topic: Topic, ours: Json, theirs: Json) -> Difference | None:
    value, other = ours["value"], theirs["value"]
    if topic.demand == ANYTHING:
        return None
    if topic.demand == NOTHING:
        if value is None or other is not None:
            return None
        kind = value.get("frame", "text" if "text" in value else "something")
        is_grave = topic.silent_on is None or kind in ("InputAudioRawFrame", "InputDTMFFrame", "EndFrame")
        requirement = topic.requirement if is_grave or topic.silent_on is None else topic.silent_on
        return Difference(requirement, f"{_short(ours['call'])} returned {kind}, the reference None",
                          deed=f"returns {kind}", wanted={"returns": "nothing"})  # fmt: skip
    if topic.demand == KEY:
        key, wanted = _key(value), {"frame": {"frame": "InputDTMFFrame", "button": _key(other)}}
        if key == _key(other):
            return None
        text = f"{_short(ours['call'])} gave the key {key}"
        return Difference(topic.requirement, text, deed="key", wanted=wanted)
    if topic.demand == TEXT:
        return _text(topic, ours, theirs)
    return _audio_message(ours)


def _key(value: Json | None) -> str | None:
    if value is None or "InputDTMFFrame" not in (value.get("frame"), *value.get("bases", ())):
        return None
    return str(value["carried"].get("button"))


def _text(topic: Topic, ours: Json, theirs: Json) -> Difference | None:
    value, other = _parsed(ours["value"]), _parsed(theirs["value"])
    is_text = ours["value"] is not None and "text" in ours["value"]
    if value == other and (is_text or topic.requirement != "TFS-CLEAR-01"):
        return None
    return Difference(topic.requirement, f"{_short(ours['call'])} gave {json.dumps(value)[:120]}", deed="text",
                      wanted={"returns": {"json": other}})  # fmt: skip


def _parsed(value: Json | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value["text"] if "text" in value else base64.b64decode(value.get("bytes", "")))
    except ValueError:
        return f"not JSON: {value}"


def _audio_message(ours: Json) -> Difference | None:
    """The form of a media message, or the class of an audio frame; None may come at any time."""
    value = ours["value"]
    if value is None:
        return None
    if ours["call"].startswith("deserialize"):
        if "InputAudioRawFrame" in (value.get("frame"), *value.get("bases", ())):
            return None
        return Difference("TFS-MEDIAIN-01", f"gave {value.get('frame', 'no frame')}", deed="frame")
    message = _parsed(value)
    if "text" not in value or not isinstance(message, dict):
        return Difference("TFS-MEDIAOUT-01", "gave no text with a JSON object", deed="form")
    if message.keys() != {"event", "streamSid", "media"} or message["media"].keys() != {"payload"}:
        return Difference("TFS-MEDIAOUT-02", f"gave the members {sorted(message)}", deed="members")
    return None


def _sent(story: _Story, actual: Json, expected: Json) -> Iterator[Difference]:
    """Differences of what was sent to the caller, between one interruption and the next."""
    ours, theirs = (list(_stretches(story, seen)) for seen in (actual, expected))
    has_silence = _ends_with_silence(story, "serialize")
    for number, (codes, others) in enumerate(zip(ours, theirs, strict=True)):
        if story.only_wire_rate and not story.mixed:
            discord = sound.compare_codes(codes, others)
        else:
            discord = sound.compare_converted(
                ulaw.decode(codes), ulaw.decode(others), WIRE_RATE,
                has_silence=has_silence and number == len(ours) - 1,
            )  # fmt: skip
        if discord is None:
            continue
        requirement = _OF_SENT[discord.kind]
        if number and discord.kind in ("longer", "leaked"):
            requirement = "TFS-LATENCY-06"
        elif story.mixed:
            requirement = "TFS-ABUSE-03"
        elif discord.kind == "unlike" and story.only_wire_rate:
            requirement = "TFS-MEDIAOUT-05"
        elif discord.kind in ("shorter", "longer") and story.only_wire_rate:
            requirement = "TFS-MEDIAOUT-08"
        elif discord.kind == "lost" and not story.paused:
            requirement = "TFS-LATENCY-07" if number else "TFS-FIDELITY-01"
        yield _of_discord(requirement, discord, "to Twilio")


def _heard(story: _Story, actual: Json, expected: Json) -> Iterator[Difference]:
    """Differences of what the caller said."""
    ours, theirs = (list(_frames(story, seen)) for seen in (actual, expected))
    for (rate, pcm), (other_rate, other) in zip(_by_rate(ours), _by_rate(theirs), strict=False):
        if rate != other_rate:
            yield Difference(
                "TFS-SETUP-02", f"a sample_rate of {rate}, the reference's is {other_rate}", deed="rate"
            )
            return
        if rate == WIRE_RATE:
            discord = sound.compare_pcm(pcm, other)
            if discord is not None:
                requirement = "TFS-MEDIAIN-02" if discord.kind == "unlike" else "TFS-MEDIAIN-03"
                yield _of_discord(requirement, discord, "from Twilio")
        else:
            discord = sound.compare_converted(
                pcm, other, rate, has_silence=_ends_with_silence(story, "deserialize")
            )
            if discord is not None:
                yield _of_discord(_OF_SENT[discord.kind], discord, "from Twilio")
    if not ours and sum(len(pcm) / rate for rate, pcm in theirs) > sound.WITHHELD:
        yield Difference("TFS-LATENCY-03", "gave no audio at all", deed="shorter from Twilio")


def _of_discord(requirement: str, discord: Discord, place: str) -> Difference:
    return Difference(requirement, f"{place}: {discord.sentence}", deed=f"{discord.kind} {place}")


def _stretches(story: _Story, seen: Json) -> Iterator[bytes]:
    codes = b""
    for topic, step in zip(story.topics, seen["steps"], strict=True):
        if topic is not None and topic.requirement == "TFS-CLEAR-01":
            yield codes
            codes = b""
        message = _parsed(step["value"]) if topic is not None and topic.demand == AUDIO else None
        if isinstance(message, dict) and isinstance(message.get("media"), dict):
            codes += base64.b64decode(str(message["media"].get("payload", "")))
    yield codes


def _frames(story: _Story, seen: Json) -> Iterator[tuple[int, Samples]]:
    for topic, step in zip(story.topics, seen["steps"], strict=True):
        value = step["value"]
        if topic is not None and topic.demand == AUDIO and value is not None and "carried" in value:
            audio = base64.b64decode(value["carried"].get("audio", ""))
            yield value["carried"]["sample_rate"], np.frombuffer(audio[: len(audio) // 2 * 2], "<i2")


def _by_rate(frames: list[tuple[int, Samples]]) -> list[tuple[int, Samples]]:
    joined: list[tuple[int, Samples]] = []
    for rate, pcm in frames:
        if joined and joined[-1][0] == rate:
            joined[-1] = rate, np.concatenate((joined[-1][1], pcm))
        else:
            joined.append((rate, pcm))
    return joined


def _ends_with_silence(story: _Story, way: str) -> bool:
    """Whether the last step gives half a second of silence this way, which brings out what was withheld."""
    last = story.session["steps"][-1] if story.session["steps"] else {}
    if way not in last:
        return False
    if way == "serialize":
        frame = last["serialize"]
        content = frame.get("audio")
        is_silent = isinstance(content, dict) and not any(base64.b64decode(content["base64"]))
        return is_silent and oracle.length(frame) >= frame["sample_rate"]
    message = last["deserialize"].get("json")
    if not isinstance(message, dict) or message.get("event") != "media":
        return False
    codes = base64.b64decode(message["media"]["payload"])
    return len(codes) >= WIRE_RATE // 2 and set(codes) == {0xFF}
