"""Loads reports from files and rejects those that are damaged, foreign, partial or inconsistent."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn

import jsonschema

from twilio_conformance.errors import UsageError
from twilio_conformance.report.model import Json, Report
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.verdict import NOT_TESTABLE, conclude

_IDENTIFYING = ("suite", "edition", "vectors_digest", "implementation", "requirements")
"""Members of which no other program's report has any."""

_SERIES = ("withheld", "latency", "response", "SINAD", "gain tracking")
"""Families of metrics whose values are lists of one length."""


def load(path: str, *, whole: bool = False) -> Report:
    """Load a report that `--report=NAME.json` wrote.

    Args:
        path: The file.
        whole: Whether to reject a report that lacks checks of its edition.

    Returns:
        The report.

    Raises:
        UsageError: The file cannot be read or holds no such report; the message says why.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        document = json.loads(
            content, object_pairs_hook=_unique, parse_constant=_reject_number, parse_float=_finite
        )
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: damaged: this is not JSON, or only a part of it: {error}") from error
    if not isinstance(document, dict) or not any(name in document for name in _IDENTIFYING):
        raise UsageError(f"{path}: foreign: this is no report of twilio-conformance")
    if document.get("complete") is not True:
        raise UsageError(f"{path}: not whole: it lacks `complete`, which is written last; grade once more")
    validator = jsonschema.Draft202012Validator(catalogue.load_schema("report"))
    if invalid := jsonschema.exceptions.best_match(validator.iter_errors(document)):
        suite = str(document.get("suite", "unknown"))[:40]
        raise UsageError(
            f"{path}: not what this version of the suite reads (suite {suite} wrote it):"
            f" {invalid.json_path}: {invalid.message[:200]}"
        )
    report = Report.model_validate(document)
    if problem := inconsistency(document, report):
        raise UsageError(f"{path}: altered: {problem}; grade the implementation once more")
    if whole and (problem := _missing(report)):
        raise UsageError(f"{path}: partial: {problem}")
    return report


def _missing(report: Report) -> str:
    ledger = report.ledger
    count = f"it holds {ledger.executed} of {ledger.expected} checks"
    if ledger.collected < ledger.expected:
        return f"{count}; grade the implementation without -k and without paths"
    if ledger.missing:
        return f"{count}; {len(ledger.missing)} did not come to an end, the first {ledger.missing[0]}"
    if any(verdict.partial for verdict in report.verdict.values()):
        return "the run was cut short; grade the implementation once more"
    return ""


def _unique(pairs: list[tuple[str, Any]]) -> Json:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _reject_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


def _finite(text: str) -> float:
    return value if isfinite(value := float(text)) else _reject_number(text)


def inconsistency(document: Mapping[str, Any], report: Report) -> str:
    """Return the first stored value that contradicts the checks of a report; empty if there is none."""
    found = (
        *_in_ledger(report),
        *_in_statuses(document, report),
        *_in_verdicts(report),
        *_in_series(report),
        *_in_times(report),
    )
    return found[0] if found else ""


def _in_ledger(report: Report) -> Iterator[str]:
    ledger = report.ledger
    pairs = [(name, check.id) for name, found in report.requirements.items() for check in found.checks]
    if len(pairs) != ledger.executed or len(set(pairs)) != len(pairs):
        yield f"its requirements hold {len(set(pairs))} checks, and its ledger says {ledger.executed}"
    if not ledger.executed + len(ledger.missing) == ledger.collected <= ledger.expected:
        yield "the numbers of its ledger do not add up"


def _in_statuses(document: Mapping[str, Any], report: Report) -> Iterator[str]:
    for name, found in report.requirements.items():
        if (stored := document["requirements"][name]["status"]) != found.status:
            yield f"{name} is stored as {stored}, and its checks say {found.status}"


def _in_verdicts(report: Report) -> Iterator[str]:
    is_partial = report.ledger.executed != report.ledger.expected
    for profile in {found.profile for found in report.requirements.values()} - report.verdict.keys():
        yield f"there is no verdict on {profile}, of which it holds requirements"
    if len({verdict.partial for verdict in report.verdict.values()}) > 1:
        yield "its verdicts do not agree on whether the run was partial"
    for profile, verdict in report.verdict.items():
        if is_partial and not verdict.partial:
            yield f"its verdict on {profile} is that of a whole run, and its ledger that of a partial one"
        own = [found for found in report.requirements.values() if found.profile == profile]
        derived = conclude(
            [(found.level, found.status) for found in own],
            partial=verdict.partial,
            out_of_sight=verdict.out_of_sight,
        )
        has_other_counts = any(
            verdict.counts.get(level, {}).get(status, 0) != number
            for level, counts in derived.counts.items()
            for status, number in counts.items()
        )
        if verdict.conformant != derived.conformant or has_other_counts:
            yield f"its verdict on {profile} does not follow from its requirements"
        if derived.out_of_sight > derived.counts["MUST"][NOT_TESTABLE]:
            yield f"its verdict on {profile} has more out of sight than could not be tested"


def _in_series(report: Report) -> Iterator[str]:
    for name, value in (item for metrics in report.metrics.values() for item in metrics.items()):
        family, _, direction = name.partition(", ")
        if direction and family in _SERIES:
            # The mask of a response holds for all of its tones.
            lengths = {len(part) for key, part in value.items() if (family, key) != ("response", "mask")}
            if len(lengths) > 1:
                yield f"the lists of {name!r} are not of one length"


def _in_times(report: Report) -> Iterator[str]:
    for name in ("started", "finished"):
        try:
            moment = datetime.fromisoformat(getattr(report, name))
        except ValueError:
            yield f"{name!r} is not a time"
        else:
            if moment.utcoffset() != timedelta():
                yield f"{name!r} is not a time in UTC"
