"""The summary in the terminal, and reports in files."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import miniature
from tests.unit.spec.test_coverage import REQUIREMENT
from twilio_conformance import EDITION
from twilio_conformance.engine.run import Run
from twilio_conformance.errors import SuiteError, UsageError
from twilio_conformance.report import document, terminal, writer
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue, Chapter, Requirement, Vector
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, PASS, Outcome, Threshold

IMPLEMENTATION = {
    "name": "mine:Serializer",
    "version": "1.2.3",
    "capabilities": [],
    "pipecat": "1.14.0",
    "python": "3.11.7",
    "network": "in-process",
}
PASSED = Outcome(PASS, seconds=0.1)
FAILED = Outcome(FAIL, "the key differs", {"key": "1"}, None, ("setup(8000): returned None",))


def _requirements(count: int, **changes: Any) -> list[Requirement]:
    return [
        replace(REQUIREMENT, id=f"TFS-A-{number:02}", checks=(f"a/{number}-*",), **changes)
        for number in range(count)
    ]


def _run(outcomes: dict[str, list[Outcome]], requirements: list[Requirement] | None = None) -> Run:
    """A run that found these outcomes of the requirements of these ids, in a suite of just that size."""
    requirements = requirements or _requirements(len(outcomes))
    vectors = {}
    run = Run("mine", EDITION, Threshold(frozenset({"core"})), jobs=1)
    for requirement, found in zip(requirements, outcomes.values(), strict=True):
        for number, outcome in enumerate(found):
            name = requirement.checks[0].replace("*", str(number))
            vectors[name] = Vector(miniature.vector(name, [], [{"requirement": requirement.id}]))
            run.outcomes[Entry(requirement.id, name)] = outcome
    chapter = Chapter("A", 1, "A", "", tuple(requirements))
    run.catalogue = Catalogue(EDITION, (chapter,), vectors, "0" * 64, {})
    run.executor = cast(Any, SimpleNamespace(implementation=IMPLEMENTATION, checks={}, notes=[]))
    run.collected = list(run.outcomes)
    return run


class Reporter:
    """Takes what is written to the terminal."""

    def __init__(self, verbose: int = 0) -> None:
        self.lines: list[str] = []
        self.config = SimpleNamespace(option=SimpleNamespace(verbose=verbose))

    def write_line(self, line: str, **markup: bool) -> None:
        colour = "".join(name[0] for name in ("red", "yellow", "green") if markup.get(name))
        self.lines.append(f"{colour}|{line}" if colour else line)

    def write_sep(self, character: str, title: str) -> None:
        self.lines.append(f"{character} {title}")


def _summary(run: Run, verbose: int = 0) -> list[str]:
    reporter = Reporter(verbose)
    terminal.summarize(run, cast(Any, reporter))
    return reporter.lines


@pytest.mark.parametrize(
    ("changes", "gate"),
    [
        ({}, []),
        ({"level": "MAY"}, []),
        ({"level": "SHOULD"}, ["--level=SHOULD"]),
        ({"profile": "audio"}, ["--profile=audio"]),
        ({"profile": "live", "level": "SHOULD"}, ["--profile=live", "--level=SHOULD"]),
    ],
)
def test_the_command_that_runs_a_check_again_has_it_at_the_gate(
    changes: dict[str, str], gate: list[str]
) -> None:
    run = _run({"1": [FAILED]}, _requirements(1, **changes))
    (entry,) = run.entries
    assert run.rerun(entry) == ["pytest", "--impl=mine", *gate, "-k", "TFS-A-00[a/0-0]"]


class TestSummary:
    def test_of_a_conformant_run_is_its_verdicts(self) -> None:
        assert _summary(_run({"1": [PASSED], "2": [PASSED]})) == [
            "= conformance of mine:Serializer 1.2.3",
            "edition 2026.11, pipecat-ai 1.14.0, Python 3.11.7: 2 of 2 checks, 2 of 2 requirements",
            "g|core    conformant      MUST 2/2",
        ]

    def test_says_of_a_failure_what_why_and_what_next(self) -> None:
        lines = _summary(_run({"1": [PASSED, FAILED, FAILED]}))
        assert lines[1:-2] == [
            "r|TFS-A-00  MUST of core, fails in 2 of 3 checks",
            "  It MUST.",
            "  check:    a/0-1",
            "  found:    the key differs",
            '  expected: {"key": "1"}',
            "  trace:    setup(8000): returned None",
            "  too:      a/0-2",
            "  source:   here",
            "  again:    pytest --impl=mine -k 'TFS-A-00[a/0-1]'",
            "",
        ]
        assert lines[-1] == "r|core    not conformant  MUST 0/1"

    def test_puts_what_counts_at_the_gate_last(self) -> None:
        must, should = _requirements(1)[0], replace(_requirements(2)[1], level="SHOULD")
        lines = _summary(_run({"must": [FAILED], "should": [FAILED]}, [must, should]))
        heads = [line for line in lines if "fails in" in line]
        assert heads == [
            "y|TFS-A-01  SHOULD of core, fails in its check",
            "r|TFS-A-00  MUST of core, fails in its check",
        ]
        assert lines[-1] == "r|core    not conformant  MUST 0/1        SHOULD 0/1"

    def test_tells_what_could_not_be_tested_by_its_cause(self) -> None:
        cause = Outcome(NOT_TESTABLE, "setup did not succeed", actual="raised ValueError(no)")
        lines = _summary(_run({str(number): [cause] for number in range(12)}))
        assert lines[1:6] == [
            "r|12 requirements could not be tested",
            "  found:    setup did not succeed",
            "  actual:   raised ValueError(no)",
            "  check:    a/0-0 and others",
            "  these:    TFS-A-00, TFS-A-01, TFS-A-02, TFS-A-03, TFS-A-04, TFS-A-05, TFS-A-06, TFS-A-07,",
        ]

    def test_tells_one_cause_once_for_all_levels_and_among_many_failures(self) -> None:
        cause = Outcome(NOT_TESTABLE, "fastapi not installed: pip install it")
        many = _requirements(terminal.BLOCKS + 4)
        live = [replace(many[0], profile="core"), *(replace(each, profile="live") for each in many[1:3])]
        run = _run(
            {str(number): [cause if number < 3 else FAILED] for number in range(len(many))},
            [*live, *many[3:]],
        )
        lines = _summary(run)
        assert [line for line in lines if "could not be tested" in line] == [
            "r|3 requirements could not be tested"
        ]
        assert len([line for line in lines if "pip install it" in line]) == 1
        assert "  these:    TFS-A-01, TFS-A-02, TFS-A-00" in lines
        assert not [
            line for line in lines if "fails" in line and line.startswith(("y|TFS-A-01", "r|TFS-A-00"))
        ]

    def test_counts_what_could_not_be_tested_apart_from_what_fails(self) -> None:
        lines = _summary(_run({"1": [PASSED, Outcome(NOT_TESTABLE, "no request"), FAILED, FAILED]}))
        assert "r|TFS-A-00  MUST of core, fails in 2 of 4 checks, 1 not testable" in lines

    def test_shows_a_failed_check_rather_than_one_that_could_not_be_made(self) -> None:
        lines = _summary(_run({"1": [Outcome(NOT_TESTABLE, "no request"), FAILED]}))
        assert "  check:    a/0-1" in lines

    def test_of_many_failures_shows_the_first_at_the_gate_in_full(self) -> None:
        count = terminal.BLOCKS + 2
        requirements = [*_requirements(count), replace(_requirements(count + 1)[-1], profile="robust")]
        run = _run({str(number): [PASSED, FAILED] for number in range(count + 1)}, requirements)
        lines = _summary(run)
        assert lines[1:5] == [
            f"y|TFS-A-{count}         MUST   robust fails 1/2     It MUST.",
            f"r|TFS-A-{count - 2}         MUST   core   fails 1/2     It MUST.",
            f"r|TFS-A-{count - 1}         MUST   core   fails 1/2     It MUST.",
            "In full: all of them with -v, one with -k and its id.\n",
        ]
        heads = [line for line in lines if line.endswith("of core, fails in 1 of 2 checks")]
        assert heads[0].startswith("r|TFS-A-00")
        assert len(heads) == terminal.BLOCKS
        full = _summary(run, verbose=1)
        assert len([line for line in full if line.startswith("  again:")]) == count + 1

    def test_shows_few_failures_in_full_wherever_they_count(self) -> None:
        lines = _summary(_run({"1": [FAILED]}, _requirements(1, profile="robust")))
        assert lines[1] == "y|TFS-A-00  MUST of robust, fails in its check"

    def test_cuts_what_is_long(self) -> None:
        trace = tuple(f"{number} {'t' * 1000}" for number in range(50))
        lines = _summary(_run({"1": [Outcome(FAIL, "m" * 1000, "e" * 1000, ["a" * 1000], trace)]}))
        assert max(map(len, lines)) < terminal.VALUE_LIMIT + 40
        traced = [line for line in lines if "ttt" in line]
        assert len(traced) == terminal.TRACE_LINES
        assert max(map(len, traced)) < terminal.TRACE_LIMIT + 40
        assert traced[-1].startswith("            49 ttt")
        assert traced[-1].endswith("… (1003 characters)")

    def test_never_calls_a_selection_conformant(self) -> None:
        run = _run({"1": [PASSED], "2": [PASSED]})
        run.collected.pop()
        run.outcomes.popitem()
        assert _summary(run)[-1] == "y|core    partial run     MUST 1/1"

    def test_says_what_never_came_to_an_end(self) -> None:
        run = _run({"1": [PASSED], "2": [PASSED]})
        run.outcomes.popitem()
        assert "r|never came to an end: TFS-A-01[a/1-0]" in _summary(run)

    def test_counts_those_that_never_came_to_an_end_when_there_are_many(self) -> None:
        run = _run({str(number): [PASSED] for number in range(terminal.BLOCKS + 3)})
        run.outcomes.clear()
        lines = [line for line in _summary(run) if "never came to an end" in line]
        assert len(lines) == terminal.BLOCKS + 1
        assert lines[-1] == "r|never came to an end: 3 more"

    def test_says_what_was_done_otherwise_than_planned(self) -> None:
        run = _run({"1": [PASSED]})
        run.note(["time was short", "time was short"])
        run.troubles.append("the suite\nfailed")
        lines = _summary(run)
        assert lines[1:5] == ["r|the suite", "failed", "", "y|note: time was short"]

    def test_is_silent_on_profiles_of_which_nothing_was_graded(self) -> None:
        core, robust = _requirements(1)[0], replace(_requirements(2)[1], profile="robust")
        run = _run({"core": [PASSED], "robust": [PASSED]}, [core, robust])
        assert (
            _summary(run)[-1] == "g|robust  conformant      MUST 1/1                        (not at the gate)"
        )
        run.collected.pop()
        run.outcomes.popitem()
        assert not [line for line in _summary(run) if "robust" in line]


@settings(deadline=None)
@given(st.text(), st.integers(1, 50))
def test_a_shown_value_is_one_printable_line_of_bounded_length(text: str, limit: int) -> None:
    shown = terminal.show(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit + len("… (1000000 characters)")
    shown.encode("utf-8")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "text"),
        ({"a": [1, None, True]}, '{"a": [1, null, true]}'),
        ("été", "été"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x1b[2J\x07", r"\x1b[2J\x07"),
        ("\udc80", r"\udc80"),
        ("x" * 301, "x" * 300 + "… (301 characters)"),
    ],
)
def test_a_value_is_shown_as_text_or_json(value: Any, shown: str) -> None:
    assert terminal.show(value) == shown


class TestDocument:
    @pytest.fixture
    def report(self) -> dict[str, Any]:
        run = _run({"1": [PASSED, FAILED], "2": [PASSED]})
        run.outputs = {"a/0-1": "printed", "a/1-0": "printed too"}
        return document.build(run)

    def test_is_what_its_schema_says(self, report: dict[str, Any]) -> None:
        jsonschema.Draft202012Validator(catalogue.load_schema("report")).validate(report)

    def test_ends_with_complete(self, report: dict[str, Any]) -> None:
        assert list(report.items())[-1] == ("complete", True)

    def test_holds_each_check_of_each_requirement(self, report: dict[str, Any]) -> None:
        passed, failed = report["requirements"]["TFS-A-00"]["checks"]
        assert (passed["id"], passed["status"], failed["id"], failed["status"]) == (
            "a/0-0",
            "pass",
            "a/0-1",
            "fail",
        )
        assert (failed["message"], failed["expected"], failed["actual"]) == (
            "the key differs",
            {"key": "1"},
            None,
        )
        assert failed["trace"] == ["setup(8000): returned None"]
        assert failed["rerun"] == "pytest --impl=mine -k 'TFS-A-00[a/0-1]'"

    def test_holds_what_was_printed_where_a_check_failed(self, report: dict[str, Any]) -> None:
        outputs = [check["output"] for found in report["requirements"].values() for check in found["checks"]]
        assert outputs == ["", "printed", ""]

    def test_that_is_not_what_its_schema_says_is_the_suites_fault(self) -> None:
        run = _run({"1": [PASSED]})
        run.executor.implementation = IMPLEMENTATION | {"capabilities": "none"}
        with pytest.raises(SuiteError, match=r"not what its schema says: \$.implementation.capabilities"):
            document.build(run)


class TestWriter:
    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            ("report", "no form for this ending"),
            ("report.JSON", "no form for this ending"),
            ("folder.json", "is a folder"),
            ("no/where.json", "there is no folder"),
            ("/proc/report.json", "cannot be written"),
            ("file/report.json", "there is no folder"),
        ],
    )
    def test_what_cannot_be_written_is_known_before_the_run(
        self, tmp_path: Path, name: str, sentence: str
    ) -> None:
        (tmp_path / "folder.json").mkdir()
        (tmp_path / "file").touch()
        with pytest.raises(UsageError, match=f"--report={name}: .*{sentence}"):
            writer.prepare([name], tmp_path)

    def test_an_older_report_is_taken_away_before_the_run(self, tmp_path: Path) -> None:
        (tmp_path / "report.json").write_text("older")
        assert writer.prepare(["report.json"], tmp_path) == [tmp_path / "report.json"]
        assert not [*tmp_path.iterdir()]

    def test_a_link_stays_and_leads_to_the_report(self, tmp_path: Path) -> None:
        (tmp_path / "place").mkdir()
        link = tmp_path / "report.json"
        link.symlink_to(tmp_path / "place" / "latest.json")
        (place,) = writer.prepare(["report.json"], tmp_path)
        writer.write(_run({"1": [PASSED]}), place)
        assert link.is_symlink()
        assert json.loads(link.read_text())["complete"]

    def test_a_report_is_there_whole_or_not_at_all(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(path: Path, text: str, encoding: str) -> None:
            path.write_bytes(text[:100].encode(encoding))
            raise OSError(28, "No space left on device")

        place = tmp_path / "report.json"
        monkeypatch.setattr(Path, "write_text", fail)
        with pytest.raises(UsageError, match="cannot be written: No space left"):
            writer.write(_run({"1": [PASSED]}), place)
        assert not [*tmp_path.iterdir()]

    def test_the_mask_of_the_process_decides_who_may_read_it(self, tmp_path: Path) -> None:
        mask = os.umask(0o027)
        try:
            writer.write(_run({"1": [PASSED]}), tmp_path / "report.json")
        finally:
            os.umask(mask)
        assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640
