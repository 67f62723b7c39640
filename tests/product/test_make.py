"""Tests of the Makefile's targets, and of the script that makes environments, both with a stand-in Python."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Says that it is Python VERSION; writes its arguments to CALLS, and fails when they contain FAILING.
STAND_IN = """#!/bin/sh
for argument in "$@"; do printf '%s|' "$argument"; done >>"$CALLS"
echo >>"$CALLS"
case "$*" in
*"$FAILING"*) exit 3 ;;
--version) echo "Python $VERSION" ;;
"-c "*) exec "$REAL_PYTHON" -c "import sys; sys.version_info = (*map(int, '$VERSION'.split('.')),); $2" ;;
"-m venv --clear "*) rm -rf "$4" && mkdir -p "$4/bin" && cp "$0" "$4/bin/python" && cp "$0" "$4/bin/uv" ;;
esac
"""

Ran = tuple[subprocess.CompletedProcess[str], list[str]]


def stand_in(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return path


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the project's commands and locks in a folder of its own."""

    root: Path
    python: Path
    calls: Path

    @classmethod
    def at(cls, root: Path) -> Project:
        root.mkdir()
        for name in ("Makefile", "pyproject.toml"):
            shutil.copy(ROOT / name, root)
        for folder in (".ci", "locks"):
            shutil.copytree(ROOT / folder, root / folder)
        return cls(root, stand_in(root.with_name("python")), root.with_name("calls"))

    def run(self, *command: str, failing: str = "\n", version: str = "3.11.0") -> Ran:
        """Runs a command in the folder; returns it with the stand-ins' calls, each argument ended by `|`."""
        self.calls.write_text("")
        done = subprocess.run(
            command,
            cwd=self.root,
            env={
                "PATH": os.environ["PATH"],
                "PYTHON": str(self.python),
                "REAL_PYTHON": sys.executable,
                "CALLS": str(self.calls),
                "FAILING": failing,
                "VERSION": version,
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done, self.calls.read_text().splitlines()

    def make(self, *arguments: str, failing: str = "\n") -> Ran:
        """Runs make without making environments."""
        return self.run("make", "ENVIRONMENT=echo environment", *arguments, failing=failing)

    def environment(self, *locks: str, failing: str = "\n") -> tuple[int, list[str]]:
        """Runs the script that makes the environment `.venv`."""
        locks = locks or ("locks/grade.lock",)
        done, calls = self.run(".ci/environment", ".venv", *locks, failing=failing)
        return done.returncode, calls


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.at(tmp_path / "it's a project")


def installs(calls: list[str]) -> list[str]:
    """Returns what was installed, in order: locks by name, `.` for the project."""
    return [re.split(r"[| ]", call)[-2] for call in calls if "|install|" in call]


def test_make_without_a_target_lists_every_target(project: Project) -> None:
    done, _ = project.make()
    listed = re.findall(r"(?m)^([a-z-]+) +\S", done.stdout)
    phony = re.search(r"(?m)^\.PHONY: (.*)$", (ROOT / "Makefile").read_text())
    assert phony is not None
    assert set(listed) == set(phony[1].split()) - {"dev-env", "grade-env"}


@pytest.mark.parametrize(
    ("arguments", "passed"),
    [
        ([], ["--impl=twilio_reference", "--profile=core", "--report=report.json"]),
        (
            ["IMPL=stdio:'node my adapter.mjs'", "PROFILE=core,robust", 'REPORT=my "own" report.html'],
            ["--impl=stdio:'node my adapter.mjs'", "--profile=core,robust", '--report=my "own" report.html'],
        ),
    ],
    ids=["defaults", "quotes and spaces"],
)
def test_grade_passes_its_variables_to_pytest_and_nothing_else(
    project: Project, arguments: list[str], passed: list[str]
) -> None:
    stand_in(project.root / ".venv/bin/python")
    done, calls = project.make("grade", *arguments)
    assert done.returncode == 0, done.stderr
    assert calls == ["|".join(["-m", "pytest", *passed, ""])]


def test_grade_of_another_pipecat_runs_in_an_environment_of_its_own(project: Project) -> None:
    stand_in(project.root / ".venv-1.8.1/bin/python")
    done, calls = project.make("grade", "PIPECAT=1.8.1")
    assert "environment .venv-1.8.1 locks/pipecat-1.8.1.lock\n" in done.stdout
    assert len(calls) == 1


def test_grade_says_the_exit_status_of_pytest(project: Project) -> None:
    stand_in(project.root / ".venv/bin/python")
    done, _ = project.make("grade", failing="--impl")
    assert done.returncode == 2
    assert re.search(r"(?m)^make: .*grade\] Error 3$", done.stderr)


def test_targets_run_in_parallel_never_make_one_environment_twice_at_once(project: Project) -> None:
    stand_in(project.root / ".venv/bin/python")
    done, _ = project.make("--jobs=4", "grade", "types", "bench")
    assert [line for line in done.stdout.splitlines() if line.startswith("environment")] == [
        "environment .venv locks/dev.lock",
        "environment .venv locks/grade.lock locks/dev.lock",
    ]


def test_environment_holds_the_lock_and_the_project(project: Project) -> None:
    status, calls = project.environment("locks/grade.lock", "locks/dev.lock")
    assert status == 0
    assert installs(calls) == ["locks/build.lock", "locks/grade.lock", "."]
    assert all("--require-hashes|" in call for call in calls if ".lock|" in call)


def change(name: str) -> Callable[[Project], Project]:
    def apply(project: Project) -> Project:
        with (project.root / name).open("a") as file:
            file.write("\n# changed\n")
        return project

    return apply


def move(project: Project) -> Project:
    return replace(project, root=project.root.rename(project.root.with_name("moved")))


def choose_another_python(project: Project) -> Project:
    return replace(project, python=stand_in(project.root.with_name("another python")))


def lose_python(project: Project) -> Project:
    (project.root / ".venv/bin/python").unlink()
    return project


WHOLE = ["locks/build.lock", "locks/grade.lock", "."]


@pytest.mark.parametrize(
    ("event", "installed"),
    [
        pytest.param(lambda project: project, [], id="nothing"),
        pytest.param(change("locks/dev.lock"), [], id="a change of a lock that it was not made from"),
        pytest.param(change("pyproject.toml"), ["."], id="a change of pyproject.toml"),
        pytest.param(change("locks/grade.lock"), WHOLE, id="a change of its lock"),
        pytest.param(change("locks/build.lock"), WHOLE, id="a change of the build lock"),
        pytest.param(move, WHOLE, id="a move of the project"),
        pytest.param(choose_another_python, WHOLE, id="the choice of another Python"),
        pytest.param(lose_python, WHOLE, id="the loss of its Python"),
    ],
)
def test_environment_is_brought_up_to_date_after(
    project: Project, event: Callable[[Project], Project], installed: list[str]
) -> None:
    project.environment()
    status, calls = event(project).environment("locks/grade.lock", "locks/dev.lock")
    assert status == 0
    assert installs(calls) == installed


def test_environment_made_from_the_larger_lock_serves_the_smaller(project: Project) -> None:
    project.environment("locks/dev.lock")
    assert project.environment("locks/grade.lock", "locks/dev.lock") == (0, [])


@pytest.mark.parametrize("step", ["-m venv", "build.lock", "locks/grade.lock", "--editable"])
def test_failed_environment_fails_and_is_completed_the_next_time(project: Project, step: str) -> None:
    status, calls = project.environment(failing=step)
    assert status == 3
    status, calls = project.environment()
    assert status == 0
    assert installs(calls)[-1] == "."
    assert project.environment() == (0, [])


def test_pip_installs_what_uv_cannot(project: Project) -> None:
    status, calls = project.environment(failing="pip install --quiet")
    assert status == 0
    assert [call.split("|")[0] for call in calls if "locks/grade.lock|" in call] == ["pip", "-I"]


@pytest.mark.parametrize("version", ["2.7.18", "3.9.2", "3.10.14"])
def test_too_old_a_python_is_named_and_nothing_is_made(project: Project, version: str) -> None:
    done, _ = project.run(".ci/environment", ".venv", "locks/grade.lock", version=version)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert f"{project.python}: Python {version}" in done.stderr
    assert not (project.root / ".venv").exists()


@pytest.mark.parametrize("version", ["3.11.0", "3.13.1"])
def test_python_that_is_new_enough_is_taken(project: Project, version: str) -> None:
    done, calls = project.run(".ci/environment", ".venv", "locks/grade.lock", version=version)
    assert done.returncode == 0
    assert "-m|venv|--clear|.venv|" in calls


def test_pre_commit_accepts_its_configuration() -> None:
    command = [sys.executable, "-m", "pre_commit", "validate-config", str(ROOT / ".pre-commit-config.yaml")]
    assert subprocess.run(command, timeout=60).returncode == 0
