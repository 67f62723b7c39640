"""Whole runs of pytest in somebody's project, with a real worker: what is found, other plugins, and interruption."""

from __future__ import annotations

import json
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE, Host, Result
from twilio_conformance import EDITION
from twilio_conformance.spec import catalogue

INERT = """
import sys

def test_the_suite_is_not_even_imported():
    assert "twilio_conformance.plugin" in sys.modules
    assert not [name for name in sys.modules if name.startswith("twilio_conformance.") and name[19:] != "plugin"]
"""

NARROW = """
from broken import TwilioFrameSerializer as Broken

class TwilioFrameSerializer(Broken):
    conformance_capabilities = ["api_key"]
"""
"""An implementation with a MUST and a SHOULD that do not hold, and without `base_url`."""

HANGS = """
import pathlib, time
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    async def serialize(self, frame):
        pathlib.Path("begun").touch()
        time.sleep(1_000_000)
"""
IMPORT_HANGS = "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(1_000_000)"

CHECKS = 10
"""Checks of the small suite."""


def _verdict(result: Result, profile: str = "core") -> tuple[bool, bool]:
    assert result.report is not None, result.text
    verdict = result.report["verdict"][profile]
    return verdict["conformant"], verdict["partial"]


def _wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")


def test_without_impl_the_plugin_is_inert(host: Host) -> None:
    host.write({"test_inert.py": INERT})
    result = host.run()
    assert (result.status, result.counts) == (0, {"passed": 1}), result.text
    assert "conformance" not in result.text.replace("test_inert.py", "")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, small_suite: Path) -> Result:
    """A whole run of the implementation above."""
    host = Host(tmp_path_factory.mktemp("host"), [small_suite, REFERENCE, IMPLEMENTATIONS])
    host.write({"test_own.py": "def test_of_the_host(): assert False\n", "narrow.py": NARROW})
    (host.folder / "report.json").write_text("an older report")
    return host.grade("narrow")


@pytest.mark.xdist_group("a whole run")
class TestWholeRun:
    def test_everything_and_nothing_else_is_graded(self, result: Result) -> None:
        assert result.status == 1, result.text
        assert f"collected {CHECKS} items" in result.text
        assert result.counts == {"failed": 1, "not applicable": 1, "passed": 7, "warned": 1}

    def test_the_report_follows_its_schema_and_ends_with_complete(self, result: Result) -> None:
        assert result.report is not None
        jsonschema.Draft202012Validator(catalogue.load_schema("report")).validate(result.report)
        assert list(result.report)[-1] == "complete"

    def test_the_report_holds_the_statuses_the_coverage_and_the_measurements(self, result: Result) -> None:
        assert result.report is not None
        assert result.statuses == miniature.STATUSES_OF_BROKEN | {"TFS-CALL-03": "not-applicable"}
        assert result.report["ledger"] == {
            "expected": CHECKS,
            "collected": CHECKS,
            "executed": CHECKS,
            "missing": [],
            "excluded": {"TFS-CALL-04": "A program cannot see it."},
        }
        assert result.report["metrics"] == {"deeds.an_interruption_gives_a_text": {"calls": 1}}
        assert (_verdict(result), _verdict(result, "secure")) == ((False, False), (True, False))

    def test_a_failing_check_has_both_sides_and_the_command_to_run_it_again(self, result: Result) -> None:
        check = result.check("key/2")
        assert check["message"].endswith("gave no InputDTMFFrame")
        assert check["expected"] == {"frame": "InputDTMFFrame", "button": "2"}
        assert check["actual"] == "None"
        assert check["trace"][-1].endswith("returned None")
        assert check["rerun"] == "pytest --impl=narrow -k 'TFS-KEY-01[key/2]'"

    def test_the_most_serious_failure_is_last(self, result: Result) -> None:
        should = result.text.index("TFS-KEY-02  SHOULD of core")
        must = result.text.index("TFS-KEY-01  MUST of core")
        assert should < must < result.text.index("core    not conformant  MUST 3/4        SHOULD 0/1")

    def test_no_process_is_left(self, result: Result) -> None:
        assert result.orphans == []


RAISES = """
import json
from twilio_reference import TwilioFrameSerializer as Reference

class TwilioFrameSerializer(Reference):
    async def deserialize(self, data):
        return self._pressed(json.loads(data)) if "dtmf" in data else None

    def _pressed(self, message):
        return int(message["dtmf"]["key"])
"""


def test_an_exception_is_told_with_its_place_in_80_columns(host: Host) -> None:
    host.write({"mine.py": RAISES})
    host.environment["COLUMNS"] = "80"
    result = host.grade("mine", "-v")
    assert result.status == 1, result.text
    _, _, summary = result.text.partition("conformance of ")
    assert [line for line in summary.splitlines() if len(line) > 80 and "again:" not in line] == []
    lines = summary.splitlines()
    at = lines.index("  at:       mine.py:7 in deserialize: return self._pressed(json.loads(data)) if")
    assert lines[at + 1 : at + 3] == [
        '              "dtmf" in data else None',
        '            mine.py:10 in _pressed: return int(message["dtmf"]["key"])',
    ]
    places = [(place["file"], place["line"]) for place in result.check("key/1")["where"]]
    assert places == [("mine.py", 7), ("mine.py", 10)]
    assert '"digit":"1"' in result.check("key/1")["trace"][-1]


def test_a_number_of_processes_for_xdist_is_that_of_the_suites_own(host: Host) -> None:
    result = host.grade("broken", "-p", "xdist.plugin", "-n", "2", "--junitxml=junit.xml", "-rf")
    assert "workers" not in result.text
    assert (result.status, result.counts) == (1, {"failed": 1, "passed": 8, "warned": 1}), result.text
    assert _verdict(result) == (False, False)
    assert result.check("key/2")["message"].endswith("gave no InputDTMFFrame")
    assert "FAILED key::TFS-KEY-01[key/2] - deserialize('{" in result.text
    failures = list(ET.parse(host.folder / "junit.xml").iter("failure"))
    assert [str(failure.get("message")).endswith("gave no InputDTMFFrame") for failure in failures] == [True]
    assert result.orphans == []


@pytest.mark.parametrize(
    ("place", "names"),
    [
        ("data/vectors/call/end.json", ["TFS-CALL-01[call/end]", "TFS-CALL-02[call/end]"]),
        ("checks/deeds.py", ["TFS-DEED-02[deeds.an_interruption_gives_a_text]"]),
    ],
    ids=["a vector", "a file of checks"],
)
def test_a_path_selects_what_it_holds(host: Host, small_suite: Path, place: str, names: list[str]) -> None:
    result = host.grade("twilio_reference", str(small_suite / miniature.PACKAGE.name / place))
    assert (result.status, result.counts["passed"]) == (0, len(names)), result.text
    assert result.report is not None
    assert [
        f"{requirement}[{check['id']}]"
        for requirement, found in result.report["requirements"].items()
        for check in found["checks"]
    ] == names


def test_pytests_own_plugins_can_be_disabled(host: Host) -> None:
    missing = ("terminal", "cacheprovider", "logging", "junitxml", "capture", "warnings", "faulthandler")
    result = host.grade("broken", *(f"-pno:{name}" for name in missing))
    assert result.status == 1, result.text
    assert _verdict(result) == (False, False)


def test_ctrl_c_leaves_no_report_and_no_process(host: Host) -> None:
    host.write({"mine.py": HANGS})
    (host.folder / "report.json").write_text('"older"')
    running = host.start("--impl=mine", "--report=report.json")
    _wait_until((host.folder / "begun").exists)
    running.interrupt()
    result = running.finish(timeout=30)
    assert result.status == pytest.ExitCode.INTERRUPTED, result.text
    assert "KeyboardInterrupt" in result.text
    assert result.report is None
    assert not list(host.folder.glob(".*.part"))
    assert result.orphans == []


@pytest.mark.parametrize("is_killed", [False, True], ids=["ctrl-c", "killed"])
def test_ending_pytest_ends_an_import(host: Host, is_killed: bool) -> None:
    host.write({"mine.py": IMPORT_HANGS})
    running = host.start("--impl=mine")
    _wait_until((host.folder / "begun").exists)
    if is_killed:
        running.process.kill()
    else:
        running.interrupt()
    assert running.finish(timeout=30).orphans == []


def test_an_older_edition_holds_what_there_was(host: Host, own_suite: Callable[[Host], Path]) -> None:
    package = own_suite(host)
    requirements = package / "data/spec/requirements"
    for name in ("calls", "deeds"):
        path = requirements / f"{name}.toml"
        path.write_text(path.read_text().replace("2026.11", "2027.02"))
    initial = package / "__init__.py"
    initial.write_text(initial.read_text().replace(EDITION, "2027.02"))
    vectors = [json.loads(path.read_text()) for path in sorted((package / "data/vectors").glob("*/*.json"))]
    miniature.write_vectors(package.parent, vectors)
    older = host.grade("twilio_reference", "--edition=2026.11")
    assert (older.status, set(older.statuses)) == (0, {"TFS-KEY-01", "TFS-KEY-02"}), older.text
    assert older.report is not None
    assert (older.report["edition"], _verdict(older)) == ("2026.11", (True, False))
