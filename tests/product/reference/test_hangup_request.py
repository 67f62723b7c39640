"""Tests of the hang-up's arguments and of the request that it sends."""

import traceback
from typing import Any

import httpx
import pytest
import respx
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import CancelFrame, EndFrame

from tests.product.reference.calls import ACCOUNT, ENDED, TOKEN, URL, basic, make
from twilio_reference.hangup import call_url

# Arguments


@pytest.mark.parametrize("name", ["call_sid", "account_sid", "auth_token"])
@pytest.mark.parametrize("value", [..., None, ""])
def test_a_missing_argument_is_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=rf"needs {name}\b"):
        make(**{name: value})


def test_all_missing_arguments_are_named_together() -> None:
    with pytest.raises(ValueError, match="call_sid, account_sid, auth_token"):
        make(call_sid=..., account_sid=..., auth_token=...)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"auth_token": ..., "api_key_sid": "SK1"}, "needs api_key_secret"),
        ({"auth_token": ..., "api_key_secret": "s"}, "needs api_key_sid"),
        ({"api_key_secret": "s"}, "needs api_key_sid"),
        ({"region": "ie1"}, "region and edge"),
        ({"edge": "dublin"}, "region and edge"),
        ({"region": "ie1", "edge": "dublin.evil.example"}, "edge"),
        ({"region": "ie1/", "edge": "dublin"}, "region"),
        ({"region": "-ie1", "edge": "dublin"}, "region"),
        ({"region": "ie1", "edge": "dublin\n"}, "edge"),
        ({"region": "i" * 64, "edge": "dublin"}, "region"),
        ({"account_sid": "AC:1"}, "account_sid"),
        ({"auth_token": "to\nken"}, "auth_token"),
        ({"auth_token": "\ud800"}, "auth_token"),
        ({"auth_token": ..., "api_key_sid": "SK:1", "api_key_secret": "s"}, "api_key_sid"),
        ({"auth_token": ..., "api_key_sid": "SK1", "api_key_secret": "s\0"}, "api_key_secret"),
        ({"call_sid": "."}, "call_sid"),
        ({"call_sid": ".."}, "call_sid"),
        ({"account_sid": ".."}, "account_sid"),
        ({"call_sid": "C" * 129}, "call_sid"),
        ({"base_url": "api.example.com"}, "base_url"),
        ({"base_url": "ftp://api.example.com"}, "base_url"),
        ({"base_url": "https://"}, "base_url"),
        ({"base_url": "https:///path"}, "base_url"),
        ({"base_url": "https://api.example.com?x=1"}, "base_url"),
        ({"base_url": "https://api.example.com/?"}, "base_url"),
        ({"base_url": "https://api.example.com/#x"}, "base_url"),
        ({"base_url": "https://user:word@api.example.com"}, "base_url"),
        ({"base_url": "https://api.example.com\\@evil.example"}, "base_url"),
        ({"base_url": "https://api.example.com\r\nX: y"}, "base_url"),
    ],
)
def test_an_unfit_argument_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as raised:
        make(**changes)
    assert TOKEN not in str(raised.value)
    assert "word" not in str(raised.value)
    # A traceback that shows the values on its lines passes none of ours that has an argument on it.
    ours = [entry.line for entry in traceback.extract_tb(raised.tb) if "twilio_reference" in entry.filename]
    assert ours == ["raise error.with_traceback(None) from None"]
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


# Request


async def test_the_request_is_the_documented_one(api: respx.MockRouter) -> None:
    route = api.post(URL).mock(ENDED)
    assert await make().serialize(EndFrame()) is None
    ((request, _),) = route.calls
    assert request.content == b"Status=completed"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert request.headers["authorization"] == basic(ACCOUNT, TOKEN)


async def test_an_api_key_takes_the_tokens_place(api: respx.MockRouter) -> None:
    route = api.post(URL).mock(ENDED)
    await make(auth_token=..., api_key_sid="SK1", api_key_secret=TOKEN).serialize(CancelFrame())
    assert route.calls.last.request.headers["authorization"] == basic("SK1", TOKEN)


@pytest.mark.parametrize(
    ("arguments", "root"),
    [
        ({}, "https://api.twilio.com"),
        ({"region": "", "edge": ""}, "https://api.twilio.com"),
        ({"region": "ie1", "edge": "dublin"}, "https://api.dublin.ie1.twilio.com"),
        ({"region": "us1", "edge": "ashburn-ix"}, "https://api.ashburn-ix.us1.twilio.com"),
        ({"base_url": "https://voice.example.com"}, "https://voice.example.com"),
        ({"base_url": "https://voice.example.com/"}, "https://voice.example.com"),
        ({"base_url": "http://127.0.0.1:8080/api/laml//"}, "http://127.0.0.1:8080/api/laml"),
        ({"base_url": "http://[::1]:8080"}, "http://[::1]:8080"),
        ({"base_url": "https://voice.example.com", "region": "ie1"}, "https://voice.example.com"),
    ],
)
def test_the_address_follows_region_and_edge_or_base_url(arguments: dict[str, str], root: str) -> None:
    assert call_url("AC1", "CA1", **arguments) == f"{root}/2010-04-01/Accounts/AC1/Calls/CA1.json"


@pytest.mark.parametrize(
    ("sid", "segment"),
    [
        ("CA1/../../x?y=1#z", b"CA1%2F..%2F..%2Fx%3Fy%3D1%23z"),
        ("CA%2e%2e", b"CA%252e%252e"),
        ("a@b:c d", b"a%40b%3Ac%20d"),
        ("é", b"%C3%A9"),
        ("9f1c2d3e-0000-4000-8000-123456789abc", b"9f1c2d3e-0000-4000-8000-123456789abc"),
    ],
)
async def test_a_sid_stays_one_path_segment_on_the_wire(
    api: respx.MockRouter, sid: str, segment: bytes
) -> None:
    route = api.post(host="api.twilio.com").mock(ENDED)
    await make(call_sid=sid).serialize(EndFrame())
    raw_path = route.calls.last.request.url.raw_path
    assert raw_path == b"/2010-04-01/Accounts/" + ACCOUNT.encode() + b"/Calls/" + segment + b".json"


@given(sid=st.text(min_size=1))
def test_any_sid_is_refused_or_stays_one_path_segment(sid: str) -> None:
    try:
        url = httpx.URL(call_url("AC1", sid))
    except ValueError:
        return
    assert url.host == "api.twilio.com"
    assert url.raw_path.count(b"/") == 5
    assert url.path == f"/2010-04-01/Accounts/AC1/Calls/{sid}.json"


async def test_proxies_and_netrc_of_the_environment_are_not_used(
    api: respx.MockRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}
    client = httpx.AsyncClient

    def watched(**arguments: Any) -> httpx.AsyncClient:
        seen.update(arguments)
        return client(**arguments)

    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setattr(httpx, "AsyncClient", watched)
    api.post(URL).mock(ENDED)
    await make().serialize(EndFrame())
    assert seen["trust_env"] is False
    assert seen["verify"].check_hostname
    assert seen["verify"].verify_mode.name == "CERT_REQUIRED"
