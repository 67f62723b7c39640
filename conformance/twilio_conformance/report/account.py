"""Whether a report agrees with itself: its requirements with its ledger, its statuses and verdicts with its checks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from twilio_conformance.spec.catalogue import LEVELS
from twilio_conformance.spec.verdict import NOT_TESTABLE, conclude, worst

Json = dict[str, Any]


def disagreement(report: Mapping[str, Any]) -> str:
    """The first thing in a report that does not follow from the rest of it; empty where all does.

    Args:
        report: The report's JSON, which is what its schema says.
    """
    return (
        _of_ledger(report)
        or _of_statuses(report)
        or _of_verdicts(report)
        or _of_series(report)
        or _of_moments(report)
    )


def _of_ledger(report: Mapping[str, Any]) -> str:
    ledger = report["ledger"]
    pairs = [
        (name, check["id"]) for name, found in report["requirements"].items() for check in found["checks"]
    ]
    if len(pairs) != ledger["executed"] or len(set(pairs)) != len(pairs):
        return f"its requirements hold {len(set(pairs))} checks, and its ledger says {ledger['executed']}"
    if not ledger["executed"] + len(ledger["missing"]) == ledger["collected"] <= ledger["expected"]:
        return "the numbers of its ledger do not add up"
    return ""


def _of_statuses(report: Mapping[str, Any]) -> str:
    for name, found in report["requirements"].items():
        status = worst(check["status"] for check in found["checks"])
        if found["status"] != status:
            return f"{name} is said to be {found['status']}, and its checks say {status}"
    return ""


def _of_verdicts(report: Mapping[str, Any]) -> str:
    ledger = report["ledger"]
    is_partial = ledger["executed"] != ledger["expected"]
    told = report["verdict"]
    for profile in {found["profile"] for found in report["requirements"].values()} - told.keys():
        return f"there is no verdict on {profile}, of which it holds requirements"
    if len({verdict["partial"] for verdict in told.values()}) > 1:
        return "its verdicts do not agree on whether the run was partial"
    for profile, verdict in told.items():
        if is_partial and not verdict["partial"]:
            return f"its verdict on {profile} is that of a whole run, and its ledger that of a partial one"
        graded = [
            (found["level"], found["status"])
            for found in report["requirements"].values()
            if found["profile"] == profile
        ]
        follows = conclude(graded, partial=verdict["partial"], out_of_sight=verdict.get("out_of_sight", 0))
        if verdict["conformant"] != follows.conformant or _counts(verdict["counts"]) != _counts(
            follows.counts
        ):
            return f"its verdict on {profile} does not follow from its requirements"
        if follows.out_of_sight > follows.counts["MUST"][NOT_TESTABLE]:
            return f"its verdict on {profile} has more out of sight than could not be tested"
    return ""


def _of_series(report: Mapping[str, Any]) -> str:
    for metrics in report["metrics"].values():
        for name, value in metrics.items():
            family, _, way = name.partition(", ")
            if not way or family not in _SERIES:
                continue
            # The mask of a response is one for all of its tones.
            lengths = {len(part) for key, part in value.items() if (family, key) != ("response", "mask")}
            if len(lengths) > 1:
                return f"the lists of {name!r} are not of one length"
    return ""


def _of_moments(report: Mapping[str, Any]) -> str:
    for name in ("started", "finished"):
        try:
            moment = datetime.fromisoformat(report[name])
        except ValueError:
            return f"{name!r} is no moment"
        if moment.utcoffset() != timedelta():
            return f"{name!r} is no moment in UTC"
    return ""


_SERIES = ("withheld", "latency", "response", "SINAD", "gain tracking")


def _counts(counts: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, str], int]:
    return {
        (level, status): number
        for level in LEVELS
        for status, number in counts.get(level, {}).items()
        if number
    }
