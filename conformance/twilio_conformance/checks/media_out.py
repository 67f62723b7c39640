"""Checks of the chapter Media to Twilio."""

from __future__ import annotations

import hashlib

import numpy as np

from twilio_conformance.audio import signals
from twilio_conformance.audio.passage import split
from twilio_conformance.checks._audio_path import (
    VOICE_RATES,
    Direction,
    audio_frame,
    expect_tone,
    in_turn,
    payload_of,
)
from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject.frames import output_audio_kinds
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.clock import held

REFERENCE_ENCODERS = {
    "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c": "ITU-T G.191",
    "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a": "CPython audioop",
}
"""SHA-256 of the codes for all inputs from -32768 to 32767, in order."""


@check("TFS-MEDIAOUT-07")
async def encoding_equals_a_reference_encoder(probe: Probe) -> None:
    """The codes of all 65,536 inputs are those of one of the two reference encoders."""
    inputs = np.append(np.arange(-32768, 32768), signals.silence(8000, 1)).astype(np.int16)
    subject = await probe.ready()
    with held():
        sent = await subject.serialize_each([audio_frame(chunk, 8000) for chunk in split(inputs, 160)])
    digest = hashlib.sha256(b"".join(payload_of(each) or b"" for each in sent)[: 1 << 16]).hexdigest()
    known, wanted = digest in REFERENCE_ENCODERS, list(REFERENCE_ENCODERS.values())
    message = "the codes are those of neither reference encoder"
    expect(known, message, wanted, f"codes of SHA-256 {digest}")


@check("TFS-MEDIAOUT-09")
async def a_tone_to_twilio_keeps_its_frequency_and_length(probe: Probe) -> None:
    """A tone at each of the voices' rates arrives at 8000 Hz with its frequency and its length."""
    for direction in in_turn(probe, (Direction(True, rate) for rate in 2 * VOICE_RATES)):
        await expect_tone(probe, direction)


@check("TFS-MEDIAOUT-11", since="2026.12")
async def every_kind_of_output_audio_is_sent(probe: Probe) -> None:
    """Every class of output audio that the installed Pipecat defines, and one of an application, is sent."""
    unsent = {}
    for kind in output_audio_kinds(with_own=not probe.implementation.is_remote):
        for rate in (8000, 24000):
            frame = audio_frame(signals.utterance(rate, 1), rate, kind=kind)
            sent = await (await probe.ready(out_rate=rate)).serialize(frame)
            if sent.raised is not None or sent.value is None:
                unsent[f"{kind.__name__} at {rate} Hz"] = sent.outcome
    expect(not unsent, "a kind of output audio is not sent", "a media message", unsent)
