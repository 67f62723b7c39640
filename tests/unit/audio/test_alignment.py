"""Delay, gain, polarity, gaps, wraps and clicks are recovered from paths where they are known."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate, firwin

from tests.unit.audio.paths import snr_db, speech
from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import align, at_borders, ideal, recognise, silent_seconds
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable

BAND = (200.0, 3400.0)
NOISE = signals.noise(-12, 8000, 2.0, band=BAND, seed=3)
SPEECH = speech(-15, 8000, 2.0)
MATERIAL = {"noise": NOISE, "speech": SPEECH, "sweep": signals.sweep(200, 3400, 0, 8000, 2.0)}


def late(samples: Samples, count: int) -> Samples:
    """Samples moved by a whole number; what moves out at the front is lost."""
    return samples[-count:] if count < 0 else np.concatenate((np.zeros(count, np.int16), samples))


@pytest.mark.parametrize("name", MATERIAL)
@settings(max_examples=25, deadline=None)
@given(st.integers(-1500, 4000), st.floats(0.05, 1.0), st.sampled_from((1, -1)))
def test_any_delay_gain_and_polarity_is_recovered(name: str, count: int, gain: float, sign: int) -> None:
    output = np.rint(sign * gain * late(MATERIAL[name], count))
    found = align(MATERIAL[name], output, 8000)
    assert found.delay * 8000 == pytest.approx(count, abs=0.02)
    assert found.gain == pytest.approx(sign * gain, rel=2e-3)
    assert found.polarity == sign
    assert found.correlation > 0.9999
    assert len(found.output) == len(found.reference) <= len(output)
    assert found.start == max(count, 0)


@pytest.mark.parametrize("sixths", range(-5, 6))
def test_fraction_of_a_sample_is_recovered(sixths: int) -> None:
    dense = speech(-15, 48000, 1.5)
    found = align(dense[::6], np.roll(dense, sixths)[::6], 8000)
    assert found.delay * 8000 == pytest.approx(sixths / 6, abs=0.001)
    assert snr_db(found) > 65


@pytest.mark.parametrize("snr", [40, 20, 6, 0])
def test_delay_survives_noise_and_snr_is_recovered(snr: float) -> None:
    disturbed = late(NOISE, 123) + np.rint(
        signals.noise(-12, 8000, 2.5, seed=9)[: len(NOISE) + 123] * 10 ** (-snr / 20)
    )
    found = align(NOISE, disturbed, 8000)
    assert found.delay * 8000 == pytest.approx(123, abs=0.05)
    assert snr_db(found) == pytest.approx(snr, abs=0.3)


def test_delay_agrees_with_scipys_correlation() -> None:
    output = late(SPEECH, 777)
    outside = int(correlate(output.astype(float), SPEECH.astype(float)).argmax()) - (len(SPEECH) - 1)
    assert round(align(SPEECH, output, 8000).delay * 8000) == outside == 777


def test_impulses_show_the_delay_of_a_linear_phase_filter() -> None:
    clicks = signals.silence(8000, 1.0)
    clicks[[800, 2960, 5680]] = 30000
    output = np.convolve(clicks, firwin(65, 3400, fs=8000))
    assert align(clicks, output, 8000).delay == pytest.approx(0.004, abs=1e-6)


@pytest.mark.parametrize(
    "output", [np.zeros(0, np.int16), np.zeros(800, np.int16), signals.silence(8000, 3.0)]
)
def test_nothing_to_align_is_said(output: Samples) -> None:
    with pytest.raises(Unmeasurable):
        align(NOISE, output, 8000)
    with pytest.raises(Unmeasurable):
        align(output, NOISE, 8000)


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 32000, 44100, 48000])
def test_ideal_reference_is_the_closed_form_at_either_rate(rate: int) -> None:
    slow, fast = (speech(-15, r, 1.9) for r in (8000, rate))
    for one, other, to in ((fast, slow, 8000), (slow, fast, rate)):
        found = align(ideal(one, 8000 + rate - to, to), other, to)
        assert abs(found.delay) * to < 0.01
        assert snr_db(found) > 60
        assert abs(len(ideal(one, 8000 + rate - to, to)) - len(other)) <= 1


@pytest.mark.parametrize("offset", [0, 500, -3000])
@pytest.mark.parametrize("length", [120, 1000, 16000])
def test_dc_of_the_output_or_of_a_piece_of_the_reference_is_left_out(offset: int, length: int) -> None:
    found = align(SPEECH, SPEECH[:length].astype(np.float64) + offset, 8000)
    assert abs(found.delay) * 8000 < 0.02
    assert found.gain == pytest.approx(1, abs=1e-3)
    assert snr_db(found) > 40
    assert abs(found.residual.mean()) < 1e-6


@settings(max_examples=25, deadline=None)
@given(st.integers(1000, 14000), st.integers(160, 1600))
def test_silence_in_place_of_sound_is_measured(at: int, count: int) -> None:
    output = NOISE.copy()
    output[at : at + count] = 0
    silent = silent_seconds(align(NOISE, late(output, 800), 8000))
    assert silent == pytest.approx(count / 8000, abs=0.0101)


@pytest.mark.parametrize("gain", [1.0, -0.1])
def test_pauses_that_were_given_do_not_count_as_silence(gain: float) -> None:
    assert silent_seconds(align(SPEECH, np.rint(SPEECH * gain), 8000)) == 0


@pytest.mark.parametrize(("level", "seconds"), [(-45, 0.5), (-55, 0)])
def test_sound_that_vanishes_counts_only_when_it_was_audible(level: float, seconds: float) -> None:
    faint = NOISE.copy()
    faint[8000:12000] = signals.noise(level, 8000, 0.5, band=BAND)
    output = faint.copy()
    output[8000:12000] = 0
    assert silent_seconds(align(faint, output, 8000)) == pytest.approx(seconds, abs=0.0101)


def wrapped(samples: Samples, gain: float) -> Samples:
    return np.asarray(np.rint(samples * gain), np.int64).astype(np.int16)


def saturated(samples: Samples, gain: float) -> Real:
    return np.clip(samples * gain, -32768, 32767)


@pytest.mark.parametrize("sign", [1, -1])
def test_wrapped_peaks_are_counted_and_clipped_ones_are_not(sign: int) -> None:
    loud = signals.sweep(100, 110, 3.17, 8000, 1.0)
    assert align(loud, sign * wrapped(loud, 1.1).astype(float), 8000).wraps == pytest.approx(210, abs=1)
    assert align(loud, sign * saturated(loud, 1.1), 8000).wraps == 0
    assert align(loud, sign * ulaw.decode(ulaw.encode(loud)).astype(float), 8000).wraps == 0


@pytest.mark.parametrize(
    ("borders", "marked"),
    [([], []), ([4.0], range(1, 7)), ([0.0, 9.6], [0, 1, 2, 7, 8, 9]), ([40.0], [])],
    ids=["none", "one", "at both ends", "beyond the end"],
)
def test_samples_close_to_a_border_are_marked(borders: list[float], marked: Sequence[int]) -> None:
    found = at_borders(10, np.array(borders), 1000, width=0.003)
    assert np.flatnonzero(found).tolist() == list(marked)


def test_an_output_is_recognised_unless_it_is_silent_or_something_else() -> None:
    found = recognise(NOISE, late(NOISE, 40), 8000)
    assert found is not None
    assert found.delay == pytest.approx(0.005, abs=1e-5)
    assert recognise(NOISE, np.zeros(8000, np.int16), 8000) is None
    assert recognise(NOISE, signals.noise(-12, 8000, 2.0, band=BAND, seed=4), 8000) is None
