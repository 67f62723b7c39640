"""Requirements, schemas and vectors: what is loaded, and what is said of a damaged file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import miniature
from twilio_conformance import EDITION
from twilio_conformance.errors import DataError
from twilio_conformance.spec import catalogue
from twilio_conformance.spec.catalogue import Catalogue


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data of a small suite, which is what `load` finds."""
    data = miniature.build(tmp_path) / miniature.PACKAGE.name / "data"
    monkeypatch.setattr(catalogue, "specification_folder", lambda: data / "spec")
    monkeypatch.setattr(catalogue, "vectors_folder", lambda: data / "vectors")
    return data


@pytest.fixture
def loaded(data: Path) -> Catalogue:
    assert data.is_dir()
    return catalogue.load()


def test_chapters_come_in_their_order(loaded: Catalogue) -> None:
    assert [chapter.title for chapter in loaded.chapters] == ["Keys", "Calls", "Deeds"]


def test_requirements_come_in_the_order_of_the_specification(loaded: Catalogue) -> None:
    assert [*loaded.requirements][:3] == ["TFS-KEY-01", "TFS-KEY-02", "TFS-CALL-01"]


def test_a_requirement_has_what_its_file_says(loaded: Catalogue) -> None:
    found = loaded.requirements["TFS-CALL-03"]
    assert (found.chapter, found.level, found.profile) == ("CALL", "MUST", "core")
    assert (found.capability, found.excluded) == ("base_url", None)
    assert loaded.requirements["TFS-CALL-04"].excluded == "A program cannot see it."


@pytest.mark.parametrize(
    ("check", "graded"), [("call/end", True), ("call/end-twice", False), ("Call/End", False), ("call", False)]
)
def test_a_requirement_is_graded_by_what_its_patterns_match(
    loaded: Catalogue, check: str, graded: bool
) -> None:
    assert loaded.requirements["TFS-CALL-01"].is_graded_by(check) == graded


def test_a_vector_names_the_requirements_of_all_its_expectations(loaded: Catalogue) -> None:
    assert loaded.vectors["call/end"].requirements == ("TFS-CALL-01", "TFS-CALL-02")
    assert loaded.vectors["key/1"].requirements == ("TFS-KEY-01",)
    assert repr(loaded.vectors["key/1"]) == "<Vector key/1>"


def test_what_came_later_is_left_out(data: Path) -> None:
    miniature.replace(data / "spec/requirements/keys.toml", "2026.11", "2027.02")
    newer = miniature.vector("key/9", [miniature.key_step("9")]) | {"since": "2027.02"}
    miniature.write_vectors(data.parents[1], [*miniature.usual_vectors(), newer])
    older = catalogue.load(EDITION)
    assert "TFS-KEY-01" not in older.requirements
    assert "key/9" not in older.vectors
    assert "key/9" in catalogue.load("2027.02").vectors


def test_the_real_specification_and_vectors_load() -> None:
    real = catalogue.load()
    assert len(real.requirements) > 70
    assert len(real.vectors) > 600
    assert real.flags
    assert {vector.id for vector in real.vectors.values()} == set(real.vectors)


def _manifest(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Path], None]:
    def damage(data: Path) -> None:
        path = data / "vectors/manifest.json"
        path.write_text(json.dumps(change(json.loads(path.read_text()))))

    return damage


def _change(name: str, old: str, new: str) -> Callable[[Path], None]:
    return lambda data: miniature.replace(data / name, old, new)


def _delete(pattern: str) -> Callable[[Path], None]:
    def damage(data: Path) -> None:
        for path in data.glob(pattern):
            path.unlink()

    return damage


def _vector(change: Callable[[dict[str, Any]], str]) -> Callable[[Path], None]:
    """Changes a vector whose digests are put right afterwards."""

    def damage(data: Path) -> None:
        place, manifest = data / "vectors/key/1.json", data / "vectors/manifest.json"
        place.write_text(change(json.loads(place.read_text())))
        old = json.loads(manifest.read_text())
        files = old["files"] | {"key/1.json": hashlib.sha256(place.read_bytes()).hexdigest()}
        lines = "".join(f"{digest}  {name}\n" for name, digest in files.items())
        manifest.write_text(
            json.dumps(old | {"files": files, "digest": hashlib.sha256(lines.encode()).hexdigest()})
        )

    return damage


#: What is damaged, and what the message has to say.
DAMAGE = {
    "a changed vector": (_change("vectors/key/1.json", "1", "2"), "key/1.json: differs from its digest"),
    "a missing vector": (_delete("vectors/key/1.json"), "key/1.json: cannot be read: No such file"),
    "a missing manifest": (_delete("vectors/manifest.json"), "manifest.json: cannot be read: No such file"),
    "a manifest that is no JSON": (_change("vectors/manifest.json", "{", ""), "manifest.json: not JSON"),
    "a manifest that is a list": (
        lambda data: (data / "vectors/manifest.json").write_text("[]"),
        "manifest.json: not a JSON object",
    ),
    "a manifest without files": (_manifest(lambda old: {"flags": {}}), "manifest.json: lacks digest"),
    "a manifest with another digest": (
        _manifest(lambda old: old | {"digest": "0" * 64}),
        "manifest.json: its digest is not that of its files",
    ),
    "a manifest whose files are a list": (
        _manifest(lambda old: old | {"files": [*old["files"]]}),
        "manifest.json: lacks files, or it is none",
    ),
    "a vector that is no JSON": (_vector(lambda old: "{"), "key/1.json: not JSON"),
    "a vector without a bottom": (_vector(lambda old: "[" * 200_000), "key/1.json: not JSON"),
    "a vector that is a list": (_vector(lambda old: "[]"), "key/1.json: not a JSON object"),
    "a vector with another's id": (
        _vector(lambda old: json.dumps(old | {"id": "key/2"})),
        "key/1.json: its id is not its path",
    ),
    "no requirements": (_delete("spec/requirements/*.toml"), "requirements holds no chapter"),
    "no TOML": (
        _change("spec/requirements/keys.toml", "level =", "level"),
        r"keys.toml: not TOML: .*line 10",
    ),
    "no UTF-8": (
        lambda data: (data / "spec/requirements/keys.toml").write_bytes(b"\xff"),
        "keys.toml: not TOML: 'utf-8' codec",
    ),
    "a level that does not exist": (
        _change("spec/requirements/keys.toml", 'level = "MUST"', 'level = "SHALL"'),
        r"keys.toml: \$.requirement\[0\].level: 'SHALL' is not one of",
    ),
    "an unknown member": (
        _change("spec/requirements/keys.toml", "since =", "sinse = 3\nsince ="),
        r"keys.toml: \$.requirement\[0\]: .*'sinse' was unexpected",
    ),
    "a sentence without a keyword": (
        _change("spec/requirements/keys.toml", "MUST give", "gives"),
        r"keys.toml: \$.requirement\[0\].statement",
    ),
    "an id twice": (
        _change("spec/requirements/keys.toml", "TFS-KEY-02", "TFS-CALL-01"),
        "keys.toml: TFS-CALL-01 is in calls.toml already",
    ),
    "a folder among the requirements": (
        lambda data: (data / "spec/requirements/zz.toml").mkdir(),
        "zz.toml: cannot be read: Is a directory",
    ),
    "a schema that is none": (
        lambda data: (data / "spec/schemas/requirement.schema.json").write_text('{"type": 7}'),
        "requirement.schema.json: not a JSON Schema",
    ),
    "a schema that is no JSON": (
        lambda data: (data / "spec/schemas/requirement.schema.json").write_text("["),
        "requirement.schema.json: not JSON",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_named_with_what_is_wrong(data: Path, case: str) -> None:
    damage, sentence = DAMAGE[case]
    damage(data)
    with pytest.raises(DataError, match=sentence):
        catalogue.load()
