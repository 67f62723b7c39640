"""Passages count right: what was given, what came, what is withheld, whatever the chunks."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.audio.paths import Path, measure_path, speech
from twilio_conformance.audio.levels import Samples
from twilio_conformance.audio.passage import Passage, Received, split

RAMP = np.arange(1000, dtype=np.int16)
SIZES = st.lists(st.integers(1, 400), min_size=1, max_size=5)


@settings(deadline=None)
@given(st.integers(0, 1000), SIZES)
def test_chunks_joined_are_the_signal(length: int, sizes: list[int]) -> None:
    chunks = list(split(RAMP[:length], sizes))
    assert np.array_equal(np.concatenate([RAMP[:0], *chunks]), RAMP[:length])
    assert [len(c) for c in chunks[:-1]] == [sizes[i % len(sizes)] for i in range(len(chunks) - 1)]


@pytest.mark.parametrize("sizes", [0, -1, [], [160, 0]])
def test_sizes_that_are_not_positive_are_refused(sizes: int | list[int]) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        list(split(RAMP, sizes))


@settings(deadline=None)
@given(SIZES)
def test_transparent_path_withholds_nothing_in_any_chunks(sizes: list[int]) -> None:
    passage = measure_path(lambda chunk: chunk, RAMP, rate_in=8000, rate_out=8000, chunks=sizes)
    assert np.array_equal(passage.output, passage.signal)
    assert not passage.withheld.values.any()
    assert passage.length_error == 0
    assert passage.seconds_given[0] == min(sizes[0], 1000) / 8000


@settings(deadline=None)
@given(SIZES, st.integers(1, 300))
def test_counts_do_not_depend_on_how_the_path_groups_its_output(sizes: list[int], block: int) -> None:
    held = np.zeros(0, np.int16)

    def in_blocks(chunk: Samples) -> list[Samples]:
        nonlocal held
        held = np.concatenate((held, chunk))
        whole = len(held) // block * block
        blocks, held = held[:whole].reshape(-1, block), held[whole:]
        return list(blocks)

    passage = measure_path(in_blocks, RAMP, rate_in=8000, rate_out=8000, chunks=sizes)
    rest = 1000 % block
    assert np.array_equal(passage.output, RAMP[: 1000 - rest])
    assert passage.length_error == -rest
    assert passage.withheld.values[-1] == pytest.approx(rest / 8000)
    assert passage.withheld.values.max() < block / 8000
    assert sum(map(len, passage.received)) == 1000 // block


def test_passage_is_built_from_what_an_asynchronous_caller_saw() -> None:
    async def serialize(chunk: Samples) -> Received:
        return {0: None, 1: [chunk[:50], chunk[50:]], 2: [], 3: chunk[:0]}.get(int(chunk[0]) // 100, chunk)

    async def call() -> Passage:
        chunks = list(split(RAMP[:500], 100))
        answers = [await serialize(chunk) for chunk in chunks]
        return Passage.of(chunks, answers, rate_in=8000, rate_out=8000)

    passage = asyncio.run(call())
    assert [list(map(len, messages)) for messages in passage.received] == [[], [50, 50], [], [0], [100]]
    assert passage.length_error == -300
    assert passage.withheld.times == pytest.approx([0.0125, 0.025, 0.0375, 0.05, 0.0625])
    assert passage.withheld.values == pytest.approx([0.0125, 0.0125, 0.025, 0.0375, 0.0375])


def test_lists_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="2 chunks, 1 answers"):
        Passage.of([RAMP, RAMP], [None], rate_in=8000, rate_out=8000)


def test_path_that_gives_nothing_is_counted_as_such() -> None:
    passage = measure_path(lambda _: None, RAMP, rate_in=8000, rate_out=8000, chunks=100)
    assert passage.length_error == -1000
    assert len(passage.output) == 0


def test_passage_without_calls_is_empty() -> None:
    passage = Passage.of([], [], rate_in=8000, rate_out=8000)
    assert (len(passage.signal), len(passage.output), passage.length_error) == (0, 0, 0)


def test_output_is_counted_in_its_own_rate() -> None:
    passage = measure_path(
        lambda chunk: chunk[::3], np.tile(RAMP, 24), rate_in=24000, rate_out=8000, chunks=480
    )
    assert passage.length_error == 0
    assert passage.borders[:3].tolist() == [160, 320, 480]
    assert passage.seconds_given[-1] == 1.0


@pytest.mark.parametrize(
    ("rate_in", "rate_out", "first", "end", "most"),
    [
        (8000, 8000, 0.02, 0.0, 0.0),
        (16000, 8000, 0.12, 0.105, 0.1105),
        (24000, 8000, 0.16, 0.075, 0.1525),
        (48000, 8000, 0.16, 0.091, 0.153),
        (8000, 16000, 0.12, 0.105, 0.1105),
        (8000, 24000, 0.16, 0.075, 0.1525),
    ],
)
def test_bursts_of_soxrs_stream_are_seen(
    soxr_stream: Callable[[int, int], Path],
    rate_in: int,
    rate_out: int,
    first: float,
    end: float,
    most: float,
) -> None:
    path = (lambda c: c) if rate_in == rate_out else soxr_stream(rate_in, rate_out)
    signal = speech(-15, rate_in, 2.0)
    passage = measure_path(path, signal, rate_in=rate_in, rate_out=rate_out, chunks=rate_in // 50)
    first_call = int(np.flatnonzero(passage.seconds_received)[0])
    assert passage.seconds_given[first_call] == pytest.approx(first)
    assert passage.withheld.values[-1] == pytest.approx(end, abs=0.0005)
    assert passage.withheld.values.max() == pytest.approx(most, abs=0.0005)
