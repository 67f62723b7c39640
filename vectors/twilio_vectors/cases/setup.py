"""Cases of the chapter Setup: what setup accepts, and at which rate the caller's audio comes out."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from twilio_vectors.case import (
    HANGING_UP,
    NO_HANG_UP,
    STREAM_SID,
    Case,
    Json,
    deserialize,
    family,
    raises,
    received,
    set_up,
)

MILLIWATT = bytes.fromhex("1e0b0b1e9e8b8b9e") * 20
"""20 ms of the digital milliwatt, the 1000 Hz test tone of ITU-T G.711, in μ-law."""

MESSAGES = 60
"""1.2 s of audio: an implementation that holds back a second still has to give some."""

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Hz: what speech services and Pipecat's examples ask for."""


@family("setup")
def accepts() -> Iterator[Case]:
    """setup takes the configuration that the installed Pipecat passes and raises nothing."""
    override = {"stream_sid": STREAM_SID, "params": {"auto_hang_up": False, "sample_rate": 16000}}
    for name, text, rate, out_rate, arguments in (
        ("8000", "Both directions at 8000 Hz.", 8000, None, NO_HANG_UP),
        ("16000", "Both directions at 16000 Hz.", 16000, None, NO_HANG_UP),
        ("48000", "Both directions at 48000 Hz.", 48000, None, NO_HANG_UP),
        ("out-24000", "16000 Hz in and 24000 Hz out.", 16000, 24000, NO_HANG_UP),
        ("hang-up", "With auto_hang_up enabled.", 16000, None, HANGING_UP),
        ("override", "With params.sample_rate given.", 8000, None, override),
    ):
        yield Case(
            name=f"accepts-{name}",
            text=text,
            arguments=arguments,
            rate=None,
            steps=[set_up(rate, raises("TFS-SETUP-01", None), out_rate=out_rate)],
            source="api.txt",
        )


@family("setup")
def pipeline_rate() -> Iterator[Case]:
    """Without an override, each frame of the caller's audio is labelled with the pipeline's input rate."""
    for rate in RATES:
        yield Case(
            name=f"pipeline-rate-{rate}",
            text=f"setup is called with {rate} Hz; 1.2 s of audio comes in.",
            rate=rate,
            steps=_caller(),
            expect=[received("TFS-SETUP-02", None, rate=rate, at_least=1)],
            source="api.txt",
        )
    for rate, out_rate in ((8000, 24000), (16000, 24000), (16000, 8000)):
        yield Case(
            name=f"pipeline-rate-{rate}-out-{out_rate}",
            text=f"setup is called with {rate} Hz in and {out_rate} Hz out: the rate in counts.",
            rate=rate,
            out_rate=out_rate,
            steps=_caller(),
            expect=[received("TFS-SETUP-02", None, rate=rate, at_least=1)],
            source="api.txt",
        )
    yield Case(
        name="pipeline-rate-null-override",
        text="params.sample_rate is None, as by default: the pipeline's rate holds.",
        arguments={"stream_sid": STREAM_SID, "params": {"auto_hang_up": False, "sample_rate": None}},
        rate=16000,
        steps=_caller(),
        expect=[received("TFS-SETUP-02", None, rate=16000, at_least=1)],
        source="api.txt",
    )


@family("setup")
def override() -> Iterator[Case]:
    """params.sample_rate takes the place of the pipeline's input rate, whichever of the two is higher."""
    for override_rate, rate, out_rate in (
        (16000, 8000, None),
        (8000, 16000, None),
        (16000, 24000, None),
        (24000, 24000, None),
        (16000, 8000, 24000),
    ):
        suffix = f"-out-{out_rate}" if out_rate else ""
        yield Case(
            name=f"override-{override_rate}-over-{rate}{suffix}",
            text=f"params.sample_rate is {override_rate} and setup is called with {rate} Hz"
            + (f" in and {out_rate} Hz out." if out_rate else "."),
            arguments={
                "stream_sid": STREAM_SID,
                "params": {"auto_hang_up": False, "sample_rate": override_rate},
            },
            rate=rate,
            out_rate=out_rate,
            steps=_caller(),
            expect=[received("TFS-SETUP-03", None, rate=override_rate, at_least=override_rate * 7 // 10)],
            source="api.txt",
        )


@family("setup")
def again() -> Iterator[Case]:
    """setup is called again with another rate, before any audio: the later rate holds."""
    for first, second in ((8000, 16000), (16000, 8000), (24000, 16000)):
        yield Case(
            name=f"again-{second}-after-{first}",
            text=f"setup is called with {first} Hz, and then with {second} Hz.",
            rate=first,
            steps=[set_up(second, raises("TFS-SETUP-05", None)), *_caller()],
            expect=[received("TFS-SETUP-05", None, rate=second, at_least=second * 7 // 10)],
            source="api.txt",
            since="2026.12",
        )


def _caller() -> list[Json]:
    """Media messages of 20 ms as Twilio sends them, one after another."""
    payload = base64.b64encode(MILLIWATT).decode()
    return [
        deserialize(
            {
                "event": "media",
                "sequenceNumber": str(number + 1),
                "media": {
                    "track": "inbound",
                    "chunk": str(number),
                    "timestamp": str(20 * (number - 1)),
                    "payload": payload,
                },
                "streamSid": STREAM_SID,
            }
        )
        for number in range(1, MESSAGES + 1)
    ]
