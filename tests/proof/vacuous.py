"""Grade serializers that do nothing useful: every MUST that demands an action has to fail for each of them."""

from __future__ import annotations

from collections.abc import Iterator

from tests.proof.broken import SLOW_PROFILES
from tests.proof.runner import Candidate, Runner, loader

_MADE = "TFS-CONSTRUCT-01 TFS-CONSTRUCT-04 TFS-CONSTRUCT-09 TFS-CONSTRUCT-10 TFS-CONSTRUCT-11 TFS-SETUP-04"
"""Requirements met by the constructor, InputParams and three coroutines of DoesNothing, which are correct."""

_HARMLESS = (
    "TFS-CONSTRUCT-05 TFS-SETUP-01 TFS-CLEAR-04 TFS-MESSAGE-03 TFS-MESSAGE-07 TFS-HANGUP-09 TFS-HANGUP-11"
    " TFS-HANGUP-12 TFS-INPUT-11 TFS-ABUSE-02 TFS-ABUSE-08 TFS-ABUSE-09 TFS-SECURE-06 TFS-SECURE-07"
)
"""Prohibitions, met by doing nothing: nothing is raised, requested, logged or waited for."""

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


def grade(runner: Runner, full: bool) -> list[str]:
    """Return the faults of the suite: MUST requirements that pass for a serializer that cannot meet them.

    Args:
        runner: The suite.
        full: Whether to include the profiles whose checks take seconds.
    """
    musts = [
        requirement.id
        for requirement in runner.catalogue.requirements.values()
        if requirement.level == "MUST"
        and requirement.excluded is None
        and (full or requirement.profile not in SLOW_PROFILES)
    ]
    tasks = list({task.id: task for name in musts for task in runner.tasks_of(name)}.values())
    work = [(Candidate(name, loader(f"tests.serializers.broken.vacuous:{name}")), tasks) for name in PASSES]
    faults = []
    for candidate, results in runner.grade(work):
        passed = [name for name in musts if results.status(name) == "pass"]
        for fault in faults_of(candidate.name, passed, musts):
            print(f"  {fault}", flush=True)
            faults.append(fault)
    return faults


def faults_of(name: str, passed: list[str], graded: list[str]) -> Iterator[str]:
    """Yield what passes and must not, and what is listed as passing and does not."""
    allowed = set(PASSES[name].split()) & set(graded)
    if unforeseen := sorted(set(passed) - allowed):
        yield f"{name}: passes {' '.join(unforeseen)}"
    if unfulfilled := sorted(allowed - set(passed)):
        yield f"{name}: does not pass {' '.join(unfulfilled)}"
