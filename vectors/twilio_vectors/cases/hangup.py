"""Cases of the chapter Hang-up: what the request is, when it is made, and when it is not."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.audio import pcm, speech
from twilio_vectors.case import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    CALL_SID,
    COMPLETED,
    HANGING_UP,
    STREAM_SID,
    Case,
    Json,
    audio,
    deserialize,
    family,
    nothing,
    raises,
    request,
    requests,
    serialize,
    set_up,
)

END: Json = {"frame": "EndFrame"}
CANCEL: Json = {"frame": "CancelFrame"}

TARGET = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Calls/{CALL_SID}.json"

PAIR = {"region": "ie1", "edge": "dublin"}
OFF = {"params": {"auto_hang_up": False}}

UPDATE_CALL = "Twilio's OpenAPI description, operation UpdateCall; api.twilio.com as the host of US1"

STOP: Json = {
    "event": "stop",
    "sequenceNumber": "5",
    "streamSid": STREAM_SID,
    "stop": {"accountSid": ACCOUNT_SID, "callSid": CALL_SID},
}

TRAFFIC = [
    deserialize({"event": "connected", "protocol": "Call", "version": "1.0.0"}),
    deserialize(
        {"event": "mark", "sequenceNumber": "2", "streamSid": STREAM_SID, "mark": {"name": "greeting"}}
    ),
    serialize(audio(bytes(320))),
    serialize({"frame": "InterruptionFrame"}),
]
"""What a call gives both ways before it ends."""


ENDED = nothing("TFS-HANGUP-09")
"""What serialize gives for a terminal frame."""


def sent() -> list[Json]:
    """What holds of the request whichever host it goes to."""
    return [
        request("TFS-HANGUP-03", method="POST"),
        request("TFS-HANGUP-04", target=TARGET),
        request("TFS-HANGUP-05", form={"Status": "completed"}),
        request("TFS-HANGUP-06", basic=[ACCOUNT_SID, AUTH_TOKEN]),
    ]


@family("hangup")
def terminal_frames() -> Iterator[Case]:
    """EndFrame and CancelFrame each end the call by one request to api.twilio.com."""
    media = {"track": "inbound", "chunk": "1", "timestamp": "20", "payload": "/w=="}
    letters = {"account_sid": "AC" + "0123456789ABCDEF" * 2, "call_sid": "CA" + "FEDCBA9876543210" * 2}
    for word, frame, requirement in (("end", END, "TFS-HANGUP-01"), ("cancel", CANCEL, "TFS-HANGUP-02")):
        kind = frame["frame"]
        for name, text, changes in (
            ("default", f"{kind}, with auto_hang_up enabled by default.", {}),
            (
                "explicit",
                f"{kind}, with auto_hang_up enabled in so many words.",
                {"params": {"auto_hang_up": True}},
            ),
            ("null-region", f"{kind}, with region and edge given as None.", {"region": None, "edge": None}),
        ):
            yield _hung_up(f"{word}-{name}", text, requirement, [serialize(frame, ENDED)], changes=changes)
        yield _hung_up(
            f"{word}-reason",
            f"{kind} with a reason, which is the pipeline's own and not Twilio's.",
            requirement,
            [serialize(frame | {"reason": "the caller said goodbye"}, ENDED)],
        )
        yield _hung_up(
            f"{word}-after-traffic",
            f"{kind} after audio, a mark and an interruption.",
            requirement,
            [*TRAFFIC, deserialize(_event("media", media=media)), serialize(frame, ENDED)],
        )
        yield _hung_up(
            f"{word}-after-stop",
            f"{kind} after Twilio's stop, which says that the stream has ended and not that the call has.",
            requirement,
            [deserialize(STOP), serialize(frame, ENDED)],
        )
        yield _hung_up(
            f"{word}-upper-case",
            f"{kind}, with SIDs whose letters are upper case: Twilio knows them in their own case only.",
            requirement,
            [serialize(frame, ENDED)],
            names=letters,
        )
        yield _hung_up(
            f"{word}-punctuation",
            f"{kind}, with a token that a URL or a form would change if it were put there.",
            requirement,
            [serialize(frame, ENDED)],
            names={"auth_token": "p:4+s%20s@/w&o=r?d#~"},
        )


@family("hangup")
def disabled() -> Iterator[Case]:
    """With auto_hang_up disabled, terminal frames give None and no request."""
    bare: Json = {"stream_sid": STREAM_SID}
    for word, frames in (("end", [END]), ("cancel", [CANCEL]), ("end-cancel", [END, CANCEL])):
        kinds = " and ".join(frame["frame"] for frame in frames)
        for suffix, text, arguments in (
            ("", "with credentials", HANGING_UP),
            ("-without-credentials", "without credentials", bare),
            ("-region", "with credentials, region and edge", HANGING_UP | PAIR),
        ):
            yield Case(
                name=f"disabled-{word}{suffix}",
                text=f"auto_hang_up is disabled: {kinds}, {text}.",
                arguments=arguments | OFF,
                steps=[serialize(frame, ENDED) for frame in frames],
                expect=[requests("TFS-HANGUP-11", 0)],
                source="api.txt",
            )


@family("hangup")
def once() -> Iterator[Case]:
    """After a request that Twilio has answered with success, terminal frames cause no other."""
    orders = (
        [END, END],
        [END, CANCEL],
        [CANCEL, END],
        [CANCEL, CANCEL],
        [END, CANCEL, END],
        [CANCEL, END, CANCEL],
    )
    for frames in orders:
        kinds = [frame["frame"] for frame in frames]
        yield Case(
            name="once-" + "-".join(kind.removesuffix("Frame").lower() for kind in kinds),
            text=f"{', then '.join(kinds)}: the first hangs up.",
            arguments=dict(HANGING_UP),
            steps=[serialize(frame) for frame in frames],
            expect=[requests("TFS-HANGUP-10", 1)],
            source="pipecat-ai/pipecat PR 1645",
        )
    yield Case(
        name="once-with-traffic-between",
        text="EndFrame, then audio and messages, then CancelFrame.",
        arguments=dict(HANGING_UP),
        steps=[serialize(END), *TRAFFIC, deserialize(STOP), serialize(CANCEL)],
        expect=[requests("TFS-HANGUP-10", 1)],
        source="pipecat-ai/pipecat PR 1645",
    )
    yield Case(
        name="once-with-setup-between",
        text="EndFrame, then setup once more, then CancelFrame: the call has ended all the same.",
        arguments=dict(HANGING_UP),
        steps=[serialize(END), set_up(8000), serialize(CANCEL)],
        expect=[requests("TFS-HANGUP-10", 1)],
        source="pipecat-ai/pipecat PR 1645",
        since="2026.12",
    )
    for name, text, answer in (
        ("in-progress", "200 with a call that is still in progress", {"json": {"status": "in-progress"}}),
        ("queued", "200 with a call that is still queued", {"json": {"status": "queued"}}),
        ("empty", "200 without a body", {}),
        ("page", "200 with a page that speaks of 20404", {"body": "<h1>20404</h1>"}),
    ):
        yield Case(
            name=f"once-answered-{name}",
            text=f"EndFrame, then CancelFrame; the answer is {text}: any 200 is success.",
            arguments=dict(HANGING_UP),
            answers=[{"status": 200} | answer],
            steps=[serialize(END), serialize(CANCEL)],
            expect=[requests("TFS-HANGUP-10", 1)],
            source="Twilio's OpenAPI description, operation UpdateCall: 200 is success, whatever the call's status",
            since="2026.12",
        )
    yield Case(
        name="once-after-a-failure",
        text="The first answer is 503 and all others are 200: whoever tries again, at once or at the next "
        "frame, stops at the first success.",
        arguments=dict(HANGING_UP),
        answers=[
            {"status": 503, "json": {"code": 20503, "message": "Service unavailable", "status": 503}},
            COMPLETED,
        ],
        steps=[serialize(END), serialize(CANCEL), serialize(END), serialize(CANCEL)],
        expect=[requests("TFS-HANGUP-10", 1, 2)],
        source="the requirement: only an answer of success forbids another request",
    )


@family("hangup")
def api_key() -> Iterator[Case]:
    """With an API key, its SID and secret sign the request, and the account stays in the target."""
    arguments: Json = {
        "stream_sid": STREAM_SID,
        "call_sid": CALL_SID,
        "account_sid": ACCOUNT_SID,
        "api_key_sid": "${api_key_sid}",
        "api_key_secret": "${api_key_secret}",
    }
    for name, text, frame, changes in (
        ("end", "EndFrame.", END, {}),
        ("cancel", "CancelFrame.", CANCEL, {}),
        ("region", "EndFrame, with region and edge.", END, PAIR),
    ):
        yield Case(
            name=f"api-key-{name}",
            text=f"Constructed with an API key: {text}",
            arguments=arguments | changes,
            steps=[serialize(frame)],
            expect=[
                requests("TFS-HANGUP-17", 1),
                request("TFS-HANGUP-17", target=TARGET, basic=["${api_key_sid}", "${api_key_secret}"]),
            ],
            source="https://www.twilio.com/docs/api/errors/20003",
        )


@family("hangup")
def base_url() -> Iterator[Case]:
    """With base_url, the request goes to that root; region and edge have no say."""
    root = "https://telephony.twilio.com"
    for name, text, url, path, changes in (
        ("host", "A scheme and a host.", root, "", {}),
        ("trailing-slash", "A slash at the end.", f"{root}/", "", {}),
        ("region", "Region and edge are given too.", root, "", PAIR),
        ("region-trailing-slash", "A slash at the end, and region and edge.", f"{root}/", "", PAIR),
        ("path", "A path under which the API stands.", f"{root}/api/laml", "/api/laml", {}),
        ("path-trailing-slash", "A path with a slash at the end.", f"{root}/api/laml/", "/api/laml", {}),
        ("port", "A port of its own.", f"{root}:8443", "", {}),
    ):
        yield Case(
            name=f"base-url-{name}",
            text=f"Constructed with base_url {url}: {text}",
            arguments=HANGING_UP | {"base_url": url} | changes,
            steps=[serialize(END)],
            expect=[
                requests("TFS-HANGUP-18", 1),
                request("TFS-HANGUP-18", url=url.rstrip("/").removesuffix(path), target=path + TARGET),
            ],
            source="pipecat-ai/pipecat PR 4845, PR 4885",
        )
    for name, text, url, path in (
        ("http", "It is http, and stays so.", "http://telephony.twilio.com", ""),
        ("http-port-path", "http, with a port and a path.", "http://telephony.twilio.com:8080/api", "/api"),
        ("https-port-path", "A port and a path.", f"{root}:8443/api/laml", "/api/laml"),
    ):
        yield Case(
            name=f"base-url-{name}",
            text=f"Constructed with base_url {url}: {text}",
            arguments=HANGING_UP | {"base_url": url},
            steps=[serialize(END)],
            expect=[
                requests("TFS-HANGUP-18", 1),
                request("TFS-HANGUP-18", url=url.removesuffix(path), target=path + TARGET),
            ],
            source="pipecat-ai/pipecat PR 4845: used verbatim as the API root",
            since="2026.12",
        )


@family("hangup")
def pending() -> Iterator[Case]:
    """A terminal frame after audio of which some may be withheld: a converter's last samples, half a sample."""
    given = {
        "24-khz": audio(pcm(speech(480, 94)), rate=24000),
        "half-a-sample": audio(pcm(speech(160, 95)) + b"\x01"),
    }
    for name, frame in given.items():
        for kind in ("EndFrame", "CancelFrame"):
            yield Case(
                name=f"pending-{name}-{kind.removesuffix('Frame').lower()}",
                text=f"A {kind} after a frame of audio ({name}), of which some may be withheld.",
                arguments=dict(HANGING_UP),
                steps=[serialize(frame), serialize(frame), serialize({"frame": kind}, ENDED)],
                source="https://www.twilio.com/docs/api/errors/31951",
                since="2026.12",
            )


@family("hangup")
def unfit_base_url() -> Iterator[Case]:
    """A base_url from which no address of the API can be built."""
    for name, text, url in (
        ("no-scheme", "It has no scheme.", "telephony.twilio.com"),
        ("no-host", "It has no host.", "https:///api"),
        ("other-scheme", "Its scheme is not one of HTTP.", "ftp://telephony.twilio.com"),
        ("query", "It has a query, which would swallow the path.", "https://telephony.twilio.com?x=1"),
        ("fragment", "It has a fragment, which would swallow the path.", "https://telephony.twilio.com#x"),
    ):
        yield Case(
            name=f"unfit-base-url-{name}",
            text=f"Constructed with base_url {url}: {text}",
            arguments=HANGING_UP | {"base_url": url},
            rate=None,
            construction=[raises("TFS-HANGUP-19", "ValueError")],
            result="invalid",
            twin="base-url-host",
            source="RFC 3986, section 3",
        )


def _hung_up(
    name: str,
    text: str,
    requirement: str,
    steps: list[Json],
    *,
    changes: Json | None = None,
    names: Json | None = None,
) -> Case:
    """A session that ends with one terminal frame and its one request to the default host."""
    return Case(
        name=name,
        text=text,
        arguments=HANGING_UP | (changes or {}),
        names=names or {},
        steps=steps,
        expect=[requests(requirement, 1), *sent(), request("TFS-HANGUP-07", url="https://api.twilio.com")],
        source=UPDATE_CALL,
    )


def _event(event: str, **members: Json) -> Json:
    return {"event": event, "sequenceNumber": "4", "streamSid": STREAM_SID, **members}
