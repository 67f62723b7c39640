"""Withheld audio, delay, loss and drift are recovered from paths where they are known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.audio.paths import Path, measure_path, speech
from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import align, ideal
from twilio_conformance.audio.latency import Latency, delay_track, latency, timeline
from twilio_conformance.audio.levels import Samples, Unmeasurable
from twilio_conformance.audio.passage import Passage

BAND = (200.0, 3400.0)
NOISE = signals.noise(-12, 8000, 2.0, band=BAND, seed=3)
SPEECH = speech(-15, 8000, 2.0)


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
    return float(max(passage.seconds_given[i] - before[i] for i in speaking)) - chunk / 8000


@pytest.mark.parametrize("block", [1, 100, 160, 758, 1100, 1601])
def test_withheld_maximum_is_the_wait_of_gapless_play_out(block: int) -> None:
    assert measured(held_back(0.01, block=block)).added == pytest.approx(
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
        speech(-15, rate_in, 2.0),
        rate_in=rate_in,
        rate_out=rate_out,
        chunks=rate_in // 50,
    )
    found = latency(passage)
    assert abs(found.group_delay) < 2e-5
    assert found.added == pytest.approx(added, abs=0.001)


def test_latency_takes_a_reference_in_closed_form(soxr_stream: Callable[..., Path]) -> None:
    signal = speech(-15, 24000, 2.0)
    passage = measure_path(soxr_stream(24000, 8000), signal, rate_in=24000, rate_out=8000, chunks=480)
    assert latency(passage, SPEECH).added == pytest.approx(latency(passage).added, abs=1e-5)


def test_timeline_shows_how_long_each_sound_waited() -> None:
    seen = measure_path(held_back(0.1), NOISE, rate_in=8000, rate_out=8000, chunks=160)
    track = delay_track(NOISE, seen.output, 8000, window=0.02, hop=0.02)
    waited = timeline(seen, track)
    assert waited.values == pytest.approx([0.1] * 95)
    prompt = measure_path(lambda c: c, NOISE, rate_in=8000, rate_out=8000, chunks=160)
    assert not timeline(prompt, delay_track(NOISE, prompt.output, 8000)).values.any()


def test_empty_late_and_cut_outputs_show_although_a_cut_comparison_passes_them() -> None:
    cut = measure_path(lambda c: c, SPEECH, rate_in=8000, rate_out=8000, chunks=160)
    cut = Passage.of(cut.given, [*cut.received[:5], *[None] * 95], rate_in=8000, rate_out=8000)
    assert align(SPEECH, cut.output, 8000).correlation > 0.999
    assert cut.length_error == -95 * 160
    assert latency(cut).missing_end == pytest.approx(1.9)
    late_by_half = align(SPEECH, np.concatenate((signals.silence(8000, 0.5), SPEECH)), 8000)
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


def test_dc_does_not_disturb_the_track() -> None:
    output = np.delete(NOISE, [8000]).astype(np.float64) - 8000
    assert [round(slip.seconds * 8000, 1) for slip in delay_track(NOISE, output, 8000).slips] == [-1]


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
    assert (track.correlations[(track.times > 0.53) & (track.times < 0.97)] < 0.05).all()
    assert (track.correlations[(track.times > 1.03) & (track.times < 1.47)] < 0.6).all()
    assert np.isin(track.trusted.times, track.times[(track.times < 0.51) | (track.times > 1.49)]).all()
    assert 24 <= len(track.trusted.times) <= 26
    assert np.abs(track.trusted.values).max() * 8000 < 0.05


@settings(max_examples=15, deadline=None)
@given(st.integers(-400, 400))
def test_drift_alone_has_no_slips(ppm: int) -> None:
    output = ideal(NOISE, 1_000_000, 1_000_000 + ppm)
    assert delay_track(NOISE, output, 8000).slips == ()


@settings(max_examples=15, deadline=None)
@given(st.integers(-200, 200), st.sampled_from((-40, -1, 1, 40)))
def test_a_slip_is_measured_beside_a_drift(ppm: int, count: int) -> None:
    slipped = (
        np.delete(NOISE, np.arange(7000, 7000 - count))
        if count < 0
        else np.insert(NOISE, 7000, NOISE[:count])
    )
    track = delay_track(NOISE, ideal(slipped, 1_000_000, 1_000_000 + ppm), 8000)
    assert [slip.seconds * 8000 for slip in track.slips] == pytest.approx([count], abs=0.15)


def test_one_lost_sample_is_found_in_ten_minutes() -> None:
    signal = np.tile(signals.noise(-12, 8000, 60.0, band=BAND), 10)
    for lost in (0, 1):
        track = delay_track(signal, np.delete(signal, np.arange(lost) + 2_400_000), 8000, window=0.5, hop=30)
        assert [round(slip.seconds * 8000, 2) for slip in track.slips] == [-1] * lost
