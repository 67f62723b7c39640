"""Several reports side by side."""

from __future__ import annotations

import re

from tests.reports import Json, Make, parse
from twilio_conformance.report import matrix


def build(reports: list[Json]) -> matrix.Matrix:
    return matrix.build([parse(report) for report in reports])


def test_rows_that_differ_come_before_those_that_do_not(make: Make) -> None:
    found = build([make(), make({"mark/one": "fail"})])
    assert list(found.chapters(differing=True)) == ["Mark"]
    assert list(found.chapters(differing=False)) == ["Clear", "Audio"]
    text = matrix.as_markdown(found)
    assert text.index("TFS-MARK-01") < text.index("Where they are alike") < text.index("TFS-CLEAR-01")
    page = matrix.as_html(found)
    assert page.index("TFS-MARK-01") < page.index("TFS-CLEAR-01")


def test_every_requirement_of_any_report_has_a_row(make: Make) -> None:
    first, second = make(), make()
    del first["requirements"]["TFS-CLEAR-01"]
    del second["requirements"]["TFS-MARK-01"]
    rows = {row.name: row.statuses for row in build([first, second]).rows}
    assert rows == {
        "TFS-MARK-01": ("pass", ""),
        "TFS-FLAT-01": ("pass", "pass"),
        "TFS-CLEAR-01": ("", "pass"),
    }


def test_every_table_of_the_markdown_has_as_many_cells_in_each_row(make: Make) -> None:
    report = make({"mark/one": "fail"})
    report["requirements"]["TFS-MARK-01"]["statement"] = "A | B MUST `not` <script>break</script> *it*."
    text = matrix.as_markdown(build([make(), report, make()]))
    tables = [block.splitlines() for block in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)]
    assert len(tables) == 4
    for table in tables:
        assert len({line.count("|") for line in table}) == 1, table
    assert "<script>" not in text


def test_two_runs_of_one_implementation_are_told_apart(make: Make) -> None:
    twins = build([make(), make()]).columns
    assert len(set(twins)) == 2
    releases = build([make(pipecat="1.2.1"), make(pipecat="1.14.0")]).columns
    assert [name.rpartition(" ")[2] for name in releases] == ["1.2.1", "1.14.0"]


def test_reports_of_different_editions_carry_a_note(make: Make) -> None:
    assert build([make(), make()]).caveat == ""
    assert "is of edition 2027.01" in build([make(), make(edition="2027.01")]).caveat


def test_remarks_are_columns_after_the_implementations(make: Make) -> None:
    found = build([make(), make({"mark/one": "fail"})])
    remarks = {row.name: f"of {row.name}" for row in found.rows}
    page = matrix.as_html(found, remarks={"first broken": remarks})
    assert page.count('<th scope="col" class="remark">first broken</th>') == 2
    for name in remarks:
        row = page[page.index(f">{name}<") :].partition("</tr>")[0]
        assert row.endswith(f'<td class="remark">of {name}</td>')
    assert 'class="remark"' not in matrix.as_html(found)
