"""Gain, distortion, response, aliases, images, noise and offsets are recovered where they are known."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.signal import butter, firwin, freqz, lfilter

from tests.unit.audio.paths import Path, measure_path, speech
from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import ideal
from twilio_conformance.audio.levels import FLOOR_DB, Real, Samples, Unmeasurable, peak_of
from twilio_conformance.audio.metrics import (
    alias_db,
    dc_offset,
    difference_db,
    fit_tones,
    folded,
    ideal_sinad,
    idle_noise_dbm0,
    images_db,
    level_curve,
    response,
)
from twilio_conformance.audio.passage import Passage

TONE = signals.REFERENCE_TONE
TONES = signals.RESPONSE_TONES


def passage(given_: Samples, received: NDArray[Any], rate_in: int = 8000, rate_out: int = 8000) -> Passage:
    return Passage.of([given_], [np.rint(received).astype(np.int16)], rate_in=rate_in, rate_out=rate_out)


def coded(samples: Samples) -> Samples:
    return ulaw.decode(ulaw.encode(samples))


@settings(deadline=None)
@given(st.floats(-40, 3.1), st.floats(50, 3900), st.floats(0, 6.28), st.integers(-50, 50))
def test_any_sine_is_recovered(level: float, frequency: float, phase: float, offset: int) -> None:
    tone = signals.sine(frequency, level, 8000, 0.5, phase=phase).astype(np.float64) + offset
    fit = fit_tones(tone, 8000, [frequency], edge=0.02)
    assert fit.level_dbm0 == pytest.approx(level, abs=0.05)
    assert fit.offset == pytest.approx(offset, abs=0.2)
    assert abs(np.angle(fit.phasors[0] / np.exp(1j * (phase - np.pi / 2)))) < 0.02


@pytest.mark.parametrize("sinad", [5, 20, 37, 50, 70])
def test_sinad_is_the_ratio_to_the_noise_that_was_added(sinad: float) -> None:
    noise = np.random.default_rng(1).standard_normal(16000) * peak_of(0) / np.sqrt(2) / 10 ** (sinad / 20)
    tone = peak_of(0) * np.sin(2 * np.pi * TONE / 8000 * np.arange(16000))
    assert fit_tones(tone + noise, 8000, [TONE]).sinad_db == pytest.approx(sinad, abs=0.2)


def test_sinad_counts_harmonics_and_not_dc() -> None:
    tone = signals.sine(700, 0, 8000, 1.0).astype(np.float64)
    harmonic = signals.sine(1400, -30, 8000, 1.0)
    assert fit_tones(tone + harmonic + 500, 8000, [700]).sinad_db == pytest.approx(30, abs=0.01)


def test_tones_close_together_do_not_disturb_each_other() -> None:
    mixed = signals.sine(1000, 0, 8000, 0.5) + signals.sine(1007, -40, 8000, 0.5)
    fit = fit_tones(mixed, 8000, [1000, 1007])
    assert fit.peaks == pytest.approx([peak_of(0), peak_of(-40)], rel=0.001)


def test_tone_that_is_not_there_has_the_floors_sinad() -> None:
    assert fit_tones(signals.silence(8000, 0.1), 8000, [TONE]).sinad_db == FLOOR_DB


@pytest.mark.parametrize(
    ("samples", "frequencies", "edge"),
    [(11, [1000], 0), (800, [1000], 0.05), (800, [4000], 0), (0, [1000], 0)],
)
def test_fit_that_cannot_be_made_is_refused(samples: int, frequencies: list[float], edge: float) -> None:
    with pytest.raises(Unmeasurable):
        fit_tones(np.ones(samples), 8000, frequencies, edge=edge)


def test_level_curve_of_ulaw_is_the_ideal_one() -> None:
    levels = (3, 0, -10, -20, -30, -40, -50)
    ladder = signals.level_ladder(TONE, levels, 8000, 0.5)
    curve = level_curve(passage(ladder, coded(ladder)), TONE, levels)
    assert curve.levels.tolist() == list(levels)
    assert curve.sinad_db == pytest.approx([ideal_sinad(level) for level in levels], abs=0.35)
    assert curve.gain_db == pytest.approx([0] * 7, abs=0.15)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 48000])
def test_level_curve_is_read_behind_the_delay(rate: int) -> None:
    levels = (0, -30, -10)
    ladder = signals.level_ladder(TONE, levels, rate, 0.4)
    output = np.concatenate((np.zeros(400), 0.5 * ideal(ladder, rate, 8000)))
    curve = level_curve(passage(ladder, output, rate), TONE, levels, delay=0.05)
    assert curve.gain_db == pytest.approx([-6.02] * 3, abs=0.05)
    assert (curve.sinad_db > 40).all()


def test_level_curve_leaves_out_steps_that_did_not_come() -> None:
    levels = (0, -10, -20)
    ladder = signals.level_ladder(TONE, levels, 8000, 0.4)
    assert level_curve(passage(ladder, ladder[:-800]), TONE, levels).levels.tolist() == [0, -10]
    assert len(level_curve(passage(ladder, ladder[:0]), TONE, levels).levels) == 0


@settings(max_examples=20, deadline=None)
@given(st.floats(-25, 9))
def test_any_gain_is_recovered(gain: float) -> None:
    given_ = signals.multitone(TONES, -15, 8000, 0.5)
    found = response(passage(given_, given_ * 10 ** (gain / 20)), TONES)
    assert found == pytest.approx([gain] * len(TONES), abs=0.05)
    assert np.ptp(found) < 0.05


def test_response_agrees_with_scipys_for_a_recursive_filter() -> None:
    numerator, denominator = butter(4, [300, 3000], "bandpass", fs=8000)
    given_ = signals.multitone(TONES, -9, 8000, 2.0)
    found = response(passage(given_, lfilter(numerator, denominator, given_.astype(float))), TONES)
    outside = freqz(numerator, denominator, worN=TONES, fs=8000)[1]
    assert found == pytest.approx(20 * np.log10(np.abs(outside)), abs=0.01)


def test_response_through_ulaw_is_as_good_as_stated() -> None:
    given_ = signals.multitone(TONES, -9, 8000, 1.0)
    found = response(passage(given_, coded(given_)), TONES)
    assert np.abs(found).max() < 0.1


def test_linear_interpolation_has_the_response_and_images_of_its_closed_form(
    linear: Callable[[int, int], Path],
) -> None:
    """Three outputs an input: H(f) is the square of a Dirichlet kernel."""
    given_ = signals.multitone(TONES, -9, 8000, 1.0)
    path = measure_path(linear(8000, 24000), given_, rate_in=8000, rate_out=24000, chunks=160)

    def closed(frequencies: Real) -> Real:
        angle = np.pi * frequencies / 24000
        return np.asarray(40 * np.log10(np.abs(np.sin(3 * angle) / (3 * np.sin(angle)))))

    assert response(path, TONES) == pytest.approx(closed(np.array(TONES)), abs=0.01)
    tone = signals.sine(3000, 0, 8000, 1.0)
    found = images_db(measure_path(linear(8000, 24000), tone, rate_in=8000, rate_out=24000, chunks=160), 3000)
    assert list(found) == [5000, 11000]
    assert list(found.values()) == pytest.approx(closed(np.array(list(found))), abs=0.05)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 32000, 44100, 48000])
def test_good_filter_leaves_no_images(rate: int) -> None:
    tone = signals.sine(2000, 0, 8000, 1.0)
    found = images_db(passage(tone, ideal(tone, 8000, rate), 8000, rate), 2000)
    assert min(found) == 6000
    assert max(found.values()) < -85


@pytest.mark.parametrize("times", [2, 3, 4, 6])
def test_repeated_samples_leave_the_images_of_their_closed_form(times: int) -> None:
    tone = signals.sine(2000, 0, 8000, 1.0)
    found = images_db(passage(tone, np.repeat(tone, times), 8000, 8000 * times), 2000)
    angle = np.pi * np.array(list(found)) / (8000 * times)
    closed = 20 * np.log10(np.abs(np.sin(times * angle) / (times * np.sin(angle))))
    assert list(found.values()) == pytest.approx(closed, abs=0.01)


@pytest.mark.parametrize("rate", [8000, 11025])
def test_rate_without_room_for_an_image_is_refused(rate: int) -> None:
    tone = signals.sine(2000, 0, 8000, 0.2)
    with pytest.raises(Unmeasurable, match="no image"):
        images_db(passage(tone, ideal(tone, 8000, rate), 8000, rate), 2000)


@pytest.mark.parametrize(
    ("frequency", "place"),
    [(4600, 3400), (5000, 3000), (7000, 1000), (9000, 1000), (15000, 1000), (3000, 3000)],
)
def test_tone_folds_at_half_the_rate(frequency: float, place: float) -> None:
    assert folded(frequency, 8000) == place


@given(st.floats(4200, 7800), st.floats(-60, 0))
@settings(max_examples=25, deadline=None)
def test_any_alias_is_recovered(frequency: float, level: float) -> None:
    tone = signals.sine(frequency, 0, 24000, 0.5)
    found = alias_db(passage(tone, tone[::3] * 10 ** (level / 20), 24000), frequency)
    assert found == pytest.approx(level, abs=0.1)


def test_alias_under_the_smallest_step_of_ulaw_vanishes() -> None:
    tone = signals.sine(4600, 0, 24000, 1.0)
    assert alias_db(passage(tone, coded(ideal(tone, 24000, 8000).astype(np.int16)), 24000), 4600) == FLOOR_DB


@pytest.mark.parametrize(
    ("quality", "gain", "alias"), [("VHQ", 0.0, -87), ("HQ", 0.0, -87), ("LQ", -7.8, -87), ("QQ", 0.0, 0)]
)
def test_soxrs_qualities_are_told_apart(
    soxr_stream: Callable[..., Path], quality: str, gain: float, alias: float
) -> None:
    given_ = signals.multitone(TONES, -9, 24000, 1.0)
    path = soxr_stream(24000, 8000, quality)
    found = response(measure_path(path, given_, rate_in=24000, rate_out=8000, chunks=480), TONES)
    assert found[-1] == pytest.approx(gain, abs=0.3)
    tone = signals.sine(4600, 0, 24000, 1.0)
    level = alias_db(
        measure_path(soxr_stream(24000, 8000, quality), tone, rate_in=24000, rate_out=8000, chunks=480), 4600
    )
    assert level <= -80 if alias < -60 else level == pytest.approx(alias, abs=1)


@settings(deadline=None)
@given(st.integers(-3000, 3000))
def test_dc_offset_is_recovered(offset: int) -> None:
    assert dc_offset(signals.silence(8000, 0.1) + np.int16(offset)) == offset
    assert idle_noise_dbm0(signals.silence(8000, 0.1) + np.int16(offset)) == FLOOR_DB


@pytest.mark.parametrize("level", [-75, -65, -50])
def test_idle_noise_is_recovered_without_the_offset(level: float) -> None:
    hiss = signals.noise(level, 8000, 5.0).astype(np.float64) + 40
    assert idle_noise_dbm0(hiss) == pytest.approx(level, abs=0.5 if level == -75 else 0.1)


def test_smallest_step_of_ulaw_has_minus_66_dbm0() -> None:
    """An encoder that dithers silence between +0 and -8 makes this noise."""
    assert idle_noise_dbm0(np.tile(np.array([0, -8], np.int16), 400)) == pytest.approx(-72.06, abs=0.01)
    assert idle_noise_dbm0(np.tile(np.array([8, -8], np.int16), 400)) == pytest.approx(-66.04, abs=0.01)


def test_no_samples_have_no_mean() -> None:
    for metric in (dc_offset, idle_noise_dbm0):
        with pytest.raises(Unmeasurable, match="no samples"):
            metric(np.zeros(0))


def test_difference_of_two_outputs_over_their_common_length() -> None:
    first = speech(-15, 8000, 1.0)
    assert difference_db(first, first[:-5]) == FLOOR_DB
    other = first.copy()
    other[4000] += 7
    assert difference_db(first, other) == pytest.approx(
        20 * np.log10(7 / np.linalg.norm(first.astype(float)))
    )
    lowest, highest = np.full(3, -32768, np.int16), np.full(3, 32767, np.int16)
    assert difference_db(lowest, highest) == pytest.approx(6.02, abs=0.01)


def test_soft_filter_has_the_response_that_scipy_designed() -> None:
    taps = firwin(31, 2000, fs=24000)
    given_ = signals.multitone(TONES, -9, 24000, 1.0)
    found = response(passage(given_, np.convolve(given_, taps)[: len(given_)], 24000, 24000), TONES)
    outside = 20 * np.log10(np.abs(freqz(taps, worN=TONES, fs=24000)[1]))
    assert found == pytest.approx(outside, abs=0.03)
