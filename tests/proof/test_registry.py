"""The registries refuse serializers that are in the wrong place or not well described."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serializers.broken import registry as broken_registry
from tests.serializers.broken.registry import broken
from tests.serializers.permitted import registry as permitted_registry
from tests.serializers.permitted.registry import permitted

REQUIREMENTS = Path(__file__).parents[2] / "spec" / "requirements"


@pytest.fixture(autouse=True)
def _empty_registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(broken_registry, "BROKEN", {})
    monkeypatch.setattr(permitted_registry, "PERMITTED", {})
    yield


def _serializer(stem: str, name: str = "Example") -> Any:
    return type(name, (), {"__module__": f"tests.serializers.broken.{stem}"})


@pytest.mark.parametrize("stem", ["hangup", "hangup_request"])
def test_a_serializer_is_registered_from_a_module_of_its_chapter(stem: str) -> None:
    broken("TFS-HANGUP-03", "The call is fetched.", also="TFS-LIVE-* TFS-FAULT-01")(_serializer(stem))
    entry = broken_registry.BROKEN["Example"]
    assert entry.impl == f"tests.serializers.broken.{stem}:Example"
    assert entry.chapter == "hangup"
    assert entry.may_fail("TFS-LIVE-11")
    assert not entry.may_fail("TFS-FAULT-02")


@pytest.mark.parametrize(
    ("requirement", "stem", "message"),
    [
        ("TFS-HANGUP-03", "media_out", "belongs in hangup.py, not in media_out.py"),
        ("TFS-MEDIAOUT-01", "media_in", "belongs in media_out.py, not in media_in.py"),
        ("TFS-HANGUP-03", "endings", "endings.py: no chapter of spec/requirements has this name"),
        ("TFS-HANGUP-03", "hangups", "hangups.py: no chapter of spec/requirements has this name"),
        ("TFS-NOTHING-01", "hangup", "spec/requirements has no chapter NOTHING"),
    ],
)
def test_a_serializer_in_the_wrong_file_is_refused(requirement: str, stem: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        broken(requirement, "The call is fetched.")(_serializer(stem))


def test_a_second_broken_serializer_of_the_same_name_is_refused() -> None:
    broken("TFS-HANGUP-03", "The call is fetched.")(_serializer("hangup"))
    with pytest.raises(ValueError, match="two broken serializers are called Example"):
        broken("TFS-CLEAR-01", "Nothing is sent.")(_serializer("clear"))


def test_a_module_that_is_not_named_after_a_chapter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken_registry, "FOLDER", tmp_path)
    (tmp_path / "endings.py").touch()
    with pytest.raises(ValueError, match=r"endings\.py: no chapter of spec/requirements has this name"):
        broken_registry.load()


def test_every_chapter_has_the_module_name_of_its_file() -> None:
    stems = {path.stem.replace("-", "_") for path in REQUIREMENTS.glob("*.toml")}
    assert set(broken_registry.chapters().values()) == stems
    assert broken_registry.chapter_of_requirement("TFS-MEDIAIN-01") == "media_in"


def test_a_second_variant_of_the_same_name_is_refused() -> None:
    permitted("JSON with tabs.")(_serializer("messages"))
    with pytest.raises(ValueError, match="two permitted variants are called Example"):
        permitted("JSON with newlines.")(_serializer("messages"))


@pytest.mark.parametrize("described", [{"unmet": "TFS-MARK-03"}, {"reason": "It is slow."}])
def test_unmet_requirements_and_a_reason_need_each_other(described: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Example: unmet requirements need a reason"):
        permitted("JSON with tabs.", **described)(_serializer("messages"))
