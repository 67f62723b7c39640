"""The AsyncAPI document: valid, complete, and standing on the wire schemas.

AsyncAPI's own parser judges it where Node.js and the parser are installed (tests/spec/asyncapi). Everywhere,
Python judges its structure: the members that each kind of object may and must have, every reference, and
which message goes in which direction.
"""

import copy
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
DOCUMENT = ROOT / "spec" / "asyncapi.yaml"
PARSER = Path(__file__).parent / "asyncapi"
INSTALL = "npm ci --ignore-scripts --prefix tests/spec/asyncapi"

# Of each kind of object of AsyncAPI 3.0 that the document uses: required members, and others permitted.
MEMBERS: dict[str, tuple[set[str], set[str]]] = {
    "document": (
        {"asyncapi", "info", "channels", "operations", "components"},
        {"id", "servers", "defaultContentType"},
    ),
    "info": (
        {"title", "version"},
        {"description", "termsOfService", "contact", "license", "tags", "externalDocs"},
    ),
    "server": (
        {"host", "protocol"},
        {
            "protocolVersion",
            "pathname",
            "description",
            "title",
            "summary",
            "variables",
            "security",
            "bindings",
        },
    ),
    "channel": (
        {"address", "messages"},
        {"title", "summary", "description", "servers", "parameters", "tags", "externalDocs", "bindings"},
    ),
    "operation": (
        {"action", "channel", "messages", "summary"},
        {"title", "description", "security", "tags", "externalDocs", "bindings", "traits", "reply"},
    ),
    "message": (
        {"title", "summary", "payload"},
        {
            "name",
            "description",
            "headers",
            "correlationId",
            "contentType",
            "tags",
            "bindings",
            "examples",
            "traits",
        },
    ),
}


def load() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return document


def references(value: object) -> Iterator[str]:
    """The target of each $ref in a JSON value."""
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from references(element)


def resolve(document: dict[str, Any], target: str) -> Any:
    """What a $ref in the document points to; raises KeyError or OSError where that is nothing."""
    if not target.startswith("#/"):
        return json.loads((DOCUMENT.parent / target).read_text(encoding="utf-8"))
    found: Any = document
    for step in target[2:].split("/"):
        found = found[step]
    return found


def structural_faults(document: dict[str, Any]) -> list[str]:
    """What is wrong with the document, as far as Python can tell without an AsyncAPI parser."""
    faults = [] if document.get("asyncapi") == "3.0.0" else ["asyncapi is not 3.0.0"]
    for target in references(document):
        try:
            resolve(document, target)
        except (KeyError, OSError):
            faults.append(f"{target} does not exist")
    groups = {
        "document": {"document": document},
        "info": {"info": document.get("info", {})},
        "server": document.get("servers", {}),
        "channel": document.get("channels", {}),
        "operation": document.get("operations", {}),
        "message": document.get("components", {}).get("messages", {}),
    }
    for kind, group in groups.items():
        required, optional = MEMBERS[kind]
        for name, item in group.items():
            faults += [f"{kind} {name} has no {member}" for member in sorted(required - item.keys())]
            faults += [f"{kind} {name} has {member}" for member in sorted(item.keys() - required - optional)]
    for name, operation in groups["operation"].items():
        if operation.get("action") not in ("send", "receive"):
            faults.append(f"operation {name} neither sends nor receives")
        own = f"{operation.get('channel', {}).get('$ref')}/messages/"
        faults += [
            f"{target} is not in {name}'s channel"
            for target in references(operation.get("messages", []))
            if not target.startswith(own)
        ]
    return faults


def payloads(document: dict[str, Any], action: str) -> list[str]:
    """The $id of the payload schema of each message of each operation with this action."""
    return [
        resolve(document, resolve(document, resolve(document, message["$ref"])["$ref"])["payload"]["$ref"])[
            "$id"
        ]
        for operation in document["operations"].values()
        if operation["action"] == action
        for message in operation["messages"]
    ]


def without_a_channel_message(document: dict[str, Any]) -> None:
    del document["channels"]["stream"]["messages"]["clear"]


def with_a_payload_that_is_no_file(document: dict[str, Any]) -> None:
    document["components"]["messages"]["dtmf"]["payload"]["$ref"] = "schemas/wire/dtfm.json"


def without_a_title(document: dict[str, Any]) -> None:
    del document["info"]["title"]


def with_an_action_that_does_not_exist(document: dict[str, Any]) -> None:
    document["operations"]["sendClear"]["action"] = "publish"


def with_a_misspelt_member(document: dict[str, Any]) -> None:
    document["channels"]["stream"]["adress"] = "/ws"


def without_a_protocol(document: dict[str, Any]) -> None:
    del document["servers"]["application"]["protocol"]


FLAWS: list[Callable[[dict[str, Any]], None]] = [
    without_a_channel_message,
    with_a_payload_that_is_no_file,
    without_a_title,
    with_an_action_that_does_not_exist,
    with_a_misspelt_member,
    without_a_protocol,
]


def flawed(flaw: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    document = copy.deepcopy(load())
    flaw(document)
    return document


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What AsyncAPI's parser says of the document, under "", and of each flawed one, under its flaw."""
    if shutil.which("node") is None or not (PARSER / "node_modules" / "@asyncapi" / "parser").is_dir():
        pytest.skip(f"AsyncAPI's parser is not installed, so only the structure is checked; {INSTALL}")
    folder = tmp_path_factory.mktemp("asyncapi")
    shutil.copytree(DOCUMENT.parent / "schemas", folder / "schemas")
    paths = {"": DOCUMENT} | {flaw.__name__: folder / f"{flaw.__name__}.yaml" for flaw in FLAWS}
    for flaw in FLAWS:
        paths[flaw.__name__].write_text(yaml.safe_dump(flawed(flaw)), encoding="utf-8")
    run = subprocess.run(
        ["node", "validate.mjs", *map(str, paths.values())],
        cwd=PARSER,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (run.returncode, run.stderr) == (1, ""), run.stderr
    return dict(zip(paths, map(json.loads, run.stdout.splitlines()), strict=True))


def test_the_structure_is_that_of_asyncapi_3() -> None:
    assert structural_faults(load()) == []


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flawed_structure_is_found(flaw: Callable[[dict[str, Any]], None]) -> None:
    assert structural_faults(flawed(flaw)) != []


@pytest.mark.parametrize(("action", "direction"), [("receive", "inbound"), ("send", "outbound")])
def test_every_message_is_the_payload_of_one_operation_in_its_direction(action: str, direction: str) -> None:
    schema = json.loads(
        (DOCUMENT.parent / "schemas" / "wire" / f"{direction}.json").read_text(encoding="utf-8")
    )
    assert sorted(payloads(load(), action)) == sorted(branch["$ref"] for branch in schema["oneOf"])


def test_the_version_is_the_one_that_connected_announces() -> None:
    schema = json.loads((DOCUMENT.parent / "schemas" / "wire" / "connected.json").read_text(encoding="utf-8"))
    assert {load()["info"]["version"]} == {example["version"] for example in schema["examples"]}


def test_a_mark_is_answered_by_a_mark() -> None:
    document = load()
    (reply,) = document["operations"]["sendMark"]["reply"]["messages"]
    assert reply in document["operations"]["receiveMark"]["messages"]


def test_asyncapis_parser_accepts_the_document_with_every_reference_resolved(
    parsed: dict[str, dict[str, Any]],
) -> None:
    assert parsed[""]["faults"] == []
    for action in ("receive", "send"):
        operations = [one for one in parsed[""]["operations"] if one["action"] == action]
        assert [payload for one in operations for payload in one["payloads"]] == payloads(load(), action)


@pytest.mark.parametrize("flaw", FLAWS)
def test_asyncapis_parser_rejects_a_flawed_document(
    parsed: dict[str, dict[str, Any]], flaw: Callable[[dict[str, Any]], None]
) -> None:
    assert parsed[flaw.__name__]["faults"] != []
