"""The report derives statuses, order and causes from the checks."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.reports import FAILED, IMPLEMENTATION, PASSED, Make, check, graded_run, parse
from twilio_conformance.errors import SuiteError
from twilio_conformance.report import model
from twilio_conformance.report.model import Check
from twilio_conformance.spec import catalogue


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        (["pass", "fail", "not-testable"], "fail"),
        (["pass", "not-testable"], "not-testable"),
        (["not-applicable", "pass"], "pass"),
        (["not-applicable"], "not-applicable"),
    ],
)
def test_the_status_of_a_requirement_is_the_worst_of_its_checks(
    statuses: list[str], status: str, make: Make
) -> None:
    document = make()["requirements"]["TFS-MARK-01"]
    document["checks"] = [check(f"mark/{number}", each) for number, each in enumerate(statuses)]
    assert model.Requirement.model_validate(document).status == status


@pytest.mark.parametrize(
    ("statuses", "profile", "verdict"),
    [
        ({}, "core", "conformant"),
        ({"clear/one": "fail"}, "core", "not conformant"),
        ({"clear/one": "not-testable"}, "core", "not conformant"),
        ({"mark/one": "fail"}, "core", "conformant"),
        ({"audio.flat": "fail"}, "audio", "not conformant"),
    ],
)
def test_a_verdict_depends_on_its_musts(
    statuses: dict[str, str], profile: str, verdict: str, make: Make
) -> None:
    assert parse(make(statuses)).verdict[profile].word == verdict


def test_failures_at_the_gate_come_first_and_then_must_before_should(make: Make) -> None:
    statuses = {"mark/one": "fail", "audio.flat": "fail", "clear/two": "fail"}
    assert list(parse(make(statuses)).failures) == ["TFS-CLEAR-01", "TFS-FLAT-01", "TFS-MARK-01"]
    strict = make(statuses, gate={"profiles": ["core"], "strict": True})
    assert list(parse(strict).failures) == ["TFS-CLEAR-01", "TFS-MARK-01", "TFS-FLAT-01"]


def test_a_known_failure_is_failing_but_not_unexpected(make: Make) -> None:
    document = make({"clear/one": "fail", "clear/two": "fail"})
    document["requirements"]["TFS-CLEAR-01"]["checks"][0]["known"] = "issue 12"
    found = parse(document).requirements["TFS-CLEAR-01"]
    assert [each.id for each in found.failing] == ["clear/one", "clear/two"]
    assert [each.id for each in found.unexpected] == ["clear/two"]


def test_requirements_that_could_not_be_tested_are_grouped_by_cause(make: Make) -> None:
    report = parse(make({"mark/one": "not-testable", "audio.flat": "not-testable"}))
    (cause,) = model.causes(report.failures)
    assert (cause.finding, cause.requirements) == ("something differs", ["TFS-FLAT-01", "TFS-MARK-01"])


def test_a_report_survives_json_with_complete_as_its_last_member(make: Make) -> None:
    document = make({"clear/one": "fail"}, notes=["half a character: \ud800"])
    document["requirements"]["TFS-CLEAR-01"]["checks"][0]["known"] = "issue 12"
    written = parse(document).as_json()
    assert json.loads(json.dumps(written)) == document
    assert list(written)[-1] == "complete"


def test_only_a_known_failure_has_a_reason_in_the_json() -> None:
    assert "known" not in Check(id="a", status="pass").model_dump()
    assert Check(id="a", status="fail", known="issue 12").model_dump()["known"] == "issue 12"


def test_a_place_and_a_whole_call_are_in_the_json_only_if_there_are_any() -> None:
    place = {"file": "bot.py", "line": 14, "function": "serialize", "source": "raise ValueError"}
    called = {**place, "library": "json"}
    found = Check.model_validate(
        {"id": "a", "status": "fail", "where": [place, called], "call": "setup(8000)"}
    )
    document = found.model_dump()
    assert (document["where"], document["call"]) == ([place, called], "setup(8000)")
    assert str(found.where[1]) == "bot.py:14 in serialize: raise ValueError (raised in json)"
    assert not {"where", "call"} & Check(id="a", status="fail").model_dump().keys()


def test_the_sentence_on_mixed_origins_names_what_differs_and_nothing_else(make: Make) -> None:
    assert model.mixed_origins([parse(make()), parse(make())], "ab") == ""
    other = parse(make(suite="2027.1.0", vectors_digest="cd" * 32))
    assert model.mixed_origins([parse(make()), other], ["one", "two"]) == (
        "Not all of one suite, so not everything can be compared:"
        " one is of suite 2026.11.0, vectors abababababab; two is of suite 2027.1.0, vectors cdcdcdcdcdcd."
    )


@pytest.fixture
def written() -> dict[str, Any]:
    run = graded_run({"1": [PASSED, FAILED], "2": [PASSED]})
    run.outputs = {"a/0-1": "printed", "a/1-0": "printed too"}
    return model.build(run).as_json()


def test_a_report_is_what_its_schema_says(written: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(catalogue.load_schema("report")).validate(written)


def test_a_report_ends_with_complete(written: dict[str, Any]) -> None:
    assert list(written.items())[-1] == ("complete", True)


def test_a_report_holds_each_check_of_each_requirement(written: dict[str, Any]) -> None:
    passed, failed = written["requirements"]["TFS-A-00"]["checks"]
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


def test_a_report_holds_what_was_printed_where_a_check_failed(written: dict[str, Any]) -> None:
    outputs = [check["output"] for found in written["requirements"].values() for check in found["checks"]]
    assert outputs == ["", "printed", ""]


def test_a_report_that_is_not_what_its_schema_says_is_the_suites_fault() -> None:
    run = graded_run({"1": [PASSED]})
    run.executor.implementation = IMPLEMENTATION | {"capabilities": "none"}
    with pytest.raises(SuiteError, match=r"not what its schema says: capabilities"):
        model.build(run)
