"""Badges say which profiles hold."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest

from tests.reports import Json, Make, parse
from twilio_conformance.report import badge

CASES = [
    ({}, "all profiles", "success"),
    ({"mark/one": "fail"}, "all profiles", "success"),
    ({"audio.flat": "fail"}, "core", "success"),
    ({"clear/one": "fail"}, "only audio", "yellow"),
    ({"clear/one": "fail", "audio.flat": "fail"}, "not conformant", "critical"),
]


@pytest.mark.parametrize(("statuses", "message", "colour"), CASES)
def test_a_badge_names_the_profiles_that_hold(
    statuses: dict[str, str], message: str, colour: str, make: Make
) -> None:
    document = json.loads(badge.endpoint(parse(make(statuses))))
    assert document == {
        "schemaVersion": 1,
        "label": "Twilio conformance 2026.11",
        "message": message,
        "color": colour,
    }
    root = ElementTree.fromstring(badge.svg(parse(make(statuses))))
    texts = [element.text for element in root.iter() if element.tag.endswith("}text")]
    assert texts == ["Twilio conformance 2026.11", message]
    assert root.get("aria-label") == f"Twilio conformance 2026.11: {message}"


def test_a_partial_run_without_a_failure_claims_nothing(make: Make) -> None:
    report: Json = make()
    for verdict in report["verdict"].values():
        verdict |= {"conformant": False, "partial": True}
    assert json.loads(badge.endpoint(parse(report)))["message"] == "partial run"
