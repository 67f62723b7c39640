"""What the schemas of the wire and of the exchange reject: each example with one change, and the reason."""

import base64
import copy
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

AJV = Path(__file__).parent / "asyncapi"
INSTALL = "npm ci --ignore-scripts --prefix tests/spec/asyncapi"

Schema = dict[str, Any]
Reasons = Callable[[str, object], set[tuple[str, str]]]


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


NEGATIVES = [
    *not_objects("wire/connected"),
    *missing("wire/connected", "event", "protocol", "version"),
    *at("wire/connected", "event", "start", "Connected", by="const"),
    *at("wire/connected", "protocol", "call", by="const"),
    *at("wire/connected", "version", 1.0, None, by="type"),
    *at("wire/connected", "version", "1", "1.0", "v1.0.0", by="pattern"),
    *not_objects("wire/start", "start", "start/mediaFormat", "start/customParameters"),
    *missing(
        "wire/start", "event", "sequenceNumber", "streamSid", "start", "start/streamSid", "start/accountSid"
    ),
    *missing(
        "wire/start", "start/callSid", "start/tracks", "start/mediaFormat", "start/mediaFormat/encoding"
    ),
    *missing("wire/start", "start/mediaFormat/sampleRate", "start/mediaFormat/channels"),
    *not_strings("wire/start", "streamSid", "start/streamSid", "start/accountSid", "start/callSid"),
    *not_strings("wire/start", "start/customParameters/agent"),
    *at("wire/start", "event", "connected", by="const"),
    *at("wire/start", "sequenceNumber", "2", "", by="const"),
    *empty("wire/start", "streamSid", "start/streamSid", "start/accountSid", "start/callSid"),
    *at("wire/start", "start/tracks", "inbound", None, by="type"),
    *at("wire/start", "start/tracks", [], by="minItems"),
    *at("wire/start", "start/tracks", ["inbound", "inbound"], by="uniqueItems"),
    *at("wire/start", "start/tracks/0", "inbound_track", "both_tracks", by="enum"),
    *at("wire/start", "start/mediaFormat/encoding", "audio/x-L16", "audio/basic", by="const"),
    *at("wire/start", "start/mediaFormat/sampleRate", 16000, by="const"),
    *at("wire/start", "start/mediaFormat/channels", 2, by="const"),
    *not_objects("wire/media-inbound", "media"),
    *missing("wire/media-inbound", "event", "sequenceNumber", "streamSid", "media"),
    *missing("wire/media-inbound", "media/track", "media/chunk", "media/timestamp", "media/payload"),
    *not_strings("wire/media-inbound", "sequenceNumber", "streamSid", "media/chunk", "media/timestamp"),
    *not_strings("wire/media-inbound", "media/payload"),
    *not_base64("wire/media-inbound", "media/payload"),
    *at("wire/media-inbound", "event", "Media", "mark", by="const"),
    *at("wire/media-inbound", "sequenceNumber", "0", "two", "", by="pattern"),
    *empty("wire/media-inbound", "streamSid"),
    *at("wire/media-inbound", "media/track", "inbound_track", "caller", by="enum"),
    *at("wire/media-inbound", "media/chunk", "0", "01", "1.0", by="pattern"),
    *at("wire/media-inbound", "media/timestamp", "-1", "0.5", "5 ms", by="pattern"),
    *not_objects("wire/dtmf", "dtmf"),
    *missing("wire/dtmf", "event", "sequenceNumber", "streamSid", "dtmf", "dtmf/track", "dtmf/digit"),
    *not_strings("wire/dtmf", "sequenceNumber", "streamSid", "dtmf/digit"),
    *at("wire/dtmf", "event", "DTMF", by="const"),
    *at("wire/dtmf", "sequenceNumber", "0", by="pattern"),
    *at("wire/dtmf", "dtmf/track", "inbound", "outbound_track", by="const"),
    *empty("wire/dtmf", "streamSid", "dtmf/digit"),
    *at("wire/dtmf", "dtmf/digit", "12", by="maxLength"),
    *not_objects("wire/mark-inbound", "mark"),
    *missing("wire/mark-inbound", "event", "sequenceNumber", "streamSid", "mark", "mark/name"),
    *not_strings("wire/mark-inbound", "sequenceNumber", "streamSid", "mark/name"),
    *empty("wire/mark-inbound", "streamSid"),
    *at("wire/mark-inbound", "event", "clear", by="const"),
    *at("wire/mark-inbound", "sequenceNumber", "1e3", by="pattern"),
    *not_objects("wire/stop", "stop"),
    *missing("wire/stop", "event", "sequenceNumber", "streamSid", "stop", "stop/accountSid", "stop/callSid"),
    *not_strings("wire/stop", "sequenceNumber", "streamSid", "stop/accountSid", "stop/callSid"),
    *at("wire/stop", "event", "closed", by="const"),
    *at("wire/stop", "sequenceNumber", "+3", by="pattern"),
    *empty("wire/stop", "streamSid", "stop/accountSid", "stop/callSid"),
    *not_objects("wire/media-outbound", "media"),
    *missing("wire/media-outbound", "event", "streamSid", "media", "media/payload"),
    *extra(
        "wire/media-outbound", "sequenceNumber", "stream_sid", "mark", "payload", "media/track", "media/chunk"
    ),
    *extra("wire/media-outbound", "media/timestamp", "media/contentType"),
    *not_strings("wire/media-outbound", "streamSid", "media/payload"),
    *not_base64("wire/media-outbound", "media/payload"),
    *at("wire/media-outbound", "event", "playAudio", by="const"),
    *empty("wire/media-outbound", "streamSid", "media/payload"),
    *not_objects("wire/mark-outbound", "mark"),
    *missing("wire/mark-outbound", "event", "streamSid", "mark", "mark/name"),
    *extra("wire/mark-outbound", "sequenceNumber", "media", "name", "mark/streamSid"),
    *not_strings("wire/mark-outbound", "streamSid", "mark/name"),
    *empty("wire/mark-outbound", "streamSid"),
    *at("wire/mark-outbound", "event", "marks", by="const"),
    *not_objects("wire/clear"),
    *missing("wire/clear", "event", "streamSid"),
    *extra("wire/clear", "sequenceNumber", "media", "clear"),
    *not_strings("wire/clear", "streamSid"),
    *at("wire/clear", "event", "clearAudio", by="const"),
    *empty("wire/clear", "streamSid"),
    *at("wire/inbound", "", None, [], {}, {"event": None}, {"event": "error"}, by="oneOf"),
    *at("wire/inbound", "", {"event": "clear", "streamSid": "MZ1"}, by="oneOf"),
    *at("wire/inbound", "event", "start", "stop", by="oneOf", place=""),
    *at("wire/inbound", "sequenceNumber", 57, by="oneOf", place="", example=1),
    *at(
        "wire/outbound",
        "",
        None,
        [],
        {},
        {"event": None},
        {"label": "rtvi-ai", "type": "bot-ready"},
        by="oneOf",
    ),
    *at("wire/outbound", "event", "dtmf", "stop", "media", by="oneOf", place=""),
    *at("wire/outbound", "sequenceNumber", "1", by="oneOf", place=""),
    *not_objects("exchange"),
    *missing("exchange", "request", "answer", "started", "finished", "request/scheme", "request/host"),
    *missing("exchange", "request/port", "request/method", "request/target", "request/http_version"),
    *missing("exchange", "request/headers"),
    *missing("exchange", "request/form", by="oneOf"),
    *extra("exchange", "status", "request/auth", "request/query", "answer/reason"),
    *not_strings("exchange", "request/host", "request/method", "request/target", "request/form/Status"),
    *(replace(negative, example=2) for negative in not_base64("exchange", "request/body_base64")),
    *empty("exchange", "request/host", "request/headers/0/0"),
    *not_strings("exchange", "request/http_version", "answer/body", "request/headers/0/0"),
    *(replace(negative, example=1) for negative in not_strings("exchange", "request/body")),
    *(replace(negative, example=2) for negative in not_strings("exchange", "request/body_base64")),
    *at("exchange", "number", 0, by="minimum"),
    *at("exchange", "connection", 0, by="minimum"),
    *at("exchange", "number", "1", 1.5, by="type"),
    *at("exchange", "connection", None, by="type"),
    *at("exchange", "note", [], by="type"),
    *at("exchange", "request/body", "Status=completed", by="oneOf", place="request"),
    *at("exchange", "request/scheme", "HTTPS", "wss", by="enum"),
    *at("exchange", "request/host", "API.twilio.com", by="pattern"),
    *at("exchange", "request/port", "443", None, by="type"),
    *at("exchange", "request/port", 65536, by="maximum"),
    *at("exchange", "request/port", 0, by="minimum"),
    *at("exchange", "request/sni", 443, by="type"),
    *at("exchange", "request/decoy", "false", by="type"),
    *at("exchange", "request/complete", None, by="type"),
    *at("exchange", "request/form", [["Status", "completed"]], by="type"),
    *at("exchange", "request/http_version", "HTTP/1.1", by="pattern"),
    *at("exchange", "request/headers", {"Host": "api.twilio.com"}, by="type"),
    *at("exchange", "request/headers/0", "Host: api.twilio.com", by="type"),
    *at("exchange", "request/headers/0", ["Host"], by="minItems"),
    *at("exchange", "request/headers/0", ["Host", "a", "b"], by="items"),
    *at("exchange", "request/headers/0/1", None, by="type"),
    *at("exchange", "request/headers/1/1", "Basic QUMxOnRva2Vu", "Basic ", "", by="pattern"),
    *at("exchange", "request/headers/0", ["authorization", "x"], by="pattern", place="request/headers/0/1"),
    *at(
        "exchange",
        "request/headers/0",
        ["Proxy-Authorization", "x"],
        by="pattern",
        place="request/headers/0/1",
    ),
    *at("exchange", "answer", {}, by="anyOf"),
    *at("exchange", "answer", [], "200", by="type"),
    *at("exchange", "answer", {"fault": "silence", "body": ""}, by="dependentRequired"),
    *at("exchange", "answer/body_base64", "", by="not", place="answer"),
    *at("exchange", "answer/status", 100, by="minimum"),
    *at("exchange", "answer/status", 600, by="maximum"),
    *at("exchange", "answer/headers", {}, by="type"),
    *at("exchange", "answer/headers/0", ["Content-Type"], by="minItems"),
    *at("exchange", "answer/status", "404", by="type"),
    *at("exchange", "answer/fault", "refuse", "Reset", by="enum"),
    *at("exchange", "started", None, "2026-11-22T10:00:00Z", by="type"),
    *at("exchange", "started", -1, by="minimum"),
    *at("exchange", "finished", -1, by="minimum"),
    *at("exchange", "finished", "later", by="type"),
]


@pytest.mark.parametrize(
    "negative", NEGATIVES, ids=lambda n: f"{n.schema}-{n.path}-{n.value!s:.20}-{n.keyword}"
)
def test_a_negative_is_rejected_for_its_reason_alone(
    schemas: dict[str, Schema], reasons: Reasons, negative: Negative
) -> None:
    assert reasons(negative.schema, negative.instance(schemas)) == {(negative.keyword, negative.at)}


def test_every_schema_has_at_least_six_negatives(schemas: dict[str, Schema]) -> None:
    counts = {name: sum(negative.schema == name for negative in NEGATIVES) for name in schemas}
    assert min(counts.values()) >= 6, counts


def is_canonical_base64(text: str) -> bool:
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


encoded = st.binary(max_size=40).map(lambda raw: base64.b64encode(raw).decode())


@given(text=st.text("AQgw8+/=-_ \n\r\té", max_size=12) | encoded)
def test_a_payload_is_accepted_exactly_if_an_encoder_makes_it(schemas: dict[str, Schema], text: str) -> None:
    for name, empty in (("wire/media-inbound", True), ("wire/media-outbound", False)):
        payload = schemas[name]["properties"]["media"]["properties"]["payload"]
        assert Draft202012Validator(payload).is_valid(text) == (
            is_canonical_base64(text) and (empty or text != "")
        )


@given(count=st.integers(min_value=0, max_value=2**70))
def test_a_count_is_accepted_as_a_string_and_not_as_a_number(schemas: dict[str, Schema], count: int) -> None:
    media = schemas["wire/media-inbound"]["properties"]["media"]["properties"]
    for field, least in (("timestamp", 0), ("chunk", 1)):
        assert Draft202012Validator(media[field]).is_valid(str(count)) == (count >= least)
        assert not Draft202012Validator(media[field]).is_valid(count)


def test_a_second_validator_agrees_on_every_example_and_negative(schemas: dict[str, Schema]) -> None:
    if shutil.which("node") is None or not (AJV / "node_modules" / "ajv").is_dir():
        pytest.skip(f"Ajv is not installed; {INSTALL}")
    valid = [(schema["$id"], example) for schema in schemas.values() for example in schema["examples"]]
    invalid = [(schemas[negative.schema]["$id"], negative.instance(schemas)) for negative in NEGATIVES]
    run = subprocess.run(
        ["node", "schemas.mjs"],
        cwd=AJV,
        input=json.dumps({"schemas": list(schemas.values()), "instances": valid + invalid}),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == [True] * len(valid) + [False] * len(invalid)
