"""Grades packages for other carriers through their adapters: `python -m tools.grade_examples` writes docs/examples.md's table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tools import environments

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "examples.md"
GRADES = ROOT / "docs" / "data" / "examples.json"

PIPECAT = "pipecat-ai[websocket]==1.14.0"
PACKAGES = {"acefone_adapter": "pipecat-acefone==0.1.3", "voicelink_adapter": "voicelink==0.1.1"}
"""What is graded, by the adapter in examples that leads to it."""

CHAPTERS = "TFS-SETUP or TFS-MEDIA or TFS-DTMF or TFS-CLEAR or TFS-MESSAGE or TFS-MARK or TFS-INPUT"
"""What both do: they end calls in another way."""

BEGIN, END = "<!-- written by make examples -->\n", "<!-- until here -->\n"


class GradeError(Exception):
    """A package could not be graded; the message says why."""


def grade() -> Json:
    """Grades each package in one environment.

    Raises:
        InstallationError: The packages cannot be installed.
        GradeError: A run left no report.
    """
    environments.make_one("examples", [PIPECAT, *PACKAGES.values()])
    reports = {package: _report(adapter) for adapter, package in PACKAGES.items()}
    first = next(iter(reports.values()))
    return {
        **{name: first[name] for name in ("edition", "pipecat", "python")},
        "graded": first["finished"][:10],
        "must": {package: _must(report) for package, report in reports.items()},
    }


def _report(adapter: str) -> Json:
    place = environments.folder("examples") / f"{adapter}.json"
    place.unlink(missing_ok=True)
    paths = os.pathsep.join(str(ROOT / part) for part in ("conformance", "reference", "examples"))
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [str(environments.python("examples")), "-m", "pytest", "-p", "twilio_conformance.plugin",
             f"--impl={adapter}", "-k", CHAPTERS, f"--report={place}"],
            cwd=folder, env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if not place.exists():
        raise GradeError(
            f"{adapter}: exit status {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    report: Json = json.loads(place.read_text(encoding="utf-8"))
    return report


def _must(report: Json) -> dict[str, list[int]]:
    """How many MUSTs hold, and how many apply, by chapter."""
    found = {}
    chapters: dict[str, list[Json]] = {}
    for own in report["requirements"].values():
        chapters.setdefault(own["chapter"], []).append(own)
    for chapter, requirements in chapters.items():
        statuses = [own["status"] for own in requirements if own["level"] == "MUST"]
        found[chapter] = [statuses.count("pass"), len(statuses) - statuses.count("not-applicable")]
    return found


def table(grades: Json) -> str:
    """What stands in the page between its two comments."""
    lines = [
        f"Passing `MUST` requirements, with pipecat-ai {grades['pipecat']}, edition {grades['edition']}, graded on"
        f" {grades['graded']}:",
        "",
        f"| chapter | {' | '.join(package.replace('==', ' ') for package in grades['must'])} |",
        f"|---|{'---|' * len(grades['must'])}",
    ]
    for chapter in next(iter(grades["must"].values())):
        cells = ["{} of {}".format(*own[chapter]) for own in grades["must"].values()]
        lines.append(f"| {chapter} | {' | '.join(cells)} |")
    return "\n" + "\n".join(lines) + "\n\n"


def main() -> int:
    """Grades, and writes the table into the page."""
    try:
        grades = grade()
    except (GradeError, environments.InstallationError) as error:
        print(error, file=sys.stderr)
        return 1
    GRADES.write_text(json.dumps(grades, indent=1) + "\n", encoding="utf-8")
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), grades), encoding="utf-8")
    return 0


def with_table(page: str, grades: Json) -> str:
    """The page with these grades between its two comments."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + table(grades) + END + rest.partition(END)[2]


if __name__ == "__main__":
    sys.exit(main())
