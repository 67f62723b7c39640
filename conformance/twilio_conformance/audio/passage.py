"""Passages: what was given to an audio path, call by call, and what each call returned.

A passage only counts samples: one that was given and has no counterpart in the output is withheld. `alignment`
measures whether the content is right and how late it is.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np

from twilio_conformance.audio.levels import Real, Samples

Received = Sequence[Samples] | Samples | None
"""What one call returned: messages in order, one message, or None."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Values over time: `times` in seconds, `values` in the unit that its source documents; equal lengths."""

    times: Real
    values: Real


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """The passage of a signal through a path, with one entry for each call, in order.

    Attributes:
        rate_in: The sampling rate of what was given, in Hz.
        rate_out: The sampling rate of what was received, in Hz.
        given: The chunk given in each call.
        received: The messages that each call returned.
    """

    rate_in: int
    rate_out: int
    given: tuple[Samples, ...]
    received: tuple[tuple[Samples, ...], ...]

    @classmethod
    def of(
        cls, given: Iterable[Samples], received: Iterable[Received], *, rate_in: int, rate_out: int
    ) -> "Passage":
        """Build a passage from what each call was given and returned; ValueError if there are not as many of each."""
        chunks = tuple(given)
        answers = tuple(
            () if answer is None else (answer,) if isinstance(answer, np.ndarray) else tuple(answer)
            for answer in received
        )
        if len(chunks) != len(answers):
            raise ValueError(f"{len(chunks)} chunks, {len(answers)} answers")
        return cls(rate_in, rate_out, chunks, answers)

    @property
    def signal(self) -> Samples:
        """All samples given."""
        return np.concatenate((np.zeros(0, np.int16), *self.given))

    @property
    def output(self) -> Samples:
        """All samples received."""
        return np.concatenate((np.zeros(0, np.int16), *(m for answer in self.received for m in answer)))

    @property
    def seconds_given(self) -> Real:
        """Seconds of audio given up to and including each call: the earliest moment at which it can be made."""
        return np.cumsum([len(chunk) for chunk in self.given]) / self.rate_in

    @property
    def seconds_received(self) -> Real:
        """Seconds of audio received up to and including each call."""
        return np.cumsum([sum(map(len, answer)) for answer in self.received]) / self.rate_out

    @property
    def length_error(self) -> float:
        """Samples received less samples due (given x rate_out / rate_in); negative if audio is missing."""
        due = sum(map(len, self.given)) * self.rate_out / self.rate_in
        return sum(len(message) for answer in self.received for message in answer) - due

    @property
    def borders(self) -> Real:
        """Where chunks meet, in samples of the output, without the path's delay."""
        return np.cumsum([len(chunk) for chunk in self.given])[:-1] * (self.rate_out / self.rate_in)

    @property
    def withheld(self) -> Series:
        """Seconds given and not yet received after each call; negative if more was received than given."""
        return Series(self.seconds_given, self.seconds_given - self.seconds_received)


def split(signal: Samples, chunks: int | Sequence[int]) -> Iterator[Samples]:
    """Split a signal into chunks.

    Args:
        signal: The signal.
        chunks: Samples in a chunk; several sizes take turns. The last chunk may be shorter.

    Yields:
        The chunks in order.

    Raises:
        ValueError: A size is not positive, or there is none.
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
