"""Files that are not whole, consistent reports are refused with the reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reports import Json, Make, left_out, parse
from twilio_conformance import cli
from twilio_conformance.errors import UsageError
from twilio_conformance.report import loading, plots
from twilio_conformance.spec import catalogue

Saved = Callable[..., str]


def test_a_report_comes_back_as_it_was_written(make: Make, saved: Saved) -> None:
    assert loading.load(saved(make()), whole=True).as_json() == make()


def test_a_report_that_lost_its_end_is_damaged(make: Make, tmp_path: Path) -> None:
    text = json.dumps(make())
    for length in (0, 1, len(text) // 2, len(text) - 1):
        path = tmp_path / "cut.json"
        path.write_text(text[:length])
        with pytest.raises(UsageError, match=r"cut\.json: damaged"):
            loading.load(str(path))


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
        loading.load(str(path))


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
    loading.load(saved(make() | {"metrics": {check: {name: value}}}))
    with pytest.raises(UsageError, match="not what this version of the suite reads"):
        loading.load(saved(make() | {"metrics": {check: {name: damaged}}}))


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
        loading.load(saved(make() | {"metrics": {"audio.flat": metrics}}))


@pytest.mark.parametrize("counts", [{"FOO": {"pass": 1}}, {"MUST": {"skipped": 1}}, {"MUST": {"pass": -1}}])
def test_a_count_of_what_is_not_counted_is_refused(
    counts: dict[str, dict[str, int]], make: Make, saved: Saved
) -> None:
    report = make()
    report["verdict"]["core"]["counts"] |= counts
    with pytest.raises(UsageError, match="not what this version of the suite reads"):
        loading.load(saved(report))


def test_every_metric_that_is_drawn_is_described() -> None:
    families = {name.partition(", ")[0] for name in METRICS}
    assert {name.partition(", ")[0] for name in plots.DRAWN} <= families


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.json: cannot be read"):
        loading.load(str(tmp_path / "nothing.json"))


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
    assert loading.load(path).as_json() == report
    with pytest.raises(UsageError, match=f"partial: .*{why}"):
        loading.load(path, whole=True)


def _cut_a_requirement(report: Json) -> None:
    del report["requirements"]["TFS-MARK-01"]


def _double_a_check(report: Json) -> None:
    checks = report["requirements"]["TFS-CLEAR-01"]["checks"]
    checks[1] = checks[0]


def _forge_a_verdict(report: Json) -> None:
    report["verdict"]["core"]["conformant"] = True


def _forge_a_count(report: Json) -> None:
    report["verdict"]["core"]["counts"]["MUST"] = {"pass": 1}


def _forge_a_status(report: Json) -> None:
    report["requirements"]["TFS-CLEAR-01"]["status"] = "pass"


def _drop_a_verdict(report: Json) -> None:
    del report["verdict"]["audio"]


def _call_a_part_whole(report: Json) -> None:
    report["ledger"]["expected"] += 1


def _invent_a_missing_check(report: Json) -> None:
    report["ledger"]["missing"] = ["TFS-CLEAR-01[clear/three]"]


def _call_one_profile_partial(report: Json) -> None:
    report["verdict"]["audio"] |= {"partial": True, "conformant": False}


def _hide_a_failure(report: Json) -> None:
    report["verdict"]["core"]["out_of_sight"] = 1


def _cut_a_series(report: Json) -> None:
    series = {"dBm0": [0.0, -10.0], "dB": [36.9], "mask": [34.1, 35.8]}
    report["metrics"] = {"audio.flat": {"SINAD, Twilio to 24000 Hz": series}}


def _begin_yesterday(report: Json) -> None:
    report["started"] = "yesterday"


def _begin_in_a_place(report: Json) -> None:
    report["started"] = report["started"].removesuffix("+00:00")


def _end_on_a_day(report: Json) -> None:
    report["finished"] = report["finished"][: len("2026-11-23")]


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (_cut_a_requirement, "its requirements hold 3 checks, and its ledger says 4"),
        (_double_a_check, "its requirements hold 3 checks"),
        (_forge_a_verdict, "its verdict on core does not follow from its requirements"),
        (_forge_a_count, "its verdict on core does not follow from its requirements"),
        (_forge_a_status, "TFS-CLEAR-01 is stored as pass, and its checks say fail"),
        (_drop_a_verdict, "no verdict on audio"),
        (_call_a_part_whole, "that of a whole run"),
        (_invent_a_missing_check, "do not add up"),
        (_call_one_profile_partial, "do not agree on whether the run was partial"),
        (_hide_a_failure, "more out of sight"),
        (_cut_a_series, "the lists of 'SINAD, Twilio to 24000 Hz' are not of one length"),
        (_begin_yesterday, "'started' is not a time"),
        (_begin_in_a_place, "'started' is not a time in UTC"),
        (_end_on_a_day, "'finished' is not a time in UTC"),
    ],
)
def test_an_altered_report_is_refused_with_4_and_the_reason(
    forge: Callable[[Json], None], why: str, make: Make, saved: Saved, capsys: pytest.CaptureFixture[str]
) -> None:
    report = make({"clear/one": "fail"})
    assert loading.inconsistency(report, parse(report)) == ""
    forge(report)
    path = saved(report)
    with pytest.raises(UsageError, match="altered: "):
        loading.load(path)
    assert cli.main(["summary", path]) == 4
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("status", ["pass", "fail", "not-testable", "not-applicable"])
def test_what_the_suite_writes_agrees_with_itself(status: str, make: Make) -> None:
    report = make({"clear/one": status, "clear/two": status, "audio.flat": status})
    assert loading.inconsistency(report, parse(report)) == ""
