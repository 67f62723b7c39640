"""A report whose parts do not agree is refused, whatever was changed in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.report.conftest import Json, Make
from twilio_conformance import cli
from twilio_conformance.errors import UsageError
from twilio_conformance.report import account, reader

Saved = Callable[..., str]


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
        (_forge_a_status, "TFS-CLEAR-01 is said to be pass, and its checks say fail"),
        (_drop_a_verdict, "no verdict on audio"),
        (_call_a_part_whole, "that of a whole run"),
        (_invent_a_missing_check, "do not add up"),
        (_call_one_profile_partial, "do not agree on whether the run was partial"),
        (_hide_a_failure, "more out of sight"),
        (_cut_a_series, "the lists of 'SINAD, Twilio to 24000 Hz' are not of one length"),
        (_begin_yesterday, "'started' is no moment"),
        (_begin_in_a_place, "'started' is no moment in UTC"),
        (_end_on_a_day, "'finished' is no moment in UTC"),
    ],
)
def test_an_altered_report_is_refused_with_4_and_the_reason(
    forge: Callable[[Json], None], why: str, make: Make, saved: Saved, capsys: pytest.CaptureFixture[str]
) -> None:
    report = make({"clear/one": "fail"})
    assert account.disagreement(report) == ""
    forge(report)
    path = saved(report)
    with pytest.raises(UsageError, match="altered: "):
        reader.load(path)
    assert cli.main(["summary", path]) == 4
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("status", ["pass", "fail", "not-testable", "not-applicable"])
def test_what_the_suite_writes_agrees_with_itself(status: str, make: Make) -> None:
    report: dict[str, Any] = make({"clear/one": status, "clear/two": status, "audio.flat": status})
    assert account.disagreement(report) == ""
