"""The schemas: valid, explained field by field, and true of every example."""

import copy
import functools
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[3]
FROM_TWILIO = [
    f"wire/{name}" for name in ("connected", "start", "media-inbound", "dtmf", "mark-inbound", "stop")
]
TO_TWILIO = [f"wire/{name}" for name in ("media-outbound", "mark-outbound", "clear")]
SEEN = [*FROM_TWILIO, *TO_TWILIO, "wire/inbound", "wire/outbound", "exchange"]
SCHEMAS = [*SEEN, "adapter", "report", "requirement", "vector"]

Schema = dict[str, Any]
Reasons = Callable[[str, object], set[tuple[str, str]]]


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    """Each field, element and definition below a schema, with its path in the schema."""
    parts = {
        f"{path}/{key}": sub
        for group in ("properties", "$defs")
        for key, sub in schema.get(group, {}).items()
    }
    parts |= {f"{path}/{number}": sub for number, sub in enumerate(schema.get("prefixItems", []))}
    parts |= {f"{path}/*": schema[key] for key in ("items", "additionalProperties") if schema.get(key)}
    for place, sub in parts.items():
        yield place, sub
        yield from fields(sub, place)


def objects(value: object) -> Iterator[Schema]:
    """Each object in a JSON value, the outermost first."""
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from objects(element)


def members(value: object) -> set[str]:
    """The name of each member of each object in a JSON value."""
    return {name for item in objects(value) for name in item}


def test_every_schema_file_is_tested(schemas: dict[str, Schema]) -> None:
    assert set(schemas) == set(SCHEMAS)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_valid_draft_2020_12(schemas: dict[str, Schema], name: str) -> None:
    assert schemas[name]["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schemas[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_named_after_its_file(schemas: dict[str, Schema], name: str) -> None:
    assert schemas[name]["$id"] == "urn:twilio-conformance:schema:" + name.replace("/", ":")


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_example_is_valid(schemas: dict[str, Schema], reasons: Reasons, name: str) -> None:
    assert schemas[name]["examples"]
    for example in schemas[name]["examples"]:
        assert reasons(name, example) == set()


@pytest.mark.parametrize("name", SEEN)
def test_every_field_element_and_definition_of_what_is_seen_has_a_title_and_a_description_of_one_sentence(
    schemas: dict[str, Schema], name: str
) -> None:
    schema = schemas[name]
    for place, field in [("", schema), *fields(schema)]:
        explained = schema["$defs"][field["$ref"].rpartition("/")[2]] if "$ref" in field else field
        assert explained.get("title"), f"{name}{place} has no title"
        description = explained.get("description", "")
        assert re.fullmatch(r"[A-Z](?:(?!\. ).)+\.", description), (
            f"{name}{place}: no sentence: {description!r}"
        )


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_member_has_a_description_of_one_sentence(schemas: dict[str, Schema], name: str) -> None:
    schema = schemas[name]
    rules = {key: value for key, value in schema.items() if key != "examples"}
    found = [pair for item in objects(rules) for pair in item.get("properties", {}).items()]
    if name not in ("wire/inbound", "wire/outbound"):
        assert found
    for member, rule in found:
        explained = rule
        if "description" not in rule and "$ref" in rule:
            explained = functools.reduce(dict.__getitem__, rule["$ref"].split("/")[1:], schema)
        description = explained.get("description", "")
        assert re.fullmatch(r"[A-Z](?:(?!\. ).)+\.", description), f"{name}: {member}: {description!r}"


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_field_appears_in_an_example(schemas: dict[str, Schema], name: str) -> None:
    declared = {member for item in objects(schemas[name]) for member in item.get("properties", {})}
    assert declared <= members(schemas[name]["examples"])


@pytest.mark.parametrize("name", [*FROM_TWILIO, *TO_TWILIO])
def test_a_message_schema_stands_alone(schemas: dict[str, Schema], name: str) -> None:
    assert "$ref" not in members(schemas[name])


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (FROM_TWILIO, "streamSid"),
        (FROM_TWILIO, "accountSid"),
        (FROM_TWILIO, "callSid"),
        # In start, the sequence number is always 1 and says so.
        ([name for name in FROM_TWILIO if name != "wire/start"], "sequenceNumber"),
        (TO_TWILIO, "streamSid"),
    ],
)
def test_a_field_that_messages_share_is_the_same_in_each(
    schemas: dict[str, Schema], names: list[str], field: str
) -> None:
    copies = [sub for name in names for place, sub in fields(schemas[name]) if place.endswith(f"/{field}")]
    assert len(copies) > 1 and copies == copies[:1] * len(copies)


@pytest.mark.parametrize(
    ("direction", "names"), [("wire/inbound", FROM_TWILIO), ("wire/outbound", TO_TWILIO)]
)
def test_a_direction_is_one_of_its_messages(
    schemas: dict[str, Schema], reasons: Reasons, direction: str, names: list[str]
) -> None:
    assert [branch["$ref"] for branch in schemas[direction]["oneOf"]] == [
        schemas[name]["$id"] for name in names
    ]
    for name in names:
        for example in schemas[name]["examples"]:
            assert reasons(direction, example) == set()


@pytest.mark.parametrize("name", FROM_TWILIO)
def test_an_unknown_field_from_twilio_is_accepted_in_every_object(
    schemas: dict[str, Schema], reasons: Reasons, name: str
) -> None:
    for example in copy.deepcopy(schemas[name]["examples"]):
        for item in list(objects(example)):
            # Custom parameters are strings by definition, whatever their names.
            item["unknown"] = (
                "text" if item is example.get("start", {}).get("customParameters") else {"new": [1]}
            )
        assert reasons(name, example) == set()


@pytest.mark.parametrize("name", TO_TWILIO)
def test_an_unknown_field_to_twilio_is_rejected_in_every_object(
    schemas: dict[str, Schema], reasons: Reasons, name: str
) -> None:
    for example in schemas[name]["examples"]:
        for place in range(len(list(objects(example)))):
            changed = copy.deepcopy(example)
            list(objects(changed))[place]["unknown"] = "text"
            assert [keyword for keyword, _ in reasons(name, changed)] == ["additionalProperties"]


# In the shapes of Twilio's documentation and of captures, with SIDs that are placeholders, as they are there.
DOCUMENTED: list[tuple[str, Schema]] = [
    ("connected", {"protocol": "Call", "version": "0.2.0"}),
    (
        "start",
        {
            "start": {
                "accountSid": "ACxx",
                "streamSid": "MZxx",
                "callSid": "CAxx",
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": {},
            }
        },
    ),
    (
        "media-inbound",
        {"media": {"track": "inbound", "chunk": "101", "timestamp": "2088", "payload": "/" * 213 + "w=="}},
    ),
    ("media-inbound", {"media": {"track": "outbound", "chunk": "1", "timestamp": "0", "payload": ""}}),
    *(("dtmf", {"dtmf": {"track": "inbound_track", "digit": digit}}) for digit in "0123456789*#ABCD"),
    ("mark-inbound", {"mark": {"name": "one two"}}),
    ("stop", {"stop": {"accountSid": "ACxx", "callSid": "CAxx"}}),
    ("media-outbound", {"media": {"payload": "/" * 10668}}),
    ("mark-outbound", {"mark": {"name": "one two"}}),
    ("clear", {}),
]


@pytest.mark.parametrize(("name", "content"), DOCUMENTED)
def test_a_message_in_the_documented_shape_is_valid(reasons: Reasons, name: str, content: Schema) -> None:
    message = {"event": name.partition("-")[0]} | content
    if name != "connected":
        message["streamSid"] = "MZxx"
    if name != "connected" and f"wire/{name}" in FROM_TWILIO:
        message["sequenceNumber"] = "1" if name == "start" else "102"
    assert reasons(f"wire/{name}", message) == set()


def test_the_examples_of_the_wire_page_are_valid(reasons: Reasons) -> None:
    page = (ROOT / "docs" / "wire.md").read_text(encoding="utf-8")
    events: dict[str, list[str]] = {}
    for section in page.split("\n## ")[1:]:
        heading = section.partition("\n")[0]
        for block in re.findall(r"^```json\n(.*?)^```", section, re.MULTILINE | re.DOTALL):
            message = json.loads(block)
            assert (
                reasons("wire/inbound" if heading == "From Twilio" else "wire/outbound", message) == set()
            ), block
            events.setdefault(heading, []).append(message["event"])
    assert events == {
        "From Twilio": ["connected", "start", "media", "dtmf", "mark", "stop"],
        "To Twilio": ["media", "mark", "clear"],
    }


def test_the_code_of_the_readme_runs(schemas: dict[str, Schema], monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "spec" / "schemas" / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(ROOT)
    names: dict[str, Any] = {}
    exec(code, names)
    assert names["validator"].is_valid(schemas["wire/start"]["examples"][0])
    assert not names["validator"].is_valid(schemas["wire/clear"]["examples"][0])
