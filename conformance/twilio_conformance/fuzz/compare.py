"""Comparison of what two implementations did in one session, within what the specification permits.

A discrepancy is an expectation, as in a vector, that the reference meets and the implementation does not. Of audio,
which chunks are free, everything sent or received is compared.
"""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.checks._comparison import decode_base64
from twilio_conformance.checks._expectations import Session, grade_session, grade_step
from twilio_conformance.errors import Finding
from twilio_conformance.fuzz import hangups, oracle, sound
from twilio_conformance.fuzz.oracle import ANYTHING, NAMES, NOTHING, SENT, Discrepancy, Json, Rule
from twilio_conformance.subject.frames import FrameValue, Value
from twilio_conformance.subject.observation import NEVER_RETURNED, Observation

WIRE_RATE = 8000

OUTCOME_WIDTH = 160
"""Characters of a call, and of what it did, in the sentence about a discrepancy."""

_SETUP = Rule("TFS-ABUSE-06", ANYTHING)

_OF_SPEECH = {"shorter": "TFS-LATENCY-03", "longer": "TFS-FIDELITY-01", "lost": "TFS-LATENCY-05",
              "leaked": "TFS-FIDELITY-02", "unlike": "TFS-FIDELITY-02"}  # fmt: skip


def compare(document: Json, actual: Session, expected: Session) -> list[Discrepancy]:
    """Return the discrepancies between two sessions in which one document was played, most serious first."""
    if expected.obstacle is not None and (expected.construction is None or not expected.construction.raised):
        end = f"the reference {expected.obstacle}"
        return [Discrepancy(None, end, end)]
    if actual.construction is None:
        return [Discrepancy(None, f"the implementation {actual.obstacle}", str(actual.obstacle))]
    if actual.obstacle is not None or expected.obstacle is not None:
        return list(_construction(document, actual, expected))
    rules = _Rules(document)
    found = list(_steps(rules, actual, expected))
    if not found and not any(rule and rule.expectation == ANYTHING for rule in rules.steps):
        found += [*_sent(rules, actual, expected), *_received(rules, actual, expected)]
    return found or [
        candidate
        for candidate in hangups.candidates(document, actual, expected)
        if not _meets(actual, candidate) and (candidate.expectation is None or _meets(expected, candidate))
    ]


def _construction(document: Json, actual: Session, expected: Session) -> Iterator[Discrepancy]:
    arguments = document["given"]["arguments"]
    hangs_up = arguments.get("params", {}).get("auto_hang_up", True)
    assert actual.construction is not None
    assert expected.construction is not None
    ours, theirs = actual.construction.raised, expected.construction.raised
    if ours is not None and theirs is None:
        if hangs_up or not ours.is_a("ValueError"):
            yield Discrepancy("TFS-CONSTRUCT-01", f"the constructor raised {ours.kind}", "refuses")
    elif theirs is not None and ours is None and hangs_up:
        has_credentials = all(arguments.get(name) for name in ("call_sid", "account_sid", "auth_token"))
        requirement = "TFS-CONSTRUCT-08" if has_credentials else "TFS-CONSTRUCT-06"
        expectation = {"raises": "ValueError"}
        yield Discrepancy(requirement, "the constructor did not raise", "accepts", expectation=expectation)
    elif ours is None and theirs is None:
        yield Discrepancy("TFS-SETUP-01", actual.obstacle or "setup succeeded", "setup")


def _meets(session: Session, candidate: Discrepancy) -> bool:
    """Return whether a session meets the expectation of a discrepancy."""
    if candidate.expectation is None:
        return False
    if candidate.step is None:
        return _holds(grade_session, session, candidate.expectation)
    return _holds(grade_step, session.steps[candidate.step], candidate.expectation)


def _holds(grade: Callable[[Any, Json], None], seen: Session | Observation, expectation: Json) -> bool:
    try:
        grade(seen, NAMES.fill(expectation))
    except Finding:
        return False
    return True


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
                if rule.is_audio and rate_in != set_up:
                    rule = rule._replace(requirement="TFS-ABUSE-06")
            elif "serialize" in step:
                frame = step["serialize"]
                rule = oracle.rule_for_frame(frame, ignores_rtvi=ignores_rtvi, rate=rate)
                if "sample_rate" in frame and rule.is_audio:
                    rate = frame["sample_rate"]
                    self.only_wire_rate &= rate == WIRE_RATE
                    self.has_stereo |= frame["num_channels"] > 1
            else:
                self.has_pauses = True
            self.steps.append(rule)

    def audio_values(self, seen: Session) -> Iterator[Value]:
        """Yield the values of the steps that return audio, and None at an interruption."""
        for rule, step in zip(self.steps, seen.steps, strict=True):
            if rule is not None and rule.requirement == "TFS-CLEAR-01":
                yield None
            elif rule is not None and rule.is_audio and step.value is not None:
                yield step.value

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


def _steps(rules: _Rules, actual: Session, expected: Session) -> Iterator[Discrepancy]:
    steps = zip(rules.steps, actual.steps, expected.steps, strict=True)
    for number, (own_rule, ours, theirs) in enumerate(steps):
        rule = own_rule or _SETUP
        if _obeys(rule, ours) or not _obeys(rule, theirs):
            continue
        requirement, behavior, expectation = _wrong_value(rule, ours.value)
        if ours.raised is not None:
            has_hung = ours.raised.kind == NEVER_RETURNED
            requirement = rule.requirement
            if has_hung and ours.call.startswith("serialize("):
                requirement = hangups.BOUND
            behavior = "hangs" if has_hung else f"raises {ours.raised.kind}"
            expectation = NOTHING if rule.expectation == NOTHING else ANYTHING
        outcome = textwrap.shorten(ours.outcome, OUTCOME_WIDTH, placeholder="…")
        yield Discrepancy(requirement, f"{ours.call} {outcome}", behavior, number, expectation)


def _obeys(rule: Rule, step: Observation) -> bool:
    is_withheld = rule.is_audio and step.value is None
    return _holds(grade_step, step, ANYTHING if is_withheld else rule.expectation)


def _wrong_value(rule: Rule, value: Value) -> tuple[str, str, Json]:
    """Return the requirement that a value violates, what the implementation does, and what is expected."""
    if rule.expectation == SENT and not isinstance(value, str):
        return "TFS-MEDIAOUT-01", "value", rule.expectation
    if rule.expectation != NOTHING:
        return rule.minor or rule.requirement, "value", rule.expectation
    kind = value.kind if isinstance(value, FrameValue) else "text" if isinstance(value, str) else "something"
    has_effect = kind in ("InputAudioRawFrame", "InputDTMFFrame", "EndFrame")
    requirement = rule.requirement if has_effect else rule.minor or rule.requirement
    return requirement, f"returns {kind}", NOTHING


def _sent(rules: _Rules, actual: Session, expected: Session) -> Iterator[Discrepancy]:
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


def _received(rules: _Rules, actual: Session, expected: Session) -> Iterator[Discrepancy]:
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


def _mismatch(requirement: str, mismatch: sound.AudioMismatch, direction: str) -> Discrepancy:
    return Discrepancy(requirement, f"{direction}: {mismatch.sentence}", f"{mismatch.kind} {direction}")


def _codes(rules: _Rules, seen: Session) -> list[bytes]:
    """Return the codes for Twilio, one entry between two interruptions."""
    pieces = [b""]
    for value in rules.audio_values(seen):
        if value is None:
            pieces.append(b"")
        elif isinstance(value, str):
            pieces[-1] += decode_base64(str(json.loads(value)["media"]["payload"])) or b""
    return pieces


def _by_rate(rules: _Rules, seen: Session) -> list[tuple[int, Samples]]:
    """Return the caller's audio as sample rate and samples, joined while the rate stays the same."""
    frames = [value.attributes for value in rules.audio_values(seen) if isinstance(value, FrameValue)]
    joined = []
    for rate, group in groupby(frames, key=itemgetter("sample_rate")):
        pcm = b"".join(one["audio"] for one in group if isinstance(one["audio"], bytes))
        joined.append((rate, np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2")))
    return joined
