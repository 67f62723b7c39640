"""Grade permitted variants: each must meet every MUST of its profiles, and every SHOULD not listed as unmet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.proof.broken import audio_tasks_of, sample_tasks
from tests.proof.runner import Candidate, Results, Runner, loader
from tests.serializers.permitted.registry import PermittedVariant

SAMPLES = 3
"""Checks of each pattern that grade a variant in a quick proof; a full proof takes all."""

AUDIO_MODULE = "tests.serializers.permitted.audio"
"""The module of the variants whose audio differs; all checks of profile audio grade them."""


def grade(runner: Runner, chosen: Sequence[PermittedVariant], full: bool) -> list[str]:
    """Grade variants and return the faults of the suite: what fails although it is permitted."""
    by_name = {variant.name: variant for variant in chosen}
    everything = list(runner.tasks.values()) if full else sample_tasks(runner, SAMPLES)
    audio_tasks = [] if full else audio_tasks_of(runner)
    work = []
    for variant in chosen:
        claimed = {
            requirement.id
            for requirement in runner.catalogue.requirements.values()
            if requirement.profile in variant.profiles
        }
        looked = everything + audio_tasks if variant.module == AUDIO_MODULE else everything
        tasks = [task for task in looked if claimed & set(task.requirements)]
        work.append((Candidate(variant.name, loader(variant.impl)), tasks))
    faults = []
    for candidate, results in runner.grade(work):
        for fault in faults_of(runner, by_name[candidate.name], results, full):
            print(f"  {fault}", flush=True)
            faults.append(fault)
    return faults


def faults_of(runner: Runner, variant: PermittedVariant, results: Results, full: bool) -> Iterator[str]:
    """Yield what a variant fails although it is permitted, and what it lists as unmet without need."""
    if results.error:
        yield f"{variant.name}: the suite itself failed: {results.error.splitlines()[-1]}"
    failures = results.failures()
    for name, status in failures.items():
        requirement = runner.catalogue.requirements[name]
        if requirement.profile in variant.profiles and name not in variant.unmet:
            check, outcome = next(
                (check, outcome) for check, outcome in results.outcomes[name].items() if not outcome.holds
            )
            yield (
                f"{variant.name}: {status} {requirement.level} {name} in {check}: {outcome.message};"
                f" expected {str(outcome.expected)[:120]}, actual {str(outcome.actual)[:160]}"
            )
    for name in variant.unmet:
        if runner.catalogue.requirements[name].level == "MUST":
            yield f"{variant.name}: lists {name} as unmet, which is a MUST"
        elif full and name not in failures:
            yield f"{variant.name}: lists {name} as unmet, which it meets"
