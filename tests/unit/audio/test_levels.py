"""Levels in dB and dBm0 are finite and on the scale of G.711."""

import numpy as np
import pytest

from twilio_conformance.audio.levels import FLOOR_DB, ULAW_PEAK, ULAW_PEAK_DBM0, dbm0, decibels, peak_of, rms


@pytest.mark.parametrize(
    ("amplitude", "reference", "level"),
    [
        (10, 1, 20),
        (0, 1, FLOOR_DB),
        (1, 0, -FLOOR_DB),
        (0, 0, FLOOR_DB),
        (1e-9, 1, FLOOR_DB),
        (1e9, 1, -FLOOR_DB),
    ],
)
def test_decibels_are_finite(amplitude: float, reference: float, level: float) -> None:
    assert decibels(amplitude, reference) == pytest.approx(level)


def test_the_largest_sine_of_mu_law_has_its_theoretical_load_capacity() -> None:
    assert peak_of(ULAW_PEAK_DBM0) == ULAW_PEAK == 32636
    assert dbm0(ULAW_PEAK / np.sqrt(2)) == pytest.approx(ULAW_PEAK_DBM0)
    assert dbm0(0) == FLOOR_DB


def test_rms_of_a_constant_is_its_magnitude_and_of_nothing_0() -> None:
    assert rms(np.full(10, -32768, np.int16)) == 32768
    assert rms(np.zeros(0)) == 0
