"""A graded run: what it selects and records, its verdicts, and the command that repeats a check."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests import miniature
from tests.reports import REQUIREMENT
from twilio_conformance import EDITION
from twilio_conformance.engine import run as module
from twilio_conformance.engine.messages import Job, Result
from twilio_conformance.engine.run import MAX_CHILDREN, Run, default_concurrency, parse_profiles
from twilio_conformance.errors import DataError, UsageError
from twilio_conformance.spec.catalogue import PROFILES, Catalogue, Chapter, Vector
from twilio_conformance.spec.coverage import Entry, Ledger
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, PASS, Outcome, Threshold

VECTOR = Entry("TFS-A-01", "a/1")
CODE = Entry("TFS-A-01", "chapter.check")
SECURE = Entry("TFS-A-02", "b/1")
SHOULD = Entry("TFS-A-03", "b/1")
OTHER = Entry("TFS-A-05", "c/1")
ENTRIES = [VECTOR, CODE, SECURE, SHOULD, OTHER]

REQUIREMENTS = (
    replace(REQUIREMENT, checks=("a/*", "chapter.check")),
    replace(REQUIREMENT, id="TFS-A-02", profile="secure", checks=("b/1",)),
    replace(REQUIREMENT, id="TFS-A-03", level="SHOULD", checks=("b/1",)),
    replace(REQUIREMENT, id="TFS-A-04", checks=(), excluded="A program cannot see it."),
    replace(REQUIREMENT, id="TFS-A-05", checks=("c/1",)),
)
JOBS = [
    Job("a/1", ["TFS-A-01"], 60.0),
    Job("b/1", ["TFS-A-02", "TFS-A-03"], 60.0),
    Job("c/1", ["TFS-A-05"], 60.0),
    Job("chapter.check", ["TFS-A-01"], 300.0, "chapter"),
]
PASSED, FAILED = Outcome(PASS), Outcome(FAIL, "the key differs")
UNSEEN = Outcome(NOT_TESTABLE, "the clients use another transport", out_of_sight=True)


class Submissions(SimpleNamespace):
    """In place of an executor: what was submitted to it."""

    def __init__(self) -> None:
        super().__init__(jobs={job.id: job for job in JOBS}, submitted=[])

    def submit(self, checks: Iterable[str]) -> None:
        self.submitted += checks


def _vector(name: str, *requirements: str) -> Vector:
    return Vector(miniature.vector(name, [], [{"requirement": each} for each in requirements]))


@pytest.fixture
def run() -> Run:
    """A run of four requirements that are graded and one that is excluded."""
    run = Run("mine", EDITION, Threshold(frozenset({"core"})), concurrency=1)
    vectors = {
        "a/1": _vector("a/1", "TFS-A-01"),
        "b/1": _vector("b/1", "TFS-A-02", "TFS-A-03"),
        "c/1": _vector("c/1", "TFS-A-05"),
    }
    run.catalogue = Catalogue(EDITION, (Chapter("A", 1, "A", "", REQUIREMENTS),), vectors, "", {})
    run.executor = cast(Any, Submissions())
    return run


Grade = Callable[..., None]


@pytest.fixture
def grade(run: Run) -> Grade:
    """Record an outcome of every entry, passes unless others are given; `but` has none."""

    def grade(outcomes: dict[Entry, Outcome] | None = None, but: tuple[Entry, ...] = ()) -> None:
        run.select(ENTRIES)
        for entry in ENTRIES:
            if entry not in but:
                outcome = (outcomes or {}).get(entry, PASSED)
                run.record(entry, Result(entry.check, {entry.requirement: outcome}))

    return grade


class TestSelection:
    def test_entries_come_in_the_order_of_the_specification(self, run: Run) -> None:
        assert run.entries == ENTRIES

    def test_the_worker_starts_on_what_was_selected(self, run: Run) -> None:
        run.select([VECTOR, CODE])
        assert run.collected == [VECTOR, CODE]
        assert sorted(cast(Any, run.executor).submitted) == ["a/1", "chapter.check"]

    def test_calls_in_real_time_start_first_and_long_audio_last(self, run: Run) -> None:
        run.catalogue.requirements["TFS-A-02"] = replace(REQUIREMENTS[1], profile="audio")
        run.catalogue.requirements["TFS-A-03"] = replace(REQUIREMENTS[2], profile="audio")
        jobs = run.executor.jobs
        jobs["b/2"] = Job("b/2", ["TFS-A-03"], 90.0)
        jobs["c/1"] = Job("c/1", ["TFS-A-05"], 60.0, in_real_time=True)
        run.select([SECURE, Entry("TFS-A-03", "b/2"), VECTOR, CODE, OTHER])
        assert cast(Any, run.executor).submitted == ["c/1", "a/1", "chapter.check", "b/2", "b/1"]

    def test_the_checks_of_a_file_are_those_that_it_defines(self, run: Run) -> None:
        assert set(run.in_module("chapter")) == {"chapter.check"}
        assert not run.in_module("other")

    def test_a_failure_is_known_if_the_baseline_gives_a_reason(self, run: Run) -> None:
        assert run.known(VECTOR) is None
        run.baseline = cast(Any, SimpleNamespace(reason={VECTOR: "issue 12"}.get))
        assert (run.known(VECTOR), run.known(CODE)) == ("issue 12", None)


class TestRecord:
    def test_the_outcome_of_the_entry_and_the_output_of_its_check_are_kept(self, run: Run) -> None:
        result = Result("b/1", {"TFS-A-02": PASSED, "TFS-A-03": FAILED}, output="(printed)")
        run.record(SHOULD, result)
        assert run.outcomes == {SHOULD: FAILED}
        assert run.outputs == {"b/1": "(printed)"}

    def test_a_check_that_printed_nothing_has_no_output(self, run: Run, grade: Grade) -> None:
        grade()
        assert run.outputs == {}

    def test_outcomes_are_ordered_by_the_specification_and_not_by_their_arrival(self, run: Run) -> None:
        for entry in reversed(ENTRIES):
            run.record(entry, Result(entry.check, {entry.requirement: PASSED}))
        found = run.by_requirement()
        assert list(found) == ["TFS-A-01", "TFS-A-02", "TFS-A-03", "TFS-A-05"]
        assert list(found["TFS-A-01"]) == ["a/1", "chapter.check"]

    def test_a_sentence_is_noted_once(self, run: Run) -> None:
        run.note(["one", "two"])
        run.note(["two", "three"])
        assert run.notes == ["one", "two", "three"]


class TestLedger:
    def test_a_whole_run_leaves_nothing_out(self, run: Run, grade: Grade) -> None:
        grade()
        everything = frozenset(ENTRIES)
        excluded = {"TFS-A-04": "A program cannot see it."}
        assert run.ledger == Ledger(everything, everything, everything, excluded)
        assert (run.ledger.partial, run.ledger.missing) == (False, ())

    def test_an_entry_that_was_selected_and_has_no_outcome_is_missing(self, run: Run, grade: Grade) -> None:
        grade(but=(CODE,))
        assert run.ledger.missing == (CODE,)

    def test_a_selection_is_partial(self, run: Run) -> None:
        run.select([VECTOR])
        assert run.ledger.partial


class TestVerdicts:
    def test_the_status_of_a_requirement_is_the_worst_of_its_checks(self, run: Run, grade: Grade) -> None:
        grade({CODE: FAILED})
        assert run.statuses == dict.fromkeys(run.by_requirement(), PASS) | {"TFS-A-01": FAIL}

    @pytest.mark.parametrize(
        ("outcomes", "core", "secure"),
        [
            ({}, "conformant", "conformant"),
            ({CODE: FAILED}, "not conformant", "conformant"),
            ({SECURE: FAILED}, "conformant", "not conformant"),
            ({SHOULD: FAILED}, "conformant", "conformant"),
            ({SECURE: Outcome(NOT_APPLICABLE)}, "conformant", "not applicable"),
            ({CODE: UNSEEN}, "not testable here", "conformant"),
            ({VECTOR: FAILED, CODE: UNSEEN}, "not conformant", "conformant"),
            ({OTHER: FAILED}, "not conformant", "conformant"),
            ({CODE: UNSEEN, OTHER: FAILED}, "not conformant", "conformant"),
        ],
    )
    def test_each_profile_has_a_verdict(
        self, run: Run, grade: Grade, outcomes: dict[Entry, Outcome], core: str, secure: str
    ) -> None:
        grade(outcomes)
        assert {name: verdict.word for name, verdict in run.verdicts.items()} == {
            "core": core,
            "secure": secure,
        }

    def test_a_run_that_was_cut_short_or_misses_results_is_partial(self, run: Run, grade: Grade) -> None:
        grade(but=(CODE,))
        assert run.verdicts["core"].partial
        grade()
        assert not run.verdicts["core"].partial
        run.cut_short = True
        assert (run.verdicts["core"].partial, run.verdicts["core"].conformant) == (True, False)


@pytest.mark.parametrize(
    ("entry", "options"),
    [(VECTOR, []), (SECURE, ["--profile=secure"]), (SHOULD, ["--level=SHOULD"])],
)
def test_a_check_is_run_again_with_what_makes_its_failure_count(
    run: Run, entry: Entry, options: list[str]
) -> None:
    selection = ["-k", f"{entry.requirement}[{entry.check}]"]
    assert run.rerun(entry) == ["pytest", "--impl=mine", *options, *selection]


class TestStart:
    @pytest.mark.parametrize("edition", ["2099.01", "2000.01"], ids=["not yet", "before the first"])
    def test_an_edition_that_does_not_exist_is_a_mistake(self, edition: str) -> None:
        run = Run("mine", edition, Threshold(frozenset({"core"})), concurrency=1)
        with pytest.raises(UsageError, match=f"--edition={edition}: no such edition"):
            run.start()
        run.close()

    def test_requirements_and_checks_that_disagree_end_the_worker(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def disagree(*_: object) -> None:
            raise DataError("requirements and checks disagree")

        ended: list[str] = []
        run.executor = cast(
            Any,
            SimpleNamespace(
                launch=lambda: None,
                wait_until_ready=lambda _: None,
                close=lambda: ended.append("the worker"),
                jobs={},
            ),
        )
        monkeypatch.setattr(module, "entries", disagree)
        with pytest.raises(DataError, match="disagree"):
            run.start()
        assert ended == ["the worker"]


@pytest.mark.parametrize(
    ("text", "profiles"),
    [
        ("core", {"core"}),
        ("secure, core", {"core", "secure"}),
        ("core,,core", {"core"}),
        ("all", set(PROFILES)),
    ],
)
def test_profiles_are_separated_by_commas(text: str, profiles: set[str]) -> None:
    assert parse_profiles(text) == profiles


@pytest.mark.parametrize(
    ("text", "named"), [("", "none named"), (",", "none named"), ("core,cor", "cor;"), ("all,core", "all;")]
)
def test_a_profile_that_does_not_exist_is_a_mistake(text: str, named: str) -> None:
    with pytest.raises(UsageError, match=f"no such profile: {named}"):
        parse_profiles(text)


@pytest.mark.parametrize(("processors", "jobs"), [(None, 2), (1, 2), (2, 3), (64, MAX_CHILDREN)])
def test_one_job_more_than_processors_runs_at_once_within_bounds(
    monkeypatch: pytest.MonkeyPatch, processors: int | None, jobs: int
) -> None:
    monkeypatch.setattr(module, "os", SimpleNamespace(cpu_count=lambda: processors))
    assert default_concurrency() == jobs
