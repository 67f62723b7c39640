"""The doctor says what works on this machine, and whether it can grade."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

import pytest

from tests.reports import environment
from twilio_conformance import cli, doctor


def test_doctor_says_in_plain_words_that_this_machine_can_grade() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "twilio_conformance.cli", "doctor"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    for part in ("Python", "fork", "Pipecat", "vectors", "TLS double", "grading", "resampling"):
        assert any(line.startswith("works") and part in line for line in run.stdout.splitlines()), run.stdout
    assert "This machine can grade." in run.stdout


def test_doctor_ends_with_1_where_something_that_grading_needs_is_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr("os.fork")
    monkeypatch.setattr(doctor, "PARTS", (("fork", doctor._fork),))
    assert cli.main(["doctor"]) == 1
    assert "BROKEN  fork" in capsys.readouterr().out


def test_doctor_ends_with_0_where_only_something_optional_is_lacking(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    extra = partial(doctor._extra, "live", ("no_such_module",), "the profile live")
    monkeypatch.setattr(doctor, "PARTS", (("[live]", extra),))
    assert cli.main(["doctor"]) == 0
    assert "pip install 'pipecat-twilio-conformance[live]'" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("use", "said"),
    [
        ("", "no-such-thing is not installed: pip install no-such-thing"),
        ("for sound", "no-such-thing, for sound, is not installed: pip install no-such-thing"),
    ],
)
def test_a_distribution_that_is_not_installed_is_named_with_its_use(use: str, said: str) -> None:
    with pytest.raises(doctor.Broken) as broken:
        doctor._installed("no-such-thing", use)
    assert str(broken.value) == said
