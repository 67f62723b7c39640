"""Checks of the chapter Clear: an interruption while audio is being converted."""

from __future__ import annotations

import asyncio

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._audio_path import (
    OUTGOING,
    Direction,
    audio_frame,
    expect_in_each,
    in_turn,
    payload_of,
)
from twilio_conformance.checks._core import check
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.clock import held

QUIET = 100
"""The highest sample that counts as silence; speech has a hundred times that."""


@check("TFS-CLEAR-07", since="2026.12")
async def nothing_that_overlaps_an_interruption_follows_its_clear(probe: Probe) -> None:
    """An interruption one to four steps of the event loop after serialize of speech has begun."""
    probe.require_object()

    async def fault(direction: Direction) -> str | None:
        frame = audio_frame(direction.utterance(0.2), direction.rate, kind=direction.kind)
        for steps in range(1, 5):
            subject = await direction.ready(probe)
            with held():
                spoken = asyncio.create_task(subject.serialize(frame))
                for _ in range(steps):
                    await asyncio.sleep(0)
                await subject.serialize({"frame": "InterruptionFrame"})
                is_late = not spoken.done()
                sent = payload_of(await spoken)
            if is_late and sent and abs(ulaw.decode(sent)).max() > QUIET:
                return f"{len(sent) / 8:g} ms"
        return None

    await expect_in_each(in_turn(probe, OUTGOING), fault, "speech is sent after the clear", "none")
