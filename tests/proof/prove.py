"""The command behind `make proof`: show that every check can fail, and that no permitted variant fails."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from loguru import logger

from tests.proof import broken, conditional, operators, permitted, publish, vacuous
from tests.proof.mutation import MODULES
from tests.proof.runner import Runner
from tests.serializers.broken import registry as broken_registry
from tests.serializers.permitted import registry as permitted_registry

PARTS = ("broken", "permitted", "vacuous", "conditional", "operators")
"""The parts of a proof; where serializers are named, only the first two run by default."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one part of the proof."""

    part: str
    sentence: str
    faults: list[str]
    seconds: float


def main(arguments: list[str]) -> int:
    """Run the proof and print a summary.

    Returns:
        0 if there are no faults, else 1.
    """
    options = _parse(arguments)
    logger.remove()
    runner = Runner(jobs=options.jobs)
    parts: dict[str, Callable[[], tuple[str, list[str]]]] = {
        "broken": lambda: _broken(runner, options),
        "permitted": lambda: _permitted(runner, options),
        "vacuous": lambda: _vacuous(runner, options),
        "conditional": lambda: _conditional(runner, options),
        "operators": lambda: _operators(runner, options),
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
    outcome = f"fails: {count} faults" if count else "holds"
    print(f"the proof {outcome} ({sum(result.seconds for result in results) / 60:.1f} minutes)")
    return 1 if count else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="serializers, modules, chapters or requirements")
    parser.add_argument("--part", action="append", choices=PARTS, help="only this part (repeatable)")
    parser.add_argument(
        "--seed", action="append", type=int, help="of the conditions that are drawn (repeatable; default 1)"
    )
    parser.add_argument(
        "--full", action="store_true", help="grade everything by every check, and ignore the records"
    )
    parser.add_argument("--write", action="store_true", help="write the records and docs/proof.md")
    parser.add_argument(
        "--jobs", type=int, default=2 * (os.cpu_count() or 1), help="how many serializers to grade at once"
    )
    return parser.parse_args(arguments)


def _is_chosen(options: argparse.Namespace, *names: str) -> bool:
    return not options.names or bool({name.rpartition(".")[2] for name in names} & set(options.names))


def _broken(runner: Runner, options: argparse.Namespace) -> tuple[str, list[str]]:
    registered = list(broken_registry.load().values())
    chosen = [
        entry
        for entry in registered
        if _is_chosen(options, entry.name, entry.module, entry.violates, entry.chapter)
    ]
    graded = broken.grade(runner, chosen, options.full)
    faults = graded.faults + list(broken.fewer_kills(broken.read_kills(), graded.kills))
    if not options.names:
        if options.write:
            broken.write_checks(runner)
        faults += broken.fewer_checks(runner)
        faults += broken.without_serializer(runner.catalogue, registered) + broken.patterns_without_kill(
            runner.catalogue, graded.kills, registered
        )
    if options.write:
        broken.write_kills(graded.kills)
    bad = {fault.partition(":")[0] for fault in graded.faults} & set(graded.kills)
    return (
        f"broken serializers killed by their own requirement and no other: {len(chosen) - len(bad)} of {len(chosen)}",
        faults,
    )


def _permitted(runner: Runner, options: argparse.Namespace) -> tuple[str, list[str]]:
    registered = permitted_registry.load().values()
    chosen = [entry for entry in registered if _is_chosen(options, entry.name, entry.module)]
    faults = permitted.grade(runner, chosen, options.full)
    bad = {fault.partition(":")[0] for fault in faults}
    return f"permitted variants passed: {len(chosen) - len(bad)} of {len(chosen)}", faults


def _vacuous(runner: Runner, options: argparse.Namespace) -> tuple[str, list[str]]:
    faults = vacuous.grade(runner, options.full)
    bad = {fault.partition(":")[0] for fault in faults}
    count = len(vacuous.PASSES)
    return f"vacuous serializers that pass only what is listed: {count - len(bad)} of {count}", faults


def _conditional(runner: Runner, options: argparse.Namespace) -> tuple[str, list[str]]:
    registered = [
        entry
        for entry in broken_registry.load().values()
        if _is_chosen(options, entry.name, entry.module, entry.violates, entry.chapter)
        and runner.profiles[entry.violates] != "live"
    ]
    drawn = [each for seed in options.seed or [1] for each in conditional.draw(runner, registered, seed)]
    shares, survivors = conditional.grade(runner, list({each.name: each for each in drawn}.values()))
    killed, *by_dimension = conditional.sentences(shares)
    faults = survivors if sum(dead for dead, _ in shares.values()) < 0.95 * len(drawn) else []
    return f"{killed} ({'; '.join(by_dimension)})", faults


def _operators(runner: Runner, options: argparse.Namespace) -> tuple[str, list[str]]:
    names = [name for name in options.names if name in MODULES]
    return operators.grade(runner, options.full, names, options.write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
