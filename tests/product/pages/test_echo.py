"""The table of echo calls is put where the page has one, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import echo

TABLE = "\n".join([*echo.HEAD, "| 8 kHz | reference | 20 ms | 40 ms | 3.00 s | 0 ms |"]) + "\n"


def test_the_table_of_the_page_is_replaced_and_the_rest_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n\n{TABLE}\nafter\n")
    echo.write(page, TABLE.replace("20 ms", "21 ms"))
    assert page.read_text() == f"before\n\n{TABLE.replace('20 ms', '21 ms')}\nafter\n"


def test_a_page_without_the_table_is_left_as_it_is_with_a_word_about_it(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("no table\n")
    with pytest.raises(SystemExit, match=r"page\.md has 0 tables that begin with '\| pipeline"):
        echo.write(page, TABLE)
    assert page.read_text() == "no table\n"


def test_the_page_on_whole_calls_has_a_row_for_each_implementation_and_rate() -> None:
    lines = echo.PAGE.read_text().splitlines()
    rows = lines[lines.index(echo.HEAD[1]) + 1 :][:7]
    assert [row.split(" | ")[:2] for row in rows[:6]] == [
        [f"| {rate} kHz", name] for name in ("pipecat-ai 1.14.0", "reference") for rate in (8, 16, 24)
    ]
    assert rows[6] == ""
