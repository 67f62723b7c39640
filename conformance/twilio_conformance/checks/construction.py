"""Checks of the chapter Construction."""

from __future__ import annotations

import asyncio
import itertools
from base64 import b64encode

import numpy as np
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._audio_path import audio_frame, payload_of
from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._hang_up import COMPLETED, require_request
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.effects import CONNECT, LOOK_UP, READ, START, WRITE, holdings, timed_steps
from twilio_conformance.subject.frames import FrameValue, Json, shorten
from twilio_conformance.subject.probe import Probe, Subject
from twilio_conformance.subject.steps import END, end_call

CALL: tuple[Json, ...] = (
    {"event": "media", "streamSid": "${stream_sid}", "media": {"track": "inbound", "payload": "/v7+" * 53}},
    {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"track": "inbound_track", "digit": "5"}},
    {"frame": "TTSAudioRawFrame", "audio": "AQID" * 320, "sample_rate": 24000, "num_channels": 1},
    {"frame": "InterruptionFrame"},
    {"frame": "OutputTransportMessageFrame", "message": {"event": "mark"}},
    END,
)
"""Messages and frames of a whole call, up to its hang-up."""

LONGEST_STEP = 0.1
"""Seconds for which a call may keep the event loop: five frames of audio."""


@check("TFS-CONSTRUCT-02")
async def six_arguments_by_position_keep_their_order(probe: Probe) -> None:
    """Six positional arguments hang up the call that they name, where they say."""
    subject = probe.construct(*probe.arguments().values(), "ie1", "dublin")
    await subject.setup(8000)
    await end_call(subject)
    expect(bool(probe.exchanges), "no request was made", "a request", "none")
    request = probe.exchanges[0]
    target = probe.names.fill("/2010-04-01/Accounts/${account_sid}/Calls/${call_sid}.json")
    wanted, actual = f"api.dublin.ie1.twilio.com{target}", f"{request.host}{request.target}"
    expect(actual == wanted, "the arguments are taken in another order", wanted, actual)
    clear = await subject.serialize({"frame": "InterruptionFrame"})
    if clear.value is None:
        raise NotTestable("no message names the stream", actual=clear.outcome)
    named, wanted = probe.names.values["stream_sid"] in str(clear.value), "a clear message for stream_sid"
    expect(named, "the first argument is not the stream", wanted, clear.outcome)


@check("TFS-CONSTRUCT-03")
async def params_is_accepted_as_the_seventh_argument(probe: Probe) -> None:
    """A seventh positional argument is taken as params, which disables the hang-up and all it needs."""
    observation, _ = probe.attempt("${stream_sid}", None, None, None, None, None, {"auto_hang_up": False})
    accepted = observation.raised is None
    expect(accepted, "params is not the seventh argument", "an instance", observation.outcome)


@check("TFS-CONSTRUCT-05")
async def the_instance_is_a_frame_serializer(probe: Probe) -> None:
    """What is constructed is a FrameSerializer."""
    instance = (await probe.ready()).instance
    bases = [base.__name__ for base in type(instance).__mro__]
    is_one = isinstance(instance, FrameSerializer)
    expect(is_one, "the instance is no FrameSerializer", "FrameSerializer", bases)


@check("TFS-CONSTRUCT-10")
async def input_params_has_the_documented_defaults(probe: Probe) -> None:
    """InputParams() has the four documented defaults."""
    params = _input_params(probe)()
    documented = {
        "ignore_rtvi_messages": True,
        "twilio_sample_rate": 8000,
        "sample_rate": None,
        "auto_hang_up": True,
    }
    actual = {name: getattr(params, name, "missing") for name in documented}
    expect(actual == documented, "a default differs", documented, actual)


@check("TFS-CONSTRUCT-11")
async def input_params_extends_the_base_and_is_keyword_only(probe: Probe) -> None:
    """InputParams inherits from FrameSerializer.InputParams and takes keywords only."""
    params = _input_params(probe)
    bases = [base.__name__ for base in params.__mro__]
    extends = issubclass(params, FrameSerializer.InputParams)
    expect(extends, "InputParams has another base", "FrameSerializer.InputParams", bases)
    try:
        made = params(*[True])
    except TypeError:
        return
    expect(False, "InputParams takes a positional argument", "TypeError", shorten(made))


@check("TFS-CONSTRUCT-14")
async def two_instances_keep_their_own_stream_and_call(probe: Probe) -> None:
    """Two instances, used in turn, each name their own stream and end their own call."""
    other = {"stream_sid": "${other_stream_sid}", "call_sid": "CA" + "5" * 32}
    first = await probe.ready(**probe.arguments())
    second = await probe.ready(**probe.arguments(**other))
    turns = ((first, "other_stream_sid"), (second, "stream_sid"), (first, "other_stream_sid"))
    for subject, stranger in turns:
        clear = await subject.serialize({"frame": "InterruptionFrame"})
        mixed = probe.names.values[stranger] in str(clear.value)
        message = "a message names the other instance's stream"
        expect(not mixed, message, "the instance's own stream", clear.outcome)
    for subject in (first, second):
        await end_call(subject)
    ended = [exchange.target.rpartition("/")[2] for exchange in probe.exchanges]
    expected = [f"{probe.names.values['call_sid']}.json", f"{other['call_sid']}.json"]
    expect(ended == expected, "the wrong calls are ended", expected, ended)


@check("TFS-CONSTRUCT-14", since="2026.12")
async def two_instances_keep_their_own_audio(probe: Probe) -> None:
    """Two instances are given audio in turn, one below zero and one above: what each sends is on its own side."""
    voices = {await probe.ready(): -20000, await probe.ready(): 20000}
    for subject, level in [*voices.items()] * 25:
        sent = await subject.serialize(audio_frame(np.full(160, level, np.int16), 8000))
        foreign = int((ulaw.decode(payload_of(sent) or b"") * np.sign(level) < 0).sum())
        expect(not foreign, "a message carries the other instance's audio", "none", f"{foreign} samples")


@check("TFS-CONSTRUCT-17", since="2026.12")
async def two_instances_with_one_params_keep_their_own_rate(probe: Probe) -> None:
    """Two instances at 8 and 16 kHz, with one object as params and without, each give audio at their own rate."""
    settings: Json = {"auto_hang_up": False}
    shared = _input_params(probe)(**settings)
    before = repr(shared)
    audio = {"track": "inbound", "payload": b64encode(bytes([0x1E, 0x9E]) * 4000).decode()}
    message = {"event": "media", "streamSid": "${stream_sid}", "media": audio}
    for arguments in ({"stream_sid": "${stream_sid}", "params": shared}, probe.arguments()):
        pair = [(rate, await probe.ready(rate=rate, **arguments)) for rate in (8000, 16000)]
        given = {rate: (await subject.deserialize(message)).value for rate, subject in pair}
        rates = [value.attributes["sample_rate"] for value in given.values() if isinstance(value, FrameValue)]
        expect(rates == [8000, 16000], "an instance has another's rate", [8000, 16000], rates)
    expect(repr(shared) == before, "the params object is changed", before, repr(shared))


@check("TFS-CONSTRUCT-20", since="2026.12")
async def the_base_class_is_initialized(probe: Probe) -> None:
    """Each instance has a name and an id of its own, and str() shows it."""
    instances = [(await probe.ready()).instance for _ in range(2)]
    seen = []
    for instance in instances:
        try:
            seen.append((instance.name, instance.id, str(instance)))
        except Exception as error:
            expect(
                False,
                "name, id or str() raises",
                "those of a Pipecat object",
                f"{type(error).__name__}: {error}",
            )
    kinds = [(type(name).__name__, type(identity).__name__) for name, identity, _ in seen]
    expect(kinds == [("str", "int")] * 2, "name or id has another type", "str, int", kinds)
    own = all(first != second for first, second in zip(*seen, strict=True) if isinstance(first, int))
    expect(own, "two instances share an id", "an id for each", seen)


@check("TFS-CONSTRUCT-21", since="2026.12")
async def construction_does_no_io(probe: Probe) -> None:
    """A constructor reads and writes no file, looks up no name, connects to nothing, starts no process."""
    probe.require_object()
    probe.construct(**probe.arguments())
    await asyncio.sleep(1)
    done = probe.effects.of(WRITE, READ, LOOK_UP, CONNECT, START)
    done += [f"looked up {refusal.host}" for refusal in probe.network.refused]
    expect(not done, "the constructor does I/O", "none", done)


@check("TFS-CONSTRUCT-22", since="2026.12")
async def construction_needs_no_running_loop(probe: Probe) -> None:
    """An instance is constructed in a thread, where no event loop runs, and then used in the loop."""
    probe.require_object()
    observation, subject = await asyncio.to_thread(probe.attempt, **probe.arguments())
    expect(subject is not None, "the constructor needs a running loop", "an instance", observation.outcome)
    assert subject
    await subject.setup(8000)
    clear = await subject.serialize({"frame": "InterruptionFrame"})
    expect(clear.value is not None, "the instance does not work in a loop", "a clear message", clear.outcome)


@check("TFS-CONSTRUCT-23", limit=60, since="2026.12")
async def a_call_that_has_ended_leaves_nothing_behind(probe: Probe) -> None:
    """Call after call, well ended or not: there are no more tasks, threads and open files each time."""
    probe.require_object()
    for answer in (COMPLETED, {"status": 500}):
        held = []
        for _ in range(4):
            probe.answer([answer])
            await _call(probe)
            # A pause for what ends in the background.
            await asyncio.sleep(1)
            probe.network.settle()
            held.append(holdings(probe.network))
        for name in held[0]:
            counts = [each[name] for each in held]
            grows = all(before < after for before, after in itertools.pairwise(counts))
            expect(not grows, f"each call leaves {name} behind", "as many after each call", counts)
    require_request(probe)


@check("TFS-CONSTRUCT-24", limit=60, since="2026.12")
async def no_call_keeps_the_event_loop(probe: Probe) -> None:
    """Neither construction nor a call of a method takes long where the event loop runs, at the third time."""
    probe.require_object()
    longest = []
    for _ in range(3):
        # The first time may import modules, and a machine may be slow once.
        with timed_steps() as steps:
            # A step that has begun is not timed.
            await asyncio.sleep(0)
            await _call(probe)
            await asyncio.sleep(0)
        longest.append(max(steps))
    took, wanted = min(longest), f"at most {LONGEST_STEP:g} s"
    expect(took <= LONGEST_STEP, "the event loop stood still", wanted, f"{took:.2f} s")
    named = [effect.object for effect in probe.effects.seen if effect.kind == LOOK_UP and effect.is_on_loop]
    expect(not named, "a name is looked up on the event loop's thread", "in another thread", len(named))


async def _call(probe: Probe) -> None:
    """Construct an instance, and have it carry a whole call."""
    subject: Subject = await probe.ready(**probe.arguments())
    for step in CALL:
        await (subject.serialize(step) if "frame" in step else subject.deserialize(step))


def _input_params(probe: Probe) -> type[FrameSerializer.InputParams]:
    probe.require_object()
    params = probe.implementation.input_params
    if params is None:
        raise NotTestable(f"{probe.implementation.name} has no InputParams")
    return params
