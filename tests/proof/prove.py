"""The command behind `make proof`: shows that every check can fail, and that nothing permitted does."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from loguru import logger

from tests.proof import mutants, operators, publish, vacuous, variants
from tests.proof.mutation import MODULES
from tests.proof.runner import Laboratory
from tests.serializers.broken import registry as mutant_registry
from tests.serializers.permitted import registry as variant_registry

PARTS = ("mutants", "variants", "vacuous", "operators")
"""The parts of a proof; of mutants and variants that are named, only the first two make sense."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a part of the proof found."""

    part: str
    sentence: str
    faults: list[str]
    seconds: float


def main(arguments: list[str]) -> int:
    """Runs the proof, and says in its last lines what it found.

    Returns:
        0 where every part holds, else 1.
    """
    options = _parse(arguments)
    logger.remove()
    lab = Laboratory(lanes=options.lanes)
    parts: dict[str, Callable[[], tuple[str, list[str]]]] = {
        "mutants": lambda: _mutants(lab, options),
        "variants": lambda: _variants(lab, options),
        "vacuous": lambda: _vacuous(lab, options),
        "operators": lambda: _operators(lab, options),
    }
    results = []
    for part in options.part or (PARTS[:2] if options.names else PARTS):
        print(f"{part} …", flush=True)
        started = time.monotonic()
        sentence, faults = parts[part]()
        results.append(Result(part, sentence, faults, time.monotonic() - started))
    for result in results:
        print(f"{result.sentence} ({result.seconds:.0f} s)")
        for fault in result.faults:
            print(f"  FAULT {fault}")
    if options.write and not options.names:
        publish.write(results)
    count = sum(len(result.faults) for result in results)
    said = f"does not hold: {count} faults" if count else "holds"
    print(f"the proof {said} ({sum(result.seconds for result in results) / 60:.1f} minutes)")
    return 1 if count else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="mutants or variants, their files, or requirements")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (repeatable)")
    parser.add_argument(
        "--full", action="store_true", help="every check on everything; nothing on record is believed"
    )
    parser.add_argument("--write", action="store_true", help="write what killed what, and docs/proof.md")
    parser.add_argument(
        "--lanes", type=int, default=2 * (os.cpu_count() or 1), help="how many to grade at once"
    )
    return parser.parse_args(arguments)


def _is_chosen(options: argparse.Namespace, *names: str) -> bool:
    return not options.names or bool({name.rpartition(".")[2] for name in names} & set(options.names))


def _mutants(lab: Laboratory, options: argparse.Namespace) -> tuple[str, list[str]]:
    registered = list(mutant_registry.load().values())
    chosen = [entry for entry in registered if _is_chosen(options, entry.name, entry.module, entry.violates)]
    graded = mutants.grade(lab, chosen, options.full)
    faults = graded.faults + list(mutants.lost(mutants.read_kills(), graded.kills))
    if not options.names:
        if options.write:
            mutants.write_checks(lab)
        faults += mutants.gone(lab)
        faults += mutants.missing(lab.catalogue, registered) + mutants.idle(
            lab.catalogue, graded.kills, registered
        )
    if options.write:
        mutants.write_kills(graded.kills)
    bad = {fault.partition(":")[0] for fault in graded.faults} & set(graded.kills)
    return (
        f"mutants killed by their own requirement and no other: {len(chosen) - len(bad)} of {len(chosen)}",
        faults,
    )


def _variants(lab: Laboratory, options: argparse.Namespace) -> tuple[str, list[str]]:
    registered = variant_registry.load().values()
    chosen = [entry for entry in registered if _is_chosen(options, entry.name, entry.module)]
    faults = variants.grade(lab, chosen, options.full)
    bad = {fault.partition(":")[0] for fault in faults}
    return f"variants passed: {len(chosen) - len(bad)} of {len(chosen)}", faults


def _vacuous(lab: Laboratory, options: argparse.Namespace) -> tuple[str, list[str]]:
    faults = vacuous.grade(lab, options.full)
    bad = {fault.partition(":")[0] for fault in faults}
    count = len(vacuous.PASSES)
    return f"vacuous serializers that pass nothing undeserved: {count - len(bad)} of {count}", faults


def _operators(lab: Laboratory, options: argparse.Namespace) -> tuple[str, list[str]]:
    names = [name for name in options.names if name in MODULES]
    return operators.grade(lab, options.full, names, options.write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
