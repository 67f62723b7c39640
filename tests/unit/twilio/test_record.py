"""Records of connections and exchanges, and their JSON form without credentials."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from twilio_conformance.spec import catalogue
from twilio_conformance.twilio.network import Network
from twilio_conformance.twilio.record import Exchange, Record
from twilio_conformance.twilio.script import CONNECTION_FAULTS, Answer


def exchange(**parts: Any) -> Exchange:
    return Exchange(
        number=0, scheme="https", host="api.twilio.com", port=443, sni=None, decoy=False, connection=1,
        started=0.0, **parts,
    )  # fmt: skip


def test_a_connection_gets_the_next_fault_of_a_connection_only() -> None:
    record = Record([Answer(fault="refuse"), Answer(status=503)])
    first, fault = record.add_connection("api.twilio.com", 443, False)
    second, none = record.add_connection("api.twilio.com", 443, False)
    assert (first.number, first.fault, fault) == (1, "refuse", Answer(fault="refuse"))
    assert (second.number, second.fault, none) == (2, None, None)
    assert record.next_answer().status == 503


def test_exchanges_are_numbered_in_order_of_arrival_and_can_be_updated() -> None:
    record = Record()
    assert [record.add_exchange(exchange(method=method)) for method in ("GET", "POST")] == [1, 2]
    record.update_exchange(2, answer_status=404)
    assert [(e.number, e.method, e.answer_status) for e in record.exchanges] == [
        (1, "GET", None), (2, "POST", 404),
    ]  # fmt: skip


def test_headers_are_found_in_any_case() -> None:
    one = exchange(headers=(("X-Two", "1"), ("x-two", "2")), target="/a?b")
    assert (one.headers_named("X-TWO"), one.header("x-Two"), one.header("X-Three")) == (("1", "2"), "1", None)


def test_a_trace_shows_no_credentials(double: Network, hang_up: Any) -> None:
    httpx.post(hang_up.url(), content=hang_up.body, auth=(hang_up.account, hang_up.token))
    (one,) = double.exchanges
    shown = json.dumps(one.as_json())
    secret = hang_up.authorization.removeprefix("Basic ")
    assert '"Basic (redacted)"' in shown
    assert hang_up.path in shown
    jsonschema.Draft202012Validator(catalogue.load_schema("exchange")).validate(one.as_json())
    assert json.loads(shown)["request"]["body"] == hang_up.body.decode()
    for text in (shown, repr(one)):
        assert secret not in text
        assert hang_up.token not in text


def test_a_body_that_is_no_text_is_encoded_in_base64() -> None:
    assert base64.b64decode(exchange(body=b"\xff\xfe").as_json()["request"]["body_base64"]) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("Basic abc", "Basic (redacted)"), ("abc", "(redacted)"), ("Bearer a b", "Bearer (redacted)")],
)
def test_an_authorization_keeps_its_scheme_only(value: str, shown: str) -> None:
    one = exchange(headers=(("Authorization", value),))
    assert one.as_json()["request"]["headers"] == [["Authorization", shown]]


@given(
    faults=st.lists(st.sampled_from([None, "silence", *CONNECTION_FAULTS]), min_size=1, max_size=8),
    takers=st.lists(st.booleans(), max_size=20),
)
def test_a_script_never_skips_nor_repeats_an_answer_but_the_last(
    faults: list[str | None], takers: list[bool]
) -> None:
    answers = [Answer(fault=fault, delay=float(number)) for number, fault in enumerate(faults)]
    record = Record(answers)
    taken = []
    for is_connection in takers:
        if record.next_is_connection_fault() or not is_connection:
            taken.append(record.next_answer())
            assert not is_connection or taken[-1].fault in CONNECTION_FAULTS
    assert taken == (answers + answers[-1:] * len(taken))[: len(taken)]
