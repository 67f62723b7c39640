"""Tests of the architecture page: its drawing comes from the imports, and the files that it names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.host import ROOT
from tools.architecture import BEGIN, END, PACKAGE, PAGE, drawing, floors, imports, updated

TEXT = PAGE.read_text(encoding="utf-8")
SUITE = ROOT / "conformance" / PACKAGE
FILE = re.compile(r"`([\w./-]+(?:\.(?:py|toml|json)|/))`")


def places() -> list[Path]:
    """Return the folders that a path on the page may start from."""
    return [ROOT, SUITE, ROOT / "vectors" / "twilio_vectors"]


@pytest.mark.parametrize("name", sorted(set(FILE.findall(TEXT))))
def test_every_file_that_the_page_names_exists(name: str) -> None:
    assert any((place / name).exists() for place in places()), f"docs/architecture.md names {name}"


def test_every_room_has_a_row() -> None:
    rows = set(re.findall(r"`(\w+)(?:/|\.py)`", TEXT.partition(BEGIN)[0]))
    assert {room for floor in floors(ROOT) for room in floor} <= rows


def test_the_drawing_is_up_to_date() -> None:
    assert updated(TEXT, drawing(floors(ROOT), imports(SUITE))) == TEXT


def test_imports_of_every_form_are_found_between_rooms_only(tmp_path: Path) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "run.py").write_text(
        f"import json\nimport {PACKAGE}.audio.levels\nfrom {PACKAGE} import spec\n"
        f"from {PACKAGE}.engine import job\ndef late():\n    from {PACKAGE}.checks._core import check\n"
    )
    (tmp_path / "cli.py").write_text(f"from {PACKAGE}.engine.run import Run\n")
    assert imports(tmp_path) == {
        ("engine", "audio"),
        ("engine", "spec"),
        ("engine", "checks"),
        ("cli", "engine"),
    }


def test_an_arrow_that_a_longer_path_implies_is_left_out() -> None:
    pairs = {("cli", "engine"), ("engine", "spec"), ("cli", "spec"), ("engine", "EDITION")}
    arrows = [
        line.strip() for line in drawing([["cli"], ["engine"], ["spec"]], pairs).splitlines() if "-->" in line
    ]
    assert arrows == ["cli --> engine", "engine --> spec"]


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        updated(f"{END}{BEGIN}", "")
