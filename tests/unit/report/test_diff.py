"""Two reports are compared check by check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.reports import Json, Make, left_out, parse
from twilio_conformance.errors import UsageError
from twilio_conformance.report import diff


def compare(before: Json, after: Json) -> diff.ReportDiff:
    return diff.compare(parse(before), parse(after))


ALL = frozenset({"core", "audio"})
LEVELS = ("MUST", "SHOULD")


@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("pass", "fail", "broken"),
        ("pass", "not-testable", "broken"),
        ("not-applicable", "fail", "broken"),
        ("fail", "pass", "fixed"),
        ("not-testable", "pass", "fixed"),
        ("fail", "not-applicable", "other"),
        ("fail", "not-testable", "other"),
        ("pass", "not-applicable", "lost"),
    ],
)
def test_a_change_of_status_has_a_kind(before: str, after: str, kind: str, make: Make) -> None:
    found = compare(make({"clear/one": before}), make({"clear/one": after}))
    assert [(change.requirement, change.check, change.kind) for change in found.changes] == [
        ("TFS-CLEAR-01", "clear/one", kind)
    ]


def test_equal_reports_have_no_changes(make: Make) -> None:
    found = compare(make({"mark/one": "fail"}), make({"mark/one": "fail"}))
    assert found.changes == ()
    assert found.broken(ALL, LEVELS) == []
    assert "Nothing changed." in diff.text(found)


def test_a_further_check_that_breaks_counts_though_the_requirement_failed_before(make: Make) -> None:
    before, after = make({"clear/one": "fail"}), make({"clear/one": "fail", "clear/two": "fail"})
    assert compare(before, after).broken(ALL, LEVELS) == ["TFS-CLEAR-01"]


def test_the_gate_decides_by_profile_and_level(make: Make) -> None:
    found = compare(make(), make({"mark/one": "fail", "audio.flat": "fail"}))
    assert found.broken(ALL, LEVELS) == ["TFS-MARK-01", "TFS-FLAT-01"]
    assert found.broken(ALL, ("MUST",)) == ["TFS-FLAT-01"]
    assert found.broken(frozenset({"core"}), ("MUST",)) == []


def test_what_was_added_or_taken_away_is_told_and_breaks_nothing(make: Make) -> None:
    before, after = make(), make({"mark/one": "fail"})
    del before["requirements"]["TFS-MARK-01"]
    del after["requirements"]["TFS-FLAT-01"]
    found = compare(before, after)
    assert {change.requirement: change.kind for change in found.changes} == {
        "TFS-MARK-01": "new",
        "TFS-FLAT-01": "gone",
    }
    assert found.broken(ALL, LEVELS) == []
    text = diff.text(found)
    assert "New: graded now and not before (1)" in text
    assert "Gone: graded before and not now (1)" in text


STALE = "stale audio after a clear, ms"


@pytest.mark.parametrize(
    ("check", "before", "after", "told"),
    [
        ("latency.a", {STALE: {"8000 Hz to Twilio": 0.0}}, {STALE: {"8000 Hz to Twilio": 9.4}}, [(0.0, 9.4)]),
        ("latency.a", {STALE: {"8000 Hz to Twilio": 9.4}}, {STALE: {"8000 Hz to Twilio": 0.0}}, [(9.4, 0.0)]),
        ("latency.a", {STALE: {"8000 Hz to Twilio": 9.0}}, {STALE: {"8000 Hz to Twilio": 9.9}}, []),
        ("latency.a", {"delay, ms": 3}, {"delay, ms": 5}, [(3, 5)]),
        ("latency.a", {"memory kept, bytes": 3}, {"memory kept, bytes": 5000}, []),
        ("latency.a", {"SINAD, 8000 Hz": {"dB": [1, 2]}}, {"SINAD, 8000 Hz": {"dB": [3, 4]}}, []),
        (
            "live.a",
            {"barge-in to silence, ms": {"8000": 7.0}},
            {"barge-in to silence, ms": {"8000": 30.0}},
            [],
        ),
        ("latency.a", {}, {STALE: {"8000 Hz to Twilio": 9.4}}, []),
    ],
    ids=[
        "worse",
        "better",
        "a little",
        "a number",
        "bytes",
        "a series",
        "in real time",
        "not measured before",
    ],
)
def test_a_measurement_that_changed_is_told(
    check: str, before: Json, after: Json, told: list[tuple[float, float]], make: Make
) -> None:
    found = compare(make(metrics={check: before}), make(metrics={check: after}))
    assert [(each.before, each.after) for each in found.measures] == told
    text = diff.text(found)
    assert ("Measured: other values than before (1)" in text) is bool(told)
    assert ("Nothing changed." in text) is not bool(told)
    if told:
        assert f"{told[0][0]:.1f}, now {told[0][1]:.1f}" in text


def test_of_what_a_partial_run_left_out_nothing_is_said(make: Make) -> None:
    partial = left_out(make({"mark/one": "fail"}))
    del partial["requirements"]["TFS-FLAT-01"]
    partial["ledger"]["executed"] -= 1
    assert [change.kind for change in compare(make(), partial).changes] == ["broken"]
    assert [change.kind for change in compare(partial, make()).changes] == ["fixed"]


def test_what_fails_in_both_is_excused_and_what_broke_is_not(make: Make) -> None:
    before, after = make({"clear/one": "fail"}), make({"clear/one": "not-testable", "clear/two": "fail"})
    report = compare(before, after).excused("as before")
    assert [check.id for check in report.requirements["TFS-CLEAR-01"].unexpected] == ["clear/two"]
    assert [check.known for check in report.requirements["TFS-CLEAR-01"].checks] == ["as before", None]


@pytest.mark.parametrize(
    ("edition", "content", "said"),
    [
        ("2026.12", None, "graded against edition 2026.11, and this run against 2026.12"),
        ("2026.11", "{}", "foreign"),
        ("2026.11", "no JSON", "damaged"),
    ],
)
def test_a_report_that_cannot_be_compared_with_is_a_usage_error(
    edition: str, content: str | None, said: str, make: Make, tmp_path: Path
) -> None:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(make()) if content is None else content)
    with pytest.raises(UsageError, match=f"--against=.*earlier.json: .*{said}"):
        diff.load_earlier(str(path), edition)


def test_a_report_that_can_be_compared_with_is_loaded(make: Make, tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    path.write_text(json.dumps(make()))
    assert diff.load_earlier(str(path), "2026.11").title == "my.serializer:TwilioFrameSerializer 1.0"


def test_what_was_not_the_same_in_both_runs_is_said(make: Make) -> None:
    found = compare(make(), make(pipecat="1.15.0", vectors_digest="cd" * 32))
    lines = diff.text(found).splitlines()
    assert "Versions of pipecat-ai differ: 1.14.0, then 1.15.0." in lines
    assert [line for line in lines if " differ: " in line] == [lines[3]]
