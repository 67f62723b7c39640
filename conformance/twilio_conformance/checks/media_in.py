"""Checks of the chapter Media from Twilio."""

from __future__ import annotations

from twilio_conformance.checks._audio_path import VOICE_RATES, Direction, expect_tone, in_turn
from twilio_conformance.checks._core import check
from twilio_conformance.subject.probe import Probe


@check("TFS-MEDIAIN-04")
async def a_tone_from_twilio_keeps_its_frequency_and_length(probe: Probe) -> None:
    """A tone from Twilio arrives in pipelines of other rates with its frequency and its length."""
    for direction in in_turn(probe, (Direction(False, rate) for rate in VOICE_RATES)):
        await expect_tone(probe, direction)
