"""Checks of the chapter Fidelity: all audio comes out, in its place, whatever else the call carries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twilio_conformance.audio import metrics, signals
from twilio_conformance.audio.alignment import align, at_borders, recognise
from twilio_conformance.audio.levels import Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.audio.utterance import SAMPLE, WINDOW, PathProfile
from twilio_conformance.checks._audio_path import (
    DIRECTIONS,
    INCOMING,
    OUTGOING,
    Direction,
    expect_in_each,
    in_turn,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.clock import held

MAX_LATER = 0.02
"""Seconds by which an utterance may be later, or more withheld, than the first: all that TFS-LATENCY-02 advises."""

TURN = 20
"""Seconds of speech that a long call repeats: whole chunks and whole samples at every rate."""

TURNS = 30
"""Repetitions in a long call, which make ten minutes."""


@check("TFS-FIDELITY-01", limit=40)
async def nothing_is_lost_repeated_or_inserted(probe: Probe) -> None:
    """Four seconds, then one of silence: every piece comes out, as long after the first as it was given."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(4)
        passage = await direction.passage(probe, np.append(voice, direction.silence(1)))
        if damage := direction.compare(voice, passage.output).damage:
            return damage
        wanted, second = direction.ideal(voice), direction.rate_out
        first, last = (align(wanted[at : at + second], passage.output, second) for at in (0, 3 * second))
        moved = (last.delay - first.delay - 3) * second
        # Silence ahead of the first word is delay, which TFS-LATENCY-01 limits.
        more = passage.length_error - max(first.delay, 0) * second
        if abs(moved) > SAMPLE:
            return f"{moved:+.1f} samples in 3 s"
        return f"{more:+.1f} samples in all" if more > SAMPLE else None

    await expect_in_each(
        in_turn(probe, DIRECTIONS), fault, "audio is lost, repeated or inserted", "to one sample"
    )


@check("TFS-FIDELITY-01", limit=40)
async def words_between_silences_are_whole(probe: Probe) -> None:
    """A word, 0.3 s of silence, a word, 1.2 s of silence, a word: each is there from its first sample on."""
    wrong = {}
    for direction in in_turn(probe, DIRECTIONS):
        words = [direction.utterance(0.5, seed=50 + number) for number in range(3)]
        silences = [direction.silence(seconds) for seconds in (0.3, 1.2, 0.3)]
        parts = [part for pair in zip(words, silences, strict=True) for part in pair]
        output = (await direction.passage(probe, np.concatenate(parts))).output
        first = direction.compare(words[0], output, embedded=True)
        for number, word in enumerate(words, start=1):
            heard = direction.compare(word, output, baseline=first.profile, embedded=True)
            if heard.damage:
                wrong[f"{direction}, word {number}"] = heard.damage
    expect(not wrong, "a word after silence is damaged", "each one whole", wrong)


SIZES: dict[str, Callable[[int], int | tuple[int, ...]]] = {
    "10 ms": lambda rate: rate // 100,
    "20 ms": lambda rate: rate // 50,
    "40 ms": lambda rate: rate // 25,
    "30 to 400 ms": lambda rate: tuple(rate * ms // 1000 for ms in (30, 60, 90, 120, 180, 250, 320, 400)),
    "500 and 700 ms": lambda rate: (rate // 2, rate * 7 // 10),
    "odd sizes": lambda rate: (rate // 97, rate // 53 + 1, 1, rate // 31),
    "1 s": lambda rate: rate,
    "single samples": lambda _: 1,
}

SAME_SOUND_DB = 30.0
"""Decibels between audio and what differs: noise of μ-law on both sides leaves 34 dB, less a margin of 4 dB."""


@check("TFS-FIDELITY-11", limit=120)
async def the_size_of_chunks_changes_nothing(probe: Probe) -> None:
    """The same speech in one chunk, and in chunks from one sample to a second: alike, at the borders too, and whole."""
    wrong = {}
    for direction in in_turn(probe, DIRECTIONS):
        *several, single = SIZES
        for seconds, rest, names in ((1.5, 0.3, several), (0.1, 0.25, [single])):
            voice = direction.utterance(seconds, seed=6)
            signal = np.append(voice, direction.silence(rest))
            whole = (await direction.passage(probe, signal, len(signal))).output
            given = recognise(direction.ideal(voice), whole, direction.rate_out)
            if given is None:
                wrong[f"{direction}, one chunk"] = "not what was given"
                continue
            if (lost := given.missing(seconds)) > SAMPLE / WIRE_RATE:
                wrong[f"{direction}, one chunk"] = f"the last {1000 * lost:.1f} ms are missing"
                continue
            spoken = whole[: given.start + len(given.output)]
            for name in names:
                passage = await direction.passage(probe, signal, SIZES[name](direction.rate_in))
                if difference := _difference_from_one_chunk(direction, spoken, passage, given.delay):
                    wrong[f"{direction}, {name}"] = difference
    wanted = f"one chunk's audio, at {SAME_SOUND_DB:g} dB"
    expect(not wrong, "the chunks can be heard", wanted, wrong)


def _difference_from_one_chunk(
    direction: Direction, spoken: Samples, passage: Passage, late: float
) -> str | None:
    """Return how a passage differs from the output of one chunk: at its end, in all, or at the borders of chunks."""
    try:
        found = align(spoken, passage.output, direction.rate_out)
    except Unmeasurable as error:
        return str(error)
    missing = found.missing(len(spoken) / direction.rate_out)
    if missing > SAMPLE / WIRE_RATE:
        return f"the last {1000 * missing:.1f} ms are missing"
    differs = found.output - found.reference
    borders = passage.borders + (late + found.delay) * direction.rate_out - found.start
    near = at_borders(len(differs), borders, direction.rate_out)
    clicks = rms(differs[near]) if near.any() else 0.0
    likeness = decibels(rms(found.reference), max(rms(differs), clicks))
    return f"{likeness:.1f} dB" if likeness < SAME_SOUND_DB else None


@check("TFS-FIDELITY-12", limit=240)
async def minutes_to_twilio_sound_alike(probe: Probe) -> None:
    """An agent's ten minutes: each 20 s are as late as the first, and sound as they do."""
    await _expect_constant_sound(probe, OUTGOING)


@check("TFS-FIDELITY-12", limit=240)
async def minutes_from_twilio_sound_alike(probe: Probe) -> None:
    """A caller's ten minutes: each 20 s are as late as the first, and sound as they do."""
    await _expect_constant_sound(probe, INCOMING)


async def _expect_constant_sound(probe: Probe, directions: Sequence[Direction]) -> None:
    async def change(direction: Direction) -> str | None:
        turn = direction.utterance(TURN, seed=7)
        subject = await direction.ready(probe)
        with held():
            sizes = [_chunk_size(direction, number) for number in range(TURNS)]
            turns = [await direction.carry(subject, turn, size) for size in sizes]
            # Add a second of the same, so that the end of the last turn comes out.
            rest = await direction.carry(subject, turn[: direction.rate_in])
        outputs = [passage.output for passage in (*turns, rest)]
        return _change_of_sound(direction, turn, outputs) or _growth_of_withheld(direction, turns)

    await expect_in_each(in_turn(probe, directions), change, "the audio changes", "minutes that sound alike")


def _chunk_size(direction: Direction, number: int) -> int:
    """Return the chunk size of a turn: 20 ms; at most rates, turn 1 and those after turn 6 have 100 ms, to save calls."""
    # Most pipelines that convert at all have one of these rates.
    longer = direction.rate not in (16000, 24000) and (number == 1 or number > 6)
    return 5 * direction.chunk if longer else direction.chunk


def _growth_of_withheld(direction: Direction, turns: Sequence[Passage]) -> str | None:
    """Return where more is withheld than in the first turn with chunks of this size, or None."""
    inside, before = 0.0, dict[int, float]()
    for number, turn in enumerate(turns):
        withheld = turn.withheld.values
        most, size = inside + float(withheld.max()), _chunk_size(direction, number)
        if most - before.setdefault(size, most) > MAX_LATER:
            return f"{most:.2f} s withheld after {number * TURN} s, {before[size]:.2f} s before"
        inside += float(withheld[-1])
    return None


def _change_of_sound(direction: Direction, turn: Samples, outputs: Sequence[Samples]) -> str | None:
    """Return how the sound of the same 20 s changes in the course of minutes, or None."""
    second, output = direction.rate_out, np.concatenate(outputs)
    first = direction.compare(turn[: 2 * direction.rate_in], output[: 3 * second], embedded=True)
    if first.damage or first.profile is None:
        return f"at the beginning: {first.damage}"
    late, size = max(round(first.profile.delay * second), 0), TURN * second + second // 10
    turns = [output[late + number * TURN * second :][:size] for number in range(TURNS)]
    # Include the beginning of the next turn, so that no window of this one is at an end.
    voice = np.append(turn, turn[: direction.rate_in // 10])
    usual: dict[int, PathProfile] = {}
    for number, heard in enumerate(turns):
        at = f"{number * TURN} s"
        shift = float(np.mean(heard, dtype=float) - np.mean(turns[0], dtype=float))
        # TFS-FIDELITY-09 permits an offset of 16 either way.
        if abs(shift) > 32:
            return f"from {at} on: an offset of {shift:+.0f}"
        if number > 0 and _is_alike(turns[0], heard, second):
            usual.setdefault(_chunk_size(direction, number), usual[_chunk_size(direction, 0)])
            continue
        found = direction.compare(voice, heard, baseline=first.profile, embedded=True, training_seconds=2)
        if found.damage or found.profile is None:
            return f"from {at} on: {found.damage}"
        # The influence of the chunk size on the level is covered by TFS-FIDELITY-11.
        before = usual.setdefault(_chunk_size(direction, number), found.profile)
        gain_change = decibels(abs(found.profile.gain), abs(before.gain))
        if abs(found.profile.delay) > 0.001:
            return f"from {at} on: {1000 * found.profile.delay:+.2f} ms later"
        # The tolerance of TFS-FIDELITY-02.
        if abs(gain_change) > 0.5:
            return f"from {at} on: {gain_change:+.2f} dB louder"
    return None


def _is_alike(one: Samples, other: Samples, rate: int) -> bool:
    """Return whether two outputs differ, window by window, by no more than the noise of μ-law."""
    size = round(WINDOW * rate)
    count = min(len(one), len(other)) // size
    first, later = (output[: count * size].reshape(count, size) for output in (one, other))
    changed = (first != later).any(axis=1)
    differs, level = later[changed].astype(float) - first[changed], rms(one)
    return all(decibels(rms(window), level) < -SAME_SOUND_DB for window in differs)


@check("TFS-FIDELITY-13", limit=40)
async def a_change_of_rate_keeps_both_voices_whole(probe: Probe) -> None:
    """All rates in turn and the first again, without a pause: each utterance comes out whole, at its pitch, and not late."""
    subject = await DIRECTIONS[0].ready(probe)
    wrong = {}
    rates = (24000, 16000, 8000, 48000, 22050, 44100, 32000, 24000)
    directions = list(in_turn(probe, (Direction(True, rate) for rate in rates), [""]))
    voices = [direction.utterance(0.6, seed=20 + seed) for seed, direction in enumerate(directions)]
    ending = signals.silence(directions[-1].rate_in, 0.3)
    with held():
        spoken = zip(directions, voices, strict=True)
        passages = [await direction.carry(subject, voice) for direction, voice in spoken]
        rest = await directions[-1].carry(subject, ending)
    output = np.concatenate([passage.output for passage in (*passages, rest)])
    given, late = 0.0, []
    calls = zip(directions, voices, passages, strict=True)
    for number, (direction, voice, passage) in enumerate(calls, start=1):
        by_itself = await _output_alone(probe, direction, voice)
        alone = direction.compare(voice, by_itself, embedded=True)
        heard = direction.compare(voice, output, baseline=alone.profile, embedded=True)
        if heard.damage or heard.profile is None:
            wrong[f"{number}: {direction}"] = str(heard.damage)
        else:
            late.append(heard.profile.delay - given + max(float(passage.withheld.values.max()), 0.0))
            if late[-1] - late[0] > MAX_LATER:
                wrong[f"{number}: {direction}"] = f"{1000 * (late[-1] - late[0]):.0f} ms later than the first"
        given += len(voice) / direction.rate_in
    expect(not wrong, "an utterance is damaged by the change", "each one whole", wrong)


@check("TFS-FIDELITY-14", limit=40)
async def calls_and_directions_never_mix(probe: Probe) -> None:
    """Two calls and both directions, served in turn, give what each gives alone, but for μ-law's noise."""
    await _expect_unmixed(probe, ((8000, 8000), (24000, 24000), (44100, 44100)), {})


@check("TFS-FIDELITY-14", limit=40, since="2026.12")
async def calls_of_other_rates_and_streams_never_mix(probe: Probe) -> None:
    """The same of two calls that differ in rate, stream and call, as those of one agent process do."""
    other = probe.arguments(stream_sid="${other_stream_sid}", call_sid="CA" + "5" * 32)
    await _expect_unmixed(probe, ((8000, 24000), (16000, 48000), (24000, 16000)), other)


async def _expect_unmixed(probe: Probe, pairs: Sequence[tuple[int, int]], other: Json) -> None:
    """Expect two calls of each pair of rates not to be heard in each other; the second is made with `other`."""
    wrong = {}
    for rates in pairs:
        directions = [Direction(way, rate) for rate in rates for way in (True, False)]
        keys = list(zip((0, 0, 1, 1), in_turn(probe, directions, [""]), strict=True))
        voices = {key: key[1].utterance(0.5, seed=30 + key[0]) for key in keys}
        alone = {key: await _output_alone(probe, key[1], voice) for key, voice in voices.items()}
        made = zip(rates, ({}, other), strict=True)
        subjects = [await probe.ready(rate=rate, out_rate=rate, **arguments) for rate, arguments in made]
        subjects[1].track.stream_sid = other.get("stream_sid", subjects[0].track.stream_sid)
        mixed: dict[tuple[int, Direction], list[Samples]] = {key: [] for key in voices}
        with held():
            for piece in range(25):
                for (call, direction), voice in voices.items():
                    chunk = voice[piece * direction.chunk : (piece + 1) * direction.chunk]
                    mixed[call, direction].append((await direction.carry(subjects[call], chunk)).output)
        for (call, direction), pieces in mixed.items():
            if deviation := _deviation(alone[call, direction], np.concatenate(pieces)):
                wrong[f"call {call + 1}, {direction}"] = deviation
    expect(not wrong, "another call or direction is heard", "the same as alone", wrong)


@check("TFS-FIDELITY-14", limit=40)
async def an_interruption_leaves_the_caller_alone(probe: Probe) -> None:
    """The agent is interrupted while the caller speaks: the caller's audio is what it is without that."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(1, seed=40)
        alone = await _output_alone(probe, direction, voice)
        subject = await direction.ready(probe)
        agent = Direction(True, direction.rate)
        await agent.carry(subject, signals.utterance(direction.rate, 0.2, seed=41))
        with held():
            before = await direction.carry(subject, voice[: WIRE_RATE // 2])
            await subject.serialize({"frame": "InterruptionFrame"})
            after = await direction.carry(subject, voice[WIRE_RATE // 2 :])
        return _deviation(alone, np.concatenate((before.output, after.output)))

    await expect_in_each(
        in_turn(probe, INCOMING), fault, "the interruption is heard by the agent", "the same as without"
    )


FRAMES: tuple[Json, ...] = (
    {"frame": "OutputTransportMessageFrame", "message": {"event": "mark", "mark": {"name": "m"}}},
    {"frame": "OutputTransportMessageUrgentFrame", "message": {"event": "mark", "mark": {"name": "n"}}},
    {"frame": "TextFrame", "text": "hello"},
)
MESSAGES: tuple[Json, ...] = (
    {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"track": "inbound_track", "digit": "5"}},
    {"event": "mark", "streamSid": "${stream_sid}", "mark": {"name": "m"}},
    {"event": "unheard-of", "streamSid": "${stream_sid}"},
)
"""What a call carries besides audio."""


@check("TFS-FIDELITY-14", limit=40)
async def what_is_no_audio_changes_none(probe: Probe) -> None:
    """Messages, texts and keys in the midst of speech: the audio of both directions is what it is without them."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(1, seed=42)
        alone = await _output_alone(probe, direction, voice)
        subject, fifth = await direction.ready(probe), 10 * direction.chunk
        pieces = []
        with held():
            for number in range(5):
                piece = voice[number * fifth : (number + 1) * fifth]
                pieces.append((await direction.carry(subject, piece)).output)
                await subject.serialize(FRAMES[number % len(FRAMES)])
                await subject.deserialize(MESSAGES[number % len(MESSAGES)])
        return _deviation(alone, np.concatenate(pieces))

    directions = [direction for direction in DIRECTIONS if direction.rate in (8000, 24000)]
    await expect_in_each(
        in_turn(probe, directions), fault, "what is no audio is heard", "the same as without"
    )


@check("TFS-FIDELITY-16", limit=40)
async def the_rate_of_input_params_sounds_as_that_of_a_pipeline(probe: Probe) -> None:
    """InputParams.sample_rate, in a pipeline of 16 or 8 kHz, against a pipeline that has this rate itself."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(0.5, seed=43)
        alone = await _output_alone(probe, direction, voice)
        params = {"auto_hang_up": False, "sample_rate": direction.rate}
        other = 8000 if direction.rate == 16000 else 16000
        subject = await probe.ready(rate=other, stream_sid="${stream_sid}", params=params)
        return _deviation(alone, (await direction.carry(subject, voice)).output)

    await expect_in_each(INCOMING, fault, "the rate is reached in another way", "the same audio")


@check("TFS-FIDELITY-17", limit=40)
async def a_voice_in_two_channels_sounds_as_in_one(probe: Probe) -> None:
    """The same samples in both channels."""

    async def fault(direction: Direction) -> str | None:
        voice = direction.utterance(0.5, seed=44)
        alone = await _output_alone(probe, direction, voice)
        both = await direction.carry(await direction.ready(probe), voice, channels=2)
        return _deviation(alone, both.output)

    await expect_in_each(in_turn(probe, OUTGOING), fault, "two channels sound otherwise", "the same as one")


async def _output_alone(probe: Probe, direction: Direction, voice: Samples) -> Samples:
    output = (await direction.passage(probe, voice)).output
    if not output.any():
        raise NotTestable("a call alone is not heard", expected="audio", actual=f"silence, {direction}")
    return output


def _deviation(alone: Samples, output: Samples) -> str | None:
    """Return how an output differs from that of the same audio alone; None if the noise of μ-law explains it."""
    longer, apart = len(output) - len(alone), metrics.difference_db(alone, output)
    return f"{longer:+d} samples, {apart:.0f} dB apart" if longer or apart > -SAME_SOUND_DB else None
