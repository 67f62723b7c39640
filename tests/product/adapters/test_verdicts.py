"""Whole grades over stdio: the reference passes all that a process can be asked, JavaScript all that it claims."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.adapters import javascript, python
from twilio_conformance.spec import catalogue

PYTHON_ONLY = {
    "TFS-ABUSE-08", "TFS-ABUSE-09", "TFS-ABUSE-10", "TFS-ABUSE-11", "TFS-CLEAR-07", "TFS-CONSTRUCT-02",
    "TFS-CONSTRUCT-03", "TFS-CONSTRUCT-05", "TFS-CONSTRUCT-10", "TFS-CONSTRUCT-11", "TFS-CONSTRUCT-16",
    "TFS-CONSTRUCT-17", "TFS-CONSTRUCT-20", "TFS-CONSTRUCT-21", "TFS-CONSTRUCT-22", "TFS-CONSTRUCT-23",
    "TFS-CONSTRUCT-24", "TFS-FAULT-05", "TFS-FAULT-06", "TFS-FAULT-08", "TFS-HANGUP-22", "TFS-LATENCY-08",
    "TFS-MEDIAIN-11", "TFS-MEDIAIN-12", "TFS-MEDIAIN-13", "TFS-MESSAGE-08", "TFS-SECURE-06", "TFS-SECURE-08",
    "TFS-SECURE-13", "TFS-SECURE-17", "TFS-SETUP-04",
}  # fmt: skip
"""Beside the chapter LIVE, the requirements that speak of Python's objects, tasks or loop, or of what JSON cannot say."""


@pytest.fixture(scope="module")
def grade_whole(tmp_path_factory):
    """Grades an implementation at every profile; gives the report, and how pytest ended."""
    folder = tmp_path_factory.mktemp("reports")
    path = os.pathsep.join(filter(None, sys.path))

    def grade(impl, *options):
        place = folder / "report.json"
        ran = subprocess.run(
            [sys.executable, "-m", "pytest", "-p", "twilio_conformance.plugin", f"--impl={impl}", "--profile=all",
             f"--report={place}", *options],
            capture_output=True, text=True, cwd=folder, timeout=900, check=False,
            env=os.environ | {"PYTHONPATH": path, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        )  # fmt: skip
        return json.loads(place.read_text()), ran

    return grade


@pytest.fixture(scope="module")
def in_process(grade_whole):
    return grade_whole("twilio_reference", "-k", "TFS-DTMF-02")


@pytest.fixture(scope="module")
def over_stdio(grade_whole):
    # Of audio, which takes the longest, the JavaScript adapter is asked.
    return grade_whole(f"stdio:{python('twilio_reference')}", "-k", "not TFS-FIDELITY and not TFS-LATENCY")


@pytest.fixture(scope="module")
def in_javascript(grade_whole):
    return grade_whole(f"stdio:{javascript()}")


@pytest.mark.xdist_group("verdicts")
def test_the_reference_passes_over_stdio_what_does_not_need_python(over_stdio):
    report, ran = over_stdio
    found = {
        name: {check["status"] for check in entry["checks"]} for name, entry in report["requirements"].items()
    }
    graded = {each.id for each in catalogue.load().requirements.values() if not each.excluded}
    assert found.keys() == {
        name for name in graded if not name.startswith(("TFS-FIDELITY", "TFS-LATENCY"))
    }, ran.stdout
    python_only = PYTHON_ONLY | {name for name in found if name.startswith("TFS-LIVE-")}
    unheard = {name for name, statuses in found.items() if statuses == {"not-applicable"}}
    assert unheard == {name for name in python_only if name in found}
    # A check of another requirement may need Python's objects in its situation.
    assert {name for name, statuses in found.items() if statuses - {"pass", "not-applicable"}} == set()


@pytest.mark.xdist_group("verdicts")
def test_the_reference_is_the_same_implementation_over_stdio(in_process, over_stdio):
    here, there = in_process[0]["implementation"], over_stdio[0]["implementation"]
    assert there | {"spec": here["spec"]} == here


@pytest.mark.xdist_group("verdicts")
def test_javascript_conforms_to_every_profile_but_live_which_does_not_apply(in_javascript):
    report, ran = in_javascript
    verdicts = {profile: verdict["conformant"] for profile, verdict in report["verdict"].items()}
    assert verdicts == dict.fromkeys(("core", "robust", "secure", "audio"), True) | {"live": False}
    assert "live    not applicable" in ran.stdout
    assert "nothing of live applies to it: the profile was not graded, and is at the gate" in ran.stdout
    assert ran.returncode == 3
    assert report["notes"] == []


@pytest.mark.xdist_group("verdicts")
def test_what_is_not_applicable_to_javascript_says_why(in_javascript):
    report, _ = in_javascript
    checks = [check for entry in report["requirements"].values() for check in entry["checks"]]
    messages = {check["message"] for check in checks if check["status"] == "not-applicable"}
    assert messages and all("stdio" in message for message in messages)
