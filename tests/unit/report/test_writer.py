"""Reports are written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.reports import PASSED, graded_run
from twilio_conformance.errors import UsageError
from twilio_conformance.report import model, writer


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("report", "unsupported extension"),
        ("report.JSON", "unsupported extension"),
        ("folder.json", "is a folder"),
        ("no/where.json", "there is no folder"),
        ("/proc/report.json", "cannot be written"),
        ("file/report.json", "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_known_before_the_run(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=f"--report={name}: .*{sentence}"):
        writer.prepare([name], tmp_path)


def test_an_older_report_is_taken_away_before_the_run(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("older")
    assert writer.prepare(["report.json"], tmp_path) == [tmp_path / "report.json"]
    assert not [*tmp_path.iterdir()]


def test_a_link_stays_and_leads_to_the_report(tmp_path: Path) -> None:
    (tmp_path / "place").mkdir()
    link = tmp_path / "report.json"
    link.symlink_to(tmp_path / "place" / "latest.json")
    (place,) = writer.prepare(["report.json"], tmp_path)
    writer.write(model.build(graded_run({"1": [PASSED]})), place)
    assert link.is_symlink()
    assert json.loads(link.read_text())["complete"]


def test_a_report_is_there_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text[:100].encode(encoding))
        raise OSError(28, "No space left on device")

    place = tmp_path / "report.json"
    monkeypatch.setattr(Path, "write_text", fail)
    with pytest.raises(UsageError, match="cannot be written: No space left"):
        writer.write(model.build(graded_run({"1": [PASSED]})), place)
    assert not [*tmp_path.iterdir()]


def test_the_mask_of_the_process_decides_who_may_read_it(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        writer.write(model.build(graded_run({"1": [PASSED]})), tmp_path / "report.json")
    finally:
        os.umask(mask)
    assert (tmp_path / "report.json").stat().st_mode & 0o777 == 0o640
