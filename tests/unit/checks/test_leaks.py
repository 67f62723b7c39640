"""Leaks are found in every form of a credential, and never shown."""

from __future__ import annotations

import base64
import os
from types import SimpleNamespace
from typing import Any

import pytest

from twilio_conformance.checks import _leaks
from twilio_conformance.errors import Violation
from twilio_conformance.subject.redaction import Names


@pytest.fixture
def probe() -> Any:
    """What `secrecy` needs of a probe to tell a leak."""
    return SimpleNamespace(names=Names())


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


def test_a_leak_is_reported_by_the_line_that_holds_it_masked(probe: Any) -> None:
    _leaks.expect_no_leak(probe, "nothing", "a credential is shown")
    text = f"first line\nthe token is {probe.names.values['auth_token']}"
    with pytest.raises(Violation, match="a credential is shown") as caught:
        _leaks.expect_no_leak(probe, text, "a credential is shown", "DEBUG: ")
    shown = str(caught.value.actual)
    assert shown.startswith("DEBUG: ")
    assert "the token is" in shown
    assert "first line" not in shown
    assert not _leaks.is_leak(probe, shown)
