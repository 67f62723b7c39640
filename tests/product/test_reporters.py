"""What other people's reporters and conftests make of a graded run."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.host import IMPLEMENTATIONS, REFERENCE, Host, Result

CONFTEST = """
def pytest_collection_modifyitems(items):
    for item in items:
        assert callable(item.function), item
        assert item.get_closest_marker("slow") is None
"""


@pytest.fixture(scope="module")
def junit(tmp_path_factory: pytest.TempPathFactory, small_suite: Path) -> tuple[Result, list[ET.Element]]:
    """A run with a failure at the gate and one outside it, and its cases in JUnit's XML."""
    host = Host(tmp_path_factory.mktemp("host"), [small_suite, REFERENCE, IMPLEMENTATIONS])
    host.write({"conftest.py": CONFTEST})
    result = host.grade("broken", "--junitxml=junit.xml", "--durations=3", "-ra")
    return result, list(ET.parse(host.folder / "junit.xml").iter("testcase"))


def _children(cases: list[ET.Element], kind: str) -> list[ET.Element]:
    return [child for case in cases for child in case if child.tag == kind]


def test_a_conftest_may_look_at_the_function_and_the_marks_of_every_item(
    junit: tuple[Result, list[ET.Element]],
) -> None:
    assert junit[0].status == 1, junit[0].text


def test_a_failure_at_the_gate_is_a_failure(junit: tuple[Result, list[ET.Element]]) -> None:
    assert len(_children(junit[1], "failure")) == 1


def test_a_failure_outside_the_gate_is_an_expected_failure_with_its_sentence(
    junit: tuple[Result, list[ET.Element]],
) -> None:
    (skipped,) = _children(junit[1], "skipped")
    assert skipped.get("type") == "pytest.xfail"
    assert str(skipped.get("message")).startswith("SHOULD of core, not at the gate: A key that no telephone")


def test_a_duration_is_the_checks_own(junit: tuple[Result, list[ET.Element]]) -> None:
    result, cases = junit
    assert result.report is not None
    seconds = {
        f"{name}[{check['id']}]": check["seconds"]
        for name, requirement in result.report["requirements"].items()
        for check in requirement["checks"]
    }
    for case in cases:
        assert float(str(case.get("time"))) == pytest.approx(seconds[str(case.get("name"))], abs=0.05)


def test_paths_that_hold_no_check_grade_nothing_and_say_so(host: Host) -> None:
    host.write({"test_own.py": "def test_of_the_host(): pass\n"})
    result = host.grade("broken", "test_own.py")
    assert result.status == 3
    assert "nothing was graded: the paths that were given hold none of the suite's checks" in result.text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--impl=broken", "--impl=lax"), "--impl was given twice"),
        (("--report=r.json", "--profile=core"), "--profile, --report: name what to grade with --impl=MODULE"),
        (("--impl=broken", "--fuzz=1", "--report=r.json"), "--report writes what a graded run finds"),
    ],
)
def test_options_that_contradict_each_other_are_refused(
    host: Host, options: tuple[str, ...], sentence: str
) -> None:
    result = host.run(*options)
    assert result.status == 4, result.text
    assert sentence in result.text
