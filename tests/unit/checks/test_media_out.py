"""Checks of the chapter Media to Twilio: the reference passes, and a serializer that is broken in that respect fails."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    "check",
    [
        "media.encoding_equals_a_reference_encoder",
        "media.a_tone_to_twilio_keeps_its_frequency_and_length",
    ],
)
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}
