"""Checks of the chapter Credentials and identifiers, for traces in logs and elsewhere."""

from __future__ import annotations

import pytest

from tests.unit.checks.chapters import checks_of
from twilio_conformance.checks import secrecy_traces


@pytest.mark.parametrize("check", checks_of("secrecy_traces"))
def test_the_reference_passes_and_a_broken_serializer_fails(
    check: str, chapters: dict[str, dict[str, str]]
) -> None:
    assert chapters[check] == {"reference": "pass", "broken": "fail"}


@pytest.mark.parametrize(
    ("text", "is_shown"),
    [
        ("token 0123456789ab****", True),
        ("0000  01 23 45 67\n0010  89 ab cd ef", True),
        ("first 012345, then 6789ab", False),
        ("012345\n6789ab", True),
        ("0123456789a…", False),
    ],
)
def test_a_fragment_shows_through_rows_and_marks(text: str, is_shown: bool) -> None:
    squeezed = secrecy_traces._squeezed(text)
    assert secrecy_traces._shows(squeezed, "0123456789abcdef", secrecy_traces.RUN) == is_shown
