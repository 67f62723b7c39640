"""Remove checks from the suite, one at a time, and show that the proof fails without each of them."""

from __future__ import annotations

import argparse
import random
import sys

from loguru import logger

from tests.proof import broken
from tests.proof.runner import Runner
from tests.serializers.broken import registry
from twilio_conformance.spec.coverage import Entry

SEED = 20261101


def main(arguments: list[str]) -> int:
    """Remove checks picked at random with a fixed seed, each from one requirement that it grades.

    Returns:
        0 if the proof fails without each of them, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    logger.remove()
    runner = Runner()
    registered = list(registry.load().values())
    unnoticed = 0
    for entry in random.Random(options.seed).sample(runner.entries, options.count):
        faults = without(runner, registered, entry)
        unnoticed += not faults
        print(f"without {entry.check} of {entry.requirement}: {len(faults)} faults: {faults or 'none'}")
    print(
        f"{options.count - unnoticed} of {options.count} removals make the proof fail (seed {options.seed})"
    )
    return 1 if unnoticed else 0


def without(runner: Runner, registered: list[registry.BrokenSerializer], removed: Entry) -> list[str]:
    """Return the faults that the proof finds in a requirement without one of its checks."""
    entries = runner.entries
    runner.entries = [entry for entry in entries if entry != removed]
    try:
        own = [serializer for serializer in registered if serializer.violates == removed.requirement]
        graded = broken.grade_own(runner, own)
        counts = list(broken.fewer_checks(runner))
    finally:
        runner.entries = entries
    return [*counts, *graded.faults, *broken.fewer_kills(broken.read_kills(), graded.kills)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
