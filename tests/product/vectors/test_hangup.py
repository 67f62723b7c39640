"""The vectors of the chapter Hang-up against Twilio's official client and the requirements' own words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from twilio_conformance.subject import frames

FOLDER = Path(__file__).parents[3] / "vectors" / "v1" / "hangup"
VECTORS = {
    path.stem: json.loads(path.read_bytes()) for path in sorted(FOLDER.glob("*.json")) if "+" not in path.stem
}

NAMES = {
    "stream_sid": "MZ" + "1" * 32,
    "call_sid": "CA" + "2" * 32,
    "account_sid": "AC" + "3" * 32,
    "auth_token": "4" * 32,
    "api_key_sid": "SK" + "5" * 32,
    "api_key_secret": "6" * 32,
}
ENDED = {(404, 20404), (400, 21220)}
TERMINAL = {"EndFrame", "CancelFrame"}


class Recorder(HttpClient):  # type: ignore[misc]
    """An HTTP client for Twilio's library that sends nothing and keeps what it was to send."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    def request(self, method: str, url: str, **rest: Any) -> Response:
        self.sent.append({"method": method, "url": url, **rest})
        return Response(200, json.dumps({"sid": NAMES["call_sid"], "status": "completed"}))


def _filled(vector: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(vector)
    for name, value in (NAMES | vector["given"].get("names", {})).items():
        text = text.replace("${" + name + "}", json.dumps(value)[1:-1])
    filled = json.loads(text)
    assert isinstance(filled, dict)
    return filled


def _expected_request(vector: dict[str, Any]) -> dict[str, Any]:
    aspects: dict[str, Any] = {}
    for expectation in vector["expect"]:
        aspects |= expectation.get("request", {})
    return aspects


def _level(vector: dict[str, Any], requirement: str) -> list[dict[str, Any]]:
    return [item["log"] for item in vector["expect"] if item["requirement"] == requirement]


REQUESTING = [
    name
    for name, vector in VECTORS.items()
    if _expected_request(vector)
    and "base_url" not in vector["given"]["arguments"]
    and "TokenAndKey" not in vector["flags"]
]


@pytest.mark.parametrize("name", REQUESTING)
def test_the_official_client_sends_the_expected_request(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("TWILIO_EDGE", "TWILIO_REGION", "TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    vector = _filled(VECTORS[name])
    given = vector["given"]["arguments"]
    recorder = Recorder()
    client = Client(
        username=given.get("api_key_sid", given["account_sid"]),
        password=given.get("api_key_secret", given.get("auth_token")),
        account_sid=given["account_sid"],
        region=given.get("region"),
        edge=given.get("edge"),
        http_client=recorder,
    )
    client.calls(given["call_sid"]).update(status="completed")
    (sent,) = recorder.sent
    url = urlsplit(sent["url"])
    official = {
        "method": sent["method"],
        "url": f"{url.scheme}://{url.netloc}",
        "target": url.path + (f"?{url.query}" if url.query else ""),
        "form": sent["data"],
        "basic": list(sent["auth"]),
    }
    assert sent["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert not sent["params"]
    expected = _expected_request(vector)
    assert {aspect: official[aspect] for aspect in expected} == expected


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("region-")])
def test_the_name_of_a_region_vector_says_its_edge_and_region(name: str) -> None:
    arguments = VECTORS[name]["given"]["arguments"]
    assert name.removesuffix("-cancel") == f"region-{arguments['edge']}-{arguments['region']}"


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("region-")])
def test_the_host_of_a_region_vector_is_well_formed(name: str) -> None:
    host = urlsplit(_expected_request(VECTORS[name])["url"]).netloc
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", label) for label in host.split("."))


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("answer-")])
def test_the_log_that_is_asked_for_follows_from_the_answer(name: str) -> None:
    vector = VECTORS[name]
    (answer,) = vector["given"]["answers"]
    body = json.loads(answer["body"]) if answer.get("body", "").startswith("{\n") else answer.get("json")
    code = body.get("code") if isinstance(body, dict) else None
    status = answer.get("status")
    if (status, code) in ENDED:
        assert name.startswith("answer-ended-")
        assert _level(vector, "TFS-HANGUP-14") == [{"level": "ERROR", "at_least": 0, "at_most": 0}]
    elif status == 200 or isinstance(code, str) or answer.get("fault") == "reset-in-answer":
        assert vector["expect"] == []
    else:
        assert name.startswith("answer-failed-")
        assert _level(vector, "TFS-HANGUP-15") == [{"level": "WARNING", "at_least": 1, "at_most": None}]


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("answer-")])
def test_no_answer_may_raise(name: str) -> None:
    (step,) = VECTORS[name]["steps"]
    assert step["serialize"]["frame"] in TERMINAL
    assert step["expect"] == [{"requirement": "TFS-HANGUP-13", "raises": None}]


@pytest.mark.parametrize("name", [name for name in VECTORS if name.startswith("quiet-")])
def test_a_quiet_vector_gives_no_terminal_frame_and_permits_no_request(name: str) -> None:
    vector = _filled(VECTORS[name])
    assert vector["given"]["arguments"].keys() >= {"call_sid", "account_sid", "auth_token"}
    given = [frames.build(step["serialize"]) for step in vector["steps"] if "serialize" in step]
    kinds = {kind.__name__ for frame in given for kind in type(frame).__mro__}
    assert not kinds & TERMINAL
    assert vector["expect"] == [
        {"requirement": "TFS-HANGUP-12", "requests": {"at_least": 0, "at_most": 0}},
    ]
