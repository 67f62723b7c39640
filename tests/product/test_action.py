"""The steps of action.yml, run as GitHub's runner would; the one that installs, with a Python that only tells."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.reports import ROOT, environment

ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
CLASS = "from pipecat.serializers.twilio import TwilioFrameSerializer as Original\n\n\n"
GOOD = f"{CLASS}class TwilioFrameSerializer(Original):\n    pass\n"
MUTE = "    async def serialize(self, frame):\n        return None\n"
BAD = f"{CLASS}class TwilioFrameSerializer(Original):\n{MUTE}"


def _value(expression: str, inputs: dict[str, str], outputs: dict[str, str]) -> str:
    """What the runner puts in place of ${{ … }}; nothing but inputs and outputs is used."""
    match = re.fullmatch(r"\$\{\{ (?:inputs\.(\w+)|steps\.grade\.outputs\.(\w+)) \}\}", expression)
    assert match, expression
    return inputs[match[1]] if match[1] else outputs.get(match[2], "")


def _run(
    folder: Path, name: str, inputs: dict[str, str], outputs: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    step: dict[str, Any] = next(step for step in ACTION["runs"]["steps"] if step["name"] == name)
    given = {key: _value(value, inputs, outputs) for key, value in step["env"].items()}
    files = {"GITHUB_OUTPUT": str(folder / "output"), "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=folder,
        env=environment() | files | given | {"PYTEST_ADDOPTS": "-k TFS-CLEAR -p no:cacheprovider"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def _perform(folder: Path, source: str, **changes: str) -> tuple[int, dict[str, str], str, list[str]]:
    """The result of the whole action: the status, the outputs, the job's summary, and its annotations."""
    (folder / "my_serializer.py").write_text(source)
    (folder / "conftest.py").write_text("")
    inputs = {name: str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
    inputs |= {"impl": "my_serializer", "python": sys.executable} | changes
    (folder / "output").write_text("")
    graded = _run(folder, "Grade", inputs, {})
    assert graded.returncode == 0, graded.stderr
    lines = (folder / "output").read_text().splitlines()
    outputs = dict(line.split("=", 1) for line in lines)
    summarized = _run(folder, "Summarize", inputs, outputs)
    assert summarized.returncode == 0, summarized.stderr
    annotations = [line for line in summarized.stdout.splitlines() if line.startswith("::")]
    decided = _run(folder, "Decide", inputs, outputs).returncode
    return decided, outputs, (folder / "summary.md").read_text(), annotations


@pytest.mark.parametrize(("source", "status"), [(GOOD, 0), (BAD, 1)])
def test_the_action_grades_sums_up_and_decides(source: str, status: int, tmp_path: Path) -> None:
    decided, outputs, summary, annotations = _perform(tmp_path, source, report="reports/today/r.json")
    assert any(line.startswith("::error title=TFS-CLEAR-01 ") for line in annotations) == (status == 1)
    assert decided == status
    assert outputs["conformant"] == ("true" if status == 0 else "false")
    assert "my_serializer:TwilioFrameSerializer" in summary
    assert ("TFS-CLEAR-01" in summary) == (status == 1)
    for name in ("report", "page", "badge"):
        assert (tmp_path / outputs[name]).stat().st_size > 0
    assert set(ACTION["outputs"]) <= set(outputs)


@pytest.mark.parametrize(
    ("changes", "installed"),
    [
        ({}, ["/the action[live]"]),
        (
            {"suite": "suite==2026.11.0", "install": ". my-package>=1"},
            ["suite==2026.11.0", ".", "my-package>=1"],
        ),
    ],
)
def test_the_action_installs_its_own_suite_or_another(
    changes: dict[str, str], installed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = tmp_path / "a python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("GITHUB_ACTION_PATH", "/the action")
    inputs = {name: str(entry.get("default", "")) for name, entry in ACTION["inputs"].items()}
    done = _run(tmp_path, "Install", inputs | {"python": str(python)} | changes, {})
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == ["-m", "pip", "install", "--disable-pip-version-check", *installed]


def test_a_run_that_cannot_start_fails_the_job_and_says_so(tmp_path: Path) -> None:
    decided, _, summary, _ = _perform(tmp_path, GOOD, impl="no_such_module")
    assert decided == 4
    assert "No report was written" in summary


def test_the_action_keeps_the_report_the_page_and_the_badge() -> None:
    (step,) = [step for step in ACTION["runs"]["steps"] if step["name"] == "Upload"]
    assert "!cancelled()" in step["if"], "a report of failures is kept too"
    assert set(re.findall(r"steps\.grade\.outputs\.(\w+)", step["with"]["path"])) == {
        "report",
        "page",
        "badge",
    }


WORKFLOWS = [ROOT / "action.yml", *sorted((ROOT / ".github/workflows").glob("*.yml"))]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_of_others_are_pinned_by_digest_and_name_their_tag(path: Path) -> None:
    uses = [line.strip() for line in path.read_text().splitlines() if re.search(r"\buses:", line)]
    assert uses
    for line in uses:
        assert re.fullmatch(r"(- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


def test_a_release_stores_no_token_and_only_the_publishing_job_may_speak_for_the_project() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()
    assert workflow["permissions"] == {"contents": "read"}
    speaking = [name for name, job in workflow["jobs"].items() if "id-token" in job.get("permissions", {})]
    assert speaking == ["publish"]
    assert workflow["jobs"]["publish"]["permissions"]["contents"] == "read"
    assert workflow["jobs"]["publish"]["needs"] == "build"
    assert {"run": "make release"} in workflow["jobs"]["build"]["steps"]


def test_every_input_is_used_and_none_enters_a_script_as_text() -> None:
    steps = ACTION["runs"]["steps"]
    for step in steps:
        assert "${{" not in step.get("run", ""), "an input in a script could run as a command"
    used = "".join(str(step.get("env", "")) + str(step.get("with", "")) for step in steps)
    assert all(f"inputs.{name} " in used for name in ACTION["inputs"])
