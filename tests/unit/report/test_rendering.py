"""The environment of the templates: what is escaped, cut, marked and fenced, whatever an implementation writes."""

from __future__ import annotations

import pytest

from twilio_conformance.report import rendering
from twilio_conformance.report.rendering import environment, printable, symbol


def from_text(template: str, name: str | None = None, **values: object) -> str:
    """Render a template given as text, under a name that decides on escaping."""
    made = environment().overlay(autoescape=bool(name and name.endswith(".html.j2")))
    return made.from_string(template).render(**values)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("plain \u00e4 text\n", "plain \u00e4 text\n"),
        ("bell\x07 and \x1b[31m", "bell\\x07 and \\x1b[31m"),
        ("right to left \u202e", "right to left \\x202e"),
        ("half a character \ud800", "half a character \\ud800"),
        (5, 5),
        (None, None),
    ],
)
def test_control_characters_and_lone_surrogates_are_escaped(value: object, shown: object) -> None:
    assert printable(value) == shown


def test_every_text_in_a_template_is_made_printable() -> None:
    assert from_text("{{ text }}", text="a\x00b") == "a\\x00b"


def test_html_is_escaped_and_a_line_may_break_after_a_colon() -> None:
    assert from_text("{{ text }}", "page.html.j2", text="<b>") == "&lt;b&gt;"
    assert from_text("{{ text | breakable }}", "page.html.j2", text="a:<b>") == "a:<wbr>&lt;b&gt;"


def test_a_name_that_a_template_does_not_know_is_an_error() -> None:
    with pytest.raises(Exception, match="'nobody' is undefined"):
        from_text("{{ nobody }}")


def test_markdown_text_is_not_interpreted() -> None:
    assert from_text("{{ text | escaped }}", text="a|b <i> *c*") == "a&#124;b &#60;i&#62; &#42;c&#42;"


@pytest.mark.parametrize(("text", "fence"), [("plain", "```"), ("a ``` b", "````"), ("a ````` b", "``````")])
def test_a_block_of_code_cannot_be_closed_by_its_text(text: str, fence: str) -> None:
    assert from_text("{{ text | fenced }}", text=text) == f"{fence}\n{text}\n{fence}"


def test_a_moment_is_shown_as_a_day_in_utc() -> None:
    assert from_text("{{ moment | day }}", moment="2026-11-02T07:05:00+00:00") == "2 November 2026, 07:05 UTC"


def test_a_long_text_is_cut() -> None:
    long = "x" * (rendering.TEXT_LIMIT + 1)
    assert from_text("{{ text | short }}", text=long) == "x" * rendering.TEXT_LIMIT + "\u2026"


@pytest.mark.parametrize(
    ("status", "level", "tone"),
    [("fail", "MUST", "bad"), ("fail", "SHOULD", "warn"), ("pass", "SHOULD", "good"), ("", "MUST", "idle")],
)
def test_below_must_a_failure_is_a_warning(status: str, level: str, tone: str) -> None:
    assert symbol(status, level)[2] == tone
