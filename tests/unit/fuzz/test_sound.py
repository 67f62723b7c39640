"""The comparison of audio within what the specification permits."""

from __future__ import annotations

import numpy as np
import pytest

from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.fuzz import sound


def tone(rate: int, seconds: float, amplitude: float = 8000) -> Samples:
    places = np.arange(round(rate * seconds))
    return np.asarray(np.rint(amplitude * np.sin(2 * np.pi * 1000 / rate * places)), dtype=np.int16)


def silence(rate: int, seconds: float) -> Samples:
    return np.zeros(round(rate * seconds), dtype=np.int16)


@pytest.mark.parametrize(
    ("actual", "kind"),
    [
        (tone(24000, 1), None),
        (tone(24000, 0.95), None),
        (tone(24000, 0.93), "shorter"),
        (tone(24000, 1.03), "longer"),
        (np.concatenate((silence(24000, 0.05), tone(24000, 0.95))), None),
        (tone(24000, 1, 9000), None),
        (tone(24000, 1, 24000), "leaked"),
        (tone(24000, 1, 3000), "unlike"),
        (np.concatenate((tone(24000, 0.3), silence(24000, 0.4), tone(24000, 0.3))), "unlike"),
    ],
)
def test_converted_audio_is_compared_by_length_and_level(actual: Samples, kind: str | None) -> None:
    mismatch = sound.compare_levels(actual, tone(24000, 1), 24000, has_silence=False)
    assert (mismatch and mismatch.kind) == kind


def test_speech_missing_before_silence_is_lost() -> None:
    said = np.concatenate((tone(16000, 0.3), silence(16000, 0.5)))
    late = np.concatenate((silence(16000, 0.04), said))[: len(said)]
    cut = np.concatenate((tone(16000, 0.2), silence(16000, 0.6)))
    assert sound.compare_levels(late, said, 16000, has_silence=True) is None
    mismatch = sound.compare_levels(cut, said, 16000, has_silence=True)
    assert mismatch is not None
    assert mismatch.kind == "lost"


def test_codes_may_be_one_quantizer_level_apart() -> None:
    order = np.argsort(ulaw.decode(bytes(range(256))), kind="stable").astype(np.uint8)
    order = order[order != 0x7F]
    for apart, kind in ((1, None), (2, "unlike")):
        mismatch = sound.compare_exact(order[apart:], order[:-apart])
        assert (mismatch and mismatch.kind) == kind
    assert sound.compare_exact(np.full(99, 0x7F, np.uint8), np.full(99, 0xFF, np.uint8)) is None


def test_samples_at_8000_hz_have_to_be_equal() -> None:
    said = tone(8000, 0.1)
    assert sound.compare_exact(said[:-100], said) is None
    changed = said.copy()
    changed[7] += 1
    mismatch = sound.compare_exact(changed, said)
    assert mismatch is not None
    assert mismatch.kind == "unlike"
