"""An utterance that came through whole is heard as such; each kind of damage has its name."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.levels import Samples
from twilio_conformance.audio.utterance import PathProfile, compare_utterance

RATES = (8000, 8000)
VOICE = signals.utterance(8000, 1.0)
OTHER = signals.utterance(8000, 1.0, seed=1)
SILENCE = np.zeros(1600, np.int16)
SENT = ulaw.decode(ulaw.encode(VOICE))
USUAL = PathProfile(delay=0.0, gain=1.0, noise_db=-37.0)


def with_change(start: int, stop: int, change: Callable[[Samples], Samples]) -> Samples:
    """What was sent, with a piece of it changed."""
    changed = SENT.copy()
    changed[start:stop] = change(changed[start:stop])
    return changed


@pytest.mark.parametrize("before", [0, 1, 333])
def test_a_whole_utterance_has_no_damage_wherever_it_is(before: int) -> None:
    output = np.concatenate([np.zeros(before, np.int16), SENT, SILENCE])
    heard = compare_utterance(VOICE, output, RATES, baseline=USUAL)
    assert heard.damage is None
    assert heard.profile is not None
    assert heard.profile.delay == pytest.approx(before / 8000, abs=1e-5)
    assert heard.profile.gain == pytest.approx(1, abs=0.01)
    assert heard.profile.noise_db == pytest.approx(-37, abs=1.5)


def test_between_others_it_is_heard_for_itself() -> None:
    output = np.concatenate([OTHER, SENT, OTHER])
    assert compare_utterance(VOICE, output, RATES, baseline=USUAL, embedded=True).damage is None
    assert compare_utterance(VOICE, output, RATES, baseline=USUAL).damage is not None


@pytest.mark.parametrize(
    ("output", "damage"),
    [
        (np.zeros(0, np.int16), "empty or silent"),
        (SILENCE, "empty or silent"),
        (OTHER, "likeness"),
        (with_change(4000, 4400, np.zeros_like), "silent for"),
        (with_change(4000, 4800, lambda piece: OTHER[: piece.size]), "something else for"),
        (np.concatenate([SENT[:4000], SENT[4020:]]), "out of place"),
        (SENT[:-40], "samples of 8000 Hz lost"),
        (with_change(4160, 4800, lambda piece: -piece), "-1.00 times the gain"),
        (with_change(4160, 4800, lambda piece: piece // 3), "0.33 times the gain"),
        (with_change(4001, 4003, lambda piece: piece * 0 + 30000), "other sound"),
        (np.concatenate([SENT, OTHER[:800]]), "other sound"),
    ],
)  # fmt: skip
def test_damage_has_a_name(output: Samples, damage: str) -> None:
    assert damage in str(compare_utterance(VOICE, output, RATES, baseline=USUAL).damage)


@pytest.mark.parametrize(
    ("output", "damage"), [(-SENT, "-1.00 times the gain"), (SENT // 2, "0.50 times the gain")]
)
def test_an_utterance_of_its_own_has_any_level_but_not_beside_another(output: Samples, damage: str) -> None:
    assert compare_utterance(VOICE, output, RATES).damage is None
    assert damage in str(compare_utterance(VOICE, output, RATES, baseline=USUAL).damage)


def test_noise_that_is_usual_is_no_damage() -> None:
    noisy = SENT + np.random.default_rng(1).normal(0, 400, SENT.size).astype(np.int16)
    damage = compare_utterance(VOICE, noisy, RATES, baseline=USUAL).damage
    assert "other sound" in str(damage)
    assert compare_utterance(VOICE, noisy, RATES).damage is None
