"""Grades variants: each keeps every MUST of its profiles, and every SHOULD that it does not forego."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.proof.mutants import audible, sampled
from tests.proof.runner import Findings, Laboratory, Specimen, named
from tests.serializers.permitted.registry import Variant

SAMPLES = 3
"""Checks of each pattern of a requirement; a full proof takes all."""

AUDIBLE = "tests.serializers.permitted.audio"
"""Where the variants are that sound otherwise; they meet all checks that measure audio."""


def grade(lab: Laboratory, chosen: Sequence[Variant], full: bool) -> list[str]:
    """What is wrong with the suite, seen from the variants: what fails although it is permitted."""
    by_name = {variant.name: variant for variant in chosen}
    everything = list(lab.tasks.values()) if full else sampled(lab, SAMPLES)
    heard = [] if full else audible(lab)
    work = []
    for variant in chosen:
        claimed = {
            requirement.id
            for requirement in lab.catalogue.requirements.values()
            if requirement.profile in variant.profiles
        }
        looked = everything + heard if variant.module == AUDIBLE else everything
        tasks = [task for task in looked if claimed & set(task.requirements)]
        work.append((Specimen(variant.name, named(variant.impl)), tasks))
    faults = []
    for specimen, findings in lab.grade(work):
        for fault in faults_of(lab, by_name[specimen.name], findings, full):
            print(f"  {fault}", flush=True)
            faults.append(fault)
    return faults


def faults_of(lab: Laboratory, variant: Variant, findings: Findings, full: bool) -> Iterator[str]:
    """What a variant fails although it is permitted, and what it foregoes without need."""
    if findings.trouble:
        yield f"{variant.name}: the suite itself failed: {findings.trouble.splitlines()[-1]}"
    failures = findings.failures()
    for name, status in failures.items():
        requirement = lab.catalogue.requirements[name]
        if requirement.profile in variant.profiles and name not in variant.foregoes:
            check, outcome = next(
                (check, outcome) for check, outcome in findings.outcomes[name].items() if not outcome.holds
            )
            yield (
                f"{variant.name}: {status} {requirement.level} {name} in {check}: {outcome.message};"
                f" expected {str(outcome.expected)[:120]}, actual {str(outcome.actual)[:160]}"
            )
    for name in variant.foregoes:
        if lab.catalogue.requirements[name].level == "MUST":
            yield f"{variant.name}: foregoes {name}, which is a MUST"
        elif full and name not in failures:
            yield f"{variant.name}: foregoes {name}, which it keeps"
