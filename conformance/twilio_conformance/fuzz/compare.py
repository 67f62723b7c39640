"""Comparison of what two implementations did in one session, within what the specification permits."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from itertools import groupby
from typing import Any

import numpy as np

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.fuzz import hangups, oracle, sound
from twilio_conformance.fuzz.oracle import ANYTHING, AUDIO, KEY, NOTHING, TEXT, Discrepancy, Rule

Json = dict[str, Any]

WIRE_RATE = 8000

_OF_SPEECH = {"shorter": "TFS-LATENCY-03", "longer": "TFS-FIDELITY-01", "lost": "TFS-LATENCY-05",
              "leaked": "TFS-FIDELITY-02", "unlike": "TFS-FIDELITY-02"}  # fmt: skip


def compare(session: Json, actual: Json, expected: Json) -> list[Discrepancy]:
    """Return the discrepancies between what was seen of a session on both, most serious first."""
    if "ended" in expected or (expected["obstacle"] is not None and expected["construction"] is None):
        end = f"the reference {expected.get('ended') or expected['obstacle']}"
        return [Discrepancy(None, end, end)]
    if "ended" in actual:
        return [Discrepancy(None, f"the implementation {actual['ended']}", actual["ended"])]
    if actual["obstacle"] is not None or expected["obstacle"] is not None:
        return list(_construction(session, actual, expected))
    rules = _Rules(session)
    found = list(_steps(rules, actual, expected))
    if not found and not any(rule and rule.returns == ANYTHING for rule in rules.steps):
        found += [*_sent(rules, actual, expected), *_received(rules, actual, expected)]
    return found or list(hangups.compare(session, actual, expected))


def _construction(session: Json, actual: Json, expected: Json) -> Iterator[Discrepancy]:
    arguments = session["given"]["arguments"]
    hangs_up = arguments.get("params", {}).get("auto_hang_up", True)
    ours, theirs = actual["construction"], expected["construction"]
    if ours is not None and theirs is None:
        if hangs_up or "ValueError" not in (ours["kind"], *ours["bases"]):
            yield Discrepancy("TFS-CONSTRUCT-01", f"the constructor raised {ours['kind']}", "refuses")
    elif theirs is not None and ours is None and hangs_up:
        has_credentials = all(arguments.get(name) for name in ("call_sid", "account_sid", "auth_token"))
        requirement = "TFS-CONSTRUCT-08" if has_credentials else "TFS-CONSTRUCT-06"
        expectation = {"raises": "ValueError"}
        text = "the constructor did not raise"
        yield Discrepancy(requirement, text, "accepts", expectation=expectation, is_construction=True)
    elif ours is None and theirs is None:
        yield Discrepancy("TFS-SETUP-01", actual["obstacle"] or "setup succeeded", "setup")


class _Rules:
    """The rule of each step (None for setup and pauses), and what decides how its audio is compared."""

    def __init__(self, session: Json) -> None:
        given = session["given"]
        self.steps: list[Rule | None] = []
        self.last = session["steps"][-1] if session["steps"] else {}
        self.only_wire_rate, self.has_pauses, self.has_stereo = True, False, False
        rate = None if given["setup"] is None else given["setup"]["audio_out_sample_rate"]
        rate_in = set_up = rate
        ignores_rtvi = given["arguments"].get("params", {}).get("ignore_rtvi_messages", True)
        for step in session["steps"]:
            rule = None
            if "setup" in step:
                rate = set_up = step["setup"]["audio_out_sample_rate"]
                rate_in = rate_in or rate
            elif "deserialize" in step:
                rule = oracle.rule_for_message(step["deserialize"], is_set_up=rate is not None)
                if rule.returns == AUDIO and rate_in != set_up:
                    rule = Rule("TFS-ABUSE-06", AUDIO)
            elif "serialize" in step:
                frame = step["serialize"]
                rule = oracle.rule_for_frame(frame, ignores_rtvi=ignores_rtvi, rate=rate)
                if "sample_rate" in frame and rule.returns == AUDIO:
                    rate = frame["sample_rate"]
                    self.only_wire_rate &= rate == WIRE_RATE
                    self.has_stereo |= frame["num_channels"] > 1
            else:
                self.has_pauses = True
            self.steps.append(rule)

    def audio_values(self, seen: Json) -> Iterator[Json | None]:
        """Yield the values of the steps that return audio, and None at an interruption."""
        for rule, step in zip(self.steps, seen["steps"], strict=True):
            if rule is not None and rule.requirement == "TFS-CLEAR-01":
                yield None
            elif rule is not None and rule.returns == AUDIO and step["value"] is not None:
                yield step["value"]

    def ends_with_silence(self, method: str) -> bool:
        """Whether the last step passes half a second of silence to a method, which flushes its speech."""
        if method not in self.last:
            return False
        if method == "serialize":
            frame = self.last["serialize"]
            content = frame.get("audio")
            is_silent = isinstance(content, dict) and not any(base64.b64decode(content["base64"]))
            return is_silent and oracle.audio_size(frame) >= int(frame["sample_rate"])
        message = self.last["deserialize"].get("json")
        if not isinstance(message, dict) or message.get("event") != "media":
            return False
        codes = base64.b64decode(message["media"]["payload"])
        return len(codes) >= WIRE_RATE // 2 and set(codes) == {0xFF}


def _steps(rules: _Rules, actual: Json, expected: Json) -> Iterator[Discrepancy]:
    steps = zip(rules.steps, actual["steps"], expected["steps"], strict=True)
    for number, (rule, ours, theirs) in enumerate(steps):
        call = ours["call"] if len(ours["call"]) <= 80 else f"{ours['call'][:78]}…)"
        found = None
        if ours["raised"] is not None and theirs["raised"] is None:
            found = _exception(rule, ours)
        elif rule is not None and ours["raised"] is None and theirs["raised"] is None:
            found = _value(rule, ours, theirs)
        if found is not None:
            requirement, text, behavior, expectation = found
            yield Discrepancy(requirement, f"{call} {text}", behavior, number, expectation)


_Found = tuple[str, str, str, Json | None]


def _exception(rule: Rule | None, ours: Json) -> _Found:
    requirement, kind = rule.requirement if rule else "TFS-ABUSE-06", ours["raised"]["kind"]
    behavior = f"raises {kind}"
    if kind == hangups.NEVER_RETURNED:
        requirement, behavior = hangups.BOUND if "serialize" in ours["call"] else requirement, "hangs"
    returns_nothing = rule is not None and rule.returns == NOTHING
    expectation = {"returns": "nothing"} if returns_nothing else {"raises": None}
    return requirement, f"raised {kind}", behavior, expectation


def _value(rule: Rule, ours: Json, theirs: Json) -> _Found | None:
    value, other = ours["value"], theirs["value"]
    if rule.returns == NOTHING and value is not None and other is None:
        kind = value.get("frame", "text" if "text" in value else "something")
        is_minor = rule.minor and kind not in ("InputAudioRawFrame", "InputDTMFFrame", "EndFrame")
        requirement = rule.minor if rule.minor and is_minor else rule.requirement
        return requirement, f"returned {kind}, the reference None", f"returns {kind}", {"returns": "nothing"}
    if rule.returns == KEY and _key(value) != _key(other):
        expectation = {"frame": {"frame": "InputDTMFFrame", "button": _key(other)}}
        return rule.requirement, f"gave the key {_key(value)}", "key", expectation
    if rule.returns == TEXT:
        message, wanted = _parsed(value), _parsed(other)
        is_text = value is not None and "text" in value
        if message != wanted or not (is_text or rule.requirement != "TFS-CLEAR-01"):
            text = f"gave {json.dumps(message)[:120]}"
            return rule.requirement, text, "text", {"returns": {"json": wanted}}
    if rule.returns == AUDIO and value is not None:
        return _audio_form(ours["call"], value)
    return None


def _key(value: Json | None) -> str | None:
    if value is None or "InputDTMFFrame" not in (value.get("frame"), *value.get("bases", ())):
        return None
    return str(value["carried"].get("button"))


def _parsed(value: Json | None) -> Any:
    if value is None:
        return None
    try:
        return json.loads(value["text"] if "text" in value else base64.b64decode(value.get("bytes", "")))
    except ValueError:
        return f"not JSON: {value}"


def _audio_form(call: str, value: Json) -> _Found | None:
    """Check the members of a media message, or the class of an audio frame."""
    if call.startswith("deserialize"):
        if "InputAudioRawFrame" in (value.get("frame"), *value.get("bases", ())):
            return None
        return "TFS-MEDIAIN-01", f"gave {value.get('frame', 'no frame')}", "frame", None
    message = _parsed(value)
    if "text" not in value or not isinstance(message, dict):
        return "TFS-MEDIAOUT-01", "gave no text with a JSON object", "form", None
    if message.keys() != {"event", "streamSid", "media"} or message["media"].keys() != {"payload"}:
        return "TFS-MEDIAOUT-02", f"gave the members {sorted(message)}", "members", None
    return None


def _sent(rules: _Rules, actual: Json, expected: Json) -> Iterator[Discrepancy]:
    """Compare the audio for the caller between one interruption and the next."""
    ours, theirs = (_codes(rules, seen) for seen in (actual, expected))
    for number, (codes, others) in enumerate(zip(ours, theirs, strict=True)):
        if rules.only_wire_rate and not rules.has_stereo:
            mismatch = sound.compare_exact(np.frombuffer(codes, np.uint8), np.frombuffer(others, np.uint8))
        else:
            has_silence = rules.ends_with_silence("serialize") and number == len(ours) - 1
            pcm, other = ulaw.decode(codes), ulaw.decode(others)
            mismatch = sound.compare_levels(pcm, other, WIRE_RATE, has_silence=has_silence)
        if mismatch is not None:
            requirement = _requirement_for_sent(rules, mismatch.kind, after_interruption=number > 0)
            yield _mismatch(requirement, mismatch, "to Twilio")


def _requirement_for_sent(rules: _Rules, kind: str, *, after_interruption: bool) -> str:
    if after_interruption and kind in ("longer", "leaked"):
        return "TFS-LATENCY-06"
    if rules.has_stereo:
        return "TFS-ABUSE-03"
    if kind == "lost" and not rules.has_pauses:
        return "TFS-LATENCY-07" if after_interruption else "TFS-FIDELITY-01"
    if rules.only_wire_rate:
        exact = {"unlike": "TFS-MEDIAOUT-05", "shorter": "TFS-MEDIAOUT-08", "longer": "TFS-MEDIAOUT-08"}
        return exact.get(kind, _OF_SPEECH[kind])
    return _OF_SPEECH[kind]


def _received(rules: _Rules, actual: Json, expected: Json) -> Iterator[Discrepancy]:
    """Compare the caller's audio."""
    ours, theirs = (_by_rate(rules, seen) for seen in (actual, expected))
    for (rate, pcm), (other_rate, other) in zip(ours, theirs, strict=False):
        if rate != other_rate:
            text = f"a sample_rate of {rate}, the reference's is {other_rate}"
            yield Discrepancy("TFS-SETUP-02", text, "rate")
            return
        if rate == WIRE_RATE:
            mismatch = sound.compare_exact(pcm, other)
            requirements = dict.fromkeys(_OF_SPEECH, "TFS-MEDIAIN-03") | {"unlike": "TFS-MEDIAIN-02"}
        else:
            has_silence = rules.ends_with_silence("deserialize")
            mismatch = sound.compare_levels(pcm, other, rate, has_silence=has_silence)
            requirements = _OF_SPEECH
        if mismatch is not None:
            yield _mismatch(requirements[mismatch.kind], mismatch, "from Twilio")
    if not ours and sum(len(pcm) / rate for rate, pcm in theirs) > sound.WITHHELD:
        yield Discrepancy("TFS-LATENCY-03", "gave no audio at all", "shorter from Twilio")


def _mismatch(requirement: str, mismatch: sound.AudioMismatch, place: str) -> Discrepancy:
    return Discrepancy(requirement, f"{place}: {mismatch.sentence}", f"{mismatch.kind} {place}")


def _codes(rules: _Rules, seen: Json) -> list[bytes]:
    """Return the codes for Twilio, one entry between two interruptions."""
    pieces = [b""]
    for value in rules.audio_values(seen):
        message = _parsed(value)
        if value is None:
            pieces.append(b"")
        elif isinstance(message, dict) and isinstance(message.get("media"), dict):
            pieces[-1] += base64.b64decode(str(message["media"].get("payload", "")))
    return pieces


def _by_rate(rules: _Rules, seen: Json) -> list[tuple[int, Samples]]:
    """Return the caller's audio as sample rate and samples, joined while the rate stays the same."""
    frames = [value["carried"] for value in rules.audio_values(seen) if value and "carried" in value]
    joined = []
    for rate, group in groupby(frames, key=lambda carried: carried["sample_rate"]):
        audio = (base64.b64decode(carried.get("audio", "")) for carried in group)
        samples = [np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2") for pcm in audio]
        joined.append((rate, np.concatenate(samples)))
    return joined
