"""Compiles the cases to v1/: canonical JSON, one file per vector, and a manifest; --check only compares."""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema

from twilio_conformance.spec import situations
from twilio_vectors.case import EDITION, FAMILIES
from twilio_vectors.crossing import checks_in_situations, crossed

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUTPUT = HERE.parent / "v1"
SCHEMA = ROOT / "spec" / "schemas" / "vector.schema.json"
SITUATIONS = ROOT / "spec" / "situations.toml"


class CaseError(Exception):
    """A case that cannot become a vector; the message says what is wrong with it, and where."""


def compile_cases() -> dict[str, dict[str, Any]]:
    """Return all vectors by id.

    Raises:
        CaseError: An id is used twice, a flag is not documented, a twin is missing, the schema is violated.
    """
    for path in sorted((HERE / "cases").glob("*.py")):
        importlib.import_module(f"twilio_vectors.cases.{path.stem}")
    flags = set(load_flags())
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    vectors: dict[str, dict[str, Any]] = {}
    for chapter, function in FAMILIES:
        origin = f"{function.__module__}.{function.__name__}"
        for case in function():
            vector = json.loads(json.dumps(case.compiled(chapter)))
            if vector["id"] in vectors:
                raise CaseError(f"{origin}: {vector['id']} is there already")
            _validate(validator, vector, origin)
            if unknown := set(vector["flags"]) - flags:
                raise CaseError(f"{origin}: {vector['id']}: flags not in flags.toml: {sorted(unknown)}")
            if vector["result"] == "acceptable" and not vector["flags"]:
                raise CaseError(f"{origin}: {vector['id']}: acceptable without a flag that says why")
            vectors[vector["id"]] = vector
    for vector in vectors.values():
        if (twin := vector.get("twin")) is not None:
            if twin not in vectors:
                raise CaseError(f"{vector['id']}: its twin {twin} is missing")
            if vectors[twin]["result"] == vector["result"]:
                raise CaseError(f"{vector['id']}: its twin {twin} has the same result, {vector['result']}")
    varied = {vector["id"]: vector for vector in crossed(vectors, situations.load(SITUATIONS))}
    for vector in varied.values():
        _validate(validator, vector, "spec/situations.toml")
    return vectors | varied


def _validate(validator: jsonschema.Draft202012Validator, vector: dict[str, Any], origin: str) -> None:
    for error in validator.iter_errors(vector):
        raise CaseError(f"{origin}: {vector['id']}{error.json_path[1:]}: {error.message[:300]}")


def load_flags() -> dict[str, str]:
    """Return the documented flags, a reason by name."""
    return tomllib.loads((HERE / "flags.toml").read_text())


def canonical(document: Any) -> bytes:
    """Return JSON in ASCII, indented by two spaces, with a final newline; lone surrogates stay escaped."""
    return (json.dumps(document, indent=2) + "\n").encode("ascii")


def compiled_files() -> dict[str, bytes]:
    """Return the content of every file of v1/ by its relative path, the manifest last."""
    vectors = compile_cases()
    files = {f"{name}.json": canonical(vector) for name, vector in sorted(vectors.items())}
    digests = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    whole = hashlib.sha256(
        "".join(f"{digest}  {path}\n" for path, digest in digests.items()).encode()
    ).hexdigest()
    manifest = {
        "edition": EDITION,
        "digest": whole,
        "count": len(vectors),
        "flags": load_flags(),
        "checks": checks_in_situations(situations.load(SITUATIONS)),
        "files": digests,
    }
    return files | {"manifest.json": canonical(manifest)}


def main() -> int:
    """Write v1/, or with --check report what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 where v1/ differs from the cases"
    )
    check = parser.parse_args().check
    try:
        files = compiled_files()
    except CaseError as error:
        print(f"vectors/twilio_vectors/build.py: {error}", file=sys.stderr)
        return 1
    present = {str(path.relative_to(OUTPUT)) for path in OUTPUT.rglob("*.json")}
    stale = sorted(present - set(files))
    changed = sorted(
        path
        for path, content in files.items()
        if path not in present or (OUTPUT / path).read_bytes() != content
    )
    if check:
        for path in stale + changed:
            print(f"vectors/v1/{path} differs from its case: run `make vectors`", file=sys.stderr)
        return 1 if stale or changed else 0
    for path in stale:
        (OUTPUT / path).unlink()
    for path in changed:
        (OUTPUT / path).parent.mkdir(parents=True, exist_ok=True)
        (OUTPUT / path).write_bytes(files[path])
    print(f"{len(files) - 1} vectors, {len(changed)} written, {len(stale)} removed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
