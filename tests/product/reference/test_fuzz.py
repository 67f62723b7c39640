"""Runs the fuzz target for a bounded time, from the messages that Twilio sends."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

TARGET = Path(__file__).with_name("fuzz_deserialize.py")
VECTORS = Path(__file__).parents[3] / "vectors" / "v1"
SID = "MZ" + 32 * "0"
SECONDS = 5


@pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris has no release for this platform: Linux on x86_64 with Python below 3.13 only",
)
def test_coverage_guided_fuzzing_of_deserialize_finds_no_exception(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for path in VECTORS.rglob("*.json"):
        for step in json.loads(path.read_text()).get("steps", ()):
            if (message := step.get("deserialize", {}).get("json")) is not None:
                text = json.dumps(message).replace("${stream_sid}", SID)
                (corpus / f"{path.stem}-{len(text)}").write_text(text)
    command = [
        sys.executable,
        str(TARGET),
        f"-max_total_time={SECONDS}",
        "-max_len=4096",
        "-print_final_stats=1",
        str(corpus),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=60 + SECONDS, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    executed = re.search(r"number_of_executed_units: (\d+)", done.stderr)
    assert executed is not None and int(executed.group(1)) > 100, done.stderr[-3000:]
    covered = [int(count) for count in re.findall(r"cov: (\d+)", done.stderr)]
    assert max(covered) > 30, "the corpus did not reach the serializer's own code"
