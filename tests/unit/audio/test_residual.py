"""The residual of a path that is the same at every moment is noise alone, and shows everything else."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import lfilter

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import ideal
from twilio_conformance.audio.levels import Real, Samples, Unmeasurable
from twilio_conformance.audio.residual import RATE, residual

VOICE = signals.utterance(RATE, 1.0)
PLACES = np.arange(RATE)

STEADY: dict[str, Callable[[Real], Real]] = {
    "as it is": lambda heard: heard,
    "inverted and at half level": lambda heard: -0.5 * heard,
    "a sloping response": lambda heard: lfilter([0.8, 0.2], [1], heard),
    "an all-pass filter": lambda heard: lfilter([0.5, 1], [1, 0.5], heard),
    "with a constant": lambda heard: heard + 500,
    "37 samples late": lambda heard: np.pad(heard, (37, 0))[: len(heard)],
}

CHANGING: dict[str, tuple[Callable[[Real], Real], float]] = {
    "inverted from the middle on": (lambda heard: np.where(PLACES < 4000, heard, -heard), -5),
    "40 ms of silence": (lambda heard: np.where((PLACES > 3999) & (PLACES < 4320), 0, heard), -3),
    "18 dB less for 40 ms": (
        lambda heard: np.where((PLACES > 3999) & (PLACES < 4320), heard / 8, heard),
        -4.5,
    ),
    "three wrong samples": (lambda heard: np.where(abs(PLACES - 4000) < 2, 30000, heard), -10),
    "every second sample twice": (lambda heard: np.repeat(heard[::2], 2), -12),
    "three samples left out": (lambda heard: np.append(np.delete(heard, [4000, 4001, 4002]), [0, 0, 0]), -5),
    "another voice, 20 dB down": (
        lambda heard: heard + 0.1 * signals.utterance(RATE, 1.0, seed=9),
        -22,
    ),
}


@pytest.mark.parametrize("change", STEADY.values(), ids=STEADY)
def test_of_a_steady_path_nothing_but_the_noise_of_mu_law_is_left(change: Callable[[Real], Real]) -> None:
    heard = ulaw.decode(ulaw.encode(np.rint(change(VOICE.astype(float))).astype(np.int16)))
    assert residual(VOICE, heard, RATE).values.max() < -32


@pytest.mark.parametrize(("change", "least"), CHANGING.values(), ids=CHANGING)
def test_what_changes_on_the_way_is_left(change: Callable[[Real], Real], least: float) -> None:
    assert residual(VOICE, change(VOICE.astype(float)), RATE).values.max() > least


@pytest.mark.parametrize("rate", [16_000, 22_050, 48_000])
def test_what_is_above_4000_hz_counts(rate: int) -> None:
    heard = ideal(VOICE, RATE, rate)
    assert residual(VOICE, heard, rate).values.max() < -40
    image = signals.sine(5000, -20, rate, 1.0)[: len(heard)]
    assert residual(VOICE, heard + image, rate).values.max() == pytest.approx(-8, abs=1.5)


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_an_output_of_any_length_is_measured(rate: int) -> None:
    heard = ideal(VOICE, RATE, rate)
    for length in range(len(heard) - 12, len(heard)):
        assert residual(VOICE, heard[:length], rate).values.max() < -30


def test_audio_around_the_reference_counts() -> None:
    quiet = np.zeros(RATE)
    heard = np.concatenate([quiet, VOICE, quiet])
    assert residual(VOICE, heard, RATE).values.max() < -40
    heard[400:700] = signals.utterance(RATE, 300 / RATE, seed=5)
    found = residual(VOICE, heard, RATE)
    assert found.values.max() > -3
    assert found.times[found.values.argmax()] == pytest.approx(0.06, abs=0.03)


def test_a_path_is_learned_from_its_beginning() -> None:
    heard = np.where(PLACES < 4000, VOICE, VOICE / 2)
    windows = residual(VOICE, heard, RATE, training_seconds=0.4).values
    assert windows[:10].max() < -30
    assert windows[14:].min() > -9


@pytest.mark.parametrize("output", [np.zeros(0, np.int16), np.zeros(800, np.int16)], ids=["empty", "silent"])
def test_without_sound_there_is_nothing_to_measure(output: Samples) -> None:
    with pytest.raises(Unmeasurable):
        residual(VOICE, output, RATE)
