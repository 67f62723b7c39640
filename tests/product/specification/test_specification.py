"""The specification: every example in it holds."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from twilio_conformance.checks.media_out import REFERENCE_ENCODERS

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def text() -> str:
    """The specification."""
    return (ROOT / "spec" / "SPECIFICATION.md").read_text(encoding="utf-8")


def examples(text: str, language: str) -> list[str]:
    """The fenced blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_every_json_example_is_a_valid_wire_message(
    text: str, reasons: Callable[[str, object], object]
) -> None:
    blocks = examples(text, "json")
    assert len(blocks) >= 5
    for block in blocks:
        message = json.loads(block)
        assert not reasons("wire/inbound", message) or not reasons("wire/outbound", message), message


def test_the_python_example_constructs_a_serializer(text: str) -> None:
    from twilio_reference import TwilioFrameSerializer

    (example,) = examples(text, "python")
    start = {"streamSid": "MZ" + "0" * 32, "callSid": "CA" + "0" * 32, "accountSid": "AC" + "0" * 32}
    names: dict[str, object] = {
        "TwilioFrameSerializer": TwilioFrameSerializer,
        "start": start,
        "auth_token": "0" * 32,
    }
    exec(example, names)
    assert isinstance(names["serializer"], TwilioFrameSerializer)


def test_the_http_example_is_the_request_that_the_vectors_expect(text: str) -> None:
    (example,) = examples(text, "http")
    head, _, body = example.partition("\n\n")
    line, *headers = head.splitlines()
    vector = json.loads((ROOT / "vectors" / "v1" / "hangup" / "end-default.json").read_text())
    wanted: dict[str, Any] = {}
    for expectation in vector["expect"]:
        wanted |= expectation.get("request", {})
    method, target, _version = line.split()
    sids = {
        "account_sid": "AC0123456789abcdef0123456789abcdef",
        "call_sid": "CA0123456789abcdef0123456789abcdef",
    }
    for name, sid in sids.items():
        wanted["target"] = wanted["target"].replace("${" + name + "}", sid)
    assert (method, target) == (wanted["method"], wanted["target"])
    assert f"Host: {wanted['url'].removeprefix('https://')}" in headers
    assert {name: values[0] for name, values in parse_qs(body.strip()).items()} == wanted["form"]


def test_the_text_gives_the_digests_that_encoders_are_graded_against() -> None:
    text = (ROOT / "spec" / "SPECIFICATION.md").read_text()
    assert all(f"| `{digest}` |" in text for digest in REFERENCE_ENCODERS)
