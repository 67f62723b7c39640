"""The plugin in pytest: inert without --impl; collection, selection, lists, JUnit, xdist, interruption."""

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
from twilio_conformance.spec import catalogue

INERT = """
import sys

def test_the_suite_is_not_even_imported():
    assert "twilio_conformance.plugin" in sys.modules
    assert not [name for name in sys.modules if name.startswith("twilio_conformance.") and name[19:] != "plugin"]
"""

CHECKS = 10
"""Checks of the small suite."""


def _verdict(result: Result, profile: str = "core") -> tuple[bool, bool]:
    assert result.report is not None, result.text
    verdict = result.report["verdict"][profile]
    return verdict["conformant"], verdict["partial"]


def test_is_inert_without_impl(host: Host) -> None:
    host.write({"test_inert.py": INERT})
    result = host.run("--report=report.json", "--profile=nonsense")
    assert (result.status, result.counts) == (0, {"passed": 1}), result.text
    assert "conformance" not in result.text.replace("test_inert.py", "")
    assert result.report is None


@pytest.fixture(scope="module")
def junit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("junit") / "junit.xml"


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory, small_suite: Path, junit: Path) -> Result:
    """A whole run of an implementation with a MUST and a SHOULD that do not hold."""
    host = Host(tmp_path_factory.mktemp("host"), [small_suite, REFERENCE, IMPLEMENTATIONS])
    host.write({"test_own.py": "def test_of_the_host(): assert False\n"})
    (host.folder / "report.json").write_text("an older report")
    return host.grade("broken", "-rf", f"--junitxml={junit}")


@pytest.mark.xdist_group("a whole run")
class TestOfAWholeRun:
    def test_everything_and_nothing_else_is_collected(self, result: Result) -> None:
        assert f"collected {CHECKS} items" in result.text
        assert result.counts == {"failed": 1, "passed": 8, "warned": 1}

    def test_the_report_is_what_its_schema_says_and_ends_with_complete(self, result: Result) -> None:
        assert result.report is not None
        jsonschema.Draft202012Validator(catalogue.load_schema("report")).validate(result.report)
        assert list(result.report)[-1] == "complete"

    def test_the_report_holds_what_was_found(self, result: Result) -> None:
        assert result.report is not None
        assert result.statuses == miniature.STATUSES_OF_BROKEN
        assert result.report["ledger"] == {
            "expected": CHECKS,
            "collected": CHECKS,
            "executed": CHECKS,
            "missing": [],
            "excluded": {"TFS-CALL-04": "A program cannot see it."},
        }
        assert result.report["metrics"] == {"deeds.an_interruption_gives_a_text": {"calls": 1}}
        assert (_verdict(result), _verdict(result, "secure")) == ((False, False), (True, False))

    def test_a_failing_check_says_what_was_expected_and_seen_and_how_to_run_it_again(
        self, result: Result
    ) -> None:
        check = result.check("key/2")
        assert check["message"].endswith("gave no InputDTMFFrame")
        assert check["expected"] == {"frame": "InputDTMFFrame", "button": "2"}
        assert check["actual"] == "None"
        assert check["trace"][-1].endswith("returned None")
        assert check["rerun"] == "pytest --impl=broken -k 'TFS-KEY-01[key/2]'"

    def test_each_case_of_junit_names_its_requirement(self, result: Result, junit: Path) -> None:
        cases = {case.get("name"): case for case in ET.parse(junit).iter("testcase")}
        assert len(cases) == CHECKS, result.text
        properties = {
            entry.get("name"): entry.get("value") for entry in cases["TFS-KEY-01[key/2]"].iter("property")
        }
        assert properties == {
            "requirement": "TFS-KEY-01",
            "level": "MUST",
            "profile": "core",
            "status": "fail",
        }

    def test_the_message_of_a_failure_in_junit_is_the_finding(self, result: Result, junit: Path) -> None:
        failures = list(ET.parse(junit).iter("failure"))
        assert len(failures) == 1, result.text
        assert str(failures[0].get("message")).endswith("gave no InputDTMFFrame")
        assert "  source:   api.txt: DTMF events" in str(failures[0].text)

    def test_a_line_of_pytests_own_list_holds_the_finding(self, result: Result) -> None:
        assert "\nFAILED key::TFS-KEY-01[key/2] - deserialize('{" in result.text

    def test_the_gravest_finding_stands_last(self, result: Result) -> None:
        should, must = (
            result.text.index("TFS-KEY-02  SHOULD of core"),
            result.text.index("TFS-KEY-01  MUST of core"),
        )
        assert should < must < result.text.index("core    not conformant  MUST 4/5        SHOULD 0/1")

    def test_the_header_says_what_is_graded(self, result: Result) -> None:
        head = "conformance: broken:TwilioFrameSerializer, edition 2026.11; at the gate: MUST of core"
        assert f"\n{head}\n" in result.text

    def test_findings_are_not_told_twice(self, result: Result) -> None:
        assert "Traceback" not in result.text
        assert "= FAILURES =" not in result.text


@pytest.mark.parametrize(
    ("selection", "collected"),
    [
        (["-k", "TFS-KEY-01"], 4),
        (["-k", "TFS-KEY-01[key/3]"], 1),
        (["--deselect", "key::TFS-KEY-01[key/1]"], CHECKS - 1),
        (["{suite}/data/vectors/call/end.json"], 2),
        (["{suite}/checks/deeds.py"], 1),
    ],
    ids=["a requirement", "a check", "--deselect", "a vector", "a file of checks"],
)
def test_a_selection_makes_the_verdict_partial_and_never_conformant(
    host: Host, small_suite: Path, selection: list[str], collected: int
) -> None:
    options = [option.format(suite=small_suite / "twilio_conformance") for option in selection]
    result = host.grade("twilio_reference", *options)
    assert (result.status, result.counts["passed"]) == (0, collected), result.text
    assert _verdict(result) == (False, True)
    assert "core    partial run " in result.text or not collected
    assert result.report is not None
    assert (result.report["ledger"]["collected"], result.report["ledger"]["expected"]) == (collected, CHECKS)


def test_the_hosts_own_tests_run_where_they_are_named(host: Host) -> None:
    host.write({"test_own.py": "def test_of_the_host(): pass\n"})
    result = host.run("--impl=twilio_reference", "test_own.py")
    assert (result.status, result.counts) == (0, {"passed": 1}), result.text


def test_x_ends_the_run_at_the_first_failure_and_makes_it_partial(host: Host) -> None:
    result = host.grade("broken", "-x")
    assert (result.status, result.counts) == (1, {"passed": 1, "failed": 1}), result.text
    assert _verdict(result) == (False, True)
    assert "core    not conformant" in result.text


def test_lf_grades_what_failed_last(host: Host) -> None:
    assert host.run("--impl=broken").counts["failed"] == 1
    result = host.grade("broken", "--lf")
    assert (result.status, result.counts["failed"]) == (1, 1), result.text
    assert "passed" not in result.counts
    assert _verdict(result) == (False, True)


def test_xdist_finds_the_same(host: Host) -> None:
    result = host.grade("broken", "-p", "xdist.plugin", "-n", "2", "--junitxml=junit.xml", "-rf")
    assert (result.status, result.counts) == (1, {"failed": 1, "passed": 8, "warned": 1}), result.text
    assert _verdict(result) == (False, False)
    assert result.check("key/2")["message"].endswith("gave no InputDTMFFrame")
    assert "FAILED key::TFS-KEY-01[key/2] - deserialize('{" in result.text
    failures = list(ET.parse(host.folder / "junit.xml").iter("failure"))
    assert [str(failure.get("message")).endswith("gave no InputDTMFFrame") for failure in failures] == [True]
    assert result.orphans == []


def test_plugins_of_pytest_can_be_missing(host: Host) -> None:
    missing = ("terminal", "cacheprovider", "logging", "junitxml", "capture", "warnings", "faulthandler")
    result = host.grade("broken", *(f"-pno:{name}" for name in missing))
    assert result.status == 1, result.text
    assert _verdict(result) == (False, False)


def test_what_another_plugin_shuffles_keeps_the_order_of_the_specification(host: Host) -> None:
    unshuffled = host.grade("working", "--co", "-q").text
    host.write({"conftest.py": "def pytest_collection_modifyitems(items): items.reverse()\n"})
    assert host.grade("working", "--co", "-q").text.splitlines()[:CHECKS] == unshuffled.splitlines()[:CHECKS]


def test_collect_only_grades_nothing_and_leaves_reports_alone(host: Host) -> None:
    (host.folder / "report.json").write_text('"older"')
    result = host.grade("broken", "--collect-only", "-q")
    assert result.status == 0, result.text
    lines = [line for line in result.text.splitlines() if "::" in line]
    assert (len(lines), lines[0]) == (CHECKS, "key::TFS-KEY-01[key/1]")
    assert "not conformant" not in result.text
    assert (host.folder / "report.json").read_text() == '"older"'


@pytest.mark.parametrize(
    ("options", "status", "word"),
    [
        ([], 0, "warned"),
        (["--level=SHOULD"], 1, "failed"),
        (["--level=SHOULD", "--profile=secure"], 0, "warned"),
    ],
)
def test_level_and_profile_decide_on_what_a_failure_is(
    host: Host, options: list[str], status: int, word: str
) -> None:
    result = host.grade("lax", *options)
    assert (result.status, result.counts[word]) == (status, 1), result.text
    assert _verdict(result) == (True, False)


def test_what_a_check_finds_of_an_unclaimed_capability_is_not_applicable(host: Host) -> None:
    host.write({
        "mine.py": "from twilio_reference import TwilioFrameSerializer\n"
        "TwilioFrameSerializer.conformance_capabilities = ['api_key']\n"
    })  # fmt: skip
    result = host.grade("mine")
    assert (result.status, result.statuses["TFS-CALL-03"]) == (0, "not-applicable"), result.text
    assert result.counts["not applicable"] == 1
    assert _verdict(result) == (True, False)


def test_ctrl_c_leaves_no_report_and_no_process(host: Host) -> None:
    host.write({
        "mine.py": "import pathlib, time\n"
        "from twilio_reference import TwilioFrameSerializer as Reference\n"
        "class TwilioFrameSerializer(Reference):\n"
        "    async def serialize(self, frame):\n"
        "        pathlib.Path('begun').touch()\n"
        "        time.sleep(1_000_000)\n"
    })  # fmt: skip
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


def test_ctrl_c_ends_an_import(host: Host) -> None:
    host.write({"mine.py": "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(1_000_000)"})
    running = host.start("--impl=mine")
    _wait_until((host.folder / "begun").exists)
    running.interrupt()
    assert running.finish(timeout=30).orphans == []


def test_killing_pytest_leaves_no_process(host: Host) -> None:
    host.write({"mine.py": "import pathlib, time; pathlib.Path('begun').touch(); time.sleep(1_000_000)"})
    running = host.start("--impl=mine")
    _wait_until((host.folder / "begun").exists)
    running.process.kill()
    assert running.finish(timeout=30).orphans == []


def test_an_older_edition_holds_what_there_was(host: Host, own_suite: Callable[[Host], Path]) -> None:
    package = own_suite(host)
    requirements = package / "data/spec/requirements"
    for name in ("calls", "deeds"):
        path = requirements / f"{name}.toml"
        path.write_text(path.read_text().replace("2026.11", "2027.02"))
    (package / "__init__.py").write_text('EDITION = "2027.02"\n')
    vectors = [json.loads(path.read_text()) for path in sorted((package / "data/vectors").glob("*/*.json"))]
    miniature.write_vectors(package.parent, vectors)
    newest, older = host.grade("twilio_reference"), host.grade("twilio_reference", "--edition=2026.11")
    assert (newest.status, len(newest.statuses)) == (0, 7), newest.text
    assert (older.status, set(older.statuses)) == (0, {"TFS-KEY-01", "TFS-KEY-02"}), older.text
    assert older.report is not None
    assert (older.report["edition"], _verdict(older)) == ("2026.11", (True, False))


def _wait_until(happened: Callable[[], bool]) -> None:
    for _ in range(1200):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within a minute")
