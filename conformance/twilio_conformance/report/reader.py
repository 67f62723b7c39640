"""Reads reports back, and refuses what is damaged, altered, cut short, partial or none of the suite's."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

import jsonschema

from twilio_conformance.errors import UsageError
from twilio_conformance.report import account
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import NOT_TESTABLE, PARTIAL, ProfileVerdict

Json = dict[str, Any]

_TELLTALE = ("suite", "edition", "vectors_digest", "implementation", "requirements")
"""Members that together no other program's report has."""


def load(path: str, *, whole: bool = False) -> Json:
    """The report in a file, checked against its schema.

    Args:
        path: A file that `--report=NAME.json` wrote.
        whole: Whether every check of the edition has to be in it.

    Raises:
        UsageError: The file cannot be read, or does not hold such a report; the message says why.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        report = json.loads(content, object_pairs_hook=_once, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged: this is not JSON, or only a part of it: {error}") from error
    _check(path, report)
    if whole and (left_out := _left_out(report)):
        raise UsageError(f"{path}: partial: {left_out}")
    assert isinstance(report, dict)
    return report


def _check(path: str, report: Any) -> None:
    if not isinstance(report, dict) or not any(name in report for name in _TELLTALE):
        raise UsageError(f"{path}: foreign: this is no report of twilio-conformance")
    if report.get("complete") is not True:
        raise UsageError(f"{path}: not whole: it lacks `complete`, which is written last; grade once more")
    validator = jsonschema.Draft202012Validator(catalogue.load_schema("report"))
    error = jsonschema.exceptions.best_match(validator.iter_errors(report))
    if error is not None:
        suite = str(report.get("suite", "unknown"))[:40]
        raise UsageError(
            f"{path}: not what this version of the suite reads (suite {suite} wrote it):"
            f" {error.json_path}: {error.message[:200]}"
        )
    if found := account.disagreement(report):
        raise UsageError(f"{path}: altered: {found}; grade the implementation once more")


def _left_out(report: Mapping[str, Any]) -> str:
    ledger = report["ledger"]
    held = f"it holds {ledger['executed']} of {ledger['expected']} checks"
    if ledger["collected"] < ledger["expected"]:
        return f"{held}; grade the implementation without -k and without paths"
    if ledger["missing"]:
        return f"{held}; {len(ledger['missing'])} did not come to an end, the first {ledger['missing'][0]}"
    if any(found["partial"] for found in report["verdict"].values()):
        return "the run was cut short; grade the implementation once more"
    return ""


def _once(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    return value if isfinite(value := float(text)) else _no_number(text)


def title(report: Mapping[str, Any]) -> str:
    """What was graded, with its version where it has one."""
    implementation = report["implementation"]
    return " ".join(filter(None, (implementation["name"], implementation["version"])))


_ORIGIN = {"suite": "suite", "edition": "edition", "vectors_digest": "vectors"}


def origins(reports: Iterable[Mapping[str, Any]], labels: Iterable[str]) -> str:
    """A line that says which report is of which suite, edition and vectors, as far as they differ; else nothing.

    Args:
        reports: The reports that are compared.
        labels: What each is called.
    """
    reports = list(reports)
    differing = [name for name in _ORIGIN if len({report[name] for report in reports}) > 1]
    if not differing:
        return ""
    told = [
        f"{label} is of {', '.join(f'{_ORIGIN[name]} {report[name][:12]}' for name in differing)}"
        for label, report in zip(labels, reports, strict=True)
    ]
    return f"Not all of one suite, so not everything can be compared: {'; '.join(told)}."


def holds(status: str) -> bool:
    """Whether a status speaks for the implementation, or at least not against it."""
    return status in ("pass", "not-applicable")


def gated(report: Mapping[str, Any], requirement: Mapping[str, Any]) -> bool:
    """Whether a failure of this requirement made the run fail."""
    levels = ("MUST", "SHOULD") if report["gate"]["strict"] else ("MUST",)
    return requirement["profile"] in report["gate"]["profiles"] and requirement["level"] in levels


def failures(report: Mapping[str, Any]) -> dict[str, Json]:
    """The requirements that do not hold, those of the gate first, then MUST before SHOULD."""
    failing = {name: found for name, found in report["requirements"].items() if not holds(found["status"])}
    return dict(
        sorted(
            failing.items(), key=lambda item: (not gated(report, item[1]), _LEVELS.index(item[1]["level"]))
        )
    )


_LEVELS = ("MUST", "SHOULD", "MAY")


def causes(report: Mapping[str, Any]) -> dict[str, list[str]]:
    """Why requirements could not be tested: each reason once, with those that it keeps from being tested."""
    found: dict[str, list[str]] = {}
    for name, requirement in failures(report).items():
        if requirement["status"] == NOT_TESTABLE:
            first = next(check for check in requirement["checks"] if check["status"] == NOT_TESTABLE)
            found.setdefault(first["message"] or NOT_TESTABLE, []).append(name)
    return found


def chapters(requirements: Mapping[str, Json]) -> dict[str, dict[str, Json]]:
    """The requirements by the title of their chapter, in the order of the specification."""
    grouped: dict[str, dict[str, Json]] = {}
    for name, requirement in requirements.items():
        grouped.setdefault(requirement["chapter"], {})[name] = requirement
    return grouped


PARTLY = "partly graded"
"""What a page calls a partial run's verdict."""


def word(verdict: Mapping[str, Any]) -> str:
    """A profile's verdict in a word or two."""
    told = ProfileVerdict(**verdict).word
    return PARTLY if told == PARTIAL else told


def count(verdict: Mapping[str, Any], level: str) -> tuple[int, int]:
    """How many requirements of a level hold, and how many apply."""
    counts = verdict["counts"].get(level, {})
    return counts.get("pass", 0), sum(counts.values()) - counts.get("not-applicable", 0)


def compact(value: Any) -> str:
    """A JSON value on one line."""
    return json.dumps(value, ensure_ascii=False)
