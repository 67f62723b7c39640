"""Tests of the layout: every file stands where the next reader looks for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.host import ROOT

ROOMS = ("adapter", "audio", "checks", "engine", "fuzz", "plugin", "report", "spec", "subject", "twilio")
SINGLE = ("cli", "doctor", "errors")
"""Modules that stand at the top of the package, beside the rooms."""

SUITE = Path("conformance/twilio_conformance")
UNIT = Path("tests/unit")
VAGUE = {"utils", "helpers", "common", "misc"}
LONGEST = 400
CODE = {".py", ".pyi", ".js", ".mjs", ".cjs", ".ts"}
NOT_CHAPTERS = {"base", "base_audio", "fuzzing", "registry", "vacuous"}
"""Files beside the broken serializers that hold those of no chapter."""


def tracked(root: Path) -> list[Path]:
    """Return the files that git tracks, or will once they are added, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return sorted({Path(name) for name in listed.split("\0") if name and (root / name).is_file()})


def without_a_unit_test(files: list[Path]) -> list[str]:
    """Return what is missing: a test file for a module, or a module for a test file.

    A module's tests may continue in further files that begin with its name, as in `test_caller_faults.py`.
    """
    modules = [
        path.relative_to(SUITE) for path in files if path.is_relative_to(SUITE) and path.suffix == ".py"
    ]
    wanted = {
        path.with_name(f"test_{path.stem.lstrip('_')}.py"): path
        for path in modules
        if path.name != "__init__.py"
    }
    present = {
        path.relative_to(UNIT)
        for path in files
        if path.is_relative_to(UNIT) and path.name.startswith("test_") and path.suffix == ".py"
    }
    missing = [
        f"{UNIT / test} is missing: it tests {SUITE / wanted[test]}" for test in wanted.keys() - present
    ]
    stems = {str(test.with_suffix("")) for test in wanted}
    orphans = [
        f"{UNIT / test} mirrors no module of {SUITE}"
        for test in present - wanted.keys()
        if not any(str(test).startswith(f"{stem}_") for stem in stems)
    ]
    return sorted(missing + orphans)


def outside_the_rooms(files: list[Path]) -> list[str]:
    """Return what stands at the top of the package and is neither a room nor one of the single modules."""
    allowed = {*ROOMS, *(f"{name}.py" for name in SINGLE), "__init__.py", "py.typed"}
    top = {path.relative_to(SUITE).parts[0] for path in files if path.is_relative_to(SUITE)}
    return [
        *(f"{SUITE / name} belongs in one of the rooms" for name in sorted(top - allowed)),
        *(f"{SUITE / name} is missing" for name in sorted(allowed - top)),
    ]


def too_long(root: Path, files: list[Path]) -> list[str]:
    """Return the files of code with more lines than allowed."""
    lengths = {path: len((root / path).read_bytes().splitlines()) for path in files if path.suffix in CODE}
    return [
        f"{path} has {length} lines, {length - LONGEST} too many"
        for path, length in lengths.items()
        if length > LONGEST
    ]


def vaguely_named(files: list[Path]) -> list[str]:
    """Return the modules and packages whose names say nothing."""
    return [
        f"{path}: name it for what it holds"
        for path in files
        if path.suffix in CODE and VAGUE & {part.lstrip("_") for part in path.with_suffix("").parts}
    ]


def of_no_chapter(files: list[Path]) -> list[str]:
    """Return the files of a chapter that are not named by the stem of its requirements.

    `vectors/v1` has a folder of exactly that name. Modules write `_` for `-`, and further files of a chapter continue
    its stem, as in `hangup_answers.py`. A chapter may lack any of these files.
    """
    chapters = {
        path.stem for path in files if path.parent == Path("spec/requirements") and path.suffix == ".toml"
    }
    stems = {chapter.replace("-", "_") for chapter in chapters}

    def begins_with_a_stem(name: str) -> bool:
        return any(name == stem or name.startswith(f"{stem}_") for stem in stems)

    wrong = [
        path
        for path in files
        if path.parent.parent == Path("vectors/v1") and path.parent.name not in chapters
    ]
    folders = (SUITE / "checks", Path("vectors/twilio_vectors/cases"), Path("tests/serializers/broken"))
    for path in files:
        if path.parent in folders and path.suffix == ".py" and not path.stem.startswith("_"):
            known = path.parent.name == "broken" and path.stem in NOT_CHAPTERS
            if not known and not begins_with_a_stem(path.stem):
                wrong.append(path)
    return [f"{path} begins with the stem of no chapter in spec/requirements" for path in wrong]


@pytest.fixture(scope="module")
def files() -> list[Path]:
    """Return the files of this checkout."""
    return tracked(ROOT)


def complaint(lines: list[str]) -> str:
    """Return the message of a failure, a line for each file."""
    return "\n".join(["", *lines])


def test_every_module_has_its_unit_tests_and_every_unit_test_its_module(files: list[Path]) -> None:
    assert not (found := without_a_unit_test(files)), complaint(found)


def test_the_package_holds_the_rooms_and_nothing_else(files: list[Path]) -> None:
    assert not (found := outside_the_rooms(files)), complaint(found)


def test_no_file_of_code_is_too_long(files: list[Path]) -> None:
    assert not (found := too_long(ROOT, files)), complaint(found)


def test_no_module_has_a_name_that_says_nothing(files: list[Path]) -> None:
    assert not (found := vaguely_named(files)), complaint(found)


def test_a_chapter_has_one_stem_everywhere(files: list[Path]) -> None:
    assert not (found := of_no_chapter(files)), complaint(found)


def tree(root: Path, *names: str) -> list[Path]:
    """Write empty files, and return their paths relative to the root."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return [Path(name) for name in names]


def test_missing_and_orphaned_unit_tests_are_named(tmp_path: Path) -> None:
    sound = tree(
        tmp_path,
        f"{SUITE}/cli.py",
        f"{SUITE}/checks/__init__.py",
        f"{SUITE}/checks/_core.py",
        "tests/unit/test_cli.py",
        "tests/unit/checks/test_core.py",
        "tests/unit/checks/test_core_registry.py",
        "tests/unit/checks/conftest.py",
    )
    assert without_a_unit_test(sound) == []
    assert without_a_unit_test([*sound, SUITE / "audio/levels.py", UNIT / "audio/test_noise.py"]) == [
        "tests/unit/audio/test_levels.py is missing: it tests conformance/twilio_conformance/audio/levels.py",
        "tests/unit/audio/test_noise.py mirrors no module of conformance/twilio_conformance",
    ]


def test_what_stands_outside_the_rooms_is_named(tmp_path: Path) -> None:
    names = [*(f"{room}/__init__.py" for room in ROOMS), *(f"{name}.py" for name in SINGLE)]
    sound = tree(tmp_path, *(f"{SUITE}/{name}" for name in [*names, "__init__.py", "py.typed"]))
    assert outside_the_rooms(sound) == []
    assert outside_the_rooms([*sound, SUITE / "watch.py"]) == [
        f"{SUITE}/watch.py belongs in one of the rooms"
    ]
    assert outside_the_rooms(sound[1:]) == [f"{SUITE}/adapter is missing"]


@pytest.mark.parametrize(
    ("lines", "found"), [(LONGEST, []), (LONGEST + 1, ["a.py has 401 lines, 1 too many"])]
)
def test_a_file_that_is_too_long_is_named(tmp_path: Path, lines: int, found: list[str]) -> None:
    (tmp_path / "a.py").write_text("pass\n" * lines)
    assert too_long(tmp_path, [Path("a.py")]) == found


@pytest.mark.parametrize("name", ["a/utils.py", "helpers/a.py", "a/_common.py", "misc.mjs"])
def test_a_name_that_says_nothing_is_named(name: str) -> None:
    assert vaguely_named([Path(name), Path("a/levels.py")]) == [f"{name}: name it for what it holds"]


@pytest.mark.parametrize(
    "name",
    [
        "vectors/v1/mediain/a.json",
        "vectors/twilio_vectors/cases/mediain.py",
        "conformance/twilio_conformance/checks/injection.py",
        "tests/serializers/broken/hostile.py",
    ],
)
def test_a_file_with_the_stem_of_no_chapter_is_named(tmp_path: Path, name: str) -> None:
    sound = tree(
        tmp_path,
        "spec/requirements/media-in.toml",
        "vectors/v1/media-in/a.json",
        "vectors/twilio_vectors/cases/media_in_formats.py",
        "conformance/twilio_conformance/checks/media_in.py",
        "conformance/twilio_conformance/checks/_core.py",
        "tests/serializers/broken/media_in.py",
        "tests/serializers/broken/base.py",
    )
    assert of_no_chapter(sound) == []
    assert of_no_chapter([*sound, Path(name)]) == [
        f"{name} begins with the stem of no chapter in spec/requirements"
    ]


def test_untracked_files_count_and_ignored_ones_do_not(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    tree(tmp_path, "ignored.py", "new.py")
    assert tracked(tmp_path) == [Path(".gitignore"), Path("new.py")]
