"""The items that pytest collects: their names, what they tell pytest and JUnit, and how they fail."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.unit.plugin.conftest import ENTRIES, FIRST, KEY, LEVEL, Grade, put, results
from twilio_conformance import EDITION
from twilio_conformance.engine.run import Run
from twilio_conformance.errors import SuiteError
from twilio_conformance.plugin.items import RUN, CheckItem, Failure, Graded, Suite, Unmet
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.coverage import Entry
from twilio_conformance.spec.verdict import FAIL, NOT_TESTABLE, Outcome, Threshold

pytest_plugins = ("pytester",)

FAILS = Outcome(FAIL, "the key\ndiffers", {"key": "1"}, None, ["setup(8000): returned None"])


@pytest.fixture
def run() -> Run:
    """A run in which every check fails."""
    run = Run("mine", EDITION, Threshold(frozenset({"core"})), concurrency=1)
    put(run, results(dict.fromkeys(ENTRIES, FAILS)))
    return run


@pytest.fixture
def suite(pytester: pytest.Pytester, run: Run) -> Suite:
    config = pytester.parseconfig()
    config.stash[RUN] = run
    place = catalogue.specification_folder()
    return Suite.from_parent(pytest.Session.from_config(config), name="conformance", path=place)


def items(suite: Suite) -> dict[Entry, CheckItem]:
    found = [item for chapter in suite.collect() for item in chapter.collect()]
    return {item.entry: item for item in found if isinstance(item, CheckItem)}


def test_there_is_an_item_for_each_requirement_and_check_grouped_by_chapter(suite: Suite) -> None:
    assert [chapter.nodeid for chapter in suite.collect()] == ["in", "out"]
    assert [item.nodeid for item in items(suite).values()] == [
        "in::TFS-IN-01[in/first]",
        "in::TFS-IN-01[in/second]",
        "in::TFS-IN-02[media.gain]",
        "out::TFS-OUT-01[media.level]",
        "out::TFS-OUT-02[out/key]",
    ]


def test_an_item_comes_from_the_specification(suite: Suite) -> None:
    place = catalogue.specification_folder()
    assert items(suite)[FIRST].reportinfo() == (place, None, "TFS-IN-01[in/first]")


@pytest.mark.parametrize(
    ("entry", "level", "profile", "is_gated"),
    [(FIRST, "MUST", "core", True), (LEVEL, "SHOULD", "core", False), (KEY, "MUST", "secure", False)],
)
def test_an_item_knows_its_requirement_and_whether_it_is_at_the_gate(
    suite: Suite, entry: Entry, level: str, profile: str, is_gated: bool
) -> None:
    item = items(suite)[entry]
    assert item.user_properties == [
        ("requirement", entry.requirement),
        ("level", level),
        ("profile", profile),
    ]
    assert item.is_gated is is_gated


def test_a_failure_at_the_gate_raises_and_one_outside_only_has_a_status(suite: Suite) -> None:
    own = items(suite)
    with pytest.raises(Unmet, match="the key"):
        own[FIRST].runtest()
    own[LEVEL].runtest()
    for item in (own[FIRST], own[LEVEL]):
        assert item.user_properties[-1] == ("status", "fail")
        assert item.graded is not None
        assert item.graded.outcome == FAILS


def test_a_known_failure_does_not_raise(suite: Suite, run: Run) -> None:
    run.baseline = cast(Any, SimpleNamespace(reason=lambda entry: "issue 12" if entry == FIRST else None))
    own = items(suite)
    own[FIRST].runtest()
    assert own[FIRST].excuse == "known failure: issue 12: It MUST."
    with pytest.raises(Unmet):
        own[ENTRIES[1]].runtest()


def failure(item: CheckItem) -> Any:
    """Run an item that fails; return what it shows."""
    with pytest.raises((Unmet, SuiteError, KeyError)) as raised:
        item.runtest()
    return item.repr_failure(raised)


def test_a_failure_shows_the_finding_and_how_to_run_the_check_again(suite: Suite) -> None:
    shown = failure(items(suite)[FIRST])
    assert shown.reprcrash.message == r"the key\ndiffers"
    lines = str(shown).splitlines()
    assert lines[0] == "TFS-IN-01  MUST of core, fails"
    assert '  expected: {"key": "1"}' in lines
    assert lines[-1] == "  again:    pytest --impl=mine -k 'TFS-IN-01[in/first]'"


def test_a_failure_of_the_suite_shows_its_trace_and_its_first_line(suite: Suite, run: Run) -> None:
    put(run, results({}, trouble="in/first failed inside the suite:\nKeyError: 'event'"))
    shown = failure(items(suite)[FIRST])
    assert shown.reprcrash.message == "in/first failed inside the suite:"
    assert str(shown).splitlines()[1] == "KeyError: 'event'"


def test_any_other_exception_is_shown_by_pytest(suite: Suite, run: Run) -> None:
    put(run, {})
    assert "KeyError: 'in/first'" in str(failure(items(suite)[FIRST]))


def test_a_failure_writes_its_text_where_pytest_shows_failures() -> None:
    written: list[str] = []
    Failure.of("message", ["one", "two"]).toterminal(SimpleNamespace(line=written.append))
    assert written == ["one\ntwo"]


@pytest.mark.parametrize(
    "outcome",
    [
        FAILS,
        Outcome(NOT_TESTABLE, "nothing arrived", seconds=0.5, out_of_sight=True, metrics={"calls": 1}),
    ],
)
def test_a_graded_entry_survives_json(outcome: Outcome) -> None:
    graded = Graded(FIRST, results({FIRST: outcome}, output="(printed)")[FIRST.check])
    report = SimpleNamespace(conformance=json.loads(json.dumps(graded.as_json())))
    assert Graded.of(cast(Any, report)) == graded
    assert graded.outcome is outcome


def test_each_case_of_junit_has_its_requirement_and_a_failing_one_its_finding(
    grade: Grade, pytester: pytest.Pytester
) -> None:
    grade("--junitxml=junit.xml", outcomes={FIRST: FAILS})
    cases = {case.get("name"): case for case in ET.parse(pytester.path / "junit.xml").iter("testcase")}
    assert list(cases) == [f"{entry.requirement}[{entry.check}]" for entry in ENTRIES]
    first = cases["TFS-IN-01[in/first]"]
    assert {each.get("name"): each.get("value") for each in first.iter("property")} == {
        "requirement": "TFS-IN-01",
        "level": "MUST",
        "profile": "core",
        "status": "fail",
    }
    (shown,) = first.iter("failure")
    assert shown.get("message") == r"the key\ndiffers"
    assert "  source:   here" in str(shown.text)


def test_a_failure_of_the_suite_is_a_failure_in_junit(grade: Grade, pytester: pytest.Pytester) -> None:
    grade("--junitxml=junit.xml", trouble="first failed inside the suite")
    messages = {each.get("message") for each in ET.parse(pytester.path / "junit.xml").iter("failure")}
    assert messages == {"first failed inside the suite"}
