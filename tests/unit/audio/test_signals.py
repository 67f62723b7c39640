"""Signals are what they say: level, frequency, band, and the same waveform at every rate."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from twilio_conformance.audio import signals
from twilio_conformance.audio.levels import Samples, dbfs, dbm0, rms
from twilio_conformance.audio.metrics import fit_tones

RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)

WAVEFORMS: dict[str, Callable[[int], Samples]] = {
    "sine": lambda rate: signals.sine(1019.7, 0, rate, 1.0),
    "multitone": lambda rate: signals.multitone(signals.RESPONSE_TONES, -9, rate, 1.0),
    "dtmf": lambda rate: signals.dtmf("5", -6, rate, 1.0),
    "logarithmic sweep": lambda rate: signals.sweep(200, 3400, 0, rate, 1.0),
    "linear sweep": lambda rate: signals.sweep(200, 3400, 0, rate, 1.0, logarithmic=False),
    "noise": lambda rate: signals.noise(-12, rate, 1.0, band=(200, 3400)),
    "pink noise": lambda rate: signals.noise(-12, rate, 1.0, band=(200, 3400), pink=True),
    "speech": lambda rate: signals.speech(-15, rate, 1.0),
}
LEVELS = {"sine": 0, "multitone": -9, "dtmf": -6, "noise": -12, "pink noise": -12, "speech": -15}


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
    assert np.abs(apart).max() <= (12 if name == "speech" else 2)


@pytest.mark.parametrize("name", WAVEFORMS)
def test_signal_is_the_same_every_time(name: str) -> None:
    assert np.array_equal(WAVEFORMS[name](8000), WAVEFORMS[name](8000))


def test_seed_changes_the_noise() -> None:
    apart = signals.noise(-12, 8000, 1.0, seed=1) - signals.noise(-12, 8000, 1.0, seed=2)
    assert dbm0(rms(apart)) == pytest.approx(-9, abs=0.5)


def test_full_scale_is_3_17_dbm0_for_ulaw_and_0_dbfs_for_int16() -> None:
    assert signals.sine(1000, 3.17, 8000, 1.0, phase=np.pi / 2).max() == 32636
    assert dbfs(rms(signals.sine(1019.7, 3.17, 8000, 1.0))) == pytest.approx(-0.035, abs=0.001)


def test_peak_beyond_int16_is_refused() -> None:
    with pytest.raises(ValueError, match="does not fit int16"):
        signals.sine(1000, 3.3, 8000, 1.0, phase=np.pi / 2)


@pytest.mark.parametrize("key", "0123456789*#ABCD")
def test_dtmf_key_is_its_two_tones_and_nothing_else(key: str) -> None:
    rows, columns = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
    place = "123A456B789C*0#D".index(key)
    fit = fit_tones(signals.dtmf(key, -6, 8000, 0.1), 8000, [rows[place // 4], columns[place % 4]])
    assert fit.sinad_db > 70
    assert fit.peaks[0] == pytest.approx(fit.peaks[1], rel=1e-3)


@pytest.mark.parametrize("key", ["", "E", "12", "5 "])
def test_unknown_dtmf_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no DTMF key"):
        signals.dtmf(key, -6, 8000, 0.1)


def test_multitone_has_low_peaks() -> None:
    signal = signals.multitone(signals.RESPONSE_TONES, -9, 8000, 1.0)
    assert np.abs(signal).max() < 2.2 * rms(signal)


def test_pink_noise_falls_by_3_db_an_octave_and_white_noise_does_not() -> None:
    falls = []
    for pink in (True, False):
        frequencies, power = welch(signals.noise(-12, 8000, 20.0, pink=pink), 8000, nperseg=512)
        low, high = (10 * np.log10(np.interp(f, frequencies, power)) for f in (400, 3200))
        falls.append(low - high)
    assert falls == pytest.approx([9.03, 0], abs=0.6)


def test_noise_stays_in_its_band() -> None:
    frequencies, power = welch(
        signals.noise(-12, 8000, 5.0, band=(500, 2000)), 8000, nperseg=512, detrend=False
    )
    outside = power[(frequencies < 400) | (frequencies > 2100)].max()
    assert 10 * np.log10(outside / power.max()) < -45


def test_sweep_reaches_the_middle_frequency_in_half_the_time() -> None:
    for logarithmic, middle in ((True, 800), (False, 1700)):
        signal = signals.sweep(200, 3200, 0, 48000, 2.0, logarithmic=logarithmic)[47000:49000]
        crossings = np.count_nonzero(np.diff(signal > 0))
        assert crossings / 2 * 24 == pytest.approx(middle, abs=30)


def test_impulses_stand_where_they_are_put() -> None:
    assert np.flatnonzero(signals.impulses(-30000, 8000, 0.1, (0.01, 0.05)) == -30000).tolist() == [80, 400]


def test_speech_has_syllables_and_pauses_and_nothing_above_the_telephone_band() -> None:
    signal = signals.speech(-15, 16000, 4.0)
    frames = np.array([rms(frame) for frame in np.split(signal, 400)])
    assert not frames[151:189].any()
    assert not frames[341:379].any()
    assert (frames[:150] > 500).sum() > 90
    frequencies, power = welch(signal, 16000, nperseg=1024)
    assert 10 * np.log10(power[frequencies > 3600].max() / power.max()) < -60


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
