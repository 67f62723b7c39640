"""Grades serializers that do nothing of use: whatever demands a deed has to fail for each of them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.proof.mutants import MEASURED
from tests.proof.runner import Laboratory, Specimen, named

_MADE = "TFS-CONSTRUCT-01 TFS-CONSTRUCT-04 TFS-CONSTRUCT-09 TFS-CONSTRUCT-10 TFS-CONSTRUCT-11 TFS-SETUP-04"
"""What the constructor, the InputParams and the three coroutines of DoesNothing keep, which are sound."""

_HARMLESS = (
    "TFS-CONSTRUCT-05 TFS-SETUP-01 TFS-CLEAR-04 TFS-MESSAGE-03 TFS-MESSAGE-07 TFS-HANGUP-09 TFS-HANGUP-11"
    " TFS-HANGUP-12 TFS-INPUT-11 TFS-ABUSE-02 TFS-ABUSE-08 TFS-ABUSE-09 TFS-SECURE-06 TFS-SECURE-07"
)
"""What forbids, and is kept by whoever does not do it: nothing raised, requested, logged or waited for."""

PASSES = {
    "DoesNothing": f"{_MADE} {_HARMLESS} TFS-DTMF-02 TFS-MARK-02 TFS-MEDIAIN-08 TFS-MESSAGE-05 TFS-ABUSE-04",
    "RaisesEverywhere": "TFS-CONSTRUCT-10 TFS-CONSTRUCT-11",
    "RaisesWhenUsed": _MADE,
    "PlausibleConstants": f"{_MADE} {_HARMLESS} TFS-MEDIAOUT-01 TFS-MEDIAOUT-02 TFS-MEDIAOUT-03"
    " TFS-MEDIAOUT-04 TFS-CLEAR-01 TFS-CLEAR-02 TFS-CLEAR-03 TFS-MEDIAIN-01 TFS-ABUSE-07 TFS-SECURE-12"
    " TFS-FIDELITY-08 TFS-FIDELITY-09 TFS-LIVE-13",
    "Sleeps": _MADE,
}
"""The MUST requirements that each of them may pass: prohibitions, and what it really does."""


def grade(lab: Laboratory, full: bool) -> list[str]:
    """What is wrong with the suite: a MUST that passes for a serializer that does nothing of the kind.

    Args:
        lab: The suite.
        full: Whether the profiles that measure for seconds take part.
    """
    musts = [
        requirement.id
        for requirement in lab.catalogue.requirements.values()
        if requirement.level == "MUST"
        and requirement.excluded is None
        and (full or requirement.profile not in MEASURED)
    ]
    tasks = list({task.id: task for name in musts for task in lab.tasks_of(name)}.values())
    work = [(Specimen(name, named(f"tests.serializers.broken.vacuous:{name}")), tasks) for name in PASSES]
    faults = []
    for specimen, findings in lab.grade(work):
        passed = [name for name in musts if findings.status(name) == "pass"]
        for fault in faults_of(specimen.name, passed, musts):
            print(f"  {fault}", flush=True)
            faults.append(fault)
    return faults


def faults_of(name: str, passed: list[str], graded: list[str]) -> Iterator[str]:
    """What passes and must not, and what was thought to pass and does not."""
    allowed = set(PASSES[name].split()) & set(graded)
    if unforeseen := sorted(set(passed) - allowed):
        yield f"{name}: passes {' '.join(unforeseen)}"
    if unfulfilled := sorted(allowed - set(passed)):
        yield f"{name}: does not pass {' '.join(unfulfilled)}"
