"""Measurements of what a caller receives: missing and stale audio, and tones."""

from __future__ import annotations

import numpy as np
import pytest

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.checks import _caller_audio
from twilio_conformance.checks._caller_audio import voice
from twilio_conformance.twilio.caller import RATE


def test_the_whole_of_what_was_said_is_not_missing_and_a_cut_end_is() -> None:
    said = voice(1.0)
    coded = ulaw.decode(ulaw.encode(said))
    assert _caller_audio.missing_seconds(said, coded) == pytest.approx(0.0, abs=0.0002)
    assert _caller_audio.missing_seconds(said, coded[:-800]) == pytest.approx(0.1, abs=0.0002)
    assert _caller_audio.missing_seconds(said, np.append(np.zeros(160, np.int16), coded)) == pytest.approx(
        0.0, abs=0.0002
    )
    assert _caller_audio.missing_seconds(said, np.zeros(8000, np.int16)) == 1.0
    assert _caller_audio.missing_seconds(said, voice(1.0, seed=9)) == 1.0


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_stale_audio_is_what_is_audible_ahead_of_the_answer(rate: int) -> None:
    answer = voice(0.6, rate=rate, seed=4)
    clean = ulaw.decode(ulaw.encode(voice(0.6, seed=4)))
    assert _caller_audio.stale_seconds(answer, clean, rate) == 0.0
    assert _caller_audio.stale_seconds(answer, np.append(signals.silence(RATE, 0.1), clean), rate) == 0.0
    leak = voice(0.05, seed=3)
    assert _caller_audio.stale_seconds(answer, np.append(leak, clean), rate) == pytest.approx(0.05, abs=0.002)
    assert _caller_audio.stale_seconds(answer, leak, rate) is None


def test_a_tone_is_told_from_its_neighbours_even_when_it_is_cut() -> None:
    frequencies = [320.0 + 120 * number for number in range(20)]
    hum = signals.sine(frequencies[7], -10, RATE, 1.0)
    for audio in (hum, hum[:1200], np.append(hum[:3000], hum[3700:])):
        levels = _caller_audio.tone_levels(audio, frequencies)
        assert levels[7] > -1
        assert max(levels[:7] + levels[8:]) < -30
    mixed = hum + signals.sine(frequencies[3], -30, RATE, 1.0)
    assert _caller_audio.tone_levels(mixed, frequencies)[3] == pytest.approx(-20, abs=1)
    assert set(_caller_audio.tone_levels(np.zeros(0, np.int16), frequencies)) == {-120.0}
