"""The names of a job: what is filled in, and that no secret comes through."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twilio_conformance.subject.redaction import SHORTEST_SECRET, Names, cut

NAMES = Names()
TOKEN, SECRET = NAMES.values["auth_token"], NAMES.values["api_key_secret"]
LOGIN = f"{NAMES.values['account_sid']}:{TOKEN}"
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]))


def test_every_job_has_names_of_its_own() -> None:
    assert not set(Names().values.values()) & set(Names().values.values())


def test_names_are_filled_in_wherever_they_stand() -> None:
    given = {"${stream_sid}": ["${call_sid} and ${call_sid}", 3, None, {"a": "$stream_sid"}]}
    stream, call = NAMES.values["stream_sid"], NAMES.values["call_sid"]
    assert NAMES.fill(given) == {stream: [f"{call} and {call}", 3, None, {"a": "$stream_sid"}]}


def test_a_name_that_nobody_knows_stays() -> None:
    assert NAMES.fill("${nobody}") == "${nobody}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (TOKEN, "<auth_token>"),
        (f"token={TOKEN}&", "token=<auth_token>&"),
        (SECRET * 2, "<api_key_secret><api_key_secret>"),
        (base64.b64encode(LOGIN.encode()).decode(), "<account_sid:auth_token>=="),
        (TOKEN.encode().hex(), "<auth_token>"),
        (f"{TOKEN[:20]}… (50 characters)", "<auth_token>… (50 characters)"),
        (f"{TOKEN[:20]}…{TOKEN[-9:]}' (50 characters)", "<auth_token>…<auth_token>' (50 characters)"),
        (f"…{SECRET[-6:]}", "…<api_key_secret>"),
        (cut("a" * 50 + TOKEN + "b" * 30, 90), "a" * 50 + "<auth_token>…" + "b" * 30 + " (112 characters)"),
        (f"'{SECRET[:6]}…", "'<api_key_secret>…"),
        (base64.b64encode(LOGIN.encode()).decode()[:70] + "…", "<account_sid:auth_token>…"),
    ],
    ids=[
        "plain",
        "in a form",
        "twice",
        "basic",
        "hexadecimal",
        "cut and counted",
        "cut in its middle",
        "only its end",
        "cut by the suite",
        "cut",
        "basic, cut",
    ],
)
def test_a_secret_is_shown_by_its_name(text: str, shown: str) -> None:
    assert NAMES.redact(text) == shown


def test_sids_are_no_secrets() -> None:
    sids = [value for name, value in NAMES.values.items() if name.endswith("_sid")]
    assert NAMES.redact(sids) == sids


@pytest.mark.parametrize(
    ("text", "limit", "shown"),
    [
        ("abc", 3, "abc"),
        ("abcdefghij", 6, "abcd…ij (10 characters)"),
        ("abc", 1, "a… (3 characters)"),
    ],
)
def test_a_text_is_cut_in_its_middle_and_measured(text: str, limit: int, shown: str) -> None:
    assert cut(text, limit) == shown


def test_a_beginning_that_is_not_cut_is_no_secret() -> None:
    assert NAMES.redact(TOKEN[:8]) == TOKEN[:8]


def test_every_text_of_a_json_value_is_looked_at() -> None:
    assert NAMES.redact({TOKEN: [{"a": (TOKEN, 3, None)}]}) == {
        "<auth_token>": [{"a": ["<auth_token>", 3, None]}]
    }


@settings(deadline=None)
@given(TEXT, TEXT, st.sampled_from([TOKEN, SECRET]))
def test_no_base64_of_a_text_with_a_secret_gives_it_away(before: str, after: str, secret: str) -> None:
    encoded = base64.b64encode(f"{before}{secret}{after}".encode()).decode()
    shown = NAMES.redact(encoded)
    assert "<" in shown
    remaining = base64.b64decode(shown.partition("<")[0][: len(shown.partition("<")[0]) // 4 * 4])
    assert secret[:4].encode() not in remaining


#: A token with everything in it that is written differently somewhere.
ODD = 'p:4+s%20s@/w&o=r?d#~"\\é'


@pytest.mark.parametrize(
    "written",
    [
        ODD,
        urllib.parse.quote(ODD),
        urllib.parse.quote(ODD, safe=""),
        urllib.parse.urlencode({"token": ODD}),
        json.dumps({"token": ODD}),
        repr([ODD]),
        f"{ODD[:9]}…",
    ],
)
def test_a_token_of_a_vector_is_found_however_it_is_written(written: str) -> None:
    names = Names(NAMES.values | {"auth_token": ODD})
    assert "<auth_token>" in names.redact(written)
    assert "p:4+s" not in names.redact(written)


def test_a_short_word_of_a_vector_is_no_secret() -> None:
    names = Names(NAMES.values | {"auth_token": "x" * (SHORTEST_SECRET - 1)})
    assert names.redact("x" * 100) == "x" * 100


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"json": {"streamSid": "${stream_sid}", "n": [1, "é"]}}, '{"streamSid":"MZ1","n":[1,"\\u00e9"]}'),
        ({"json": [], "as": "bytes"}, b"[]"),
        ({"text": "${stream_sid} stays"}, "${stream_sid} stays"),
        ({"parts": ["a${stream_sid}", {"repeat": "[", "times": 3}]}, "aMZ1[[["),
        ({"base64": "/w=="}, b"\xff"),
    ],
)
def test_a_message_is_made_as_its_step_describes_it(data: dict[str, Any], message: str | bytes) -> None:
    assert Names({"stream_sid": "MZ1"}).message(data) == message
