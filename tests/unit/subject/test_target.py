"""The `--impl` language: which forms it takes, and what each names."""

from __future__ import annotations

from pathlib import Path

import pytest

from twilio_conformance.errors import UsageError
from twilio_conformance.subject.target import parse


@pytest.mark.parametrize(
    ("spec", "module", "attribute"),
    [
        ("a", "a", None),
        ("a.b.c", "a.b.c", None),
        ("a.b:C", "a.b", "C"),
        (" a:make ", "a", "make"),
        ("a:Outer.Inner", "a", "Outer.Inner"),
    ],
)
def test_a_specification_is_a_module_or_a_module_and_a_name(
    spec: str, module: str, attribute: str | None
) -> None:
    target = parse(spec)
    assert (target.module, target.attribute, target.path) == (module, attribute, None)


@pytest.mark.parametrize(
    ("spec", "path", "attribute"),
    [
        ("bot.py", "bot.py", None),
        ("./a/bot.py:C", "a/bot.py", "C"),
        ("/x y/bot.py:A.B", "/x y/bot.py", "A.B"),
    ],
)
def test_a_specification_may_be_a_file(spec: str, path: str, attribute: str | None) -> None:
    target = parse(spec)
    assert (target.path, target.module, target.attribute) == (Path(path), "bot", attribute)


@pytest.mark.parametrize(
    "spec", ["", ":", "a:", ":C", "a..b", "a b", "a:b:c", "a-b", "a:b.", "a:.b", "3", "a.py:", "a.py:b-c"]
)
def test_anything_else_is_refused_with_an_example(spec: str) -> None:
    with pytest.raises(UsageError, match=r"expected `package.module`.*--impl=pipecat.serializers.twilio"):
        parse(spec)


def test_a_command_is_split_into_words_as_a_shell_does() -> None:
    assert parse("stdio:node 'my adapter.mjs'").command == ("node", "my adapter.mjs")


@pytest.mark.parametrize(
    ("spec", "sentence"), [("stdio:", "expected a command"), ("stdio:'", "No closing quotation")]
)
def test_a_command_that_is_missing_or_torn_is_refused(spec: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        parse(spec)
