"""Signals are what they say: level, frequency, band, and the same waveform at every rate."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from twilio_conformance.audio import signals
from twilio_conformance.audio.levels import Samples, dbm0, rms

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)

WAVEFORMS: dict[str, Callable[[int], Samples]] = {
    "sine": lambda rate: signals.sine(1019.7, 0, rate, 1.0),
    "multitone": lambda rate: signals.multitone(signals.RESPONSE_TONES, -9, rate, 1.0),
    "sweep": lambda rate: signals.sweep(200, 3400, 0, rate, 1.0),
    "noise": lambda rate: signals.noise(-12, rate, 1.0, band=(200, 3400)),
}
LEVELS = {"sine": 0, "multitone": -9, "noise": -12}


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("name", WAVEFORMS)
def test_signal_is_one_second_of_int16(name: str, rate: int) -> None:
    signal = WAVEFORMS[name](rate)
    assert (signal.dtype.str[1:], len(signal)) == ("i2", rate)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("name", "level"), LEVELS.items())
def test_signal_has_its_level(name: str, level: float, rate: int) -> None:
    assert dbm0(rms(WAVEFORMS[name](rate))) == pytest.approx(level, abs=0.03)


@pytest.mark.parametrize("name", WAVEFORMS)
def test_signal_is_the_same_waveform_at_three_times_the_rate(name: str) -> None:
    apart = WAVEFORMS[name](24000)[::3].astype(int) - WAVEFORMS[name](8000)
    assert np.abs(apart).max() <= 2


@pytest.mark.parametrize("name", WAVEFORMS)
def test_signal_is_the_same_every_time(name: str) -> None:
    assert np.array_equal(WAVEFORMS[name](8000), WAVEFORMS[name](8000))


def test_seed_changes_the_noise() -> None:
    apart = signals.noise(-12, 8000, 1.0, seed=1) - signals.noise(-12, 8000, 1.0, seed=2)
    assert dbm0(rms(apart)) == pytest.approx(-9, abs=0.5)


def test_full_scale_of_ulaw_is_3_17_dbm0() -> None:
    assert signals.sine(1000, 3.17, 8000, 1.0, phase=np.pi / 2).max() == 32636


def test_peak_beyond_int16_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit int16"):
        signals.sine(1000, 3.3, 8000, 1.0, phase=np.pi / 2)


def test_multitone_has_low_peaks() -> None:
    signal = signals.multitone(signals.RESPONSE_TONES, -9, 8000, 1.0)
    assert np.abs(signal).max() < 2.2 * rms(signal)


def test_noise_without_a_band_is_white() -> None:
    frequencies, power = welch(signals.noise(-12, 8000, 20.0), 8000, nperseg=512)
    low, high = (10 * np.log10(np.interp(f, frequencies, power)) for f in (400, 3200))
    assert low - high == pytest.approx(0, abs=0.6)


def test_noise_stays_in_its_band() -> None:
    frequencies, power = welch(
        signals.noise(-12, 8000, 5.0, band=(500, 2000)), 8000, nperseg=512, detrend=False
    )
    outside = power[(frequencies < 400) | (frequencies > 2100)].max()
    assert 10 * np.log10(outside / power.max()) < -45


def test_sweep_reaches_the_geometric_mean_in_half_the_time() -> None:
    signal = signals.sweep(200, 3200, 0, 48000, 2.0)[47000:49000]
    crossings = np.count_nonzero(np.diff(signal > 0))
    assert crossings / 2 * 24 == pytest.approx(800, abs=30)


@settings(deadline=None)
@given(st.lists(st.floats(-50, 3), min_size=1, max_size=6))
def test_level_ladder_holds_each_level_for_its_time(levels: list[float]) -> None:
    ladder = signals.level_ladder(1000, levels, 8000, 0.1)
    found = [dbm0(rms(step)) for step in np.split(ladder, len(levels))]
    assert found == pytest.approx(levels, abs=0.1)


def test_level_ladder_has_no_break_in_phase() -> None:
    ladder = signals.level_ladder(1019.7, (-10, -10, -10), 8000, 0.1)
    assert np.array_equal(ladder, signals.sine(1019.7, -10, 8000, 0.3))


def test_faded_signal_starts_and_stops_softly_and_is_whole_between() -> None:
    signal = signals.sine(1019.7, 0, 8000, 0.1)
    soft = signals.faded(signal, 8000, 0.01)
    assert np.array_equal(soft[80:-80], signal[80:-80])
    assert np.abs(soft[:8]).max() < 0.03 * np.abs(signal).max()
    assert np.abs(soft[-8:]).max() < 0.03 * np.abs(signal).max()


@pytest.mark.parametrize("rate", RATES)
def test_silence_is_zeros(rate: int) -> None:
    assert not signals.silence(rate, 0.5).any()
    assert len(signals.silence(rate, 0.5)) == rate // 2
