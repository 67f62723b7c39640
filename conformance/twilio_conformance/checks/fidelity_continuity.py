"""Checks of the chapter Fidelity: all of the audio comes out, in its place, whatever else goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from twilio_conformance.audio import metrics, signals
from twilio_conformance.audio.alignment import align, at_borders, ideal, recognise
from twilio_conformance.audio.levels import Samples, Unmeasurable, decibels, rms
from twilio_conformance.audio.passage import Passage
from twilio_conformance.audio.ulaw import WIRE_RATE
from twilio_conformance.audio.utterance import SAMPLE, WINDOW, PathProfile, compare_utterance
from twilio_conformance.checks._audio_path import DIRECTIONS, Direction, send
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.clock import held

LATER = 0.02
"""Seconds by which an utterance may be later than the first, or more withheld: what TFS-LATENCY-02 advises in all."""

TURN = 20
"""Seconds of speech that are said again and again in a long call; whole chunks and whole samples at every rate."""

TURNS = 30
"""Ten minutes."""

FRAME_BY_FRAME = (16000, 24000)
"""Rates of chunks of 20 ms throughout: those of most pipelines that have anything to convert."""

DRIFT = 0.001
"""Seconds by which a later turn may be later than the first."""

SWELL_DB = 0.5
"""How much louder or softer a later turn may be than the first: TFS-FIDELITY-02 lets the gain be off by so much."""

SHIFT = 32
"""Of 32768, by which a later turn's offset may differ from the first's: TFS-FIDELITY-09 permits 16 either way."""

Limits = dict[str, str]


@check("TFS-FIDELITY-01", limit=40)
async def nothing_is_lost_repeated_or_inserted(probe: Probe) -> None:
    """Four seconds, then one of silence: every piece comes out, as long after the first as it was given."""
    wrong: Limits = {}
    for way in DIRECTIONS:
        voice = signals.utterance(way.rate_in, 4)
        passage = await way.passage(probe, np.append(voice, signals.silence(way.rate_in, 1)))
        if damage := compare_utterance(voice, passage.output, way.rates).damage:
            wrong[str(way)] = damage
            continue
        wanted, second = ideal(voice, way.rate_in, way.rate_out), way.rate_out
        first, last = (align(wanted[at : at + second], passage.output, second) for at in (0, 3 * second))
        moved = (last.delay - first.delay - 3) * second
        # Silence ahead of the first word is delay, which TFS-LATENCY-01 limits.
        more = passage.length_error - max(first.delay, 0) * second
        if abs(moved) > SAMPLE:
            wrong[str(way)] = f"{moved:+.1f} samples in 3 s"
        elif more > SAMPLE:
            wrong[str(way)] = f"{more:+.1f} samples in all"
    expect(not wrong, "audio is lost, repeated or inserted", expected="to one sample", actual=wrong)


@check("TFS-FIDELITY-01", limit=40)
async def words_between_silences_are_whole(probe: Probe) -> None:
    """A word, 0.3 s of silence, a word, 1.2 s of silence, a word: each is there from its first sample on."""
    wrong: Limits = {}
    for way in DIRECTIONS:
        words = [signals.utterance(way.rate_in, 0.5, seed=50 + number) for number in range(3)]
        silences = [signals.silence(way.rate_in, seconds) for seconds in (0.3, 1.2, 0.3)]
        parts = [part for pair in zip(words, silences, strict=True) for part in pair]
        output = (await way.passage(probe, np.concatenate(parts))).output
        first = compare_utterance(words[0], output, way.rates, embedded=True)
        for number, word in enumerate(words, start=1):
            if damage := compare_utterance(
                word, output, way.rates, baseline=first.profile, embedded=True
            ).damage:
                wrong[f"{way}, word {number}"] = damage
    expect(not wrong, "a word after silence is damaged", expected="each one whole", actual=wrong)


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

ALIKE_DB = 30.0
"""Two passages through μ-law differ by the noise of both, 34 dB down at its 37 dB; 4 dB are left."""


@check("TFS-FIDELITY-11", limit=60)
async def the_size_of_chunks_changes_nothing(probe: Probe) -> None:
    """The same speech in one chunk, and in chunks from one sample to a second: alike, at the borders too, and whole."""
    wrong: Limits = {}
    for way in DIRECTIONS:
        for seconds, rest, names in ((1.5, 0.3, list(SIZES)[:-1]), (0.1, 0.25, list(SIZES)[-1:])):
            voice = signals.utterance(way.rate_in, seconds, seed=6)
            signal = np.append(voice, signals.silence(way.rate_in, rest))
            whole = (await way.passage(probe, signal, len(signal))).output
            given = recognise(ideal(voice, way.rate_in, way.rate_out), whole, way.rate_out)
            if given is None:
                wrong[f"{way}, one chunk"] = "not what was given"
                continue
            if given.missing(seconds) > SAMPLE / WIRE_RATE:
                wrong[f"{way}, one chunk"] = f"the last {1000 * given.missing(seconds):.1f} ms are missing"
                continue
            spoken = whole[: given.start + len(given.output)]
            for name in names:
                passage = await way.passage(probe, signal, SIZES[name](way.rate_in))
                if difference := _difference(way, spoken, passage, given.delay):
                    wrong[f"{way}, {name}"] = difference
    expect(
        not wrong, "the chunks can be heard", expected=f"one chunk's audio, at {ALIKE_DB:g} dB", actual=wrong
    )


def _difference(way: Direction, spoken: Samples, passage: Passage, late: float) -> str | None:
    """What differs from the audio of one chunk: its end, or more than noise in all or at the borders."""
    try:
        found = align(spoken, passage.output, way.rate_out)
    except Unmeasurable as error:
        return str(error)
    missing = found.missing(len(spoken) / way.rate_out)
    if missing > SAMPLE / WIRE_RATE:
        return f"the last {1000 * missing:.1f} ms are missing"
    differs = found.output - found.reference
    borders = passage.borders + (late + found.delay) * way.rate_out - found.start
    near = at_borders(len(differs), borders, way.rate_out)
    clicks = rms(differs[near]) if near.any() else 0.0
    likeness = decibels(rms(found.reference), max(rms(differs), clicks))
    return f"{likeness:.1f} dB" if likeness < ALIKE_DB else None


@check("TFS-FIDELITY-12", limit=240)
async def minutes_to_twilio_sound_alike(probe: Probe) -> None:
    """An agent's ten minutes: each 20 s are as late as the first, and sound as they do."""
    await _expect_constancy(probe, is_outgoing=True)


@check("TFS-FIDELITY-12", limit=240)
async def minutes_from_twilio_sound_alike(probe: Probe) -> None:
    """A caller's ten minutes: each 20 s are as late as the first, and sound as they do."""
    await _expect_constancy(probe, is_outgoing=False)


async def _expect_constancy(probe: Probe, *, is_outgoing: bool) -> None:
    wrong: Limits = {}
    for way in (way for way in DIRECTIONS if way.is_outgoing == is_outgoing):
        turn = signals.utterance(way.rate_in, TURN, seed=7)
        subject = await way.ready(probe)
        with held():
            turns = [await way.carry(subject, turn, _sizes(way, number)) for number in range(TURNS)]
            # Another second of the same, so that the end of the last turn comes out.
            rest = await way.carry(subject, turn[: way.rate_in])
        outputs = [passage.output for passage in (*turns, rest)]
        if changed := _changed(way, turn, outputs) or _held_back(way, turns):
            wrong[str(way)] = changed
    expect(not wrong, "the audio changes", expected="minutes that sound alike", actual=wrong)


def _sizes(way: Direction, number: int) -> int:
    """The chunks of a turn: of 20 ms, which are many calls; at most rates the second and the later ones are of 100 ms."""
    return 5 * way.chunk if way.rate not in FRAME_BY_FRAME and (number == 1 or number > 6) else way.chunk


def _held_back(way: Direction, turns: Sequence[Passage]) -> str | None:
    """Where more is withheld than in the first turn of chunks of this size; None where nothing is."""
    inside, before = 0.0, dict[int, float]()
    for number, turn in enumerate(turns):
        withheld = turn.withheld.values
        most, size = inside + float(withheld.max()), _sizes(way, number)
        if most - before.setdefault(size, most) > LATER:
            return f"{most:.2f} s withheld after {number * TURN} s, {before[size]:.2f} s before"
        inside += float(withheld[-1])
    return None


def _changed(way: Direction, turn: Samples, outputs: Sequence[Samples]) -> str | None:
    """What becomes of the same 20 s in the course of minutes; None where nothing does."""
    second, output = way.rate_out, np.concatenate(outputs)
    first = compare_utterance(turn[: 2 * way.rate_in], output[: 3 * second], way.rates, embedded=True)
    if first.damage or first.profile is None:
        return f"at the beginning: {first.damage}"
    late, size = max(round(first.profile.delay * second), 0), TURN * second + second // 10
    turns = [output[late + number * TURN * second :][:size] for number in range(TURNS)]
    # With the first word of the next turn, so that no window of this one is at an end.
    voice = np.append(turn, turn[: way.rate_in // 10])
    usual: dict[int, PathProfile] = {}
    for number, heard in enumerate(turns):
        at = f"{number * TURN} s"
        shift = float(np.mean(heard, dtype=float) - np.mean(turns[0], dtype=float))
        if abs(shift) > SHIFT:
            return f"from {at} on: an offset of {shift:+.0f}"
        if number > 0 and _alike(turns[0], heard, second):
            usual.setdefault(_sizes(way, number), usual[_sizes(way, 0)])
            continue
        found = compare_utterance(
            voice, heard, way.rates, baseline=first.profile, embedded=True, training_seconds=2
        )
        if found.damage or found.profile is None:
            return f"from {at} on: {found.damage}"
        # What the size of chunks does to the level is TFS-FIDELITY-11's.
        before = usual.setdefault(_sizes(way, number), found.profile)
        swell = decibels(abs(found.profile.gain), abs(before.gain))
        if abs(found.profile.delay) > DRIFT:
            return f"from {at} on: {1000 * found.profile.delay:+.2f} ms later"
        if abs(swell) > SWELL_DB:
            return f"from {at} on: {swell:+.2f} dB louder"
    return None


def _alike(one: Samples, other: Samples, rate: int) -> bool:
    """Whether two outputs are the same but for μ-law's noise, window by window."""
    size = round(WINDOW * rate)
    count = min(len(one), len(other)) // size
    first, later = (output[: count * size].reshape(count, size) for output in (one, other))
    changed = (first != later).any(axis=1)
    differs, level = later[changed].astype(float) - first[changed], rms(one)
    return all(decibels(rms(window), level) < -ALIKE_DB for window in differs)


@check("TFS-FIDELITY-13", limit=40)
async def a_change_of_rate_keeps_both_voices_whole(probe: Probe) -> None:
    """All rates in turn and the first again, without a pause: each utterance comes out whole, at its pitch, and not late."""
    subject = await DIRECTIONS[0].ready(probe)
    wrong: Limits = {}
    ways = [Direction(True, rate) for rate in (24000, 16000, 8000, 48000, 22050, 44100, 32000, 24000)]
    voices = [signals.utterance(way.rate_in, 0.6, seed=20 + seed) for seed, way in enumerate(ways)]
    ending = signals.silence(ways[-1].rate_in, 0.3)
    with held():
        passages = [await way.carry(subject, voice) for way, voice in zip(ways, voices, strict=True)]
        passages.append(await ways[-1].carry(subject, ending))
    output = np.concatenate([passage.output for passage in passages])
    given, late = 0.0, []
    for number, (way, voice, passage) in enumerate(zip(ways, voices, passages, strict=False), start=1):
        alone = compare_utterance(voice, await _heard_alone(probe, way, voice), way.rates, embedded=True)
        heard = compare_utterance(voice, output, way.rates, baseline=alone.profile, embedded=True)
        if heard.damage or heard.profile is None:
            wrong[f"{number}: {way}"] = str(heard.damage)
        else:
            late.append(heard.profile.delay - given + max(float(passage.withheld.values.max()), 0.0))
            if late[-1] - late[0] > LATER:
                wrong[f"{number}: {way}"] = f"{1000 * (late[-1] - late[0]):.0f} ms later than the first"
        given += len(voice) / way.rate_in
    expect(not wrong, "an utterance is damaged by the change", expected="each one whole", actual=wrong)


@check("TFS-FIDELITY-14", limit=40)
async def calls_and_directions_never_mix(probe: Probe) -> None:
    """Two calls and both directions, served in turn, give what each gives alone, but for μ-law's noise."""
    wrong: Limits = {}
    for rate in (8000, 24000, 44100):
        ways = [Direction(True, rate), Direction(False, rate)]
        voices = {
            (call, way): signals.utterance(way.rate_in, 0.5, seed=30 + call)
            for call in (0, 1)
            for way in ways
        }
        alone = {key: await _heard_alone(probe, key[1], voice) for key, voice in voices.items()}
        subjects = [await probe.ready(rate=rate, out_rate=rate) for _ in (0, 1)]
        mixed: dict[tuple[int, Direction], list[Samples]] = {key: [] for key in voices}
        with held():
            for piece in range(25):
                for (call, way), voice in voices.items():
                    chunk = voice[piece * way.chunk : (piece + 1) * way.chunk]
                    mixed[call, way].append((await way.carry(subjects[call], chunk)).output)
        for (call, way), pieces in mixed.items():
            if apart := _apart(alone[call, way], np.concatenate(pieces)):
                wrong[f"call {call + 1}, {way}"] = apart
    expect(not wrong, "another call or direction is heard", expected="the same as alone", actual=wrong)


@check("TFS-FIDELITY-14", limit=40)
async def an_interruption_leaves_the_caller_alone(probe: Probe) -> None:
    """The agent is interrupted while the caller speaks: the caller's audio is what it is without that."""
    wrong: Limits = {}
    for way in (way for way in DIRECTIONS if not way.is_outgoing):
        voice = signals.utterance(way.rate_in, 1, seed=40)
        alone = await _heard_alone(probe, way, voice)
        subject = await way.ready(probe)
        agent = Direction(True, way.rate)
        await agent.carry(subject, signals.utterance(way.rate, 0.2, seed=41))
        with held():
            before = await way.carry(subject, voice[: WIRE_RATE // 2])
            await subject.serialize({"frame": "InterruptionFrame"})
            after = await way.carry(subject, voice[WIRE_RATE // 2 :])
        if apart := _apart(alone, np.concatenate((before.output, after.output))):
            wrong[str(way)] = apart
    expect(not wrong, "the interruption is heard by the agent", expected="the same as without", actual=wrong)


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
    wrong: Limits = {}
    for way in (way for way in DIRECTIONS if way.rate in (8000, 24000)):
        voice = signals.utterance(way.rate_in, 1, seed=42)
        alone = await _heard_alone(probe, way, voice)
        subject, fifth = await way.ready(probe), 10 * way.chunk
        pieces = []
        with held():
            for number in range(5):
                piece = voice[number * fifth : (number + 1) * fifth]
                pieces.append((await way.carry(subject, piece)).output)
                await subject.serialize(FRAMES[number % len(FRAMES)])
                await subject.deserialize(MESSAGES[number % len(MESSAGES)])
        if apart := _apart(alone, np.concatenate(pieces)):
            wrong[str(way)] = apart
    expect(not wrong, "what is no audio is heard", expected="the same as without", actual=wrong)


@check("TFS-FIDELITY-16", limit=40)
async def the_rate_of_input_params_sounds_as_that_of_a_pipeline(probe: Probe) -> None:
    """InputParams.sample_rate, in a pipeline of 16 or 8 kHz, against a pipeline that has this rate itself."""
    wrong: Limits = {}
    for way in (way for way in DIRECTIONS if not way.is_outgoing):
        voice = signals.utterance(way.rate_in, 0.5, seed=43)
        alone = await _heard_alone(probe, way, voice)
        params = {"auto_hang_up": False, "sample_rate": way.rate}
        other = 8000 if way.rate == 16000 else 16000
        subject = await probe.ready(rate=other, stream_sid="${stream_sid}", params=params)
        if apart := _apart(alone, (await way.carry(subject, voice)).output):
            wrong[str(way)] = apart
    expect(not wrong, "the rate is reached in another way", expected="the same audio", actual=wrong)


@check("TFS-FIDELITY-17", limit=40)
async def a_voice_in_two_channels_sounds_as_in_one(probe: Probe) -> None:
    """The same samples in both channels."""
    wrong: Limits = {}
    for way in (way for way in DIRECTIONS if way.is_outgoing):
        voice = signals.utterance(way.rate_in, 0.5, seed=44)
        alone = await _heard_alone(probe, way, voice)
        both = await send(await way.ready(probe), voice, way.rate, way.chunk, channels=2)
        if apart := _apart(alone, both.output):
            wrong[str(way)] = apart
    expect(not wrong, "two channels sound otherwise", expected="the same as one", actual=wrong)


async def _heard_alone(probe: Probe, way: Direction, voice: Samples) -> Samples:
    output = (await way.passage(probe, voice)).output
    if not output.any():
        raise NotTestable("a call alone is not heard", expected="audio", actual=f"silence, {way}")
    return output


def _apart(alone: Samples, output: Samples) -> str | None:
    """How far an output is from that of the same audio alone; None within what μ-law's noise explains."""
    found = metrics.difference(alone, output)
    if found.length == 0 and found.rms_db <= -ALIKE_DB:
        return None
    return f"{found.length:+d} samples, {found.rms_db:.0f} dB apart"
