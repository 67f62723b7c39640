"""The console script: what each subcommand writes, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.reports import Json, Make, left_out
from twilio_conformance import EDITION, cli
from twilio_conformance.spec import catalogue

Saved = Callable[..., str]


@pytest.mark.parametrize(
    ("before", "after", "options", "status"),
    [
        ({}, {}, [], 0),
        ({}, {"clear/one": "fail"}, [], 1),
        ({"clear/one": "fail"}, {}, [], 0),
        ({"clear/one": "fail"}, {"clear/one": "fail", "clear/two": "not-testable"}, [], 1),
        ({}, {"mark/one": "fail"}, [], 1),
        ({}, {"mark/one": "fail"}, ["--level=MUST"], 0),
        ({}, {"audio.flat": "fail"}, ["--profile=core"], 0),
        ({}, {"audio.flat": "fail"}, ["--profile=core,audio"], 1),
    ],
)
def test_diff_gates_on_what_broke(
    before: dict[str, str], after: dict[str, str], options: list[str], status: int, make: Make, saved: Saved
) -> None:
    paths = [saved(make(before), "old.json"), saved(make(after), "new.json")]
    assert cli.main(["diff", *paths, *options]) == status


def test_grade_is_pytest_with_impl(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from twilio_reference import TwilioFrameSerializer as Base\nclass Mine(Base): ...\n"
    )
    command = [sys.executable, "-m", "twilio_conformance.cli", "grade", "mine.py", "-k", "TFS-MARK-01", "-q"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "conformance of mine:Mine" in run.stdout


def test_grade_ends_with_the_exit_status_of_pytest(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "twilio_conformance.cli", "grade", "no.such.module"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 4
    assert "there is no module" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "required"),
        (["bogus"], "invalid choice"),
        (["diff", "one.json"], "required: NEW.json"),
        (["diff", "{good}", "missing.json"], "cannot be read"),
        (["diff", "{good}", "{good}", "--profile=nonsense"], "no such profile"),
        (["matrix", "{good}", "{bad}", "-o", "{folder}/m.html"], "foreign"),
        (["matrix", "{good}", "-o", "{folder}/m.pdf"], "unsupported extension"),
        (["matrix", "{good}", "-o", "{folder}/nowhere/m.md"], "cannot be written"),
        (["badge", "{bad}", "-o", "{folder}/b.svg"], "foreign"),
        (["badge", "{good}", "-o", "{folder}/b.png"], "unsupported extension"),
        (["summary", "{bad}"], "foreign"),
        (["html", "{good}", "-o", "{folder}/r.html", "--over", "{bad}"], "foreign"),
        (["html", "{good}"], "required: -o/--output"),
    ],
)
def test_a_mistake_ends_with_4_and_a_sentence(
    arguments: list[str],
    said: str,
    make: Make,
    saved: Saved,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text('{"not": "a report"}')
    places = {"good": saved(make()), "bad": str(bad), "folder": str(tmp_path)}
    assert cli.main([argument.format(**places) for argument in arguments]) == 4
    errors = capsys.readouterr().err
    assert errors.startswith("twilio-conformance: ")
    assert said in errors


def test_matrix_badge_and_html_write_their_files_and_say_so(
    make: Make, saved: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = saved(make({"mark/one": "fail"}))
    for arguments in (
        ["matrix", good, good, "-o", f"{tmp_path}/m.html"],
        ["matrix", good, good, "-o", f"{tmp_path}/m.md"],
        ["badge", good, "-o", f"{tmp_path}/b.svg"],
        ["badge", good, "-o", f"{tmp_path}/b.json"],
        ["html", good, "-o", f"{tmp_path}/r.html", "--over", good],
    ):
        assert cli.main(arguments) == 0
        assert capsys.readouterr().out == f"wrote {arguments[arguments.index('-o') + 1]}\n"
    assert json.loads((tmp_path / "b.json").read_text())["schemaVersion"] == 1
    assert (tmp_path / "r.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "m.html").read_text().startswith("<!DOCTYPE html>")


def test_version_names_the_suite_the_edition_and_the_vectors(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == (
        f"pipecat-twilio-conformance {version('pipecat-twilio-conformance')}, edition {EDITION},"
        f" vectors sha256:{catalogue.load(EDITION).vectors_digest}\n"
    )


def test_the_script_runs_as_a_module() -> None:
    command = [sys.executable, "-m", "twilio_conformance.cli", "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    for name in ("html", "matrix", "diff", "badge", "summary", "replay", "doctor", "--version"):
        assert f"  {name} " in shown


def test_summary_appends_to_the_page_of_the_job(
    make: Make, saved: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "summary.md"
    page.write_text("before\n")
    assert cli.main(["summary", saved(make()), "-o", str(page)]) == 0
    assert page.read_text().startswith("before\n## Conformance of")
    assert capsys.readouterr().out == f"appended to {page}\n"


def test_summary_without_a_file_prints_the_page_alone(
    make: Make, saved: Saved, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["summary", saved(make())]) == 0
    assert capsys.readouterr().out.startswith("## Conformance of")


def test_a_page_of_a_partial_run_can_be_made_but_no_badge(make: Make, saved: Saved, tmp_path: Path) -> None:
    path = saved(left_out(make()))
    assert cli.main(["html", path, "-o", f"{tmp_path}/r.html"]) == 0
    assert cli.main(["summary", path, "-o", f"{tmp_path}/s.md"]) == 0
    assert cli.main(["badge", path, "-o", f"{tmp_path}/b.svg"]) == 4
    assert cli.main(["diff", path, path]) == 4


@pytest.mark.parametrize(
    "other", [{"suite": "2027.1.0"}, {"edition": "2027.01"}, {"vectors_digest": "cd" * 32}]
)
def test_reports_of_two_suites_are_compared_and_a_line_before_all_else_says_so(
    other: Json, make: Make, saved: Saved, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [saved(make(), "old.json"), saved(make(**other), "new.json")]
    assert cli.main(["diff", *paths]) == 0
    first = capsys.readouterr().out.splitlines()[0]
    assert cli.main(["matrix", *paths, "-o", f"{tmp_path}/m.md"]) == 0
    assert cli.main(["matrix", *paths, "-o", f"{tmp_path}/m.html"]) == 0
    noted = (tmp_path / "m.md").read_text().splitlines()[2]
    for line in (first, noted):
        assert line.startswith("Not all of one suite")
        assert str(*other.values())[:12] in line
    page = (tmp_path / "m.html").read_text()
    assert page.index("Not all of one suite") < page.index("<main>")
    for path in paths:
        assert cli.main(["summary", path]) == 0
        assert cli.main(["badge", path, "-o", f"{tmp_path}/b.svg"]) == 0


@pytest.mark.parametrize("form", [["summary"], ["matrix"]])
def test_half_a_character_is_written_as_its_number(
    form: list[str], make: Make, saved: Saved, tmp_path: Path
) -> None:
    report = make()
    report["implementation"]["name"] = "my.serializer:\ud800"
    output = tmp_path / "page.md"
    assert cli.main([*form, *[saved(report)] * (1 + (form == ["matrix"])), "-o", str(output)]) == 0
    assert "\\ud800" in output.read_text(encoding="utf-8")


OLD = str(Path(__file__).parent / "report" / "data" / "report-before-replay.json")
"""A part of a report from before `replay`, with the member `reproduce`."""


@pytest.mark.parametrize(
    "arguments",
    [
        ["html", OLD, "-o", "{folder}/page.html"],
        ["matrix", OLD, OLD, "-o", "{folder}/table.md"],
        ["badge", OLD, "-o", "{folder}/badge.svg"],
        ["summary", OLD, "-o", "{folder}/summary.md"],
        ["diff", OLD, OLD],
    ],
)
def test_a_report_of_an_older_suite_is_still_read(arguments: list[str], tmp_path: Path) -> None:
    assert '"reproduce"' in Path(OLD).read_text()
    assert cli.main([argument.format(folder=tmp_path) for argument in arguments]) == 0
