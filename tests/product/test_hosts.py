"""Other people's projects: whatever they do with pytest, the verdict is the same."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests import miniature
from tests.host import IMPLEMENTATIONS, REFERENCE, ROOT, Host, Result

INI = "[pytest]\n"

CONFTEST = """
import pytest

@pytest.fixture(autouse=True, scope="session")
def database():
    raise RuntimeError("only for the tests of the host")

@pytest.fixture(autouse=True)
def each():
    raise RuntimeError("only for the tests of the host")

def pytest_collection_modifyitems(config, items):
    for item in items:
        item.add_marker(pytest.mark.slow)
        assert not item.get_closest_marker("skip")
    items.sort(key=lambda item: item.nodeid)

def pytest_runtest_setup(item):
    if "database" in item.keywords:
        pytest.skip("no database")

def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line("a line of the host")

def pytest_report_header():
    return "a header of the host"
"""

BROKEN_TEST = "def test_of_the_host(): raise RuntimeError('not to be run')\n"

#: Files of a project and options of pytest; all of them at once would hide what each does alone.
PROJECTS: dict[str, tuple[dict[str, str], list[str]]] = {
    "strict": (
        {"pytest.ini": INI + "addopts = --strict-markers --strict-config -W error\nfilterwarnings = error\n"},
        ["-W", "error"],
    ),
    "asyncio_mode strict": ({"pytest.ini": INI + "asyncio_mode = strict\n"}, []),
    "asyncio_mode auto": (
        {"pytest.ini": INI + "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = session\n"},
        [],
    ),
    "randomly and cov": ({"mine/__init__.py": ""}, ["-p", "randomly", "-p", "pytest_cov", "--cov=mine"]),
    "testpaths and importlib": (
        {
            "pytest.ini": INI + "testpaths = tests\naddopts = --import-mode=importlib\n",
            "tests/test_own.py": BROKEN_TEST,
        },
        [],
    ),
    "other names": (
        {
            "pytest.ini": INI + "python_files = *.py\npython_functions = *\npython_classes = *\n",
            "anything.py": BROKEN_TEST,
        },
        [],
    ),
    "conftest": (
        {"conftest.py": CONFTEST, "pytest.ini": INI + "markers = slow\naddopts = --strict-markers\n"},
        [],
    ),
    "packages called as ours": (
        {
            "tests/__init__.py": "",
            "tests/conftest.py": CONFTEST,
            "tests/suite.py": "raise RuntimeError",
            "checks/__init__.py": "raise RuntimeError",
            "report/__init__.py": "raise RuntimeError",
            "json_report.py": "raise RuntimeError",
        },
        [],
    ),
    "loud": ({}, ["-vv", "-rA", "--tb=long", "-s", "--durations=3", "--setup-show"]),
}


def _expect_the_usual_verdict(result: Result) -> None:
    assert result.status == 1, result.text
    assert result.report is not None
    assert result.statuses == miniature.STATUSES_OF_BROKEN
    assert not result.report["verdict"]["core"]["partial"]
    assert result.report["verdict"]["secure"]["conformant"]
    assert result.orphans == []


@pytest.mark.parametrize("project", PROJECTS)
def test_a_project_of_its_own_kind_gives_the_same_verdict(host: Host, project: str) -> None:
    files, options = PROJECTS[project]
    host.write(files)
    _expect_the_usual_verdict(host.grade("broken", *options))


def test_every_plugin_that_is_installed_gives_the_same_verdict(host: Host) -> None:
    host.has_other_plugins = True
    options = "asyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    host.write(
        {"pytest.ini": INI + options + "addopts = --strict-markers -W error\n", "conftest.py": CONFTEST}
    )
    host.write({"pytest.ini": INI + options + "addopts = --strict-markers -W error\nmarkers = slow\n"})
    result = host.grade("broken", "-p", "randomly")
    _expect_the_usual_verdict(result)
    assert "a line of the host" in result.text


def test_an_implementation_is_found_from_a_subfolder(host: Host) -> None:
    source = (IMPLEMENTATIONS / "broken.py").read_text()
    host.write(
        {"pytest.ini": INI + "pythonpath = src\n", "src/mine/serializer.py": source, "deep/down/a": ""}
    )
    _expect_the_usual_verdict(host.grade("mine.serializer", cwd=host.folder / "deep/down"))


@pytest.mark.parametrize("safe", [False, True], ids=["usual path", "PYTHONSAFEPATH"])
def test_an_implementation_is_found_in_the_current_folder(host: Host, safe: bool) -> None:
    host.write({"mine.py": (IMPLEMENTATIONS / "broken.py").read_text()})
    if safe:
        host.environment["PYTHONSAFEPATH"] = "1"
    _expect_the_usual_verdict(host.grade("mine"))


def test_a_path_with_spaces_and_other_letters_gives_the_same_verdict(tmp_path: Path) -> None:
    folder = tmp_path / "My Päckage's files"
    folder.mkdir()
    suite = miniature.build(folder / "the suite")
    host = Host(folder, [suite, REFERENCE, IMPLEMENTATIONS])
    _expect_the_usual_verdict(host.grade("broken", "--basetemp", str(folder / "a b")))


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONWARNINGS": "error", "PYTHONDEVMODE": "1", "PYTHONUTF8": "0", "LC_ALL": "C"},
        {"PYTHONOPTIMIZE": "2", "PYTHONIOENCODING": "ascii", "CI": "true", "PYTEST_ADDOPTS": "-qq"},
        {
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "NO_PROXY": "",
            "TWILIO_REGION": "ie1",
            "TWILIO_AUTH_TOKEN": "x",
        },
    ],
    ids=["strict", "optimised and quiet in CI", "a proxy and an account"],
)
def test_the_environment_does_not_change_the_verdict(host: Host, environment: dict[str, str]) -> None:
    host.environment |= environment
    result = host.grade("broken", *(["-p", "no:warnings"] if "PYTHONWARNINGS" in environment else []))
    _expect_the_usual_verdict(result)


#: An own network in which nothing outside can be reached; without more, its loopback is down.
ALONE = ("unshare", "--map-root-user", "--net")
has_namespaces = pytest.mark.skipif(
    shutil.which("unshare") is None or subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0,
    reason="this machine gives nobody a network namespace",
)


@has_namespaces
def test_without_any_network_but_loopback_nothing_changes(host: Host) -> None:
    host.launcher = (*ALONE, "sh", "-c", 'ip link set lo up; exec "$@"', "sh")
    _expect_the_usual_verdict(host.grade("broken"))


@has_namespaces
def test_a_machine_without_loopback_is_not_held_against_the_implementation(host: Host) -> None:
    host.launcher = ALONE
    result = host.grade("broken")
    assert result.status == 4, result.text
    assert result.report is None
    assert "no connection to 127.0.0.1 can be made on this machine" in result.text
    assert "bring the loopback interface up" in result.text


def test_the_current_folder_need_not_be_writable(
    host: Host, tmp_path_factory: pytest.TempPathFactory
) -> None:
    report = tmp_path_factory.mktemp("reports") / "report.json"
    host.folder.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        result = host.run("--impl=broken", f"--report={report}", "-p", "no:cacheprovider")
    finally:
        host.folder.chmod(0o700)
    assert result.status == 1, result.text
    assert report.exists()
    assert not [*os.scandir(host.folder)]


def test_the_real_suite_runs_in_a_strict_project(host: Host) -> None:
    site = host.folder / "site"
    site.mkdir()
    miniature.make_plugin(site)
    host.path = [site, ROOT / "conformance", REFERENCE]
    ini = INI + "addopts = --strict-markers -W error\nmarkers = slow\n"
    host.write({"pytest.ini": ini, "conftest.py": CONFTEST})
    result = host.grade("twilio_reference", "-k", "TFS-CLEAR or TFS-MARK", timeout=300)
    assert result.status == 0, result.text
    assert set(result.statuses.values()) == {"pass"}
    assert len(result.statuses) > 5
