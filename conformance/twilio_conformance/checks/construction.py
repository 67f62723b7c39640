"""Checks of the chapter Construction."""

from __future__ import annotations

from base64 import b64encode

import numpy as np
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._audio_path import audio_frame, payload_of
from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import FrameValue, Json, shorten
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import end_call


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


def _input_params(probe: Probe) -> type[FrameSerializer.InputParams]:
    probe.require_object()
    params = probe.implementation.input_params
    if params is None:
        raise NotTestable(f"{probe.implementation.name} has no InputParams")
    return params
