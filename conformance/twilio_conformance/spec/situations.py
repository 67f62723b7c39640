"""The situations in which requirements hold, and how one changes what a vector or check is given."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from twilio_conformance.errors import DataError
from twilio_conformance.spec.catalogue import SEPARATOR, Json, specification_folder

_SURROUNDINGS = ("environment", "passing", "params", "before", "beside")
"""Changes that only whoever plays a vector can make; they travel in its `given`."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a dimension; spec/situations.toml describes the fields.

    Attributes:
        id: Its id, unique among all dimensions.
        dimension: The id of its dimension.
        phrase: How a finding names it, as in "with an API key".
        changes: What it changes.
        demands: The expectations that take the place of others.
        needs: The capabilities that it presumes; "python" stands for an implementation in this process.
    """

    id: str
    dimension: str
    phrase: str
    changes: Json
    demands: tuple[Json, ...] = ()
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Situations:
    """What spec/situations.toml holds: all values by id, and the crossings."""

    values: dict[str, Value]
    dimensions: dict[str, str]
    crossings: list[Json] = field(default_factory=list)

    def named(self, ids: Iterable[str]) -> list[Value]:
        """Return the values with these ids."""
        return [self.values[identifier] for identifier in ids]


@cache
def load(path: Path | None = None) -> Situations:
    """Load the situations.

    Args:
        path: A file like spec/situations.toml, which is the default.

    Returns:
        Its values and crossings.

    Raises:
        DataError: It is missing or damaged.
    """
    path = path or specification_folder() / "situations.toml"
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        values = [
            Value(entry["id"], dimension["id"], entry["phrase"], entry["changes"],
                  tuple(entry.get("demands", ())), tuple(entry.get("needs", ())))
            for dimension in document["dimension"]
            for entry in dimension["value"]
        ]  # fmt: skip
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read: {error!r}") from error
    dimensions = {entry["id"]: entry["sentence"] for entry in document["dimension"]}
    return Situations({value.id: value for value in values}, dimensions, document.get("crossing", []))


def parse(check: str) -> tuple[str, list[Value]]:
    """Return the id of the case or check in code that a check plays, and the values of its situation."""
    base, *ids = check.split(SEPARATOR)
    return base, load().named(ids) if ids else []


def apply(vector: Json, values: Iterable[Value]) -> Json:
    """Return a vector in a situation, without changing the one that is given."""
    crossed = copy.deepcopy(vector)
    for value in values:
        given, changes = crossed["given"], copy.deepcopy(value.changes)
        if needs := [*given.get("needs", ()), *value.needs]:
            given["needs"] = needs
        change_arguments(given["arguments"], changes.get("arguments", {}))
        if "setup" in changes:
            given["setup"] = changes["setup"]
        given |= {name: changes[name] for name in _SURROUNDINGS if name in changes}
        for step in crossed["steps"]:
            _change_frame(step, changes)
        if between := changes.get("between"):
            crossed["steps"] = [each for step in crossed["steps"] for each in (*between, step)]
        for demand in value.demands:
            crossed["expect"] = [_replace(expectation, demand) for expectation in crossed["expect"]]
    before = crossed["given"].get("before", {"steps": []})
    ahead = len(before["steps"])
    steps = list(numbered([*before["steps"], *crossed["steps"]]))
    before["steps"], crossed["steps"] = steps[:ahead], steps[ahead:]
    return crossed


def numbered(steps: Iterable[Json]) -> Iterator[Json]:
    """Yield the steps; a message that does not count on from the last one gets the next sequenceNumber."""
    last = 0
    for step in steps:
        message = step.get("deserialize", {}).get("json")
        number = message.get("sequenceNumber") if isinstance(message, dict) else None
        if not isinstance(number, str):
            yield step
            continue
        last = max(last + 1, int(number))
        yield step | {"deserialize": step["deserialize"] | {"json": message | {"sequenceNumber": str(last)}}}


def surroundings(values: Iterable[Value]) -> Json:
    """Return what values change for a check in code, as the `given` of a vector; see `change_arguments`."""
    chosen = list(values)
    nothing = {"given": {"arguments": {}, "setup": None}, "steps": [], "expect": []}
    given: Json = apply(nothing, chosen)["given"]
    arguments = [value.changes.get("arguments", {}) for value in chosen]
    return given | {"arguments": {name: change for each in arguments for name, change in each.items()}}


def change_arguments(arguments: Json, changes: Json) -> None:
    """Change a constructor's arguments: an empty string removes one, and options that are given already stay."""
    for name, change in changes.items():
        if isinstance(change, dict):
            arguments[name] = change | (arguments.get(name) or {})
        elif change:
            arguments[name] = change
        else:
            arguments.pop(name, None)


def _change_frame(step: Json, changes: Json) -> None:
    frame: Any = step.get("serialize")
    if frame is not None:
        frame["frame"] = changes.get("frames", {}).get(frame["frame"], frame["frame"])
        if changes.get("subclass"):
            frame["subclass"] = True


def _replace(expectation: Json, demand: Json) -> Json:
    request = expectation.get("request", {})
    if expectation["requirement"] != demand["of"] or not demand["request"].keys() <= request.keys():
        return expectation
    return {"requirement": demand.get("by", demand["of"]), "request": request | demand["request"]}
