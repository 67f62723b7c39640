"""Somebody's project, in which pytest runs with the suite installed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

Json = dict[str, Any]

ROOT = Path(__file__).parents[1]
IMPLEMENTATIONS = Path(__file__).parent / "serializers" / "hostile"
REFERENCE = ROOT / "reference"

_FOREIGN = re.compile(r"(PYTEST|COV|PY_COLORS|CI$|GITHUB|CONFORMANCE|TWILIO|PYTHON)")
"""Variables of the outer run that would change the inner one."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run of pytest."""

    status: int
    text: str
    seconds: float
    orphans: list[str]
    report: Json | None

    @property
    def counts(self) -> dict[str, int]:
        """What pytest's last line counts, such as {"passed": 3, "failed": 1}."""
        last = self.text.rstrip().splitlines()[-1]
        return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z ]+?)(?:,| in )", last)}

    def check(self, name: str) -> Json:
        """What the report says of one vector or check."""
        assert self.report is not None, self.text
        found = [
            check
            for requirement in self.report["requirements"].values()
            for check in requirement["checks"]
            if check["id"] == name
        ]
        assert found, f"the report holds no {name}"
        return dict(found[0])

    @property
    def statuses(self) -> dict[str, str]:
        """The status of each requirement in the report."""
        assert self.report is not None, self.text
        return {name: entry["status"] for name, entry in self.report["requirements"].items()}


@dataclass
class Host:
    """A folder with files of somebody's, and what is on their path."""

    folder: Path
    path: list[Path]
    environment: dict[str, str] = field(default_factory=dict)
    has_other_plugins: bool = False
    launcher: tuple[str, ...] = ()

    def write(self, files: Mapping[str, str]) -> None:
        """Writes files by their relative names."""
        for name, text in files.items():
            place = self.folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)

    def start(self, *options: str, cwd: Path | None = None) -> Running:
        """Starts pytest with these options."""
        mark = uuid4().hex
        environment = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
        environment |= {"PYTHONPATH": os.pathsep.join(map(str, self.path)), "SUITE_TEST_MARK": mark}
        environment |= {"COLUMNS": "240"} | self.environment
        plugins = ["-p", "no:randomly"]
        if not self.has_other_plugins:
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
            plugins = ["-p", "twilio_conformance.plugin"]
        process = subprocess.Popen(
            [*self.launcher, sys.executable, "-m", "pytest", *plugins, *options],
            cwd=cwd or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
        return Running(process, mark, self.folder / "report.json")

    def run(self, *options: str, cwd: Path | None = None, timeout: float = 90) -> Result:
        """Runs pytest with these options to its end."""
        return self.start(*options, cwd=cwd).finish(timeout)

    def grade(self, impl: str, *options: str, cwd: Path | None = None, timeout: float = 90) -> Result:
        """Grades an implementation, with report.json in the folder."""
        report = f"--report={self.folder / 'report.json'}"
        return self.run(f"--impl={impl}", report, *options, cwd=cwd, timeout=timeout)


@dataclass
class Running:
    """pytest while it runs."""

    process: subprocess.Popen[str]
    mark: str
    report: Path
    started: float = field(default_factory=time.monotonic)

    def interrupt(self) -> None:
        """Ctrl-C: the signal goes to all of the process group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def finish(self, timeout: float = 90) -> Result:
        """Waits for the end; what came of it, and who is still there a moment later."""
        try:
            text, _ = self.process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            for relative in self.relatives():
                os.kill(int(relative.partition(" ")[0]), signal.SIGKILL)
            text, _ = self.process.communicate()
            raise AssertionError(f"pytest did not end within {timeout:g} s:\n{text}") from None
        seconds = time.monotonic() - self.started
        report = json.loads(self.report.read_text()) if self.report.is_file() else None
        return Result(self.process.returncode, text, seconds, self._orphans(), report)

    def relatives(self) -> list[str]:
        """The processes that came of this run and are there now."""
        wanted = f"SUITE_TEST_MARK={self.mark}".encode()
        found = []
        for place in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (place / "environ").read_bytes().split(b"\0"):
                    found.append(f"{place.name} {(place / 'cmdline').read_bytes()!r}")
            except OSError:
                continue
        return found

    def _orphans(self) -> list[str]:
        for _ in range(20):
            if not (found := self.relatives()):
                return []
            time.sleep(0.05)
        return found
