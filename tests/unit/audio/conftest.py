"""Audio paths with known properties, on which the measurements are calibrated."""

from collections.abc import Callable

import numpy as np
import pytest
import soxr

from tests.unit.audio.paths import Path
from twilio_conformance.audio import ulaw
from twilio_conformance.audio.levels import Samples


def sinc_interpolator(rate_in: int, rate_out: int, quality: str = "VHQ") -> Path:
    stream = soxr.ResampleStream(rate_in, rate_out, 1, quality=quality, dtype="int16")
    return lambda chunk: np.asarray(stream.resample_chunk(chunk), np.int16)


def linear_interpolator(rate_in: int, rate_out: int) -> Path:
    """Interpolates linearly without any filter; holds back what lies after the last sample known."""
    last, given, made = np.zeros(0, np.int16), 0, 0

    def interpolate(chunk: Samples) -> Samples:
        nonlocal last, given, made
        known = np.concatenate((last, chunk))
        first = given - len(last)
        given += len(chunk)
        stop = int((given - 1) * rate_out // rate_in) + 1
        moments = np.arange(made, stop) * rate_in / rate_out - first
        made, last = stop, known[-1:]
        return np.rint(np.interp(moments, np.arange(len(known)), known)).astype(np.int16)

    return interpolate


def through_ulaw(path: Path) -> Path:
    def coded(chunk: Samples) -> Samples:
        answer = path(chunk)
        assert isinstance(answer, np.ndarray)
        return ulaw.decode(ulaw.encode(answer))

    return coded


@pytest.fixture
def soxr_stream() -> Callable[..., Path]:
    return sinc_interpolator


@pytest.fixture
def linear() -> Callable[[int, int], Path]:
    return linear_interpolator


@pytest.fixture
def coded() -> Callable[[Path], Path]:
    return through_ulaw
