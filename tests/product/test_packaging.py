"""Tests of what is built for others: the wheel, the sdist, and the locks."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from configparser import ConfigParser
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from twilio_conformance import EDITION

pytestmark = pytest.mark.xdist_group("the archives")

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
VERSION = PYPROJECT["project"]["version"]
LOCKS = [*ROOT.glob("*.lock"), *ROOT.glob("locks/*.lock")]
GRADE_LOCKS = [ROOT / "locks/grade.lock", *ROOT.glob("locks/pipecat-*.lock")]


@dataclass(frozen=True, slots=True)
class Archives:
    """The sdist, the wheel built from it, and the wheel built from the tree."""

    sdist: Path
    wheel: Path
    direct_wheel: Path

    def read(self, member: str) -> str:
        """Returns a text file of the wheel; `*` stands for the folder of its metadata."""
        with ZipFile(self.wheel) as wheel:
            return wheel.read(member.replace("*", self.wheel.name.removesuffix("-py3-none-any.whl"))).decode()

    @property
    def metadata(self) -> Message:
        return Parser().parsestr(self.read("*.dist-info/METADATA"))


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Archives:
    folder = tmp_path_factory.mktemp("dist")
    for options in (["--outdir", str(folder)], ["--wheel", "--outdir", str(folder / "direct")]):
        command = [sys.executable, "-m", "build", "--no-isolation", *options, str(ROOT)]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    stem = f"pipecat_twilio_conformance-{VERSION}"
    wheel = f"{stem}-py3-none-any.whl"
    return Archives(folder / f"{stem}.tar.gz", folder / wheel, folder / "direct" / wheel)


def sources(folder: str) -> Iterator[Path]:
    """Yields the files of a folder of the tree, without what tools leave there."""
    for path in sorted((ROOT / folder).rglob("*")):
        parts = path.relative_to(ROOT / folder).parts
        if path.is_file() and not any(part.startswith((".", "__pycache__")) for part in parts):
            yield path.relative_to(ROOT)


@pytest.mark.parametrize(
    ("folder", "packaged"),
    [
        ("conformance/twilio_conformance", "twilio_conformance"),
        ("reference/twilio_reference", "twilio_reference"),
        ("spec", "twilio_conformance/data/spec"),
        ("vectors/v1", "twilio_conformance/data/vectors"),
    ],
)
def test_wheel_carries_every_file_of(archives: Archives, folder: str, packaged: str) -> None:
    expected = {f"{packaged}/{path.relative_to(folder).as_posix()}": path for path in sources(folder)}
    assert expected
    with ZipFile(archives.wheel) as wheel:
        carried = {name: wheel.read(name) for name in wheel.namelist() if name in expected}
    assert carried == {name: (ROOT / path).read_bytes() for name, path in expected.items()}


def test_wheel_carries_nothing_else(archives: Archives) -> None:
    with ZipFile(archives.wheel) as wheel:
        count = sum(1 for name in wheel.namelist() if ".dist-info/" not in name)
    folders = ("conformance/twilio_conformance", "reference/twilio_reference", "spec", "vectors/v1")
    assert count == sum(1 for folder in folders for _ in sources(folder))


@pytest.mark.parametrize("package", ["twilio_conformance", "twilio_reference"])
def test_package_declares_its_types(archives: Archives, package: str) -> None:
    assert archives.read(f"{package}/py.typed") == ""


def test_wheel_registers_the_plugin_and_the_command(archives: Archives) -> None:
    entry_points = ConfigParser()
    entry_points.read_string(archives.read("*.dist-info/entry_points.txt"))
    assert {section: dict(entry_points[section]) for section in entry_points.sections()} == {
        "console_scripts": {"twilio-conformance": "twilio_conformance.cli:main"},
        "pytest11": {"twilio_conformance": "twilio_conformance.plugin"},
    }


def test_metadata_name_licence_and_extras(archives: Archives) -> None:
    metadata = archives.metadata
    assert metadata["Name"] == "pipecat-twilio-conformance"
    assert metadata["License-Expression"] == "BSD-2-Clause"
    assert metadata.get_all("Provides-Extra") == ["fuzz", "live", "report"]
    assert archives.read("*.dist-info/licenses/LICENSE") == (ROOT / "LICENSE").read_text()


def test_metadata_names_the_systems_that_can_fork(archives: Archives) -> None:
    systems = [name for name in archives.metadata.get_all("Classifier", []) if name.startswith("Operating")]
    assert systems == ["Operating System :: POSIX"]


def test_wheel_from_the_sdist_equals_the_wheel_from_the_tree(archives: Archives) -> None:
    assert archives.wheel.read_bytes() == archives.direct_wheel.read_bytes()


@pytest.mark.parametrize("folder", ["tests", "vectors/twilio_vectors/cases", "docs", "locks", ".ci"])
def test_sdist_carries_what_develops_the_project(archives: Archives, folder: str) -> None:
    with tarfile.open(archives.sdist) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert {path.as_posix() for path in sources(folder)} <= names


def test_version_begins_with_the_edition() -> None:
    year, month, fix = VERSION.split(".")
    assert f"{year}.{month}" == EDITION
    assert fix.isdecimal()


def locked(lock: Path) -> dict[str, set[str]]:
    """Returns the versions that a lock holds of each package, and checks that each has a hash."""
    versions: dict[str, set[str]] = defaultdict(set)
    for entry in re.sub(r"(?m)^\s*#.*\n|\\\n", "", lock.read_text()).splitlines():
        requirement, *hashes = entry.split("--hash=")
        assert hashes, f"{lock.name}: {requirement} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}\s*", digest) for digest in hashes), entry
        parsed = Requirement(requirement)
        (pin,) = parsed.specifier
        assert pin.operator == "==", f"{lock.name}: {requirement} is not pinned"
        versions[canonicalize_name(parsed.name)].add(pin.version)
    return versions


def declared(*, extras: list[str], groups: list[str]) -> Iterator[Requirement]:
    """Yields what pyproject.toml asks for."""
    project = PYPROJECT["project"]
    texts = [*project["dependencies"]]
    for extra in extras:
        texts += project["optional-dependencies"][extra]
    for group in groups:
        texts += [text for text in PYPROJECT["dependency-groups"][group] if isinstance(text, str)]
    return map(Requirement, texts)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_lock_pins_everything_with_hashes_and_names_no_address(lock: Path) -> None:
    assert locked(lock)
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"(?m)^(-i|-f|--\w)", text)


@pytest.mark.parametrize("lock", GRADE_LOCKS, ids=lambda lock: lock.name)
def test_lock_for_grading_satisfies_the_project(lock: Path) -> None:
    versions = locked(lock)
    for requirement in declared(extras=["live", "report"], groups=["grade"]):
        held = versions[canonicalize_name(requirement.name)]
        assert held, f"{requirement} is not in {lock.name}"
        assert all(version in requirement.specifier for version in held), requirement


def test_lock_for_development_satisfies_the_project() -> None:
    versions = locked(ROOT / "locks/dev.lock")
    for requirement in declared(extras=["live", "report", "fuzz"], groups=["build", "grade", "dev"]):
        held = versions[canonicalize_name(requirement.name)]
        assert held, f"{requirement} is not in locks/dev.lock"
        assert all(version in requirement.specifier for version in held), requirement


@pytest.mark.parametrize("part", ["locks/grade.lock", "locks/build.lock"])
def test_lock_for_development_holds_the_same_versions_as(part: str) -> None:
    development = locked(ROOT / "locks/dev.lock")
    differing = {name: held for name, held in locked(ROOT / part).items() if not held <= development[name]}
    assert differing == {}


@pytest.mark.parametrize("version", ["1.2.1", "1.8.1"])
def test_lock_of_another_pipecat_holds_that_pipecat(version: str) -> None:
    assert locked(ROOT / f"locks/pipecat-{version}.lock")["pipecat-ai"] == {version}


def test_the_conftest_of_all_tests_needs_nothing_that_the_environment_of_make_grade_lacks() -> None:
    """pytest loads it in every graded run from the project's root, where only locks/grade.lock is installed."""
    packages = ("hypothesis", "respx", "aiohttp", "requests", "playwright", "scipy", "av", "yaml", "twilio")
    blocked = "; ".join(f"sys.modules[{name!r}] = None" for name in packages)
    code = f"import sys; {blocked}; import tests.conftest"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
