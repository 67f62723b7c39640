"""Where a machine gives no process a network of its own: base_url leads to the double, or hang-up is not testable here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.adapters import javascript, javascript_with
from twilio_conformance.spec.verdict import NOT_TESTABLE, PASS

FORM = ("TFS-HANGUP-05", "hangup/end-default")
HOST = ("TFS-HANGUP-08", "hangup/region-dublin-ie1")
ONCE = ("TFS-HANGUP-10", "hangup/once-end-cancel")
CLEAR = ("TFS-CLEAR-01", "clear/interruption-plain")


@pytest.fixture
def no_namespace(tmp_path, monkeypatch):
    """Lets the system refuse a namespace to every adapter that the suite starts."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import errno\n"
        "from twilio_conformance.adapter import namespace\n"
        "def refuse():\n"
        "    raise OSError(errno.EPERM, 'Operation not permitted')\n"
        "namespace._leave_network = refuse\n"
    )
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, sys.path)]))


@pytest.fixture
def unclaimed(tmp_path):
    """The command of an adapter that does not claim base_url."""
    return javascript_with(tmp_path, "adapter.mjs", '"base_url", ', "")


@pytest.mark.usefixtures("no_namespace")
def test_base_url_leads_to_the_double_and_hosts_are_not_testable_here(grade):
    executor, found = grade(javascript(), FORM, HOST, ONCE, CLEAR)
    assert executor.implementation["network"] == "base_url"
    for requirement, vector in (FORM, ONCE, CLEAR):
        assert found[vector].outcomes[requirement].status == PASS, found[vector].outcomes[requirement]
    hidden = found[HOST[1]].outcomes[HOST[0]]
    assert (hidden.status, hidden.out_of_sight) == (NOT_TESTABLE, True)
    assert "hosts cannot be seen here: there is no network namespace" in hidden.message


@pytest.mark.usefixtures("no_namespace")
def test_with_nothing_claimed_no_call_is_ended_and_hang_up_is_not_testable_here(grade, unclaimed):
    executor, found = grade(unclaimed, FORM, HOST, ONCE, CLEAR)
    assert executor.implementation["network"] == "none"
    assert found[CLEAR[1]].outcomes[CLEAR[0]].status == PASS
    for requirement, vector in (FORM, HOST, ONCE):
        hidden = found[vector].outcomes[requirement]
        assert (hidden.status, hidden.out_of_sight) == (NOT_TESTABLE, True)
        assert "here: there is no network namespace, and base_url is not claimed" in hidden.message
    reason = "no network namespace (Operation not permitted)"
    assert executor.notes == [f"requests cannot be observed: {reason}"]


@pytest.mark.usefixtures("no_namespace")
def test_the_verdict_says_that_it_is_not_testable_here(tmp_path, unclaimed):
    told, report = _graded(unclaimed, tmp_path, "-k", "TFS-HANGUP-05 or TFS-CLEAR-01")
    assert told.returncode == 1
    assert "core    not testable here MUST 1/2" in told.stdout
    assert report["network"] == "none: requests are not seen"
    assert not report["verdict"]["core"]["conformant"]
    assert report["verdict"]["core"]["out_of_sight"] == 1


def test_a_profile_of_which_nothing_applies_is_not_passed_in_silence(tmp_path):
    told, report = _graded(javascript(), tmp_path, "-k", "TFS-LIVE", "--profile=live")
    assert {entry["status"] for entry in report["requirements"].values()} == {"not-applicable"}
    assert "live    partial run" in told.stdout
    assert not report["verdict"]["live"]["conformant"]


def _graded(
    line: str, folder: Path, *options: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    place = folder / "report.json"
    environment = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} | os.environ
    told = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "twilio_conformance.plugin", f"--impl=stdio:{line}",
         f"--report={place}", *options],
        capture_output=True, text=True, cwd=folder, timeout=120, check=False,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    return told, json.loads(place.read_text())
