"""The chapter Credentials and identifiers: every leak is found, and nothing is given away by finding it."""

from __future__ import annotations

import base64
import os
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.checks.bench import implementations
from twilio_conformance.checks import _leaks, secrecy_injection
from twilio_conformance.spec import catalogue
from twilio_conformance.subject.redaction import Names

CHAPTER = "TFS-SECURE-"
LEAKY = implementations("leaky")


@pytest.fixture
def probe() -> Any:
    """What `secrecy` needs of a probe to tell a leak."""
    return SimpleNamespace(names=Names())


@pytest.mark.xdist_group("verdicts of clients")
@pytest.mark.parametrize("name", LEAKY)
def test_a_leaky_implementation_misses_just_the_requirements_that_it_breaks(
    name: str, verdicts: dict[str, dict[str, str]]
) -> None:
    missed = {
        requirement for requirement, status in verdicts[name].items() if status in ("fail", "not-testable")
    }
    assert missed == set(LEAKY[name].violates)


def test_every_requirement_is_broken_by_some_implementation() -> None:
    kinds = implementations("faulty") | LEAKY
    broken = {requirement for kind in kinds.values() for requirement in kind.violates}
    chapter = {name for name in catalogue.load().requirements if name.startswith(CHAPTER)}
    assert chapter
    assert chapter <= broken


@pytest.mark.parametrize("name", ["auth_token", "api_key_secret"])
@pytest.mark.parametrize(
    "write",
    [
        lambda secret: secret,
        lambda secret: f"token={secret}&x=1",
        lambda secret: repr({"password": secret}),
        lambda secret: secret[:16],
        lambda secret: f"…{secret[9:25]}…",
        lambda secret: base64.b64encode(f"user:{secret}".encode()).decode(),
        lambda secret: secret.encode().hex(),
    ],
    ids=["whole", "in a query", "in a repr", "first half", "middle", "Basic", "hexadecimal"],
)
def test_a_credential_is_found_however_it_is_written_and_is_not_shown(
    probe: Any, name: str, write: Any
) -> None:
    secret = probe.names.values[name]
    text = f"before {write(secret)} after"
    assert _leaks.is_leak(probe, text)
    shown = _leaks.masked(probe, text)
    assert not _leaks.is_leak(probe, shown)
    assert write(secret) not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_what_is_no_credential_is_no_leak(probe: Any) -> None:
    for name in ("stream_sid", "call_sid", "account_sid", "api_key_sid"):
        assert not _leaks.is_leak(probe, f"{name}: {probe.names.values[name]}")
    assert not _leaks.is_leak(probe, f"token ending in {probe.names.values['auth_token'][-4:]}")


@pytest.mark.parametrize("descriptor", [1, 2])
def test_what_is_printed_meanwhile_is_kept_from_everybody_else(
    capfd: pytest.CaptureFixture[str], descriptor: int
) -> None:
    with _leaks.captured_output() as printed:
        os.write(descriptor, b"for the check")
        assert printed() == "for the check"
    os.write(descriptor, b"for everybody")
    assert "".join(capfd.readouterr()) == "for everybody"


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
