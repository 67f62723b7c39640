"""The proof without its long run: the records are complete, and every rule of the proof can fail."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proof import broken, operators, vacuous
from tests.proof.coverage import Coverage
from tests.proof.mutation import Mutation, mutations
from tests.proof.runner import Results, Task
from tests.serializers.broken import registry as broken_registry
from tests.serializers.broken.registry import BrokenSerializer
from tests.serializers.permitted import registry as permitted_registry
from tests.serializers.permitted.registry import PermittedVariant
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, PASS, Outcome

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def edition() -> Catalogue:
    return catalogue.load()


@pytest.fixture(scope="module")
def registered() -> dict[str, BrokenSerializer]:
    return broken_registry.load()


@pytest.fixture(scope="module")
def permitted() -> dict[str, PermittedVariant]:
    return permitted_registry.load()


def test_every_must_and_should_is_violated_by_a_broken_serializer(
    edition: Catalogue, registered: dict[str, BrokenSerializer]
) -> None:
    assert broken.without_serializer(edition, registered.values()) == []


def test_a_requirement_that_no_serializer_violates_is_reported(
    edition: Catalogue, registered: dict[str, BrokenSerializer]
) -> None:
    rest = [serializer for serializer in registered.values() if serializer.violates != "TFS-CLEAR-03"]
    assert broken.without_serializer(edition, rest) == ["TFS-CLEAR-03: no broken serializer violates it"]


def test_there_are_enough_broken_serializers_and_permitted_variants(
    registered: dict[str, BrokenSerializer], permitted: dict[str, PermittedVariant]
) -> None:
    assert len(registered) >= 120
    assert len(permitted) >= 30


def test_serializers_name_requirements_that_exist(
    edition: Catalogue, registered: dict[str, BrokenSerializer], permitted: dict[str, PermittedVariant]
) -> None:
    loader = {serializer.violates for serializer in registered.values()}
    loader |= {name for variant in permitted.values() for name in variant.unmet}
    assert loader <= edition.requirements.keys()


def test_every_serializer_can_be_named_on_the_command_line(
    registered: dict[str, BrokenSerializer], permitted: dict[str, PermittedVariant]
) -> None:
    for spec in [entry.impl for entry in registered.values()] + [entry.impl for entry in permitted.values()]:
        module, _, name = spec.partition(":")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_kills_of_every_broken_serializer_are_recorded(registered: dict[str, BrokenSerializer]) -> None:
    recorded = broken.read_kills()
    assert recorded.keys() == registered.keys()
    assert all(sum(patterns.values()) > 0 for patterns in recorded.values())


def test_every_pattern_of_every_requirement_kills_a_broken_serializer(
    edition: Catalogue, registered: dict[str, BrokenSerializer]
) -> None:
    assert broken.patterns_without_kill(edition, broken.read_kills(), registered.values()) == []


def test_a_pattern_that_kills_nothing_is_reported(
    edition: Catalogue, registered: dict[str, BrokenSerializer]
) -> None:
    kills = {
        name: {pattern: count for pattern, count in own.items() if pattern != "clear/each-*"}
        for name, own in broken.read_kills().items()
    }
    assert broken.patterns_without_kill(edition, kills, registered.values()) == [
        "TFS-CLEAR-03: clear/each-* kills no broken serializer"
    ]


def test_a_check_that_no_longer_kills_is_reported() -> None:
    before = {"Deaf": {"a/*": 3, "b/*": 1}, "NotGraded": {"a/*": 1}}
    assert list(broken.fewer_kills(before, {"Deaf": {"a/*": 3}})) == [
        "Deaf: b/* killed it with 1 checks, now with 0"
    ]


EXAMPLE = BrokenSerializer("Deaf", "m", "TFS-A-01", "story", ("TFS-B-*",), False, False)


PROFILES = {
    "TFS-A-01": "core",
    "TFS-B-02": "core",
    "TFS-C-01": "robust",
    "TFS-D-01": "audio",
    "TFS-E-01": "live",
}


@pytest.mark.parametrize(
    ("statuses", "fault"),
    [
        ({"TFS-A-01": FAIL}, ""),
        ({"TFS-A-01": FAIL, "TFS-B-02": FAIL}, ""),
        ({"TFS-A-01": FAIL, "TFS-C-01": NOT_TESTABLE}, ""),
        ({"TFS-A-01": PASS}, "not killed"),
        ({"TFS-A-01": NOT_TESTABLE}, "not killed"),
        ({}, "not killed"),
        ({"TFS-A-01": FAIL, "TFS-C-01": FAIL}, "yet these fail: TFS-C-01"),
        ({"TFS-A-01": FAIL, "TFS-D-01": FAIL, "TFS-E-01": FAIL}, ""),
    ],
)
def test_a_broken_serializer_must_fail_its_own_requirement_and_no_other(
    statuses: dict[str, str], fault: str
) -> None:
    results = Results()
    results.add(Task("x", (), 1), {name: Outcome(status) for name, status in statuses.items()})
    found = list(broken.faults_of(PROFILES, EXAMPLE, results, ()))
    assert len(found) == bool(fault)
    assert fault in "".join(found)


def test_broken_audio_may_fail_whole_calls_and_a_whole_call_fails_no_other_profile() -> None:
    assert [broken.DEPENDENT_PROFILES[profile] for profile in ("audio", "live")] == [("live",), ()]


def test_the_keys_of_mutations_are_unique() -> None:
    keys = [mutation.key for mutation in mutations()]
    assert len(keys) == len(set(keys)) > 300


def test_every_recorded_survivor_still_exists() -> None:
    keys = {mutation.key for mutation in mutations()}
    assert set(operators.known("equivalent")) | set(operators.known("permitted")) <= keys


def test_every_mutation_is_killed_or_has_a_reason_to_survive() -> None:
    keys = {mutation.key for mutation in mutations()}
    killed, excused = (
        operators.read_killers().keys(),
        operators.known("equivalent") | operators.known("permitted"),
    )
    assert keys - killed - excused.keys() == set()
    assert killed & excused.keys() == set()


def test_enough_mutations_are_killed() -> None:
    excused = operators.known("equivalent") | operators.known("permitted")
    keys = {mutation.key for mutation in mutations()} - excused.keys()
    assert 100 * len(operators.read_killers().keys() & keys) / len(keys) >= operators.TARGET


def test_a_check_is_tried_on_mutations_of_the_lines_that_it_runs() -> None:
    lines = frozenset({("hangup", 3), ("messages", 3)})
    measured = Coverage({"quick": frozenset({("hangup", 4)}), "slow": lines})
    code = compile("", "", "exec")
    assert measured.checks_of(Mutation("hangup", frozenset({3}), "", code)) == ["slow"]
    assert measured.checks_of(Mutation("hangup", frozenset({4, 3}), "", code)) == ["quick", "slow"]
    assert measured.checks_of(Mutation("hangup", frozenset(), "at import", code)) == ["quick", "slow"]


@pytest.mark.parametrize(
    ("passed", "fault"),
    [
        (["TFS-CONSTRUCT-10", "TFS-CONSTRUCT-11"], None),
        (["TFS-CONSTRUCT-10", "TFS-CONSTRUCT-11", "TFS-CLEAR-01"], "passes TFS-CLEAR-01"),
        (["TFS-CONSTRUCT-10"], "does not pass TFS-CONSTRUCT-11"),
    ],
)
def test_a_vacuous_serializer_must_pass_exactly_what_is_listed(passed: list[str], fault: str | None) -> None:
    graded = ["TFS-CONSTRUCT-10", "TFS-CONSTRUCT-11", "TFS-CLEAR-01"]
    found = list(vacuous.faults_of("RaisesEverywhere", passed, graded))
    assert found == ([] if fault is None else [f"RaisesEverywhere: {fault}"])


def test_the_command_kills_a_broken_serializer_and_passes_a_variant() -> None:
    command = [sys.executable, "-W", "ignore", "-m", "tests.proof.prove", "ClearAsBytes", "CompactJson"]
    run = subprocess.run(
        [*command, "--part", "broken", "--part", "permitted"],
        cwd=ROOT, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert "killed by their own requirement and no other: 1 of 1" in run.stdout
    assert "permitted variants passed: 1 of 1" in run.stdout
