"""Where an implementation raised: its own frames, without those of the suite and of libraries."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from twilio_conformance.subject import stack
from twilio_conformance.subject.observation import Raised
from twilio_conformance.subject.stack import Frame

HERE = Path(__file__).relative_to(Path.cwd())
STANDARD = Path(json.__file__).parents[1]
PACKAGES = "/home/me/.venv/lib/python3.11/site-packages"


def frames(action: Callable[[], Any]) -> tuple[Frame, ...]:
    try:
        action()
    except Exception as error:
        return stack.frames(error)
    raise AssertionError("nothing was raised")


def test_the_place_is_a_line_of_ones_own_and_the_library_that_it_called() -> None:
    raised_in = frames(lambda: json.loads("{"))
    line = raised_in[-4].line
    (*_, place) = stack.places(raised_in, [])
    assert place == {
        "file": str(HERE),
        "line": line,
        "function": "<lambda>",
        "source": 'raised_in = frames(lambda: json.loads("{"))',
        "library": "json",
    }


def test_an_exception_of_ones_own_names_no_library() -> None:
    (*_, place) = stack.places(frames(lambda: int("x")), [])
    assert "library" not in place


def test_the_suites_frames_are_left_out() -> None:
    wrong: Any = "no number"
    assert {frame.file for frame in frames(lambda: Raised.at_limit(wrong, ValueError()))} == {__file__}


@pytest.mark.parametrize(
    ("file", "packages", "is_shown"),
    [
        ("/home/me/bot.py", [], True),
        (f"{PACKAGES}/httpx/_client.py", ["pipecat"], False),
        (f"{PACKAGES}/pipecat/serializers/twilio.py", ["pipecat"], True),
        (f"{PACKAGES}/bot.py", ["bot"], True),
        (f"{STANDARD}/json/decoder.py", ["pipecat"], False),
        ("<frozen importlib._bootstrap>", [], False),
        ("<string>", [], True),
    ],
)
def test_only_code_of_the_implementation_is_shown(file: str, packages: list[str], is_shown: bool) -> None:
    assert bool(stack.places([Frame(file, 3, "f")], packages)) is is_shown


@pytest.mark.parametrize(
    ("file", "path"),
    [
        (str(Path.cwd() / "bots/bot.py"), "bots/bot.py"),
        (str(Path.cwd() / ".venv/lib/python3.11/site-packages/pipecat/a.py"), "pipecat/a.py"),
        ("/elsewhere/bot.py", "/elsewhere/bot.py"),
        ("<string>", "<string>"),
    ],
)
def test_a_file_is_shown_from_where_its_reader_is(file: str, path: str) -> None:
    assert Frame(file, 3, "f").path == path


def test_a_source_that_cannot_be_read_is_empty() -> None:
    (place,) = stack.places([Frame("/nowhere/bot.py", 3, "f")], [])
    assert place == {"file": "/nowhere/bot.py", "line": 3, "function": "f", "source": ""}


def test_of_a_deep_recursion_the_innermost_places_are_shown() -> None:
    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError
        down(depth - 1)

    raised_in = frames(lambda: down(200))
    assert len(raised_in) == stack.MOST_FRAMES
    shown = stack.places(raised_in, [])
    assert len(shown) == stack.DEPTH
    assert shown[-1]["source"] == "raise ValueError"
