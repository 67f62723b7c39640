"""Takes checks out of the suite, one after the other, and shows that the proof fails without each of them."""

from __future__ import annotations

import argparse
import random
import sys

from loguru import logger

from tests.proof import mutants
from tests.proof.runner import Laboratory
from tests.serializers.broken import registry
from twilio_conformance.spec.coverage import Entry

SEED = 20261101


def main(arguments: list[str]) -> int:
    """Removes checks that a seed picks: each a check in code, or a vector, from what grades one requirement.

    Returns:
        0 where the proof fails without any of them, else 1.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    logger.remove()
    lab = Laboratory()
    registered = list(registry.load().values())
    unnoticed = 0
    for entry in random.Random(options.seed).sample(lab.entries, options.count):
        faults = without(lab, registered, entry)
        unnoticed += not faults
        print(f"without {entry.check} of {entry.requirement}: {len(faults)} faults: {faults or 'none'}")
    print(
        f"{options.count - unnoticed} of {options.count} removals make the proof fail (seed {options.seed})"
    )
    return 1 if unnoticed else 0


def without(lab: Laboratory, registered: list[registry.Mutant], removed: Entry) -> list[str]:
    """What the proof says of the requirement once the check is gone from the suite."""
    entries = lab.entries
    lab.entries = [entry for entry in entries if entry != removed]
    try:
        own = [mutant for mutant in registered if mutant.violates == removed.requirement]
        graded = mutants.grade_own(lab, own)
        counts = list(mutants.gone(lab))
    finally:
        lab.entries = entries
    return [*counts, *graded.faults, *mutants.lost(mutants.read_kills(), graded.kills)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
