"""Measures the audio of the reference, which every HTML report draws beneath: `make measurements`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twilio_conformance.report import html, reader

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "conformance" / "twilio_conformance" / "report" / html.REFERENCE

TOLD = ("suite", "edition", "pipecat", "python", "finished", "implementation")
"""What is kept of the report besides the measurements."""

DIGITS = 3
"""Places after the point: more would change with every release of a library and show on no drawing."""


def measure() -> dict[str, Any]:
    """The measurements of the reference, from a run of the checks that measure audio."""
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(sys.executable, "-m", "pytest", "--impl=twilio_reference", "--profile=audio"),
            *("-k", "TFS-LATENCY or TFS-FIDELITY", f"--report={folder}/report.json"),
        ]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        report = reader.load(f"{folder}/report.json")
    return {name: report[name] for name in TOLD} | {"metrics": _rounded(report["metrics"])}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    PLACE.write_text(json.dumps(measure(), separators=(",", ":")) + "\n", encoding="utf-8")
