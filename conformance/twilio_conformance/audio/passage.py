"""Passages: what was given to an audio path, call by call, and what each call gave back.

The bookkeeping of counts. A sample that was given and has no counterpart yet is withheld; whether the
content is right, and how late it is, `alignment` tells.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from twilio_conformance.audio.levels import Real, Samples

Received = Sequence[Samples] | Samples | None
"""What one call gives back: messages in order, one message, or nothing."""

Path = Callable[[Samples], Received]
"""An audio path: takes a chunk of samples at one rate, gives messages of samples at another."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values over time: `times` in seconds, `values` in the unit that its maker names; equal lengths."""

    times: Real
    values: Real


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A signal's way through a path: one entry a call, in the order of the calls.

    `times` are the moments of the calls, in seconds after the signal's first sample was captured. A chunk
    can be given no sooner than its last sample exists.
    """

    rate_in: int
    rate_out: int
    given: tuple[Samples, ...]
    received: tuple[tuple[Samples, ...], ...]
    times: tuple[float, ...]

    @classmethod
    def of(
        cls,
        given: Iterable[Samples],
        received: Iterable[Received],
        *,
        rate_in: int,
        rate_out: int,
        times: Sequence[float] | None = None,
    ) -> "Passage":
        """Build a passage from what each call was given and gave back.

        Without `times`, each call happens at the moment its last sample exists, with no pauses. Raises
        ValueError when the lengths differ.
        """
        chunks = tuple(given)
        answers = tuple(
            () if answer is None else (answer,) if isinstance(answer, np.ndarray) else tuple(answer)
            for answer in received
        )
        if times is None:
            times = tuple((np.cumsum([len(chunk) for chunk in chunks]) / rate_in).tolist())
        if not len(chunks) == len(answers) == len(times):
            raise ValueError(f"{len(chunks)} chunks, {len(answers)} answers, {len(times)} times")
        return cls(rate_in, rate_out, chunks, answers, tuple(times))

    @property
    def signal(self) -> Samples:
        """All samples given, in one array."""
        return np.concatenate((np.zeros(0, np.int16), *self.given))

    @property
    def output(self) -> Samples:
        """All samples received, in one array."""
        return np.concatenate((np.zeros(0, np.int16), *(m for answer in self.received for m in answer)))

    @property
    def seconds_given(self) -> Real:
        """Seconds of audio given up to and with each call."""
        return np.cumsum([len(chunk) for chunk in self.given]) / self.rate_in

    @property
    def seconds_received(self) -> Real:
        """Seconds of audio received up to and with each call."""
        return np.cumsum([sum(map(len, answer)) for answer in self.received]) / self.rate_out

    @property
    def length_error(self) -> float:
        """Samples received less samples due (given x rate_out / rate_in); negative when audio is missing."""
        due = sum(map(len, self.given)) * self.rate_out / self.rate_in
        return sum(len(message) for answer in self.received for message in answer) - due

    @property
    def borders(self) -> Real:
        """Where chunks meet, in samples of the output, the path's delay not counted."""
        return np.cumsum([len(chunk) for chunk in self.given])[:-1] * (self.rate_out / self.rate_in)

    @property
    def withheld(self) -> Series:
        """Seconds given and not yet received after each call; negative when more came than was given."""
        return Series(np.array(self.times), self.seconds_given - self.seconds_received)

    @property
    def first_output(self) -> float | None:
        """The moment of the first call that gave samples, in seconds; None when none did."""
        return next(
            (t for t, answer in zip(self.times, self.received, strict=True) if sum(map(len, answer))), None
        )

    @property
    def messages(self) -> "MessagePattern":
        """The sizes of the messages and when they came."""
        calls = [i for i, answer in enumerate(self.received) for _ in answer]
        heard = [i for i, answer in enumerate(self.received) if sum(map(len, answer))]
        waits = np.diff([-1, *heard, len(self.received)]) - 1
        return MessagePattern(
            sizes=tuple(len(message) for answer in self.received for message in answer),
            calls=tuple(calls),
            times=tuple(self.times[i] for i in calls),
            calls_without=len(self.received) - len(heard),
            longest_wait=int(waits.max()),
        )


@dataclass(frozen=True, slots=True)
class MessagePattern:
    """The messages of a passage: `sizes` in samples (0 for an empty one), the call and moment of each.

    `calls_without` counts the calls that gave no sample, `longest_wait` the most of them in a row.
    """

    sizes: tuple[int, ...]
    calls: tuple[int, ...]
    times: tuple[float, ...]
    calls_without: int
    longest_wait: int


def split(signal: Samples, chunks: int | Sequence[int]) -> Iterator[Samples]:
    """Yield the signal in chunks of that many samples; several sizes take turns; the last may be short.

    Raises ValueError for sizes that are not positive.
    """
    sizes = (chunks,) if isinstance(chunks, int) else tuple(chunks)
    if not sizes or min(sizes) < 1:
        raise ValueError(f"chunk sizes must be positive: {chunks!r}")
    start = 0
    for size in cycle(sizes):
        if start >= len(signal):
            return
        yield signal[start : start + size]
        start += size


def measure_path(
    path: Path, signal: Samples, *, rate_in: int, rate_out: int, chunks: int | Sequence[int]
) -> Passage:
    """Send a signal through a synchronous path in chunks, without pauses, and return its passage.

    An asynchronous caller loops over `split` itself and builds the passage with `Passage.of`.
    """
    given = tuple(split(signal, chunks))
    return Passage.of(given, [path(chunk) for chunk in given], rate_in=rate_in, rate_out=rate_out)
