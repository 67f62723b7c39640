"""Cases of the chapter Hang-up: only the constructor's arguments decide which call is ended, where and as whom."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.case import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CALL_SID,
    HANGING_UP,
    STREAM_SID,
    Case,
    Json,
    deserialize,
    family,
    raises,
    request,
    serialize,
)
from twilio_vectors.cases.hangup import CANCEL, END, PAIR, STOP, TARGET
from twilio_vectors.steps import (
    OTHER_ACCOUNT,
    OTHER_CALL,
    OTHER_STREAM,
    dtmf,
    foreign_starts,
    mark,
    media,
    start,
)

SINCE = "2026.12"

KEY: Json = {"api_key_sid": "${api_key_sid}", "api_key_secret": "${api_key_secret}"}

TOKEN_LOGIN = [ACCOUNT_SID, AUTH_TOKEN]
KEY_LOGIN = ["${api_key_sid}", "${api_key_secret}"]

ENVIRONMENT: dict[str, Json] = {
    "account": {
        "TWILIO_ACCOUNT_SID": OTHER_ACCOUNT,
        "TWILIO_AUTH_TOKEN": "0" * 32,
    },
    "api-key": {
        "TWILIO_API_KEY": "SK" + "0" * 32,
        "TWILIO_API_KEY_SID": "SK" + "0" * 32,
        "TWILIO_API_SECRET": "0" * 32,
        "TWILIO_API_KEY_SECRET": "0" * 32,
    },
    "region": {"TWILIO_REGION": "au1", "TWILIO_EDGE": "sydney"},
    "call": {
        "TWILIO_CALL_SID": OTHER_CALL,
        "TWILIO_STREAM_SID": OTHER_STREAM,
        "TWILIO_BASE_URL": "https://telephony.twilio.com",
    },
}
"""What a process that also talks to Twilio for other reasons may have in its environment."""


@family("hangup")
def socket() -> Iterator[Case]:
    """Messages that name another stream, call or account: the call of the constructor is ended, as before."""
    stop = STOP | {"streamSid": OTHER_STREAM, "stop": {"accountSid": OTHER_ACCOUNT, "callSid": OTHER_CALL}}
    sessions = {name: [message] for name, message in foreign_starts().items()}
    sessions["after-its-own"] = [start(), sessions["all"][0]]
    sessions["stop"] = [start(), stop]
    sessions["own-stop"] = [start(), stop | {"streamSid": STREAM_SID}]
    others = {
        "callSid": OTHER_CALL,
        "accountSid": OTHER_ACCOUNT,
        "CallSid": OTHER_CALL,
        "AccountSid": OTHER_ACCOUNT,
    }
    key, played = dtmf("5"), mark("hello")
    sessions["members"] = [
        message | others | {event: message[event] | others}
        for event, message in (("dtmf", key), ("mark", played), ("media", media(b"\xff" * 160)))
    ]
    for name, messages in sessions.items():
        for suffix, frame in (("", END), ("-cancel", CANCEL)) if name == "all" else (("", END),):
            yield Case(
                name=f"socket-{name}{suffix}",
                text=f"{frame['frame']} after a message that names others ({name.replace('-', ' ')}).",
                arguments=dict(HANGING_UP),
                steps=[*map(deserialize, messages), serialize(frame)],
                expect=[_own("TFS-HANGUP-20", "https://api.twilio.com", TOKEN_LOGIN)],
                source="https://github.com/openclaw/openclaw/pull/136506",
                since=SINCE,
            )


@family("hangup")
def token_and_key() -> Iterator[Case]:
    """A token and a whole API key: refused, or one of the two signs the request."""
    for name, changes, url in (
        ("default", {}, "https://api.twilio.com"),
        ("region", PAIR, "https://api.dublin.ie1.twilio.com"),
    ):
        yield Case(
            name=f"token-and-key-{name}",
            text=f"EndFrame, with auth_token and an API key both given ({name}).",
            arguments=HANGING_UP | KEY | changes,
            construction=[raises("TFS-HANGUP-21", ["ValueError", None])],
            steps=[serialize(END)],
            expect=[request("TFS-HANGUP-21", target=TARGET, url=url, basic=[TOKEN_LOGIN, KEY_LOGIN])],
            result="acceptable",
            flags=("TokenAndKey",),
            source="pipecat-ai/pipecat PR 6270",
            since=SINCE,
        )


@family("hangup")
def environment() -> Iterator[Case]:
    """Variables of the environment name another account, key, region and call: the arguments decide."""
    everything = {name: value for variables in ENVIRONMENT.values() for name, value in variables.items()}
    keyed = {"stream_sid": STREAM_SID, "call_sid": CALL_SID, "account_sid": ACCOUNT_SID} | KEY
    default = "https://api.twilio.com"
    for name, variables in (ENVIRONMENT | {"all": everything}).items():
        yield _among(
            f"environment-{name}", variables, HANGING_UP, _own("TFS-HANGUP-22", default, TOKEN_LOGIN)
        )
    regional = _own("TFS-HANGUP-22", "https://api.dublin.ie1.twilio.com", TOKEN_LOGIN)
    yield _among("environment-with-a-region", everything, HANGING_UP | PAIR, regional)
    signed = _own("TFS-HANGUP-17", default, KEY_LOGIN)
    yield _among("api-key-environment", everything, keyed, signed)


def _among(name: str, variables: Json, arguments: Json, expected: Json) -> Case:
    return Case(
        name=name,
        text=f"EndFrame, while the environment holds {', '.join(variables)}.",
        arguments=dict(arguments),
        environment=dict(variables),
        steps=[serialize(END)],
        expect=[expected],
        source="api.txt",
        since=SINCE,
    )


def _own(requirement: str, url: str, login: list[str]) -> Json:
    return request(requirement, target=TARGET, url=url, basic=login)
