"""All schemas, and a validator over all of them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

FOLDER = Path(__file__).parents[3] / "spec" / "schemas"


@pytest.fixture(scope="session")
def schemas() -> dict[str, Any]:
    """Each schema under its path below spec/schemas, without the ending."""
    return {
        path.relative_to(FOLDER).as_posix().partition(".")[0]: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(FOLDER.rglob("*.json"))
    }


@pytest.fixture(scope="session")
def reasons(schemas: dict[str, Any]) -> Callable[[str, object], set[tuple[str, str]]]:
    """Gives the keyword and the place of each error that a schema finds in an instance."""
    registry: Registry[Any] = Registry().with_resources(
        (schema["$id"], Resource.from_contents(schema)) for schema in schemas.values()
    )

    def judge(name: str, instance: object) -> set[tuple[str, str]]:
        errors = Draft202012Validator(schemas[name], registry=registry).iter_errors(instance)
        return {(str(error.validator), "/".join(map(str, error.absolute_path))) for error in errors}

    return judge
