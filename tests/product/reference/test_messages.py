"""Tests of the wire format: reading messages and payloads, and writing them."""

import base64
import json
from typing import Any

import pytest

from twilio_reference.messages import (
    MAX_MESSAGE_LENGTH,
    MEDIA_CLOSING,
    clear,
    codes_of,
    media_opening,
    parse,
    payload_of,
    transport_message,
)

CODES = bytes(range(256))
PAYLOAD = base64.b64encode(CODES).decode()


@pytest.mark.parametrize("data", ['{"event": "stop"}', b'{"event": "stop"}', ' {"event":"stop"}\n'])
def test_an_object_is_read_from_text_and_from_bytes(data: str | bytes, logged: list[str]) -> None:
    assert parse(data) == {"event": "stop"}
    assert logged == []


@pytest.mark.parametrize(
    "data",
    ["", "null", "[]", '"a"', "{", '{"a": NaN}', '{"a": 1} {}', b"\xff", '{"\ud800": 1}', "[" * 1000],
)
def test_anything_else_is_refused_with_one_record_that_quotes_nothing(
    data: str | bytes, logged: list[str]
) -> None:
    assert parse(data) is None
    assert [record.strip() for record in logged] == [
        f"WARNING Ignored a message of length {len(data)}: too long, or not a JSON object"
    ]


@pytest.mark.parametrize(("surplus", "is_read"), [(0, True), (1, False)])
def test_a_message_is_read_up_to_the_longest_length(surplus: int, is_read: bool) -> None:
    data = "{}" + " " * (MAX_MESSAGE_LENGTH - 2 + surplus)
    assert (parse(data) == {}) is is_read


@pytest.mark.parametrize("media", [{"payload": PAYLOAD}, {"track": "inbound", "payload": PAYLOAD}])
def test_the_codes_of_the_inbound_track_are_read(media: dict[str, Any]) -> None:
    assert codes_of(media) == CODES


def test_the_outbound_track_is_ignored_without_a_record(logged: list[str]) -> None:
    assert codes_of({"track": "outbound", "payload": PAYLOAD}) == b""
    assert logged == []


@pytest.mark.parametrize(
    "media", [None, [], {}, {"payload": 1}, {"payload": "AAA"}, {"payload": "AA=A"}, {"payload": "AA A"}]
)
def test_a_payload_that_is_not_base64_gives_no_codes_and_one_record(media: Any, logged: list[str]) -> None:
    assert codes_of(media) == b""
    assert len(logged) == 1


@pytest.mark.parametrize("stream_sid", ["MZ1", 'MZ"1', "MZ\\1"])
def test_a_media_message_is_written_around_its_payload(stream_sid: str) -> None:
    written = json.loads(media_opening(stream_sid) + payload_of(CODES) + MEDIA_CLOSING)
    assert written == {"event": "media", "streamSid": stream_sid, "media": {"payload": PAYLOAD}}


def test_a_clear_message_names_its_stream() -> None:
    assert json.loads(clear('MZ"1')) == {"event": "clear", "streamSid": 'MZ"1'}


def test_an_applications_message_is_written_as_it_is() -> None:
    message = {"event": "mark", "mark": {"name": "é"}}
    assert json.loads(transport_message(message) or "") == message


@pytest.mark.parametrize("message", [None, "text", [1], {"a": float("nan")}, {"a": object()}])
def test_a_message_that_is_no_json_object_is_dropped_with_an_error(
    message: object, logged: list[str]
) -> None:
    assert transport_message(message) is None
    assert [record.split()[0] for record in logged] == ["ERROR"]
