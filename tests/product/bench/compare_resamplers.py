"""Measures streaming resamplers that could serve the reference; prints the table of docs/resamplers.md.

Run it from the repository's root: ``python tests/product/bench/compare_resamplers.py``. It needs the
development dependencies av and samplerate. Every candidate gets the same audio in chunks of
20 ms, mono, 16 bit.
"""

import time
from collections.abc import Callable

import av
import numpy as np
import samplerate
import soxr
from numpy.typing import NDArray

from twilio_reference.resampler import Resampler

Samples = NDArray[np.int16]
Convert = Callable[[Samples], Samples]
Factory = Callable[[int, int], Convert]


def _reference(source: int, target: int) -> Convert:
    resampler = Resampler(source, target)
    return lambda chunk: np.frombuffer(resampler.process(chunk.tobytes()), np.int16)


def _soxr(quality: str) -> Factory:
    def make(source: int, target: int) -> Convert:
        stream = soxr.ResampleStream(source, target, 1, dtype="int16", quality=quality)
        return lambda chunk: np.asarray(stream.resample_chunk(chunk))

    return make


def _av(source: int, target: int) -> Convert:
    resampler = av.AudioResampler(format="s16", layout="mono", rate=target)

    def convert(chunk: Samples) -> Samples:
        frame = av.AudioFrame.from_ndarray(chunk.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = source
        parts = [part.to_ndarray().ravel() for part in resampler.resample(frame)]
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    return convert


def _linear(source: int, target: int) -> Convert:
    """Straight lines from sample to sample; no filter."""
    before, received, given = 0.0, 0, 0

    def convert(chunk: Samples) -> Samples:
        nonlocal before, received, given
        points = np.append(before, chunk)
        end = -(-(received + chunk.size) * target // source)
        places = np.arange(given, end) * source / target - received + 1
        before, received, given = float(chunk[-1]), received + chunk.size, end
        return np.asarray(np.rint(np.interp(places, np.arange(points.size), points)).astype(np.int16))

    return convert


def _samplerate(converter: str) -> Factory:
    def make(source: int, target: int) -> Convert:
        resampler = samplerate.Resampler(converter)

        def convert(chunk: Samples) -> Samples:
            output = resampler.process(chunk.astype(np.float32), target / source)
            return np.asarray(np.rint(output).clip(-32768, 32767).astype(np.int16))

        return convert

    return make


CANDIDATES: dict[str, Factory] = {
    "reference (numpy)": _reference,
    "PyAV": _av,
    "samplerate sinc_fastest": _samplerate("sinc_fastest"),
    "samplerate sinc_medium": _samplerate("sinc_medium"),
    "soxr VHQ (Pipecat's)": _soxr("VHQ"),
    "soxr HQ": _soxr("HQ"),
    "soxr LQ": _soxr("LQ"),
    "soxr QQ": _soxr("QQ"),
    "linear interpolation": _linear,
}


def tone(frequency: float, rate: int, seconds: float, amplitude: float = 10_000) -> Samples:
    """A sine wave."""
    return np.rint(amplitude * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(
        np.int16
    )


def stream(convert: Convert, audio: Samples, rate: int, milliseconds: int = 20) -> Samples:
    """Convert in chunks."""
    size = rate * milliseconds // 1000
    return np.concatenate([convert(audio[start : start + size]) for start in range(0, len(audio), size)])


def level(audio: Samples, frequency: float, rate: int) -> tuple[float, float]:
    """Fit a sine by least squares: its amplitude, and the phase in cycles."""
    settled = audio[len(audio) // 4 :].astype(np.float64)
    angle = 2 * np.pi * frequency * (np.arange(len(audio) // 4, len(audio)) / rate)
    basis = np.stack([np.sin(angle), np.cos(angle)], axis=1)
    (sine, cosine), *_ = np.linalg.lstsq(basis, settled, rcond=None)
    return float(np.hypot(sine, cosine)), float(np.arctan2(cosine, sine) / (2 * np.pi))


def decibels(ratio: float) -> float:
    """A ratio of amplitudes in dB, not below -99."""
    return 20 * float(np.log10(max(ratio, 1e-5)))


def added_latency(make: Factory, source: int, target: int) -> tuple[float, float]:
    """Milliseconds withheld at most within 2 s, and milliseconds by which what came out is late."""
    noise = np.random.default_rng(5).standard_normal(2 * source + source)
    spectrum = np.fft.rfft(noise)
    spectrum[np.fft.rfftfreq(len(noise), 1 / source) > 3000] = 0
    audio = np.fft.irfft(spectrum)
    wanted = np.fft.irfft(spectrum[: 3 * target // 2 + 1], 3 * target)
    pcm = np.rint(audio / abs(audio).max() * 20_000).astype(np.int16)[: 2 * source]
    convert, size = make(source, target), source // 50
    pieces = [convert(pcm[start : start + size]) for start in range(0, len(pcm), size)]
    got = np.concatenate(pieces).astype(np.float64)
    come = np.cumsum([piece.size for piece in pieces]) / target
    withheld = 1000 * max(0.0, float((np.arange(1, len(pieces) + 1) / 50 - come).max()))
    reach = target // 50
    window = slice(reach, reach + target)
    scores = [
        float(got[window.start + lag : window.stop + lag] @ wanted[window]) for lag in range(-reach, reach)
    ]
    best = int(np.argmax(scores))
    before, peak, after = scores[best - 1 : best + 2]
    late = best - reach + (before - after) / (2 * (before - 2 * peak + after))
    return withheld, 1000 * late / target


def gain(make: Factory, source: int, target: int, frequency: float) -> float:
    """Gain in the pass band, in dB."""
    return decibels(
        level(stream(make(source, target), tone(frequency, source, 1.0), source), frequency, target)[0]
        / 10_000
    )


def rejection(make: Factory, source: int, target: int) -> float:
    """Level of the alias of 4.6 kHz (down) or of the image of 3.4 kHz (up), in dB."""
    frequency, unwanted = (4600, 3400) if source > target else (3400, 4600)
    output = stream(make(source, target), tone(frequency, source, 1.0), source)
    return decibels(level(output, unwanted, target)[0] / 10_000)


def signal_to_noise(make: Factory, source: int, target: int) -> float:
    """Of 1019.7 Hz, in dB."""
    output = stream(make(source, target), tone(1019.7, source, 1.0), source)
    amplitude, phase = level(output, 1019.7, target)
    fit = amplitude * np.sin(2 * np.pi * (1019.7 * np.arange(len(output)) / target + phase))
    settled = slice(len(output) // 4, None)
    return decibels(float(np.std(output[settled]) / np.std((output - fit)[settled])))


def indifferent_to_chunks(make: Factory, source: int, target: int) -> bool:
    """Whether chunks of 20 ms and of 7 ms give the same bits."""
    audio = np.random.default_rng(3).integers(-9000, 9000, source * 7 // 10).astype(np.int16)
    by_20, by_7 = (stream(make(source, target), audio, source, size) for size in (20, 7))
    shared = min(len(by_20), len(by_7))
    return bool((by_20[:shared] == by_7[:shared]).all())


def cost(make: Factory, source: int, target: int) -> float:
    """Microseconds per 20 ms, the best of some."""
    chunk, convert = tone(440, source, 0.02), make(source, target)
    best = float("inf")
    for _ in range(30):
        begin = time.perf_counter()
        for _ in range(50):
            convert(chunk)
        best = min(best, (time.perf_counter() - begin) / 50)
    return best * 1e6


COLUMNS = (
    "resampler",
    "Hz",
    "withheld ms",
    "late ms",
    "**added ms**",
    "200 Hz dB",
    "1020 Hz dB",
    "3.4 kHz dB",
    "alias or image dB",
    "SNR dB",
    "same bits",
    "µs",
)


def row(name: str, source: int, target: int) -> str:
    """Measure one candidate at one pair of rates: a row of the table."""
    make = CANDIDATES[name]
    withheld, late = added_latency(make, source, target)
    cells = (
        name,
        f"{source}→{target}",
        f"{withheld:.1f}",
        f"{late:.1f}",
        f"**{withheld + late:.1f}**",
        f"{gain(make, source, target, 200):+.2f}",
        f"{gain(make, source, target, 1020):+.2f}",
        f"{gain(make, source, target, 3400):+.2f}",
        f"{rejection(make, source, target):.0f}",
        f"{signal_to_noise(make, source, target):.0f}",
        "yes" if indifferent_to_chunks(make, source, target) else "no",
        f"{cost(make, source, target):.1f}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table: every candidate at four pairs of rates, the reference at all."""
    print(f"| {' | '.join(COLUMNS)} |")
    print("|---" * len(COLUMNS) + "|")
    for name in CANDIDATES:
        rates = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000) if "reference" in name else (16_000, 24_000)
        for rate in rates:
            print(row(name, rate, 8000))
            print(row(name, 8000, rate))


if __name__ == "__main__":
    main()
