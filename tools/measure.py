"""Measures audio and calls of the reference, which every HTML report draws beneath, and of Pipecat's own, for docs/."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twilio_conformance.report import html, loading

ROOT = Path(__file__).resolve().parent.parent
PLACES = {
    "twilio_reference": ROOT / "conformance" / "twilio_conformance" / "report" / html.REFERENCE,
    "pipecat.serializers.twilio": ROOT / "docs" / "data" / "measurements.json",
}

TOLD = ("suite", "edition", "pipecat", "python", "finished", "implementation")
"""What is kept of a report besides the measurements."""

DIGITS = 3
"""Places after the point: more would change with every release of a library and show on no drawing."""

EXITS = (0, 1)


def grade(impl: str, checks: str) -> dict[str, Any]:
    """The report of an implementation on the checks that pytest's -k selects."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "pytest", f"--impl={impl}", "-k", checks),
            f"--report={folder}/report.json",
        ]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if done.returncode not in EXITS:
            sys.exit(f"{impl}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return loading.load(f"{folder}/report.json").as_json()


def measure(impl: str) -> dict[str, Any]:
    """The measurements of an implementation, from a run of the checks that measure audio and calls."""
    report = grade(impl, "TFS-LATENCY or TFS-FIDELITY or TFS-LIVE")
    return {name: report[name] for name in TOLD} | {"metrics": _rounded(report["metrics"])}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    for name, place in PLACES.items():
        place.write_text(json.dumps(measure(name), separators=(",", ":")) + "\n", encoding="utf-8")
