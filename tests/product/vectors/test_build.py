"""The compiler of the vectors: it gives the same bytes each time, and refuses cases that are wrong."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
V1 = ROOT / "vectors" / "v1"

CASES = '''
"""Cases for a test."""
from twilio_vectors.case import Case, family, nothing, deserialize

STEPS = [deserialize({"event": "connected"}, nothing("TFS-MESSAGES-01"))]


@family("messages")
def connected():
    """Two cases."""
    yield Case(name="first", text="The first, with \\ud800 and é.", steps=STEPS)
    yield Case(name="second", text="The second.", result="acceptable", flags=("Open",), twin="first")
'''


def _run(tree: Path, *arguments: str, seed: str = "0") -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(tree / "vectors"), str(ROOT / "conformance")])
    return subprocess.run(
        [sys.executable, "-m", "twilio_vectors.build", *arguments],
        cwd=tree,
        env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The compiler and its schema in a folder of their own, with two good cases."""
    root = tmp_path / "a tree"
    package = root / "vectors" / "twilio_vectors"
    (package / "cases").mkdir(parents=True)
    (root / "spec" / "schemas").mkdir(parents=True)
    for name in ("__init__.py", "build.py", "case.py", "crossing.py"):
        shutil.copy(ROOT / "vectors" / "twilio_vectors" / name, package)
    shutil.copy(ROOT / "spec" / "schemas" / "vector.schema.json", root / "spec" / "schemas")
    (root / "spec" / "situations.toml").write_text("dimension = []\n")
    (package / "flags.toml").write_text('Open = "Both are permitted."\n')
    (package / "cases" / "good.py").write_text(CASES)
    return root


def _add(tree: Path, case: str, docstring: str = '"""One case."""') -> None:
    """Puts one more case beside the good ones."""
    text = f"""
from twilio_vectors.case import Case, family


@family("messages")
def wrong():
    {docstring}
    yield {case}
"""
    (tree / "vectors" / "twilio_vectors" / "cases" / "wrong.py").write_text(text)


def _contents(tree: Path) -> dict[str, bytes]:
    folder = tree / "vectors" / "v1"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_committed_is_what_the_cases_give() -> None:
    result = _run(ROOT, "--check")
    assert (result.returncode, result.stderr) == (0, "")


def test_two_builds_give_the_same_bytes_whatever_the_hash_seed(tree: Path) -> None:
    assert _run(tree, seed="1").returncode == 0
    first = _contents(tree)
    shutil.rmtree(tree / "vectors" / "v1")
    assert _run(tree, seed="2").returncode == 0
    assert _contents(tree) == first
    assert first.keys() == {"manifest.json", "messages/first.json", "messages/second.json"}


def test_a_second_build_writes_nothing(tree: Path) -> None:
    assert _run(tree).stdout == "2 vectors, 3 written, 0 removed\n"
    assert _run(tree).stdout == "2 vectors, 0 written, 0 removed\n"


def test_a_vector_is_ascii_and_keeps_lone_surrogates(tree: Path) -> None:
    _run(tree)
    content = _contents(tree)["messages/first.json"]
    assert content.isascii()
    assert content.endswith(b"}\n")
    assert json.loads(content)["description"] == "The first, with \ud800 and é."


def test_a_vector_whose_case_is_gone_is_removed(tree: Path) -> None:
    _run(tree)
    (tree / "vectors" / "v1" / "messages" / "third.json").write_text("{}\n")
    assert _run(tree).stdout == "2 vectors, 0 written, 1 removed\n"
    assert "messages/third.json" not in _contents(tree)


WRONG = {
    "an id that is there already": ('Case(name="first", text="Again.")', "messages/first is there already"),
    "a flag that is not documented": (
        'Case(name="x", text="X.", result="acceptable", flags=("Unheard",))',
        "messages/x: flags not in flags.toml: ['Unheard']",
    ),
    "an acceptable result without a reason": (
        'Case(name="x", text="X.", result="acceptable")',
        "messages/x: acceptable without a flag",
    ),
    "an unknown result": ('Case(name="x", text="X.", result="good")', "messages/x.result: 'good' is not"),
    "an empty description": ('Case(name="x", text="")', "messages/x.description:"),
    "a name in upper case": ('Case(name="X", text="X.")', "messages/X.id: 'messages/X' does not match"),
    "a step that is none": ('Case(name="x", text="X.", steps=[{"dance": 1}])', "messages/x.steps[0]"),
    "an expectation without a requirement": (
        'Case(name="x", text="X.", expect=[{"requests": {"at_least": 0, "at_most": 0}}])',
        "messages/x.expect[0]: 'requirement' is a required property",
    ),
    "a twin that is missing": (
        'Case(name="x", text="X.", twin="nobody")',
        "messages/x: its twin messages/nobody is missing",
    ),
    "a twin of the same result": (
        'Case(name="x", text="X.", twin="first")',
        "messages/x: its twin messages/first has the same result, valid",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_case_is_refused_and_nothing_is_written(tree: Path, wrong: str) -> None:
    case, message = WRONG[wrong]
    _add(tree, case)
    result = _run(tree)
    assert result.returncode == 1
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert _contents(tree) == {}


@pytest.mark.parametrize("arguments", [(), ("--check",)], ids=["build", "check"])
def test_the_refusal_of_a_case_names_its_function(tree: Path, arguments: tuple[str, ...]) -> None:
    _add(tree, 'Case(name="x", text="")')
    result = _run(tree, *arguments)
    assert result.returncode == 1
    assert result.stderr.startswith(
        "vectors/twilio_vectors/build.py: twilio_vectors.cases.wrong.wrong: messages/x"
    )


def test_a_family_without_a_docstring_is_refused(tree: Path) -> None:
    _add(tree, 'Case(name="x", text="X.")', docstring="")
    result = _run(tree)
    assert result.returncode == 1
    assert "cases.wrong.wrong has no docstring" in result.stderr


def _edit(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b'"since"', b'"Since"'))


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


DRIFT: dict[str, tuple[str, Callable[[Path], None]]] = {
    "edited": ("messages/first.json", _edit),
    "lengthened": ("manifest.json", _lengthen),
    "deleted": ("messages/second.json", Path.unlink),
    "added": ("messages/third.json", Path.touch),
}


@pytest.mark.parametrize("drift", DRIFT)
def test_check_names_what_differs_and_mends_nothing(tree: Path, drift: str) -> None:
    name, spoil = DRIFT[drift]
    _run(tree)
    assert _run(tree, "--check").returncode == 0
    spoil(tree / "vectors" / "v1" / name)
    spoilt = _contents(tree)
    result = _run(tree, "--check")
    assert result.returncode == 1
    assert result.stderr == f"vectors/v1/{name} differs from its case: run `make vectors`\n"
    assert _contents(tree) == spoilt


def test_check_finds_a_case_that_has_changed(tree: Path) -> None:
    _run(tree)
    cases = tree / "vectors" / "twilio_vectors" / "cases" / "good.py"
    cases.write_text(cases.read_text().replace("The second.", "The other."))
    result = _run(tree, "--check")
    assert result.returncode == 1
    assert "vectors/v1/messages/second.json differs" in result.stderr


def test_the_manifest_holds_the_digest_of_every_vector() -> None:
    manifest = json.loads((V1 / "manifest.json").read_bytes())
    digests = {
        path.relative_to(V1).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in V1.glob("*/*.json")
    }
    assert manifest["files"] == digests
    assert manifest["count"] == len(digests)
    lines = "".join(f"{digest}  {name}\n" for name, digest in manifest["files"].items())
    assert manifest["digest"] == hashlib.sha256(lines.encode()).hexdigest()


def test_every_documented_flag_is_used() -> None:
    manifest = json.loads((V1 / "manifest.json").read_bytes())
    used = {flag for path in V1.glob("*/*.json") for flag in json.loads(path.read_bytes())["flags"]}
    assert used == set(manifest["flags"])
