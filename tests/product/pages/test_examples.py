"""The page of the packages for other carriers says what `make examples` found, and how."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.product.pages.pages import ROOT
from tools import grade_examples
from twilio_conformance import EDITION

PAGE = grade_examples.PAGE.read_text(encoding="utf-8")


def test_the_table_is_what_the_grades_give() -> None:
    grades = json.loads(grade_examples.GRADES.read_text(encoding="utf-8"))
    assert grade_examples.with_table(PAGE, grades) == PAGE
    assert grades["edition"] == EDITION


def test_other_grades_make_another_table_and_leave_the_rest() -> None:
    grades = json.loads(grade_examples.GRADES.read_text(encoding="utf-8"))
    chapters = next(iter(grades["must"].values()))
    chapters["Clear"] = [0, 99]
    changed = grade_examples.with_table(PAGE, grades)
    assert "| Clear | 0 of 99 |" in changed
    assert changed.partition(grade_examples.BEGIN)[0] == PAGE.partition(grade_examples.BEGIN)[0]
    assert changed.partition(grade_examples.END)[2] == PAGE.partition(grade_examples.END)[2]


def test_the_page_says_how_it_was_graded() -> None:
    assert f"pip install {' '.join(grade_examples.PACKAGES.values())}" in PAGE
    for adapter in grade_examples.PACKAGES:
        assert (ROOT / "examples" / f"{adapter}.py").exists()
    assert f'pytest --impl={next(iter(grade_examples.PACKAGES))} -k "{grade_examples.CHAPTERS}"' in PAGE


def test_an_adapter_is_graded_in_its_folder_of_the_checkout_where_only_the_wheel_is_installed() -> None:
    """Of the plugins that the project's own tests need, the wheel brings none."""
    without = [
        option for name in ("asyncio", "randomly", "xdist", "benchmark") for option in ("-p", f"no:{name}")
    ]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *without, "--impl=twilio_reference", "-k", "TFS-DTMF-01"],
        cwd=ROOT / "examples", capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
