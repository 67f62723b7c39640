"""What a release consists of: one file of vectors, and builds that are compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools.release import ReleaseError, bundle, digests, same
from twilio_conformance.spec import catalogue

ROOT = Path(__file__).parents[2]


def test_the_bundle_holds_every_vector_with_the_schema_and_the_digest() -> None:
    document = json.loads(bundle(ROOT))
    everything = catalogue.load()
    assert document["digest"] == everything.vectors_digest
    assert [vector["id"] for vector in document["vectors"]] == [*everything.vectors]
    assert document["vectors"][0] == next(iter(everything.vectors.values())).data
    assert document["flags"] == everything.flags
    assert document["schema"] == catalogue.load_schema("vector")


def test_the_bundle_is_the_same_each_time() -> None:
    assert bundle(ROOT) == bundle(ROOT)


def test_two_builds_of_the_same_bytes_give_their_digests(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "wheel").write_bytes(b"abc")
    found = same(tmp_path / "first", tmp_path / "second")
    assert found == {"wheel": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}


@pytest.mark.parametrize("files", [{"wheel": b"abd"}, {}, {"wheel": b"abc", "more": b""}])
def test_builds_that_differ_are_refused_by_name(tmp_path: Path, files: dict[str, bytes]) -> None:
    for name, contents in (("first", {"wheel": b"abc"}), ("second", files)):
        (tmp_path / name).mkdir()
        for file, data in contents.items():
            (tmp_path / name / file).write_bytes(data)
    with pytest.raises(ReleaseError, match="more" if "more" in files else "wheel"):
        same(tmp_path / "first", tmp_path / "second")


def test_digests_are_by_name(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "a").write_bytes(b"")
    assert [*digests(tmp_path)] == ["a", "b"]
