"""The messages between the processes of a run survive their way as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest

from twilio_conformance.engine.messages import ChildReport, Job, Result
from twilio_conformance.spec.verdict import FAIL, PASS, Outcome

FAILED = Outcome(
    FAIL,
    "the key differs",
    expected={"key": "1"},
    actual=None,
    trace=["setup(8000): returned None"],
    seconds=0.25,
    out_of_sight=True,
    metrics={"calls": 1},
)


def carried(document: Any) -> Any:
    """Return what arrives of a document on the other side of a pipe."""
    return json.loads(json.dumps(document))


@pytest.mark.parametrize(
    "job",
    [
        Job("key/1", ["TFS-KEY-01", "TFS-KEY-02"], 60.0),
        Job("deeds.an_interruption", ["TFS-DEED-02"], 5.0, "deeds"),
        Job("live.a_call", ["TFS-LIVE-01"], 30.0, "live", in_real_time=True),
    ],
    ids=["a vector", "a check in code", "a call in real time"],
)
def test_a_job_arrives_as_it_was_sent(job: Job) -> None:
    assert Job(**carried(asdict(job))) == job


@pytest.mark.parametrize(
    "report",
    [
        ChildReport(),
        ChildReport(trouble="Traceback (most recent call last): …"),
        ChildReport(
            {"TFS-KEY-01": asdict(FAILED)},
            state_changes=["changed the locale"],
            adapter_fault="wrote a line that is not JSON",
            is_adapter_clean=True,
        ),
    ],
    ids=["empty", "a failure of the suite", "everything"],
)
def test_a_childs_report_arrives_as_it_was_sent(report: ChildReport) -> None:
    assert ChildReport(**carried(asdict(report))) == report


@pytest.mark.parametrize(
    "result",
    [
        Result("key/1", {"TFS-KEY-01": Outcome(PASS), "TFS-KEY-02": FAILED}, output="(printed)"),
        Result("key/1", {}, trouble="Traceback (most recent call last): …"),
    ],
    ids=["outcomes", "a failure of the suite"],
)
def test_a_result_arrives_with_outcomes_that_are_objects_again(result: Result) -> None:
    arrived = Result.parse(carried(result.as_json()))
    assert arrived == result
    assert all(isinstance(outcome, Outcome) for outcome in arrived.outcomes.values())


def test_a_member_that_a_message_does_not_have_is_refused() -> None:
    with pytest.raises(TypeError, match="surprise"):
        Result.parse({"check": "key/1", "outcomes": {}, "surprise": 1})
