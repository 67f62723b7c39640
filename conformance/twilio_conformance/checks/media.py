"""Checks of the chapters Media to Twilio and Media from Twilio."""

from __future__ import annotations

import hashlib

import numpy as np

from twilio_conformance.audio import signals
from twilio_conformance.audio.passage import Passage
from twilio_conformance.carriage import receive, send, send_codes
from twilio_conformance.checks import check, expect
from twilio_conformance.probe import Probe

REFERENCE_ENCODERS = {
    "90c29de505fb68e766118303bd552a16005dcf810873698bee1d8f3b247ce28c": "ITU-T G.191",
    "81d633c9e6972a18c74a58720b96cb8ca0bdd096d4060b646dd708c3b846019a": "CPython audioop",
}
"""SHA-256 of the codes for all inputs from -32768 to 32767, in order."""

PIPELINE_RATES = (16000, 24000, 48000)
"""The rates of Pipecat's voices, beside 8000 Hz."""

TONE = 440.0
WITHHELD = 0.3
"""Seconds that core lets an implementation hold back: more than any resampler in the field (160 ms)."""


@check("TFS-MEDIAOUT-07")
async def encoding_equals_a_reference_encoder(probe: Probe) -> None:
    """The codes of all 65,536 inputs are those of one of the two reference encoders."""
    inputs = np.arange(-32768, 32768).astype(np.int16)
    codes = b"".join(
        await send_codes(await probe.ready(), np.append(inputs, signals.silence(8000, 1)), 8000, 160)
    )
    digest = hashlib.sha256(codes[: inputs.size]).hexdigest()
    expect(
        digest in REFERENCE_ENCODERS,
        "the codes are those of neither reference encoder",
        expected=list(REFERENCE_ENCODERS.values()),
        actual=f"codes of SHA-256 {digest}",
    )


@check("TFS-MEDIAOUT-09")
async def a_tone_to_twilio_keeps_its_frequency_and_length(probe: Probe) -> None:
    """A tone at each of the voices' rates arrives at 8000 Hz with its frequency and its length."""
    for rate in PIPELINE_RATES:
        subject = await probe.ready(out_rate=rate)
        _expect_tone(await send(subject, signals.sine(TONE, -10, rate, 2), rate, rate // 50))


@check("TFS-MEDIAIN-04")
async def a_tone_from_twilio_keeps_its_frequency_and_length(probe: Probe) -> None:
    """A tone from Twilio arrives in pipelines of other rates with its frequency and its length."""
    for rate in PIPELINE_RATES:
        subject = await probe.ready(rate=rate)
        _expect_tone(await receive(subject, signals.sine(TONE, -10, 8000, 2), rate, 160))


def _expect_tone(passage: Passage) -> None:
    """The tone of a passage has its frequency, to half a percent, and its length, less what is withheld."""
    where = f"from {passage.rate_in} to {passage.rate_out} Hz"
    missing = -passage.length_error / passage.rate_out
    expect(
        -0.01 <= missing <= WITHHELD,
        f"{where}: the length differs",
        expected=f"2 s, of which {WITHHELD:g} s may be withheld",
        actual=f"{2 - missing:.3f} s",
    )
    steady = passage.output[passage.rate_out // 4 :].astype(float)
    spectrum = np.abs(np.fft.rfft(steady * np.hanning(steady.size), 1 << 18))
    frequency = float(np.argmax(spectrum)) * passage.rate_out / (1 << 18)
    expect(
        abs(frequency / TONE - 1) <= 0.005,
        f"{where}: the pitch differs",
        expected=f"{TONE:g} Hz",
        actual=f"{frequency:.1f} Hz",
    )
