"""The specification and its table of origins: nothing without an id, and every example holds."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qs

import pytest

from twilio_conformance.checks.media import REFERENCE_ENCODERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def render() -> ModuleType:
    """docs/render.py as a module."""
    spec = importlib.util.spec_from_file_location("render", ROOT / "docs" / "render.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["render"] = module
    spec.loader.exec_module(module)
    return module


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


def test_a_keyword_outside_a_requirement_is_refused(render: ModuleType) -> None:
    assert render.KEYWORD.search("Twilio SHOULD answer")
    assert not render.KEYWORD.search("Twilio should answer, and may not")


def test_a_statement_whose_keyword_is_not_its_level_is_refused(render: ModuleType) -> None:
    from dataclasses import replace

    from twilio_conformance import catalogue

    requirement = next(iter(catalogue.load().requirements.values()))
    with pytest.raises(render.RenderError, match="the level is MAY"):
        list(render._requirement(replace(requirement, level="MAY")))


@pytest.mark.parametrize(
    "wrong", [[], ["twilio", "Nothing of the kind."]], ids=["a sentence lacks", "one too many"]
)
def test_api_txt_that_is_not_wholly_accounted_for_is_refused(render: ModuleType, wrong: list[str]) -> None:
    with pytest.raises(render.RenderError, match=r"api\.toml"):
        render._expect_whole(wrong)


def test_every_requirement_that_api_txt_is_the_source_of_stands_in_the_table(render: ModuleType) -> None:
    from twilio_conformance import catalogue

    named = {name for sentence in render._sentences() for name in sentence.get("requirements", ())}
    cited = {
        requirement.id
        for requirement in catalogue.load().requirements.values()
        if any(source.startswith("api.txt") for source in requirement.source)
    }
    assert cited <= named


def test_rendering_changes_nothing_that_is_committed(render: ModuleType) -> None:
    from twilio_conformance import catalogue
    from twilio_conformance.checks import load_checks
    from twilio_conformance.ledger import entries

    everything = catalogue.load()
    lines = entries(everything, {name: entry.requirement for name, entry in load_checks().items()})
    assert render.specification(everything) == render.SPECIFICATION.read_text(encoding="utf-8")
    assert render.traceability(everything, lines) == render.TRACEABILITY.read_text(encoding="utf-8")


def test_the_text_gives_the_digests_that_encoders_are_graded_against() -> None:
    text = (ROOT / "spec" / "SPECIFICATION.md").read_text()
    assert all(f"| `{digest}` |" in text for digest in REFERENCE_ENCODERS)
