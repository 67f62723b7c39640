"""Two reports are compared check by check."""

from __future__ import annotations

import pytest

from tests.reports import Json, Make, parse
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
        ("fail", "not-applicable", "fixed"),
        ("fail", "not-testable", "other"),
        ("pass", "not-applicable", "other"),
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


def test_what_was_not_the_same_in_both_runs_is_said(make: Make) -> None:
    found = compare(make(), make(pipecat="1.15.0", vectors_digest="cd" * 32))
    lines = diff.text(found).splitlines()
    assert "Versions of pipecat-ai differ: 1.14.0, then 1.15.0." in lines
    assert [line for line in lines if " differ: " in line] == [lines[3]]
