"""Speed and memory of the reference and of the installed Pipecat's class, side by side.

``make bench`` runs it. One unit of work is a 20 ms frame of one call in one direction.
"""

import asyncio
import gc
import json
import resource
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pipecat.frames.frames import OutputAudioRawFrame
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.serializers.twilio import TwilioFrameSerializer as PipecatSerializer

from twilio_reference import TwilioFrameSerializer as ReferenceSerializer

pytestmark = pytest.mark.bench

RATES = (8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
FRAMES = 200
"""Frames of one measured batch: 4 s of a call."""

Batch = Callable[[], None]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One event loop for all batches."""
    with asyncio.Runner() as loop:
        yield loop


def batch(runner: asyncio.Runner, kind: type[Any], direction: str, rate: int, frames: int = FRAMES) -> Batch:
    """Make a function that passes frames through one new serializer."""
    serializer: FrameSerializer = kind("MZ" + "0" * 32, params=kind.InputParams(auto_hang_up=False))
    runner.run(serializer.setup(SimpleNamespace(audio_in_sample_rate=rate)))  # type: ignore[arg-type]
    noise = np.random.default_rng(1)
    work: list[Any]
    if direction == "serialize":
        pcm = [(3000 * noise.standard_normal(rate // 50)).astype("<i2").tobytes() for _ in range(50)]
        work = [OutputAudioRawFrame(audio=audio, sample_rate=rate, num_channels=1) for audio in pcm]
    else:
        work = [
            json.dumps(
                {
                    "event": "media",
                    "sequenceNumber": str(number + 2),
                    "media": {
                        "track": "inbound",
                        "chunk": str(number + 1),
                        "timestamp": str(20 * number),
                        "payload": b64encode(noise.bytes(160)).decode(),
                    },
                    "streamSid": "MZ" + "0" * 32,
                }
            )
            for number in range(50)
        ]
    method = getattr(serializer, direction)

    async def run() -> None:
        for _ in range(frames // len(work)):
            for item in work:
                await method(item)

    return lambda: runner.run(run())


@pytest.mark.parametrize("kind", [ReferenceSerializer, PipecatSerializer], ids=["reference", "pipecat"])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("direction", ["serialize", "deserialize"])
def test_batch_of_200_frames(
    benchmark: Any, runner: asyncio.Runner, direction: str, rate: int, kind: type[Any]
) -> None:
    benchmark.group = f"{direction} {rate} Hz, {FRAMES} frames"
    benchmark.pedantic(batch(runner, kind, direction, rate), rounds=50, warmup_rounds=2)


def test_ratios_and_calls_per_core(runner: asyncio.Runner, capsys: pytest.CaptureFixture[str]) -> None:
    """Alternates between the two, so that what else the machine does meets both."""
    lines = [
        "",
        "µs per 20 ms frame   reference serialize deserialize   pipecat serialize deserialize   ratio",
    ]
    for rate in RATES:
        best: dict[tuple[str, str], float] = {}
        batches = {
            (name, direction): batch(runner, kind, direction, rate)
            for direction in ("serialize", "deserialize")
            for name, kind in (("reference", ReferenceSerializer), ("pipecat", PipecatSerializer))
        }
        for _ in range(60):
            for key, run in batches.items():
                begin = time.perf_counter()
                run()
                cost = (time.perf_counter() - begin) / FRAMES * 1e6
                best[key] = min(best.get(key, cost), cost)
        ours, theirs = (
            (best[name, "serialize"], best[name, "deserialize"]) for name in ("reference", "pipecat")
        )
        lines.append(
            f"{rate:6} Hz {ours[0]:26.2f} {ours[1]:9.2f} {theirs[0]:18.2f} {theirs[1]:10.2f}"
            f"          {ours[0] / theirs[0]:.2f} {ours[1] / theirs[1]:.2f}"
            f"   calls per core: {20_000 / sum(ours):.0f}, pipecat {20_000 / sum(theirs):.0f}"
        )
    with capsys.disabled():
        print("\n".join(lines))


@pytest.mark.parametrize("direction", ["serialize", "deserialize"])
def test_nothing_grows_over_100_000_frames(
    runner: asyncio.Runner, capsys: pytest.CaptureFixture[str], direction: str
) -> None:
    run = batch(runner, ReferenceSerializer, direction, 24_000, frames=100_000)
    batch(runner, ReferenceSerializer, direction, 24_000, frames=1000)()
    gc.collect()
    blocks, peak = sys.getallocatedblocks(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    run()
    gc.collect()
    grown = sys.getallocatedblocks() - blocks
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    with capsys.disabled():
        print(f"\n{direction}: {grown} more blocks, {peak} KiB more at the peak after 100,000 frames")
    assert grown < 1000
