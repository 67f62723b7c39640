"""What is no whole report of the suite is refused, and the message says why."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.report.conftest import Json, Make, left_out
from twilio_conformance.errors import UsageError
from twilio_conformance.report import calls, plots, reader
from twilio_conformance.spec import catalogue

Saved = Callable[..., str]


def test_a_report_comes_back_as_it_was_written(make: Make, saved: Saved) -> None:
    assert reader.load(saved(make()), whole=True) == make()


def test_a_report_that_lost_its_end_is_damaged(make: Make, tmp_path: Path) -> None:
    text = json.dumps(make())
    for length in (0, 1, len(text) // 2, len(text) - 1):
        path = tmp_path / "cut.json"
        path.write_text(text[:length])
        with pytest.raises(UsageError, match=r"cut\.json: damaged"):
            reader.load(str(path))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\xff\xfe\x00", "damaged"),
        (b'{"suite": NaN}', "damaged"),
        (b'{"suite": 1e400}', "damaged"),
        (b'{"suite": "1", "suite": "2"}', "stands twice"),
        (b"[" * 100_000, "damaged"),
        (b"[]", "foreign"),
        (b'"text"', "foreign"),
        (b'{"results": {"tests": 3}}', "foreign"),
        (b'{"suite": "1", "requirements": {}}', "lacks `complete`"),
        (b'{"suite": "9.9", "requirements": {}, "complete": true}', "suite 9.9 wrote it"),
    ],
)
def test_what_is_no_report_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    path = tmp_path / "strange.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=why):
        reader.load(str(path))


METRICS = {
    name: (check, value)
    for check, metrics in catalogue.load_schema("report")["examples"][0]["metrics"].items()
    for name, value in metrics.items()
    if name != "delay"
}


@pytest.mark.parametrize("damaged", [5, None, "ms", [], {}, {"ms": [1.0]}, {"24000": {"ms": "late"}}])
@pytest.mark.parametrize("name", METRICS)
def test_a_metric_that_cannot_be_drawn_is_refused(
    name: str, damaged: object, make: Make, saved: Saved
) -> None:
    check, value = METRICS[name]
    reader.load(saved(make() | {"metrics": {check: {name: value}}}))
    with pytest.raises(UsageError, match="not what this version of the suite reads"):
        reader.load(saved(make() | {"metrics": {check: {name: damaged}}}))


@pytest.mark.parametrize(
    "metrics",
    [
        {"withheld": {"a": 1}},
        {"SINAD": 1.0},
        {"latency, 12000 Hz to Twilio": {"seconds": [0.1], "milliseconds": [1.0]}},
        {"latency, 8000 Hz to Twilio": {"seconds": [0.1], "milliseconds": [1e308]}},
        {"latency, 8000 Hz to Twilio": {"seconds": [0.1], "milliseconds": [10**400]}},
        {"barge-in to silence, ms": {"8" * 5000: 1.0}},
        {"barge-in to silence, ms": {"8000": float(10**10)}},
        {"of its own": {"a": [1, 2], "b": [1, 2]}},
    ],
)
def test_what_no_check_measures_is_refused(metrics: Json, make: Make, saved: Saved) -> None:
    with pytest.raises(UsageError, match="not what this version of the suite reads"):
        reader.load(saved(make() | {"metrics": {"audio.flat": metrics}}))


@pytest.mark.parametrize("counts", [{"FOO": {"pass": 1}}, {"MUST": {"skipped": 1}}, {"MUST": {"pass": -1}}])
def test_a_count_of_what_is_not_counted_is_refused(
    counts: dict[str, dict[str, int]], make: Make, saved: Saved
) -> None:
    report = make()
    report["verdict"]["core"]["counts"] |= counts
    with pytest.raises(UsageError, match="not what this version of the suite reads"):
        reader.load(saved(report))


def test_every_metric_that_is_drawn_is_described() -> None:
    families = {name.partition(", ")[0] for name in METRICS}
    assert {name.partition(", ")[0] for name in {*plots.KNOWN, *calls.METRICS}} <= families


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json: cannot be read"):
        reader.load(str(tmp_path / "nothing.json"))


def _without_a_check(report: Json) -> None:
    left_out(report)


def _cut_short(report: Json) -> None:
    left_out(report)
    report["ledger"]["expected"] -= 1


def _with_one_missing(report: Json) -> None:
    left_out(report)
    report["ledger"] |= {"collected": report["ledger"]["expected"], "missing": ["TFS-CLEAR-01[clear/two]"]}


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_without_a_check, "without -k"),
        (_cut_short, "once more"),
        (_with_one_missing, r"the first TFS-CLEAR-01\[clear/two\]"),
    ],
)
def test_a_partial_report_is_refused_where_a_whole_one_is_needed(
    spoil: Callable[[Json], None], why: str, make: Make, saved: Saved
) -> None:
    report = make()
    spoil(report)
    path = saved(report)
    assert reader.load(path) == report
    with pytest.raises(UsageError, match=f"partial: .*{why}"):
        reader.load(path, whole=True)


@pytest.mark.parametrize(
    ("statuses", "profile", "word"),
    [
        ({}, "core", "conformant"),
        ({"clear/one": "fail"}, "core", "not conformant"),
        ({"clear/one": "not-testable"}, "core", "not conformant"),
        ({"mark/one": "fail"}, "core", "conformant"),
        ({"audio.flat": "fail"}, "audio", "not conformant"),
    ],
)
def test_the_word_for_a_verdict_follows_its_musts(
    statuses: dict[str, str], profile: str, word: str, make: Make
) -> None:
    assert reader.word(make(statuses)["verdict"][profile]) == word


def test_failures_of_the_gate_come_first(make: Make) -> None:
    report = make({"mark/one": "fail", "audio.flat": "fail", "clear/two": "fail"})
    assert list(reader.failures(report)) == ["TFS-CLEAR-01", "TFS-FLAT-01", "TFS-MARK-01"]


def test_the_line_on_the_origins_of_reports_names_what_differs_and_nothing_else(make: Make) -> None:
    assert reader.origins([make(), make()], "ab") == ""
    told = reader.origins([make(), make(suite="2027.1.0", vectors_digest="cd" * 32)], ["one", "two"])
    assert told == (
        "Not all of one suite, so not everything can be compared:"
        " one is of suite 2026.11.0, vectors abababababab; two is of suite 2027.1.0, vectors cdcdcdcdcdcd."
    )
