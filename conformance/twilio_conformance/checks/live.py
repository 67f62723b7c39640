"""Checks of the chapter Live: whole calls through Pipecat's own pipeline and transport, in real time.

Verdicts depend on content, counted in seconds of audio, not on a clock: a slow machine makes the recorded times
worse, not the verdicts. Only first audio and stalls depend on it a little, so the best of several calls decides.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

import numpy as np

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import silent_seconds
from twilio_conformance.audio.latency import delay_track
from twilio_conformance.audio.levels import Samples
from twilio_conformance.checks._audio_path import LATENCY_LIMIT, PLACEMENT_ERROR
from twilio_conformance.checks._caller_audio import (
    call_figures,
    first_audio,
    milliseconds,
    missing_seconds,
    received_audio,
    recognise,
    stale_seconds,
    stalled_seconds,
    tone_levels,
    voice,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._placed_calls import expect_in_each_call, place_call, running_server
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.caller import RATE, Caller

if TYPE_CHECKING:
    from twilio_conformance.checks._server import Call, PipecatServer

AT_EVERY_RATE = {f"{rate} Hz": rate for rate in (8000, 16000, 24000)}
"""A call at each rate of pipelines, in Hz: Twilio's own, and Pipecat's defaults in and out."""

MAX_STALL = 0.140
"""Seconds for which playback may stall in mid-speech: what may be withheld in both directions, and one message."""

ATTEMPTS = 3
"""Calls of which the best decides, because the machine may be busy."""

QUIET = 0.6
"""Seconds without a message after which audio counts as over: a pipeline that has audio sends every 40 ms."""

KEYS = "0123456789*#"

MALFORMED: dict[str, str | bytes] = {
    "an array": "[]",
    "null": "null",
    "a number": "3",
    "a string": '"media"',
    "no JSON": "not json",
    "an empty text": "",
    "no event": "{}",
    "an event that is an object": '{"event": {"media": 1}}',
    "media without content": '{"event": "media"}',
    "media that is null": '{"event": "media", "media": null}',
    "a payload that is a number": '{"event": "media", "media": {"payload": 123}}',
    "a payload that is not base64": '{"event": "media", "media": {"track": "inbound", "payload": "abc"}}',
    "dtmf that is null": '{"event": "dtmf", "dtmf": null}',
    "a digit that is a list": '{"event": "dtmf", "dtmf": {"digit": []}}',
    "a number of 5000 digits": '{"event": "media", "media": ' + "9" * 5000 + "}",
    "100,000 levels": "[" * 100_000,
    "binary that is not UTF-8": b"\x80\x81{",
}
"""Messages that Twilio never sends, but that anyone can send to a public endpoint."""


def _ms(seconds: float) -> str:
    return f"{milliseconds(seconds):g} ms"


def _excess(seconds: float, limit: float) -> str | None:
    """Return the seconds as a fault if they are above a limit, or None."""
    return _ms(seconds) if seconds > limit + PLACEMENT_ERROR else None


def _record(probe: Probe, name: str, rate: int, value: Any) -> None:
    """Record the figure of one rate beside those of the others."""
    figures = probe.metrics.get(name, {}) | {str(rate): value}
    probe.record(name, {key: figures[key] for key in sorted(figures, key=int)})


@contextlib.asynccontextmanager
async def _echo_call(
    probe: Probe, server: PipecatServer, rate: int, said: Samples, quiet: float = QUIET
) -> AsyncIterator[Caller]:
    """Speak to an agent that echoes and wait until it is quiet; the call is still open then."""
    async with place_call(probe, server, rate) as call:
        await call.caller.speak(ulaw.encode(said))
        await call.caller.until_quiet(quiet)
        yield call.caller


async def _first_audio(probe: Probe, limit: float) -> None:
    async def play(server: PipecatServer, rate: int) -> str | None:
        attempts = []
        for _ in range(ATTEMPTS):
            async with _echo_call(probe, server, rate, voice(0.6), quiet=0.3) as caller:
                attempts.append(first_audio(caller))
        found = [attempt for attempt in attempts if attempt is not None]
        if not found:
            return "nothing after 600 ms"
        spoken = min(attempt.spoken for attempt in found)
        times = [milliseconds(attempt.after) for attempt in found]
        figures = {"ms": float(np.median(times)), "of": times, "speech until then, ms": milliseconds(spoken)}
        _record(probe, "first audio back", rate, figures)
        return _excess(spoken, limit)

    wanted = f"after at most {_ms(limit)} of speech"
    await expect_in_each_call(AT_EVERY_RATE, play, "the first audio comes back late", wanted)


@check("TFS-LIVE-01", limit=60)
async def the_first_audio_is_back_after_160_ms_of_speech(probe: Probe) -> None:
    """The caller of an agent that echoes speaks; the quickest of three calls decides."""
    await _first_audio(probe, 0.160)


@check("TFS-LIVE-02", limit=60)
async def the_first_audio_is_back_after_80_ms_of_speech(probe: Probe) -> None:
    """The caller of an agent that echoes speaks; the quickest of three calls decides."""
    await _first_audio(probe, 0.080)


async def _echo(probe: Probe, limit: float) -> None:
    async def play(server: PipecatServer, rate: int) -> str | None:
        said = voice(3.0)
        async with _echo_call(probe, server, rate, said) as caller:
            lost = missing_seconds(said, received_audio(caller))
            figures = call_figures(caller) | {"missing by content, ms": milliseconds(lost)}
            _record(probe, "echo call", rate, figures)
        return _excess(lost, limit)

    wanted = f"at most {_ms(limit)} missing"
    await expect_in_each_call(AT_EVERY_RATE, play, "audio of 3 s is not returned", wanted)


@check("TFS-LIVE-03", limit=60)
async def an_echo_is_returned_but_for_140_ms(probe: Probe) -> None:
    """Three seconds of speech, and no more audio after them."""
    await _echo(probe, 0.140)


@check("TFS-LIVE-04", limit=60)
async def an_echo_is_returned_but_for_60_ms(probe: Probe) -> None:
    """Three seconds of speech, and no more audio after them."""
    await _echo(probe, LATENCY_LIMIT)


@check("TFS-LIVE-05", limit=60)
async def an_echo_has_no_break(probe: Probe) -> None:
    """What is heard of two seconds is one piece of what was said: nothing cut out, put in or silenced."""
    said = voice(2.0)

    async def play(server: PipecatServer, rate: int) -> str | None:
        async with _echo_call(probe, server, rate, said) as caller:
            audio = received_audio(caller)
        found = recognise(said, audio)
        if found is None:
            return "not what was said"
        slips = delay_track(said, audio, RATE).slips
        if slips:
            return ", ".join(f"{milliseconds(slip.seconds):+g} ms at {slip.time:.2f} s" for slip in slips)
        silent = silent_seconds(found)
        return f"{_ms(silent)} of silence" if silent else None

    await expect_in_each_call(AT_EVERY_RATE, play, "the echo is broken", "one piece of what was said")


@check("TFS-LIVE-15", limit=60)
async def an_echo_does_not_stall(probe: Probe) -> None:
    """Two seconds of speech; the call of three in which the caller waits the least decides."""

    async def play(server: PipecatServer, rate: int) -> str | None:
        waited = []
        for _ in range(ATTEMPTS):
            async with _echo_call(probe, server, rate, voice(2.0)) as caller:
                waited.append(stalled_seconds(caller))
            if waited[-1] <= MAX_STALL:
                break
        _record(probe, "stalled in 2 s, ms", rate, milliseconds(min(waited)))
        return _excess(min(waited), MAX_STALL)

    await expect_in_each_call(AT_EVERY_RATE, play, "the echo stops and goes on", f"at most {_ms(MAX_STALL)}")


@check("TFS-LIVE-06", limit=60)
async def audio_that_is_held_up_on_its_way_is_not_lost(probe: Probe) -> None:
    """In mid-speech nothing comes for 0.3 s, then all at once: what lies around it stays as far apart."""
    said, piece = voice(2.4), round(0.8 * RATE)

    async def play(server: PipecatServer, rate: int) -> str | None:
        async with place_call(probe, server, rate) as call:
            caller = call.caller
            speaking = asyncio.create_task(caller.speak(ulaw.encode(said)))
            await caller.until(lambda: caller.spoken >= 1.2, 10)
            caller.hold_up(0.3)
            await speaking
            await caller.listen(0.5)
            await caller.until_quiet(QUIET)
            audio = received_audio(caller)
        before, after = recognise(said[:piece], audio), recognise(said[-piece:], audio)
        if before is None or after is None:
            return "what was said is not recognised"
        lost = (len(said) - piece) / RATE - (after.delay - before.delay)
        word = "lost" if lost > 0 else "inserted"
        return f"{_ms(abs(lost))} {word}" if abs(lost) > PLACEMENT_ERROR else None

    wanted = "nothing lost and nothing inserted"
    await expect_in_each_call(AT_EVERY_RATE, play, "audio that was held up is not whole", wanted)


@check("TFS-LIVE-07", limit=60)
async def the_end_of_an_answer_is_heard(probe: Probe) -> None:
    """The agent says a second, and nothing more."""

    async def play(server: PipecatServer, rate: int) -> str | None:
        answer = voice(1.0, rate=rate, seed=2)
        async with place_call(probe, server, rate, echoes=False) as call:
            await call.agent.say(answer, rate)
            await call.caller.until_quiet(QUIET)
            lost = missing_seconds(answer, received_audio(call.caller), rate)
        return _excess(lost, LATENCY_LIMIT)

    wanted = f"at most {_ms(LATENCY_LIMIT)} missing"
    await expect_in_each_call(AT_EVERY_RATE, play, "the end of an answer is not heard", wanted)


@check("TFS-LIVE-08", limit=60)
async def nothing_of_interrupted_speech_follows_the_clear(probe: Probe) -> None:
    """The caller speaks into an answer of 3 s; the agent at once says something else. Every call has to be clean."""

    async def play(server: PipecatServer, rate: int) -> str | None:
        other = voice(0.6, rate=rate, seed=4)
        async with place_call(probe, server, rate, echoes=False) as call:
            caller = call.caller
            await call.agent.say(voice(3.0, rate=rate, seed=3), rate)
            await caller.until(
                lambda: caller.playout.end > caller.now and len(received_audio(caller)) > RATE / 2, 5
            )
            call.agent.interrupts = True
            speaking = asyncio.create_task(caller.speak(ulaw.encode(voice(0.4))))
            if await caller.until(lambda: bool(caller.clears), 3):
                waited = milliseconds(caller.clears[0] - (caller.first_spoken or 0.0))
                _record(probe, "barge-in to silence, ms", rate, waited)
                await call.agent.say(np.append(other, signals.silence(rate, 0.3)), rate)
            await speaking
            await caller.until_quiet(QUIET)
        if len(caller.clears) != 1:
            return f"{len(caller.clears)} clears"
        codes = [arrival.codes for arrival in caller.arrivals if arrival.moment > caller.clears[0]]
        # Pipecat's transport may give the serializer one more chunk of the answer; the serializer cannot tell.
        said = call.given_after_interruption()[: -rate // 4]
        stale = stale_seconds(said, ulaw.decode(b"".join(codes)), rate)
        if stale is None:
            return "what the agent says after the clear is not recognised"
        # A linear-phase filter may add some sound ahead of an answer's first sample.
        return f"{_ms(stale)} of the interrupted speech" if stale > 0.005 else None

    calls = {f"{name}, call {number}": AT_EVERY_RATE[name] for name in AT_EVERY_RATE for number in (1, 2, 3)}
    wanted = "one clear, and nothing of the interrupted speech after it"
    await expect_in_each_call(calls, play, "an interruption is not clean", wanted)


@check("TFS-LIVE-09", limit=60)
async def every_key_reaches_the_pipeline(probe: Probe) -> None:
    """Twelve keys, pressed while the caller speaks, come as InputDTMFFrame in their order."""
    async with running_server() as server, place_call(probe, server, 16000) as call:
        speaking = asyncio.create_task(call.caller.speak(ulaw.encode(voice(0.8))))
        for key in KEYS:
            await call.caller.press(key)
            await asyncio.sleep(0.05)
        await speaking
        await call.caller.until(lambda: len(call.agent.keys) >= len(KEYS), 3)
        pressed = "".join(call.agent.keys)
    expect(pressed == KEYS, "keys do not reach the pipeline", KEYS, pressed)


@check("TFS-LIVE-10", limit=60)
async def a_malformed_message_does_not_end_the_call(probe: Probe) -> None:
    """A call for each malformed message: a key and speech that come after it are taken as before."""

    async def play(server: PipecatServer, data: str | bytes) -> str | None:
        async with place_call(probe, server, 8000) as call:
            caller = call.caller
            await caller.speak(ulaw.encode(voice(0.2)))
            await caller.until_quiet(0.2)
            before = len(caller.arrivals)
            await caller.send_raw(data)
            await caller.press("5")
            await caller.speak(ulaw.encode(voice(0.2, seed=2)))
            if await caller.until(lambda: call.agent.keys == ["5"] and len(caller.arrivals) > before, 3):
                return None
        return "the pipeline ended the call" if caller.closed_by_server else "the caller is heard no more"

    await expect_in_each_call(MALFORMED, play, "a malformed message ends the call", "a call that goes on")


def _hang_ups(probe: Probe, call: Call) -> int:
    probe.network.settle()
    return sum(call.caller.identity.call_sid in exchange.target for exchange in probe.exchanges)


@check("TFS-LIVE-11", limit=60)
async def the_end_of_the_pipeline_hangs_up_once(probe: Probe) -> None:
    """EndFrame, CancelFrame, and one right after the other: a request each, for the call's own SID."""

    async def play(server: PipecatServer, way: str) -> str | None:
        async with place_call(probe, server, 16000, hangs_up=True) as call:
            await call.caller.speak(ulaw.encode(voice(0.3)))
            frames = {"EndFrame": call.end, "CancelFrame": call.cancel}
            await asyncio.gather(*(frames[name]() for name in way.split(" and ")))
        count = _hang_ups(probe, call)
        return None if count == 1 else f"{count} requests"

    calls = {way: way for way in ("EndFrame", "CancelFrame", "EndFrame and CancelFrame")}
    await expect_in_each_call(calls, play, "the call is not hung up once", "one request")


@check("TFS-LIVE-12", limit=60)
async def marks_come_back_and_do_no_harm(probe: Probe) -> None:
    """Two answers with a mark behind each: both return in order, the call goes on."""
    async with running_server() as server, place_call(probe, server, 16000, echoes=False) as call:
        for number, name in enumerate(("first", "second")):
            await call.agent.say(voice(0.4, rate=16000, seed=number), 16000)
            await call.agent.mark(name, call.caller.identity.stream_sid)
        await call.caller.until(lambda: len(call.caller.marks) == 2, 4)
        await call.caller.press("7")
        await call.caller.until(lambda: bool(call.agent.keys), 3)
        names, keys = [name for _, name in call.caller.marks], call.agent.keys
    expect(names == ["first", "second"], "marks do not come back in order", ["first", "second"], names)
    expect(keys == ["7"], "the call does not go on after a mark", ["7"], keys)


@check("TFS-LIVE-13", limit=60)
async def nothing_is_sent_that_twilio_does_not_take(probe: Probe) -> None:
    """A call with speech, a key, an interruption, a mark and an end; Pipecat sends RTVI messages besides."""
    async with running_server() as server, place_call(probe, server, 24000, hangs_up=True) as call:
        caller = call.caller
        call.agent.interrupts = True
        await caller.speak(ulaw.encode(voice(0.5)))
        await caller.press("1")
        await call.agent.mark("all", caller.identity.stream_sid)
        await caller.until(lambda: bool(caller.marks), 3)
        await call.end()
    expect(bool(caller.arrivals), "no audio is sent", "audio", "none")
    warnings = [f"{warned.code}: {warned.reason}" for warned in caller.warnings]
    wanted = "media, mark and clear of the stream"
    expect(not warnings, "Twilio would warn of a message", wanted, warnings[:8])


@check("TFS-LIVE-14", limit=90)
async def twenty_calls_at_once_do_not_mix(probe: Probe) -> None:
    """Each caller hums a tone and presses a key; half hang up in the middle, the rest's agents in the end."""
    tones = [320.0 + 120.0 * number for number in range(20)]
    middle = asyncio.Barrier(len(tones))

    async def play(server: PipecatServer, case: tuple[int, int]) -> str | None:
        number, rate = case
        leaves, key = number % 2 == 1, KEYS[number % len(KEYS)]
        hum = ulaw.encode(signals.sine(tones[number], -10, RATE, 1.0))
        async with place_call(probe, server, rate, hangs_up=True) as call:
            caller = call.caller
            await caller.speak(hum[: RATE // 2])
            await caller.press(key)
            await caller.until(lambda: bool(call.agent.keys), 30)
            await middle.wait()
            if not leaves:
                await caller.speak(hum[RATE // 2 :])
                await caller.until_quiet(QUIET)
                await call.end()
        levels = tone_levels(received_audio(caller), tones)
        foreign, hang_ups = max(np.delete(levels, number)), _hang_ups(probe, call)
        # A tone that is cut off leaks at -30 dB; another call has 0 dB.
        if foreign > -25:
            return f"another's tone, {foreign:.0f} dB"
        if not leaves and levels[number] < -1:
            return "not its own tone"
        if call.agent.keys != [key]:
            return f"keys {call.agent.keys} in place of {key}"
        return f"{hang_ups} hang-ups" if hang_ups > 1 or not (hang_ups or leaves) else None

    rates = islice(cycle(AT_EVERY_RATE.values()), len(tones))
    calls = {f"call {number}": (number, rate) for number, rate in enumerate(rates)}
    wanted = "each its own audio, keys and hang-up"
    await expect_in_each_call(calls, play, "calls at the same time mix", wanted)
