"""Negatives: an example of a schema with one change, and the reason why the schema rejects it."""

import copy
from dataclasses import dataclass
from typing import Any

Schema = dict[str, Any]


class Absent:
    """Stands for a member that is removed."""


@dataclass(frozen=True, slots=True)
class Negative:
    """An example with one change, the keyword that rejects it, and the place that the error names."""

    schema: str
    path: str  # Of the member that is set or removed; "" is the whole instance.
    value: object
    keyword: str
    at: str
    example: int = 0

    def instance(self, schemas: dict[str, Schema]) -> object:
        """The changed example."""
        holder = {"": copy.deepcopy(schemas[self.schema]["examples"][self.example])}
        *above, last = f"/{self.path}".split("/") if self.path else [""]
        parent: Any = holder
        for step in above:
            parent = parent[int(step) if isinstance(parent, list) else step]
        if isinstance(self.value, Absent):
            del parent[last]
        else:
            parent[int(last) if isinstance(parent, list) else last] = self.value
        return holder[""]


def at(
    schema: str, path: str, *values: object, by: str, place: str | None = None, example: int = 0
) -> list[Negative]:
    """The example with each of the values in turn at the path."""
    return [Negative(schema, path, value, by, path if place is None else place, example) for value in values]


def missing(schema: str, *paths: str, by: str = "required") -> list[Negative]:
    return [Negative(schema, path, Absent(), by, path.rpartition("/")[0]) for path in paths]


def extra(schema: str, *paths: str) -> list[Negative]:
    return [Negative(schema, path, "1", "additionalProperties", path.rpartition("/")[0]) for path in paths]


def not_strings(schema: str, *paths: str) -> list[Negative]:
    return [negative for path in paths for negative in at(schema, path, 7, None, by="type")]


def empty(schema: str, *paths: str) -> list[Negative]:
    return [negative for path in paths for negative in at(schema, path, "", by="minLength")]


def not_objects(schema: str, *paths: str) -> list[Negative]:
    return [negative for path in ("", *paths) for negative in at(schema, path, None, [], "{}", 1, by="type")]


def not_base64(schema: str, path: str) -> list[Negative]:
    """What breaks RFC 4648 section 4: alphabet, padding, bits under the padding, length, a final newline."""
    return [
        *at(schema, path, "_-__", "AA*A", "data:,AA", by="pattern"),
        *at(schema, path, "AAAAA", "AAAAAA=", "AAA==", "AAAA=", "AAAA====", "AA==AAAA", by="pattern"),
        *at(schema, path, "AB==", "AAB=", by="pattern"),
        *at(schema, path, "AAAA\n", "//8=\n", by="not"),
    ]
