"""Delay, loss, gaps, drift, wraps and clicks are recovered from paths where they are known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import correlate, firwin

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import align, border_excess_db, gaps, ideal
from twilio_conformance.audio.latency import Latency, delay_track, latency, timeline
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable
from twilio_conformance.audio.passage import Passage, Path, measure_path

BAND = (200.0, 3400.0)
NOISE = signals.noise(-12, 8000, 2.0, band=BAND, seed=3)
SPEECH = signals.speech(-15, 8000, 2.0)
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
    dense = signals.speech(-15, 48000, 1.5)
    found = align(dense[::6], np.roll(dense, sixths)[::6], 8000)
    assert found.delay * 8000 == pytest.approx(sixths / 6, abs=0.001)
    assert found.snr_db > 65


@pytest.mark.parametrize("snr", [40, 20, 6, 0])
def test_delay_survives_noise_and_snr_is_recovered(snr: float) -> None:
    disturbed = late(NOISE, 123) + np.rint(
        signals.noise(-12, 8000, 2.5, seed=9)[: len(NOISE) + 123] * 10 ** (-snr / 20)
    )
    found = align(NOISE, disturbed, 8000)
    assert found.delay * 8000 == pytest.approx(123, abs=0.05)
    assert found.snr_db == pytest.approx(snr, abs=0.3)


def test_delay_agrees_with_scipys_correlation() -> None:
    output = late(SPEECH, 777)
    outside = int(correlate(output.astype(float), SPEECH.astype(float)).argmax()) - (len(SPEECH) - 1)
    assert round(align(SPEECH, output, 8000).delay * 8000) == outside == 777


def test_impulses_show_the_delay_of_a_linear_phase_filter() -> None:
    clicks = signals.impulses(30000, 8000, 1.0, (0.1, 0.37, 0.71))
    output = np.convolve(clicks, firwin(65, 3400, fs=8000))
    assert align(clicks, output, 8000).delay == pytest.approx(0.004, abs=1e-6)


def test_reach_limits_the_search() -> None:
    doubled = late(NOISE, 4000).astype(np.int32)
    doubled[: len(NOISE)] += NOISE // 4
    output = doubled.astype(np.float64)
    assert align(NOISE, output, 8000).delay == pytest.approx(0.5, abs=1e-4)
    assert align(NOISE, output, 8000, reach=0.1).delay == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize(
    "output", [np.zeros(0, np.int16), np.zeros(800, np.int16), signals.silence(8000, 3.0)]
)
def test_nothing_to_align_is_said(output: Samples) -> None:
    with pytest.raises(Unmeasurable):
        align(NOISE, output, 8000)
    with pytest.raises(Unmeasurable):
        align(output, NOISE, 8000)


def test_unrelated_audio_has_no_correlation() -> None:
    assert align(NOISE, signals.noise(-12, 8000, 2.0, band=BAND, seed=4), 8000, reach=0.3).correlation < 0.1


@pytest.mark.parametrize("rate", [16000, 22050, 24000, 32000, 44100, 48000])
def test_ideal_reference_is_the_closed_form_at_either_rate(rate: int) -> None:
    slow, fast = (signals.speech(-15, r, 1.9) for r in (8000, rate))
    for one, other, to in ((fast, slow, 8000), (slow, fast, rate)):
        found = align(ideal(one, 8000 + rate - to, to), other, to)
        assert abs(found.delay) * to < 0.01
        assert found.snr_db > 60
        assert abs(len(ideal(one, 8000 + rate - to, to)) - len(other)) <= 1


def delayed(seconds: float, *, rate: int = 8000) -> Path:
    """Answers each call, with content this late."""
    tail = np.zeros(round(seconds * rate), np.int16)

    def path(chunk: Samples) -> Samples:
        nonlocal tail
        both = np.concatenate((tail, chunk))
        tail = both[len(chunk) :]
        return both[: len(chunk)]

    return path


def held_back(seconds: float, *, block: int = 1) -> Path:
    """Keeps this much audio for ever, and gives whole blocks of samples."""
    held, keep = np.zeros(0, np.int16), round(seconds * 8000)

    def path(chunk: Samples) -> Samples:
        nonlocal held
        held = np.concatenate((held, chunk))
        ready = max(len(held) - keep, 0) // block * block
        answer, held = held[:ready], held[ready:]
        return answer

    return path


def stuffed(seconds: float) -> Path:
    """Starts with silence that nobody gave, then answers at once."""
    first = np.zeros(round(seconds * 8000), np.int16)

    def path(chunk: Samples) -> Samples:
        nonlocal first
        answer, first = np.concatenate((first, chunk)), first[:0]
        return answer

    return path


def measured(path: Path, chunk: int = 160) -> Latency:
    return latency(measure_path(path, NOISE, rate_in=8000, rate_out=8000, chunks=chunk))


@pytest.mark.parametrize(
    ("path", "withheld", "group", "missing"),
    [
        (delayed(0), 0, 0, 0),
        (delayed(0.04), 0, 0.04, 0.04),
        (delayed(0.2), 0, 0.2, 0.2),
        (held_back(0.2), 0.2, 0, 0.2),
        (held_back(0.005), 0.005, 0, 0.005),
        (stuffed(0.2), 0, 0.2, 0),
        # 2 s in blocks of 800 samples: just before a block is whole, four chunks of 20 ms wait.
        (held_back(0, block=800), 0.08, 0, 0),
    ],
)
def test_added_latency_is_what_is_withheld_and_the_delay_of_the_content(
    path: Path, withheld: float, group: float, missing: float
) -> None:
    found = measured(path)
    assert found.withheld_max == pytest.approx(withheld, abs=1e-9)
    assert found.group_delay == pytest.approx(group, abs=1e-6)
    assert found.added == pytest.approx(withheld + group, abs=1e-6)
    assert found.missing_end == pytest.approx(missing, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 1600), st.integers(0, 1600))
def test_held_audio_adds_latency_whatever_the_chunks(chunk: int, keep: int) -> None:
    found = measured(held_back(keep / 8000), chunk)
    assert found.added == pytest.approx(keep / 8000, abs=1e-6)


def waits(path: Path, chunk: int) -> float:
    """The latency of gapless play-out, call by call: an outside definition of what `added` gives."""
    passage = measure_path(path, NOISE, rate_in=8000, rate_out=8000, chunks=chunk)
    before = passage.seconds_received - np.array([sum(map(len, a)) for a in passage.received]) / 8000
    speaking = [i for i, answer in enumerate(passage.received) if sum(map(len, answer))]
    return float(max(passage.times[i] - before[i] for i in speaking)) - chunk / 8000


@pytest.mark.parametrize("block", [1, 100, 160, 758, 1100, 1601])
def test_withheld_maximum_is_the_wait_of_gapless_play_out(block: int) -> None:
    assert measured(held_back(0.01, block=block)).withheld_max == pytest.approx(
        waits(held_back(0.01, block=block), 160), abs=0.02
    )


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "quality", "added"),
    [
        (16000, 8000, "VHQ", 0.1105),
        (24000, 8000, "VHQ", 0.1525),
        (8000, 24000, "VHQ", 0.1525),
        (24000, 8000, "HQ", 0.073),
        (24000, 8000, "LQ", 0.040),
        (24000, 8000, "QQ", 0.0003),
    ],
)
def test_soxrs_stream_has_no_group_delay_but_withholds(
    soxr_stream: Callable[..., Path], rate_in: int, rate_out: int, quality: str, added: float
) -> None:
    passage = measure_path(
        soxr_stream(rate_in, rate_out, quality),
        signals.speech(-15, rate_in, 2.0),
        rate_in=rate_in,
        rate_out=rate_out,
        chunks=rate_in // 50,
    )
    found = latency(passage)
    assert abs(found.group_delay) < 2e-5
    assert found.added == pytest.approx(added, abs=0.001)


def test_latency_takes_a_reference_in_closed_form(soxr_stream: Callable[..., Path]) -> None:
    signal = signals.speech(-15, 24000, 2.0)
    passage = measure_path(soxr_stream(24000, 8000), signal, rate_in=24000, rate_out=8000, chunks=480)
    assert latency(passage, SPEECH).added == pytest.approx(latency(passage).added, abs=1e-5)


def test_timeline_shows_how_long_each_sound_waited_and_counts_pauses() -> None:
    """Held-back audio leaves with the next chunk, however much later that is given."""
    chunks, keep = np.split(NOISE, 100), held_back(0.1)
    times = [0.02 * (i + 1) + (3.0 if i >= 50 else 0.0) for i in range(100)]
    seen = Passage.of(chunks, [keep(c) for c in chunks], rate_in=8000, rate_out=8000, times=times)
    track = delay_track(NOISE, seen.output, 8000, window=0.02, hop=0.02)
    waited = timeline(seen, track)
    during = (waited.times > 0.9) & (waited.times < 1.0)
    assert waited.values[during] == pytest.approx([3.1] * 5)
    assert waited.values[~during] == pytest.approx([0.1] * 90)
    prompt = measure_path(lambda c: c, NOISE, rate_in=8000, rate_out=8000, chunks=160)
    assert not timeline(prompt, delay_track(NOISE, prompt.output, 8000)).values.any()


def test_empty_late_and_cut_outputs_show_although_a_cut_comparison_passes_them() -> None:
    cut = measure_path(lambda c: c, SPEECH, rate_in=8000, rate_out=8000, chunks=160)
    cut = Passage.of(cut.given, [*cut.received[:5], *[None] * 95], rate_in=8000, rate_out=8000)
    assert align(SPEECH, cut.output, 8000).correlation > 0.999
    assert cut.length_error == -95 * 160
    assert latency(cut).missing_end == pytest.approx(1.9)
    late_by_half = align(SPEECH, late(SPEECH, 4000), 8000)
    assert late_by_half.correlation > 0.999
    assert late_by_half.delay == pytest.approx(0.5, abs=1e-5)
    empty = measure_path(lambda _: None, SPEECH, rate_in=8000, rate_out=8000, chunks=160)
    assert empty.length_error == -len(SPEECH)
    with pytest.raises(Unmeasurable):
        latency(empty)


@settings(max_examples=25, deadline=None)
@given(st.integers(2500, 13500), st.integers(-1000, 1000).filter(bool), st.booleans())
def test_lost_or_inserted_samples_are_found_with_place_and_size(at: int, count: int, coded: bool) -> None:
    output = np.concatenate(
        (NOISE[:at], signals.silence(8000, max(count, 0) / 8000), NOISE[at + max(-count, 0) :])
    )
    if coded:
        output = ulaw.decode(ulaw.encode(output))
    (slip,) = delay_track(NOISE, output, 8000).slips
    assert slip.seconds * 8000 == pytest.approx(count, abs=0.1)
    assert slip.time == pytest.approx((at + max(count, 0) / 2) / 8000, abs=0.1)


def test_several_slips_are_told_apart() -> None:
    output = np.delete(NOISE, [3000, 3001, 8000, 13000, 13001, 13002])
    track = delay_track(NOISE, output, 8000)
    assert [round(slip.seconds * 8000) for slip in track.slips] == [-2, -1, -3]
    assert len(delay_track(NOISE, np.roll(NOISE, 5), 8000).slips) == 0


def test_track_does_not_trust_silence_or_foreign_sound() -> None:
    output = NOISE.copy()
    output[4000:8000] = 0
    output[8000:12000] = signals.noise(-12, 8000, 0.5, band=BAND, seed=77)
    track = delay_track(NOISE, output, 8000)
    assert (track.correlations[(track.times > 0.53) & (track.times < 0.97)] == 0).all()
    assert (track.correlations[(track.times > 1.03) & (track.times < 1.47)] < 0.6).all()
    assert np.isin(track.trusted.times, track.times[(track.times < 0.51) | (track.times > 1.49)]).all()
    assert 24 <= len(track.trusted.times) <= 26
    assert np.abs(track.trusted.values).max() * 8000 < 0.05


@settings(max_examples=15, deadline=None)
@given(st.integers(-400, 400))
def test_drift_is_recovered(ppm: int) -> None:
    output = ideal(NOISE, 1_000_000, 1_000_000 + ppm)
    track = delay_track(NOISE, output, 8000)
    assert track.drift_ppm == pytest.approx(ppm, abs=2)
    assert track.slips == ()


def test_a_sample_lost_in_every_chunk_is_a_drift() -> None:
    kept = np.delete(NOISE, np.arange(0, len(NOISE), 160))
    assert delay_track(NOISE, kept, 8000, window=0.02, hop=0.02).drift_ppm == pytest.approx(
        -1e6 / 159, rel=0.02
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(-200, 200), st.sampled_from((-40, -1, 1, 40)))
def test_drift_and_a_slip_are_told_apart(ppm: int, count: int) -> None:
    slipped = (
        np.delete(NOISE, np.arange(7000, 7000 - count))
        if count < 0
        else np.insert(NOISE, 7000, NOISE[:count])
    )
    track = delay_track(NOISE, ideal(slipped, 1_000_000, 1_000_000 + ppm), 8000)
    assert [slip.seconds * 8000 for slip in track.slips] == pytest.approx([count], abs=0.15)
    assert track.drift_ppm == pytest.approx(ppm, abs=15)


def test_drift_and_loss_over_ten_minutes_are_told() -> None:
    signal = np.tile(signals.noise(-12, 8000, 60.0, band=BAND), 10)
    for lost in (0, 1):
        track = delay_track(signal, np.delete(signal, np.arange(lost) + 2_400_000), 8000, window=0.5, hop=30)
        assert track.drift_ppm == pytest.approx(0, abs=0.001)
        assert [round(slip.seconds * 8000, 2) for slip in track.slips] == [-1] * lost


def test_drift_of_unrelated_audio_is_not_told() -> None:
    foreign = signals.noise(-12, 8000, 2.0, band=BAND, seed=8)
    with pytest.raises(Unmeasurable, match="fewer than two windows"):
        _ = delay_track(NOISE, foreign, 8000).drift_ppm


@settings(max_examples=25, deadline=None)
@given(st.integers(1000, 14000), st.integers(160, 1600))
def test_silence_in_place_of_sound_is_a_gap(at: int, count: int) -> None:
    output = NOISE.copy()
    output[at : at + count] = 0
    (gap,) = gaps(align(NOISE, output, 8000))
    assert gap.start == pytest.approx(at / 8000, abs=0.006)
    assert gap.seconds == pytest.approx(count / 8000, abs=0.0101)


@pytest.mark.parametrize("gain", [1.0, -0.1])
def test_pauses_that_were_given_are_no_gaps(gain: float) -> None:
    assert gaps(align(SPEECH, np.rint(SPEECH * gain), 8000)) == ()


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


def test_clicks_at_chunk_borders_stand_out(soxr_stream: Callable[..., Path]) -> None:
    """Resampling each chunk for itself, as before Pipecat 0.0.74, against one stream."""
    signal = signals.sine(1019.7, -10, 24000, 2.0)
    wanted = signals.sine(1019.7, -10, 8000, 2.0)

    def excess(path: Path) -> float:
        passage = measure_path(path, signal, rate_in=24000, rate_out=8000, chunks=480)
        coded = ulaw.decode(ulaw.encode(passage.output))
        found = align(wanted, coded, 8000, reach=0.0004)
        return border_excess_db(found.residual, passage.borders - found.start, 8000)

    assert excess(lambda chunk: np.rint(ideal(chunk, 24000, 8000)).astype(np.int16)) > 10
    assert abs(excess(soxr_stream(24000, 8000))) < 1.5


@given(st.floats(-20, 40))
def test_border_excess_is_the_ratio_of_the_two_sides(excess: float) -> None:
    borders = np.arange(160.0, 8000, 160)
    residual = np.where(np.arange(8000) % 2, 1.0, -1.0)
    for border in borders.astype(int):
        residual[border - 8 : border + 8] *= 10 ** (excess / 20)
    assert border_excess_db(residual, borders, 8000) == pytest.approx(excess, abs=0.01)


@pytest.mark.parametrize("borders", [[], [9000.0], list(range(0, 801, 10))])
def test_border_excess_needs_two_sides(borders: list[float]) -> None:
    with pytest.raises(Unmeasurable, match="border"):
        border_excess_db(np.ones(800), np.array(borders), 8000)
