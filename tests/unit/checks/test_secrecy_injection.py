"""Checks of the chapter Credentials and identifiers, for identifiers: the reference passes, and a broken serializer fails."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.checks.chapters import checks_of
from twilio_conformance.checks import secrecy_injection


@pytest.mark.parametrize("check", checks_of("injection"))
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}


def _exchange(target: str) -> Any:
    return SimpleNamespace(target=target)


@pytest.mark.parametrize(
    ("target", "segments"),
    [
        ("/2010-04-01/Accounts/AC1/Calls/CA1.json", ["AC1", "CA1.json"]),
        ("/2010-04-01/Accounts/AC%2F1/Calls/CA%3F.json", ["AC/1", "CA?.json"]),
        ("/2010-04-01/Accounts/AC1/Calls/...json", ["AC1", "...json"]),
        ("/2010-04-01/Accounts/../Calls/CA1.json", None),
        ("/2010-04-01/Accounts/%2e%2E/Calls/CA1.json", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA1.json?x=1", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA1.json#x", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA1/x.json", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA 1.json", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA%1.json", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA\u00e9.json", None),
        ("/2010-04-01/Accounts/AC1/Calls/CA1", None),
        ("/Accounts/AC1/Calls/CA1.json", None),
    ],
)
def test_a_target_says_its_two_segments_or_is_none(target: str, segments: list[str] | None) -> None:
    assert secrecy_injection._segments(_exchange(target)) == segments
