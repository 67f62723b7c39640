"""Takes checks out of the suite, one after the other, and shows that the proof fails without each of them."""

from __future__ import annotations

import argparse
import fnmatch
import random
import sys

from loguru import logger

from tests.mutants import registry
from tests.proof import mutants
from tests.proof.laboratory import Laboratory

SEED = 20261101


def main(arguments: list[str]) -> int:
    """Removes checks that a seed picks: each in code, or all vectors of one pattern for one requirement.

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
    checks = [
        (requirement.id, pattern)
        for requirement in lab.catalogue.requirements.values()
        if requirement.profile not in mutants.MEASURED and requirement.level != "MAY"
        for pattern in requirement.checks
    ]
    unnoticed = 0
    for requirement, pattern in random.Random(options.seed).sample(checks, options.count):
        faults = without(lab, registered, requirement, pattern)
        unnoticed += not faults
        print(f"without {pattern} of {requirement}: {len(faults)} faults, such as: {faults[:1] or 'none'}")
    print(
        f"{options.count - unnoticed} of {options.count} removals make the proof fail (seed {options.seed})"
    )
    return 1 if unnoticed else 0


def without(lab: Laboratory, registered: list[registry.Mutant], requirement: str, pattern: str) -> list[str]:
    """What the proof says of the requirement once the check is gone from the suite.

    Args:
        lab: The whole suite.
        registered: All mutants.
        requirement: Whose check it is.
        pattern: Which of the requirement's `checks`.
    """
    entries = lab.entries
    lab.entries = [
        entry
        for entry in entries
        if entry.requirement != requirement or not fnmatch.fnmatchcase(entry.check, pattern)
    ]
    try:
        own = [mutant for mutant in registered if mutant.violates == requirement]
        graded = mutants.grade_own(lab, own)
    finally:
        lab.entries = entries
    return [*graded.faults, *mutants.lost(mutants.read_kills(), graded.kills)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
