"""A graded run in pytest: what is collected, in which order it is shown, the exit status, and the reports."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest

from tests.unit.plugin.conftest import ENTRIES, FIRST, GAIN, KEY, LEVEL, OPTIONS, SECOND, Grade, put, results
from twilio_conformance import EDITION
from twilio_conformance.checks import media_in, media_out
from twilio_conformance.engine.run import Run
from twilio_conformance.errors import DataError, SuiteError, UsageError
from twilio_conformance.plugin import session
from twilio_conformance.plugin.items import REPORT_ATTRIBUTE, Graded
from twilio_conformance.report import writer
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, NOT_APPLICABLE, NOT_TESTABLE, Outcome, Threshold

pytest_plugins = ("pytester",)

ALL = [f"{entry.requirement.split('-')[1].lower()}::{entry.requirement}[{entry.check}]" for entry in ENTRIES]
FAILS = Outcome(FAIL, "the key differs", {"key": "1"}, None, ["setup(8000): returned None"])
NO_BASE_URL = Outcome(NOT_APPLICABLE, "it does not claim base_url")


@pytest.fixture
def run() -> Run:
    run = Run("mine", EDITION, Threshold(frozenset({"core"})), concurrency=1)
    put(run, results({}))
    return run


def plugin(pytester: pytest.Pytester, action: str) -> str:
    """Return the name of a plugin that does something before the second check runs."""
    pytester.makepyfile(
        other_plugin=f"import pytest\ndef pytest_runtest_setup(item):\n    if 'second' in item.name: {action}\n"
    )
    pytester.syspathinsert()
    return "other_plugin"


class TestCollection:
    def test_without_paths_the_suite_is_collected_and_the_projects_tests_are_not(
        self, grade: Grade, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(test_own="def test_of_the_project(): assert False")
        done = grade()
        assert (done.status, done.order) == (0, ALL), done.text
        assert done.executor is not None
        assert sorted(done.executor.submitted) == sorted(entry.check for entry in ENTRIES)

    def test_a_plugin_that_shuffles_does_not_change_the_order_of_the_specification(
        self, grade: Grade, pytester: pytest.Pytester
    ) -> None:
        pytester.makeconftest("def pytest_collection_modifyitems(items): items.reverse()")
        assert grade().order == ALL

    @pytest.mark.parametrize(
        ("options", "selected"),
        [
            (["-k", "TFS-IN-01"], ALL[:2]),
            (["-k", "TFS-IN-01[in/second]"], ALL[1:2]),
            (["--deselect", ALL[0]], ALL[1:]),
        ],
        ids=["a requirement", "a check", "--deselect"],
    )
    def test_a_selection_is_a_partial_run_and_never_conformant(
        self, grade: Grade, options: list[str], selected: list[str]
    ) -> None:
        done = grade(*options)
        assert (done.status, done.order) == (0, selected), done.text
        assert done.verdicts["core"] == (False, True)
        assert "core    partial run " in done.text
        assert done.report is not None
        ledger = done.report["ledger"]
        assert (ledger["expected"], ledger["collected"]) == (len(ENTRIES), len(selected))

    @pytest.mark.parametrize(("module", "entry"), [(media_in, GAIN), (media_out, LEVEL)])
    def test_the_path_of_a_checks_file_selects_the_checks_that_it_defines(
        self, grade: Grade, module: ModuleType, entry: Entry
    ) -> None:
        done = grade(str(module.__file__))
        names = [nodeid.rpartition("::")[2] for nodeid in done.order]
        assert names == [f"{entry.requirement}[{entry.check}]"], done.text

    def test_the_path_of_a_vector_selects_its_checks(
        self, grade: Grade, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(catalogue, "vectors_folder", lambda: pytester.path / "vectors")
        place = pytester.mkdir("vectors") / "in"
        place.mkdir()
        (place / "second.json").write_text("{}")
        done = grade("vectors/in/second.json")
        assert [nodeid.rpartition("::")[2] for nodeid in done.order] == ["TFS-IN-01[in/second]"], done.text

    def test_the_path_of_another_file_grades_nothing_and_exits_with_3(
        self, grade: Grade, pytester: pytest.Pytester
    ) -> None:
        pytester.makepyfile(test_own="def test_of_the_project(): pass")
        done = grade("test_own.py")
        assert (done.status, done.order) == (3, ["test_own.py::test_of_the_project"]), done.text
        assert "nothing was graded: the paths that were given hold none of the suite's checks" in done.text

    def test_lf_selects_what_failed_last(self, grade: Grade) -> None:
        first = grade(outcomes={SECOND: FAILS})
        assert first.counts == {"failed": 1, "passed": 4}
        again = grade("--lf", outcomes={SECOND: FAILS})
        assert (again.status, again.order) == (1, ALL[1:2]), again.text


class TestStatus:
    @pytest.mark.parametrize(
        ("options", "status", "word"),
        [
            ([], 0, "warned"),
            (["--level=SHOULD"], 1, "failed"),
            (["--level=SHOULD", "--profile=secure"], 0, "warned"),
        ],
    )
    def test_level_and_profile_decide_whether_a_failure_fails_the_run(
        self, grade: Grade, options: list[str], status: int, word: str
    ) -> None:
        done = grade(*options, outcomes={LEVEL: FAILS})
        assert (done.status, done.counts) == (status, {word: 1, "passed": 4}), done.text
        assert done.verdicts["core"] == (True, False)

    def test_each_kind_of_outcome_has_a_letter(self, grade: Grade) -> None:
        done = grade("-q", outcomes={FIRST: FAILS, GAIN: NO_BASE_URL, LEVEL: FAILS})
        assert done.text.splitlines()[0].startswith("F.nw."), done.text

    def test_in_verbose_lines_each_kind_of_outcome_has_a_word(self, grade: Grade) -> None:
        done = grade("-v", outcomes={GAIN: NO_BASE_URL, LEVEL: FAILS})
        words = ["PASSED", "PASSED", "NOT APPLICABLE", "WARNED", "PASSED"]
        for nodeid, word in zip(ALL, words, strict=True):
            assert f"\n{nodeid} {word} " in done.text

    def test_a_check_that_is_not_testable_fails_the_run(self, grade: Grade) -> None:
        done = grade(outcomes={FIRST: Outcome(NOT_TESTABLE, "no request arrived")})
        assert (done.status, done.verdicts["core"]) == (1, (False, False)), done.text

    def test_a_run_to_which_nothing_applies_exits_with_3(self, grade: Grade) -> None:
        done = grade("-k", "TFS-IN-02", outcomes={GAIN: NO_BASE_URL})
        assert done.status == 3, done.text
        assert "nothing that was selected applies to it: nothing was graded" in done.text

    def test_a_profile_at_the_gate_to_which_nothing_applies_exits_with_3(self, grade: Grade) -> None:
        done = grade("--profile=core,secure", outcomes={KEY: NO_BASE_URL})
        assert done.status == 3, done.text
        assert "nothing of secure applies to it" in done.text
        assert grade("--profile=core", outcomes={KEY: NO_BASE_URL}).status == 0

    def test_a_check_without_a_result_exits_with_3(self, grade: Grade, pytester: pytest.Pytester) -> None:
        done = grade("-p", plugin(pytester, "pytest.skip('not today')"))
        assert done.status == 3, done.text
        assert "no result: TFS-IN-01[in/second]" in done.text
        assert done.report is not None
        assert done.report["ledger"]["missing"] == ["TFS-IN-01[in/second]"]

    def test_a_failure_of_the_suite_exits_with_3_and_shows_its_trace(self, grade: Grade) -> None:
        done = grade(trouble="first failed inside the suite:\nKeyError: 'event'")
        assert done.status == 3, done.text
        assert "KeyError: 'event'" in done.text

    @pytest.mark.parametrize(
        ("error", "status"), [(UsageError("disk full"), 4), (SuiteError("no such field"), 3)]
    )
    def test_a_report_that_cannot_be_written_changes_the_status(
        self, grade: Grade, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
    ) -> None:
        def write(*_: object) -> None:
            raise error

        monkeypatch.setattr(writer, "write", write)
        done = grade()
        assert done.status == status, done.text
        assert str(error) in done.text


class TestStart:
    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (["--profile=nonsense"], "no such profile: nonsense"),
            (["--report=report.pdf"], "unsupported extension"),
            (["--baseline=missing.toml"], "cannot be read"),
        ],
    )
    def test_a_mistake_in_the_options_exits_with_4_and_ends_the_worker(
        self, grade: Grade, options: list[str], words: str
    ) -> None:
        done = grade(*options)
        assert (done.status, done.report) == (4, None), done.text
        assert words in done.text
        assert done.executor is None or done.executor.is_closed

    def test_damaged_data_exits_with_3(
        self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def start(run: Run) -> None:
            put(run, {})
            raise DataError("keys.toml: damaged")

        monkeypatch.setattr(Run, "start", start)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        done = pytester.runpytest_inprocess(*OPTIONS)
        assert done.ret == 3
        assert "DataError: keys.toml: damaged" in f"{done.stdout}{done.stderr}"

    def test_the_header_names_the_implementation_and_the_gate(self, grade: Grade) -> None:
        text = grade("--level=SHOULD", "--profile=secure,core").text
        assert "conformance: mine:Serializer 1.2.3 in mine.py\n" in text
        assert f"edition {EDITION}; at the gate: MUST and SHOULD of core, secure\n" in text

    def test_failures_are_listed_by_the_summary_alone_unless_a_list_is_asked_for(self, grade: Grade) -> None:
        usual = grade(outcomes={FIRST: FAILS}).text
        assert "= FAILURES =" not in usual
        assert "FAILED " not in usual
        assert f"\nFAILED {ALL[0]} - the key differs\n" in grade("-rf", outcomes={FIRST: FAILS}).text
        assert "= FAILURES =" in grade("--tb=short", outcomes={FIRST: FAILS}).text


class TestReports:
    def test_other_reporters_see_expected_failures_skips_and_the_time_of_the_check(
        self, grade: Grade
    ) -> None:
        done = grade(outcomes={GAIN: NO_BASE_URL, LEVEL: FAILS})
        first, _, gain, level, _ = done.reports
        assert (first.outcome, first.duration) == ("passed", 0.1)
        assert (gain.outcome, level.outcome) == ("skipped", "skipped")
        assert str(gain.longrepr).endswith("'Skipped: not applicable: it does not claim base_url')")
        assert level.wasxfail == "SHOULD of core, not at the gate: It MUST."

    def test_the_report_holds_every_result_and_what_was_printed(self, grade: Grade) -> None:
        done = grade(outcomes={FIRST: FAILS}, output="(printed)")
        assert done.report is not None
        first = done.report["requirements"]["TFS-IN-01"]["checks"][0]
        assert (first["id"], first["status"], first["message"]) == ("in/first", "fail", "the key differs")
        assert first["output"] == "(printed)"
        assert first["rerun"] == "pytest --impl=mine -k 'TFS-IN-01[in/first]'"
        assert list(done.report)[-1] == "complete"

    def test_x_ends_at_the_first_failure_and_the_report_is_partial(self, grade: Grade) -> None:
        done = grade("-x", outcomes={SECOND: FAILS})
        assert (done.status, done.counts) == (1, {"failed": 1, "passed": 1}), done.text
        assert done.verdicts["core"] == (False, True)

    def test_collect_only_grades_nothing_and_leaves_an_older_report_alone(
        self, grade: Grade, pytester: pytest.Pytester
    ) -> None:
        (pytester.path / "report.json").write_text('{"older": true}')
        done = grade("--collect-only", "-q")
        assert (done.status, done.report) == (0, {"older": True}), done.text
        assert [line for line in done.text.splitlines() if "::" in line] == ALL
        assert done.executor is not None
        assert done.executor.submitted == []

    def test_an_interrupted_run_leaves_no_report(self, grade: Grade, pytester: pytest.Pytester) -> None:
        (pytester.path / "report.json").write_text('{"older": true}')
        done = grade("-p", plugin(pytester, "pytest.exit('enough', returncode=2)"))
        assert (done.status, done.report) == (2, None), done.text


class TestAgainst:
    def test_an_earlier_report_leaves_only_what_differs_and_the_exit_status_as_it_is(
        self, grade: Grade
    ) -> None:
        earlier = grade(outcomes={FIRST: FAILS})
        assert earlier.status == 1, earlier.text
        done = grade("--against=report.json", outcomes={FIRST: FAILS, GAIN: FAILS})
        assert done.status == 1, done.text
        assert "Broken: passed before and fails now (1)" in done.text
        assert "Fails in both, not shown: 1 requirement." in done.text
        assert ("  check:    media.gain" in done.text, "  check:    in/first" in done.text) == (True, False)
        same = grade("--against=report.json", outcomes={FIRST: FAILS, GAIN: FAILS})
        assert (same.status, "Nothing changed." in same.text) == (1, True), same.text
        better = grade("--against=report.json")
        assert (better.status, "Fixed: failed before and passes now (2)" in better.text) == (0, True), (
            better.text
        )

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"edition": "2026.10"}, "graded against edition 2026.10"),
            ({"complete": False}, "not whole"),
        ],
    )
    def test_a_report_that_cannot_be_compared_with_stops_the_run_and_stays(
        self, grade: Grade, pytester: pytest.Pytester, change: dict[str, Any], said: str
    ) -> None:
        report = grade().report
        assert report is not None
        older = {**report, **change}
        (pytester.path / "report.json").write_text(json.dumps(older))
        done = grade("--against=report.json")
        assert (done.status, done.report, said in done.text) == (4, older, True), done.text

    def test_a_selection_is_compared_for_what_it_holds(self, grade: Grade) -> None:
        assert grade(outcomes={FIRST: FAILS}).status == 1
        done = grade("--against=report.json", "-k", "gain", outcomes={GAIN: FAILS})
        assert ("Broken" in done.text, "Gone" in done.text) == (True, False), done.text


class TestSerialization:
    """Reports that other plugins write down and read again."""

    @pytest.fixture
    def config(self, pytester: pytest.Pytester, run: Run) -> pytest.Config:
        config = pytester.parseconfig()
        config.pluginmanager.register(session.Grading(run))
        return config

    @staticmethod
    def report() -> pytest.TestReport:
        return pytest.TestReport(
            nodeid=ALL[0], location=("", None, ""), keywords={}, outcome="passed", longrepr=None, when="call"
        )

    def carry(self, config: pytest.Config, report: pytest.TestReport) -> Any:
        data = config.hook.pytest_report_to_serializable(config=config, report=report)
        return config.hook.pytest_report_from_serializable(config=config, data=json.loads(json.dumps(data)))

    def test_a_result_survives_serialization(self, config: pytest.Config) -> None:
        graded = Graded(FIRST, results({FIRST: FAILS}, output="(printed)")[FIRST.check])
        report = self.report()
        setattr(report, REPORT_ATTRIBUTE, graded.as_json())
        assert Graded.of(self.carry(config, report)) == graded

    def test_a_report_of_another_test_stays_what_it_is(self, config: pytest.Config) -> None:
        arrived = self.carry(config, self.report())
        assert arrived.nodeid == ALL[0]
        assert Graded.of(arrived) is None
