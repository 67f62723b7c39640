"""Grades every release of Pipecat: `python -m docs.releases grade`; docs/history.py renders the page."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement as Dependency
from packaging.version import Version

from docs.history import HOLDS, UNGRADED, HistoryError, compress, render
from twilio_conformance import EDITION, catalogue

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
GRADES = ROOT / "docs" / "releases.json"
HISTORY = ROOT / "docs" / "history.toml"
PAGE = ROOT / "docs" / "releases.md"
ENVIRONMENTS = ROOT / ".venv-releases"

OLDEST = Version("0.0.95")
"""The last release that wrote the token into logs; the suite runs with releases as old as 0.0.87."""

PROMISED = Version("1.2.1")
"""The first release that this project promises to grade whole; older ones lack some frames."""

AT_ONCE = 2
"""Releases that are graded at once; each run has several processes of its own."""

PACKAGES = ("soxr", "aiohttp")
"""What the audio and the requests of Pipecat's serializer depend on."""

BUSY = "after others had not returned"
"""What a report says of calls that were cut short since others had timed out; on an idle machine none do."""

NOT_NEEDED = ("pipecat-ai", "soxr")
"""Dependencies of this project that each release brings in its own version."""


class GradeError(Exception):
    """A release could not be graded; the message says why."""


def available() -> list[str]:
    """Every release that can be installed and graded, oldest first."""
    command = [sys.executable, "-m", "pip", "index", "versions", "--json", "pipecat-ai"]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    versions = map(Version, json.loads(answer.stdout)["versions"])
    return [str(version) for version in sorted(versions) if version >= OLDEST]


def environment(version: str) -> Path:
    """The Python of an environment with this release and all that the suite needs, made when missing."""
    folder = ENVIRONMENTS / version
    python = folder / "bin" / "python"
    stamp = folder / "release.stamp"
    if not stamp.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        needed = [*project["dependencies"], *project["optional-dependencies"]["live"]]
        needed = [entry for entry in needed if Dependency(entry).name not in NOT_NEEDED]
        subprocess.run(
            [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True
        )
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
        subprocess.run([*install, f"pipecat-ai[websocket]=={version}", *needed], check=True)
        stamp.touch()
    return python


def grade(version: str) -> None:
    """Writes the report on one release into its environment.

    Raises:
        GradeError: The run was not whole.
    """
    python = environment(version)
    report = _report(version)
    paths = os.pathsep.join(str(ROOT / part) for part in ("conformance", "reference"))
    options = ["--impl=pipecat.serializers.twilio", "--profile=all", f"--report={report}"]
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(python), "-m", "pytest", "-p", "twilio_conformance.plugin", *options],
            cwd=folder, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    accepted = (0, 1, 3) if Version(version) < PROMISED else (0, 1)
    if done.returncode not in accepted or not report.exists():
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise GradeError(f"pipecat-ai {version}: exit status {done.returncode}\n{said}")
    if BUSY in report.read_text(encoding="utf-8"):
        report.unlink()
        raise GradeError(
            f"pipecat-ai {version}: calls timed out, as on a busy machine: grade {version} again"
        )
    print(f"pipecat-ai {version}: {done.stdout.strip().splitlines()[-1].strip('= ')}", flush=True)


def _report(version: str) -> Path:
    return ENVIRONMENTS / version / "report.json"


def gather(versions: list[str]) -> Json:
    """The grades of these releases in one small document.

    Raises:
        GradeError: They were not graded by the same suite.
    """
    reports = {version: json.loads(_report(version).read_text(encoding="utf-8")) for version in versions}
    newest = reports[versions[-1]]
    names = list(newest["requirements"])
    for version, report in reports.items():
        same = all(report[part] == newest[part] for part in ("suite", "edition", "vectors_digest"))
        if not same or report["ledger"]["expected"] != newest["ledger"]["expected"]:
            raise GradeError(f"pipecat-ai {version} was graded by another suite: grade it again")
    packages = {package: [_version_of(package, version) for version in versions] for package in PACKAGES}
    return {
        "edition": newest["edition"],
        "vectors_digest": newest["vectors_digest"],
        "checks": newest["ledger"]["expected"],
        "python": newest["python"],
        "graded": max(report["finished"] for report in reports.values())[:10],
        "releases": versions,
        "packages": {package: compress(versions, found) for package, found in packages.items()},
        "unplayed": compress(versions, (len(report["ledger"]["missing"]) for report in reports.values())),
        "requirements": {
            name: compress(versions, (_status(report, name) for report in reports.values())) for name in names
        },
        "findings": {name: found for name in names if (found := _finding(reports.values(), name))},
    }


def _version_of(package: str, version: str) -> str:
    folder = ENVIRONMENTS / version / "lib"
    found = next(folder.glob(f"python*/site-packages/{package}-*.dist-info"))
    return found.name.removeprefix(f"{package}-").removesuffix(".dist-info")


def _status(report: Json, name: str) -> str:
    return str(report["requirements"].get(name, {"status": UNGRADED})["status"])


def _finding(reports: Iterable[Json], name: str) -> str:
    """What the newest release that does not meet a requirement was found to do; empty where all meet it."""
    finding = ""
    for report in reports:
        if _status(report, name) not in HOLDS:
            own = report["requirements"][name]
            finding = next(check["message"] for check in own["checks"] if check["status"] == own["status"])
    return finding


def grade_all(versions: list[str]) -> None:
    """Grades these releases, or every one there is, and writes docs/releases.json.

    Raises:
        GradeError: One of them could not be graded, or was graded by another suite before.
    """
    ENVIRONMENTS.mkdir(exist_ok=True)
    every = available()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in pool.map(grade, versions or every):
            pass
    GRADES.write_text(json.dumps(gather(every), indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Grades and renders, or renders alone, or with --check says whether the page is what the grades give."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    anew = commands.add_parser(
        "grade", help="install and grade every release, or some of them anew, then render"
    )
    anew.add_argument("versions", nargs="*", metavar="VERSION")
    again = commands.add_parser("render", help="render from docs/releases.json")
    again.add_argument("--check", action="store_true", help="write nothing; exit 1 where the page differs")
    arguments = parser.parse_args()
    try:
        if arguments.command == "grade":
            grade_all(arguments.versions)
        known = tomllib.loads(HISTORY.read_text(encoding="utf-8"))
        grades = json.loads(GRADES.read_text(encoding="utf-8"))
        page = render(grades, known, catalogue.load(EDITION).requirements, oldest_promised=str(PROMISED))
    except (GradeError, HistoryError) as error:
        print(error, file=sys.stderr)
        return 1
    if getattr(arguments, "check", False):
        if not PAGE.exists() or PAGE.read_text(encoding="utf-8") != page:
            print(
                "docs/releases.md differs from docs/releases.json: run docs/releases.py render",
                file=sys.stderr,
            )
            return 1
        return 0
    PAGE.write_text(page, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
