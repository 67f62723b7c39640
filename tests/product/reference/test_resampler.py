"""Tests of the resampler: delay, flatness, rejection, exactness over chunks, counts and limits."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from twilio_reference.resampler import MAX_RATE, MIN_RATE, Resampler, overlay

RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
PAIRS = [(rate, 8000) for rate in RATES] + [(8000, rate) for rate in RATES]
EVERY_PAIR = pytest.mark.parametrize(("source", "target"), PAIRS)

Signal = NDArray[np.float64]


def convert(resampler: Resampler, signal: Signal) -> Signal:
    """Round, convert in one go, give numbers back."""
    pcm = np.rint(signal).clip(-32768, 32767).astype("<i2").tobytes()
    return np.frombuffer(resampler.process(pcm), "<i2").astype(np.float64)


def tone(frequency: float, rate: int, seconds: float = 0.5, amplitude: float = 12_000) -> Signal:
    """A sine wave."""
    return amplitude * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)


def fitted(signal: Signal, frequency: float, rate: int) -> tuple[float, float, float]:
    """Least-squares fit of a sine, filter's start left out: amplitude, phase in cycles, residual."""
    skipped = rate // 100
    angle = 2 * np.pi * frequency * np.arange(skipped, len(signal)) / rate
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    weights = np.linalg.lstsq(basis, signal[skipped:], rcond=None)[0]
    residual = float(np.std(signal[skipped:] - basis @ weights))
    return float(np.hypot(*weights)), float(np.arctan2(weights[1], weights[0]) / (2 * np.pi)), residual


@EVERY_PAIR
def test_pass_band_is_flat_within_a_tenth_of_a_decibel(source: int, target: int) -> None:
    for frequency in (200, 1000, 2000, 3000, 3400):
        amplitude, _, _ = fitted(
            convert(Resampler(source, target), tone(frequency, source)), frequency, target
        )
        assert abs(20 * np.log10(amplitude / 12_000)) < 0.1


@EVERY_PAIR
def test_content_is_late_by_the_declared_delay(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    assert resampler.delay == 0.002
    for frequency in (200.0, 430.0):  # both below 1 / delay, so that the phase says it all
        _, phase, _ = fitted(convert(resampler, tone(frequency, source)), frequency, target)
        assert abs(-phase % 1 / frequency - resampler.delay) < 1e-5
        resampler.reset()


@pytest.mark.parametrize("source", RATES)
def test_aliases_are_rejected_by_75_decibels(source: int) -> None:
    for frequency in np.linspace(4600, source / 2 - 50, 9):
        output = convert(Resampler(source, 8000), tone(frequency, source))
        # Beyond the onset of the tone and before the quantisation noise.
        assert np.sqrt(2) * np.std(output[80:]) < 12_000 * 10 ** (-75 / 20) + 0.6


@pytest.mark.parametrize("target", RATES)
def test_images_are_rejected_by_75_decibels(target: int) -> None:
    for frequency in (300, 1500, 2600, 3400):
        *_, residual = fitted(convert(Resampler(8000, target), tone(frequency, 8000)), frequency, target)
        assert np.sqrt(2) * residual < 12_000 * 10 ** (-75 / 20) + 0.6


@EVERY_PAIR
def test_a_constant_passes_without_ripple(source: int, target: int) -> None:
    output = convert(Resampler(source, target), np.full(source // 10, 12_345.0))
    assert set(output[target // 200 :]) == {12_345.0}


@EVERY_PAIR
@settings(deadline=None, max_examples=8)
@given(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=12), seed=st.integers(0, 9))
def test_output_is_the_same_to_the_bit_in_any_chunks(
    source: int, target: int, sizes: list[int], seed: int
) -> None:
    pcm = np.random.default_rng(seed).integers(-32768, 32768, sum(sizes)).astype("<i2").tobytes()
    chunked, start = b"", 0
    resampler = Resampler(source, target)
    for size in sizes:
        chunked += resampler.process(pcm[start : start + 2 * size])
        start += 2 * size
    assert chunked == Resampler(source, target).process(pcm)


@EVERY_PAIR
def test_single_samples_and_a_whole_second_give_the_same_bits(source: int, target: int) -> None:
    pcm = np.random.default_rng(1).integers(-32768, 32768, source).astype("<i2").tobytes()
    whole = Resampler(source, target).process(pcm)
    resampler = Resampler(source, target)
    assert whole.startswith(b"".join(resampler.process(pcm[i : i + 2]) for i in range(0, 3000, 2)))


@EVERY_PAIR
def test_nothing_is_withheld(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    received = given_out = 0
    for size in (1, 2, 159, 160, 441, 480, 0, 7, 1000):
        given_out += len(resampler.process(bytes(2 * size))) // 2
        received += size
        assert given_out == ceil(received * target / source)


@pytest.mark.parametrize(("source", "target"), [(44_100, 8000), (8000, 22_050)])
def test_ten_minutes_have_no_drift(source: int, target: int) -> None:
    resampler = Resampler(source, target)
    second = np.zeros(source, "<i2")
    second[source // 2] = 30_000
    pcm, last = second.tobytes(), b""
    given_out = 0
    for _ in range(600):
        last = resampler.process(pcm)
        given_out += len(last) // 2
    assert given_out == 600 * target
    peak = int(np.abs(np.frombuffer(last, "<i2")).argmax())
    assert abs(peak / target - (0.5 + resampler.delay)) <= 1 / target


@EVERY_PAIR
@settings(deadline=None, max_examples=8)
@given(seed=st.integers(0, 1000))
def test_conversion_is_linear_up_to_rounding(source: int, target: int, seed: int) -> None:
    first, second = np.random.default_rng(seed).integers(-8000, 8000, (2, 300)).astype(np.float64)
    together = convert(Resampler(source, target), first + second)
    apart = convert(Resampler(source, target), first) + convert(Resampler(source, target), second)
    assert abs(together - apart).max() <= 1.5


@EVERY_PAIR
def test_peaks_saturate_and_do_not_wrap(source: int, target: int) -> None:
    square = np.where(np.sin(2 * np.pi * 500 * np.arange(source // 10) / source) >= 0, 32767.0, -32768.0)
    output = convert(Resampler(source, target), square)
    assert output.max() == 32767
    assert output.min() == -32768
    # A wrapped peak would put a sample of the wrong sign into the middle of a half-wave.
    middle = (np.arange(len(output)) / target - 0.002) * 1000 % 1
    settled = (np.arange(len(output)) > target // 100) & (abs(middle - 0.5) < 0.2)
    expected = np.where(np.sin(2 * np.pi * 500 * (np.arange(len(output)) / target - 0.002)) >= 0, 1, -1)
    assert (np.sign(output) == expected)[settled].all()


@EVERY_PAIR
def test_reset_forgets_everything(source: int, target: int) -> None:
    pcm = np.random.default_rng(2).integers(-9000, 9000, 777).astype("<i2").tobytes()
    resampler = Resampler(source, target)
    resampler.process(pcm[:700])
    resampler.reset()
    assert resampler.process(pcm) == Resampler(source, target).process(pcm)


@EVERY_PAIR
def test_flush_gives_out_what_the_filter_still_holds(source: int, target: int) -> None:
    click = np.zeros(source // 50)
    click[-1] = 20_000
    resampler = Resampler(source, target)
    before = convert(resampler, click)
    tail = np.frombuffer(resampler.flush(), "<i2")
    assert abs(len(tail) - resampler.delay * target) <= target / 8000
    assert abs(tail).max() > 10 * max(1, abs(before).max())
    assert resampler.flush().strip(b"\0") == b""


@given(
    tail=st.binary(max_size=20).map(lambda raw: raw * 2), pcm=st.binary(max_size=20).map(lambda raw: raw * 2)
)
def test_an_overlay_is_the_sum_and_as_long_as_the_longer(tail: bytes, pcm: bytes) -> None:
    mixed, rest = overlay(tail, pcm)
    assert len(mixed) == len(pcm)
    length = max(len(tail), len(pcm))
    one, other = (np.frombuffer(raw.ljust(length, b"\0"), "<i2").astype(int) for raw in (tail, pcm))
    assert mixed + rest == np.clip(one + other, -32768, 32767).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@given(pcm=st.binary(max_size=200))
def test_equal_rates_pass_through(rate: int, pcm: bytes) -> None:
    resampler = Resampler(rate, rate)
    assert resampler.delay == 0
    assert resampler.process(pcm) == pcm
    assert resampler.flush() == b""


def test_two_resamplers_share_nothing() -> None:
    noise = np.random.default_rng(4).integers(-9000, 9000, 960).astype("<i2").tobytes()
    alone, disturbed, other = (Resampler(24_000, 8000) for _ in range(3))
    expected = [alone.process(noise[i : i + 480]) for i in range(0, 1920, 480)]
    actual = []
    for i in range(0, 1920, 480):
        other.process(noise[::-1])
        actual.append(disturbed.process(noise[i : i + 480]))
    assert actual == expected


@pytest.mark.parametrize(
    ("source", "target"), [(0, 8000), (-8000, 8000), (8000, 0), (MIN_RATE - 1, 8000), (8000, MAX_RATE + 1)]
)
def test_rates_out_of_range_are_refused(source: int, target: int) -> None:
    with pytest.raises(ValueError, match="sample rates must be from 1000 to 384000 Hz"):
        Resampler(source, target)


@settings(deadline=None, max_examples=12)
@given(source=st.integers(MIN_RATE, 50_000))
def test_any_rate_converts_with_at_most_a_thousandth_lost(source: int) -> None:
    output = Resampler(source, 8000).process(bytes(2 * source))
    assert abs(len(output) / 2 - 8000) <= 1 + 8000 / 1000
