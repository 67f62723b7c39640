"""Loads requirements, schemas and vectors from the repository or from an installed wheel."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema

from twilio_conformance import EDITION
from twilio_conformance.errors import DataError

Json = dict[str, Any]
"""A JSON object."""

SEPARATOR = "+"
"""Stands in the id of a vector or check between the case and each value of its situation."""

PROFILES = ("core", "robust", "secure", "audio", "live")
LEVELS = ("MUST", "SHOULD", "MAY")

_PACKAGE = Path(__file__).resolve().parents[1]
_REPOSITORY = _PACKAGE.parent.parent


@dataclass(frozen=True, slots=True)
class Requirement:
    """A normative sentence; spec/schemas/requirement.schema.json describes the fields."""

    id: str
    chapter: str
    level: str
    profile: str
    statement: str
    rationale: str
    source: tuple[str, ...]
    since: str
    capability: str | None = None
    checks: tuple[str, ...] = ()
    excluded: str | None = None

    def is_graded_by(self, check: str) -> bool:
        """Return whether one of the requirement's patterns matches the id of a vector or check, in any situation."""
        return any(matches(check, pattern) for pattern in self.checks)


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the specification with its requirements in order."""

    id: str
    order: int
    title: str
    introduction: str
    requirements: tuple[Requirement, ...]


@dataclass(frozen=True)
class Vector:
    """A case as data; spec/schemas/vector.schema.json describes `data`."""

    data: Json

    def __repr__(self) -> str:
        """Return the id alone."""
        return f"<Vector {self.id}>"

    @property
    def id(self) -> str:
        """The id, as chapter/name."""
        return str(self.data["id"])

    @cached_property
    def requirements(self) -> tuple[str, ...]:
        """The ids of the requirements that its expectations name, sorted."""
        expectations = [*self.data.get("construction", ()), *self.data["expect"]]
        for step in self.data["steps"]:
            expectations.extend(step.get("expect", ()))
        return tuple(sorted({expectation["requirement"] for expectation in expectations}))


class VectorFiles(dict[str, Vector]):
    """Vectors by id, each read when it is first asked for."""

    def __init__(self, digests: Mapping[str, str]) -> None:
        """Remember where they are.

        Args:
            digests: The SHA-256 of each file by its name, as in the manifest.
        """
        super().__init__()
        self._digests = digests

    def __missing__(self, name: str) -> Vector:
        """Read a vector; raise DataError if its file is missing or damaged."""
        file = f"{name}.json"
        vector = self[name] = Vector(_read_json(vectors_folder() / file, self._digests[file]))
        return vector


@dataclass(frozen=True)
class Catalogue:
    """The requirements and vectors of one edition.

    Attributes:
        edition: The edition.
        chapters: Its chapters, in order.
        vectors: Its vectors by id.
        vectors_digest: The digest of all vectors that are there, as hexadecimal SHA-256.
        flags: The documented flags, a reason by name.
        situations: The situations of checks in code: by the id of the check, lists of ids of values.
    """

    edition: str
    chapters: tuple[Chapter, ...]
    vectors: dict[str, Vector]
    vectors_digest: str
    flags: dict[str, str]
    situations: dict[str, list[list[str]]] = field(default_factory=dict)

    @cached_property
    def requirements(self) -> dict[str, Requirement]:
        """All requirements by id, in the order of the specification."""
        return {
            requirement.id: requirement for chapter in self.chapters for requirement in chapter.requirements
        }


def matches(check: str, pattern: str) -> bool:
    """Return whether a pattern of a requirement matches the id of a vector or check, in any situation."""
    return fnmatch.fnmatchcase(check.partition(SEPARATOR)[0], pattern)


def specification_folder() -> Path:
    """Return the folder spec/ in the repository or in the wheel."""
    installed = _PACKAGE / "data" / "spec"
    return installed if installed.is_dir() else _REPOSITORY / "spec"


def vectors_folder() -> Path:
    """Return the folder vectors/v1/ in the repository or in the wheel."""
    installed = _PACKAGE / "data" / "vectors"
    return installed if installed.is_dir() else _REPOSITORY / "vectors" / "v1"


def load_schema(name: str) -> Json:
    """Return a JSON Schema of spec/schemas by its file name without `.schema.json`.

    Raise DataError if the file is missing or is not JSON.
    """
    return _read_json(specification_folder() / "schemas" / f"{name}.schema.json")


def load(edition: str = EDITION, *, read_vectors: bool = True) -> Catalogue:
    """Load one edition: whatever came later is left out.

    Args:
        edition: The edition.
        read_vectors: Whether to read all vectors now, instead of each when it is first asked for, of any edition.

    Returns:
        The edition.

    Raises:
        DataError: A file is missing or damaged, or violates its schema.
    """
    chapters = _load_chapters(edition)
    manifest = _load_manifest()
    vectors = _read_vectors(manifest["files"], edition) if read_vectors else VectorFiles(manifest["files"])
    situations = {
        check: chosen
        for since, found in manifest["checks"].items()
        if since <= edition
        for check, chosen in found.items()
    }
    return Catalogue(edition, chapters, vectors, manifest["digest"], manifest["flags"], situations)


def _validator(name: str) -> jsonschema.Draft202012Validator:
    """Return a validator for a schema, after validating the schema itself."""
    schema = load_schema(name)
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        path = specification_folder() / "schemas" / f"{name}.schema.json"
        raise DataError(f"{path}: not a JSON Schema: {error.json_path}: {error.message[:300]}") from error
    return jsonschema.Draft202012Validator(schema)


def _validate(path: Path, document: Json, validator: jsonschema.Draft202012Validator) -> None:
    for problem in validator.iter_errors(document):
        raise DataError(f"{path}: {problem.json_path}: {problem.message[:300]}")


def _load_chapters(edition: str) -> tuple[Chapter, ...]:
    validator = _validator("requirement")
    chapters = []
    seen: dict[str, Path] = {}
    paths = sorted((specification_folder() / "requirements").glob("*.toml"))
    if not paths:
        raise DataError(f"{specification_folder() / 'requirements'} holds no chapter")
    for path in paths:
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise DataError(f"{path}: cannot be read: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise DataError(f"{path}: not TOML: {error}") from error
        _validate(path, document, validator)
        head = document["chapter"]
        requirements = []
        for entry in document["requirement"]:
            if entry["id"] in seen:
                raise DataError(f"{path}: {entry['id']} is in {seen[entry['id']].name} already")
            seen[entry["id"]] = path
            if entry["since"] <= edition:
                lists = {name: tuple(value) for name, value in entry.items() if isinstance(value, list)}
                requirements.append(Requirement(chapter=head["id"], **entry | lists))
        chapters.append(Chapter(**head, requirements=tuple(requirements)))
    return tuple(sorted(chapters, key=lambda chapter: chapter.order))


def _load_manifest() -> Json:
    path = vectors_folder() / "manifest.json"
    manifest = _read_json(path)
    for member, kind in (("digest", str), ("files", dict), ("flags", dict), ("checks", dict)):
        if not isinstance(manifest.get(member), kind):
            raise DataError(f"{path}: lacks {member}, or it is none; run `make vectors`")
    lines = "".join(f"{digest}  {name}\n" for name, digest in manifest["files"].items())
    if hashlib.sha256(lines.encode()).hexdigest() != manifest["digest"]:
        raise DataError(f"{path}: its digest is not that of its files; run `make vectors`")
    return manifest


def _read_vectors(digests: Mapping[str, str], edition: str) -> dict[str, Vector]:
    vectors = {}
    for name, digest in digests.items():
        path = vectors_folder() / name
        document = _read_json(path, digest)
        if document.get("id") != name.removesuffix(".json") or not isinstance(document.get("since"), str):
            raise DataError(f"{path}: its id is not its path, or it has no since; run `make vectors`")
        if document["since"] <= edition:
            vectors[document["id"]] = Vector(document)
    return vectors


def _read_json(path: Path, digest: str | None = None) -> Json:
    try:
        content = path.read_bytes()
        if digest is not None and hashlib.sha256(content).hexdigest() != digest:
            raise DataError(
                f"{path}: differs from its digest in manifest.json; restore it or run `make vectors`"
            )
        document = json.loads(content)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON: {error}") from error
    if not isinstance(document, dict):
        raise DataError(f"{path}: not a JSON object")
    return document
