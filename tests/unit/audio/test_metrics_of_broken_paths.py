"""Each broken audio path shows in the numbers made for it, and leaves the others as they were.

All paths stand on one sound one: 24 kHz to mu-law at 8 kHz, in chunks of 20 ms, through a filter of 3 ms.
The bounds here are only what separates the paths below; the limits of the requirements are elsewhere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import firwin

from tests.unit.audio.paths import Path, measure_path
from twilio_conformance.audio import signals, ulaw
from twilio_conformance.audio.alignment import align, ideal, silent_seconds
from twilio_conformance.audio.latency import delay_track, latency
from twilio_conformance.audio.levels import Real, Samples
from twilio_conformance.audio.metrics import (
    alias_db,
    dc_offset,
    fit_tones,
    ideal_sinad,
    idle_noise_dbm0,
    response,
)
from twilio_conformance.audio.passage import Passage

RATE, CHUNK, TONE = 24000, 480, signals.REFERENCE_TONE
FILTER = firwin(145, 3700, window=("kaiser", 8.0), fs=RATE)
NOISE = signals.faded(signals.noise(-12, RATE, 2.0, band=signals.TELEPHONE_BAND), RATE)
NOISE = np.concatenate((NOISE, signals.silence(RATE, 0.3)))

Encoder = Callable[[Samples], Samples]
"""What a coder and a mu-law decoder make of samples."""


def through_ulaw(samples: Samples) -> Samples:
    return ulaw.decode(ulaw.encode(samples))


def through_alaw(samples: Samples) -> Samples:
    """A-law codes, decoded as mu-law."""
    magnitude = np.where(samples < 0, ~samples, samples).astype(int) >> 4
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(int) - 4, 0)
    step = np.where(segment > 0, (magnitude >> np.maximum(segment - 1, 0)) & 15, magnitude & 15)
    segment = np.where(magnitude >= 32, segment, magnitude >> 4)
    code = ((segment << 4) | step | np.where(samples < 0, 0, 0x80)) ^ 0x55
    return ulaw.decode(code.astype(np.uint8))


class Decimator:
    """The sound path, open to breakage before and behind the filter."""

    def __init__(
        self,
        *,
        taps: Real = FILTER,
        before: Encoder = lambda chunk: chunk,
        after: Callable[[Real], Real] = lambda filtered: filtered,
        coder: Encoder = through_ulaw,
    ) -> None:
        self._taps, self._before, self._after, self._coder = taps, before, after, coder
        self._history: NDArray[Any] = np.zeros(len(taps) - 1)

    def __call__(self, chunk: Samples) -> Samples:
        known = np.concatenate((self._history, self._before(chunk).astype(np.float64)))
        self._history = known[len(known) - len(self._taps) + 1 :]
        filtered = self._after(np.convolve(known, self._taps, "valid")[::3])
        return self._coder(np.clip(np.rint(filtered), -32768, 32767).astype(np.int16))


class HeldBack:
    """Keeps `seconds` of output back; `drop` names the call after which what is held is thrown away."""

    def __init__(self, seconds: float, drop: int | None = None) -> None:
        self._sound, self._keep, self._drop, self._calls = Decimator(), round(seconds * 8000), drop, 0
        self._held = np.zeros(0, np.int16)

    def __call__(self, chunk: Samples) -> Samples:
        if self._calls == self._drop:
            self._held = self._held[:0]
        self._calls += 1
        self._held = np.concatenate((self._held, self._sound(chunk)))
        ready = max(len(self._held) - self._keep, 0)
        answer, self._held = self._held[:ready], self._held[ready:]
        return answer


def per_chunk() -> Path:
    return lambda chunk: through_ulaw(
        np.clip(np.rint(ideal(chunk, RATE, 8000)), -32768, 32767).astype(np.int16)
    )


def one_lost_a_chunk() -> Path:
    sound = Decimator()
    return lambda chunk: sound(chunk)[1:]


def wrapping() -> Path:
    """Adds 0.5 dB behind the filter without a clip."""
    return Decimator(coder=lambda s: through_ulaw(np.rint(s * 1.059).astype(np.int64).astype(np.int16)))


PATHS: dict[str, Callable[[], Path]] = {
    "sound": Decimator,
    "A-law for mu-law": lambda: Decimator(coder=through_alaw),
    "half gain": lambda: Decimator(after=lambda x: x / 2),
    "DC offset": lambda: Decimator(after=lambda x: x + 300),
    "no anti-alias filter": lambda: Decimator(taps=np.array([1.0])),
    "linear interpolation": lambda: Decimator(taps=np.array([1, 2, 3, 2, 1]) / 9),
    "each chunk for itself": per_chunk,
    "one sample lost a chunk": one_lost_a_chunk,
    "swapped bytes out": lambda: Decimator(coder=lambda s: through_ulaw(s.byteswap())),
    "swapped bytes in": lambda: Decimator(before=lambda s: s.byteswap()),
    "inverted sign": lambda: Decimator(after=lambda x: -x),
    "wrapped peaks": wrapping,
    "200 ms held back": lambda: HeldBack(0.2),
    "dropped after a pause": lambda: HeldBack(0.01, drop=50),
    "noisy": lambda: Decimator(after=lambda x: x + np.random.default_rng(len(x)).normal(0, 200, len(x))),
}

BOUNDS: dict[str, tuple[float, float]] = {
    "length": (-160, 1),
    "added latency": (-0.001, 0.03),
    "content missing": (-0.001, 0.03),
    "gain": (-0.5, 0.5),
    "polarity": (1, 1),
    "correlation": (0.99, 1),
    "SINAD at -10": (ideal_sinad(-10) - 2, 50),
    "DC": (-20, 20),
    "gain at 3.4 kHz": (-1, 1),
    "alias": (-120, -40),
    "idle noise": (-120, -60),
    "slips": (0, 0),
    "silence": (0, 0),
    "wraps": (0, 0),
}


def sent(make: Callable[[], Path], signal: Samples) -> Passage:
    return measure_path(make(), signal, rate_in=RATE, rate_out=8000, chunks=CHUNK)


def measured(make: Callable[[], Path]) -> dict[str, float]:
    """Every number the suite has about a path out."""
    noise = sent(make, NOISE)
    wanted = ideal(NOISE, RATE, 8000)
    laid = align(wanted, noise.output, 8000)
    delay = latency(noise)
    track = delay_track(wanted, noise.output, 8000, window=0.02, hop=0.02)
    tone = sent(make, signals.sine(TONE, -10, RATE, 1.0))
    fit = fit_tones(tone.output, 8000, [TONE], edge=0.05)
    multitone = sent(make, signals.multitone(signals.RESPONSE_TONES, -9, RATE, 1.0))
    gains = response(multitone, signals.RESPONSE_TONES)
    loud = sent(make, signals.sweep(100, 400, 3.17, RATE, 1.0))
    return {
        "length": noise.length_error,
        "added latency": delay.added,
        "content missing": delay.missing_end,
        "gain": fit.level_dbm0 + 10,
        "polarity": laid.polarity,
        "correlation": laid.correlation,
        "SINAD at -10": fit.sinad_db,
        "DC": dc_offset(sent(make, signals.silence(RATE, 0.5)).output),
        "gain at 3.4 kHz": gains[-1] - gains[np.abs(np.array(signals.RESPONSE_TONES) - TONE).argmin()],
        "alias": alias_db(sent(make, signals.sine(5000, -10, RATE, 1.0)), 5000),
        "idle noise": idle_noise_dbm0(sent(make, signals.silence(RATE, 0.5)).output),
        "slips": len(track.slips),
        "silence": silent_seconds(laid),
        "wraps": align(ideal(loud.signal, RATE, 8000), loud.output, 8000).wraps,
    }


UNRECOGNISED = {"added latency", "content missing", "correlation", "SINAD at -10", "gain", "gain at 3.4 kHz"}
"""When the content is not the content given, no delay is found and no tone."""

CAUGHT: dict[str, set[str]] = {
    "sound": set(),
    "A-law for mu-law": {"SINAD at -10", "gain", "DC", "correlation", "gain at 3.4 kHz"},
    "half gain": {"gain"},
    "DC offset": {"DC"},
    "no anti-alias filter": {"alias"},
    "linear interpolation": {"alias", "gain at 3.4 kHz", "correlation"},
    "each chunk for itself": {"SINAD at -10"},
    "one sample lost a chunk": UNRECOGNISED - {"gain"},
    "swapped bytes out": {"wraps", *UNRECOGNISED},
    "swapped bytes in": {"wraps", "polarity", *UNRECOGNISED},
    "inverted sign": {"polarity"},
    "wrapped peaks": {"wraps", "gain"},
    "200 ms held back": {"added latency", "content missing", "length"},
    "dropped after a pause": {"slips", "silence", "correlation"},
    "noisy": {"SINAD at -10", "idle noise"},
}


@pytest.mark.parametrize("name", PATHS)
def test_broken_path_shows_in_its_numbers_and_in_no_others(name: str) -> None:
    numbers = measured(PATHS[name])
    out = {key for key, (low, high) in BOUNDS.items() if not low <= numbers[key] <= high}
    assert out == CAUGHT[name], numbers


def test_swapped_bytes_pass_for_clean_at_a_low_level_but_not_for_the_right_gain() -> None:
    """At -45 dBm0 all peaks fit one byte: swapped, the sine is clean and 256 times too large."""
    tone = signals.sine(TONE, -45, 8000, 1.0)
    heard = fit_tones(through_ulaw(tone.byteswap()), 8000, [TONE])
    assert heard.sinad_db == pytest.approx(38.9, abs=0.5)
    assert heard.sinad_db > ideal_sinad(-45)
    assert heard.level_dbm0 + 45 == pytest.approx(48.16, abs=0.1)
    assert abs(heard.offset) > 100
