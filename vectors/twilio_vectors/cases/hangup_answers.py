"""Cases of the chapter Hang-up: what Twilio's API answers, and what may come of it.

Nothing here counts requests: what Twilio calls safe to repeat may be repeated, and so does the last answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from twilio_vectors.case import (
    COMPLETED,
    FIRST_EDITION,
    HANGING_UP,
    Case,
    Json,
    family,
    logged,
    raises,
    serialize,
)
from twilio_vectors.cases.hangup import CANCEL, END

ERRORS = "https://www.twilio.com/docs/api/errors/"
HTML = "<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
CANCELLED = {"200", "ended-404", "ended-400", "failed-401-20003", "failed-500-20500", "failed-refused"}
"""The answers that a CancelFrame meets as well: one of each sort."""

Given = tuple[str, str, Json]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer by which Twilio refuses: its HTTP status, its error code, its message."""

    status: int
    code: int
    message: str

    @property
    def answer(self) -> Json:
        """The answer in full, with the type and the members that Twilio's API gives."""
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return {
            "status": self.status,
            "json": body,
            "headers": {"Content-Type": "application/json;charset=utf-8"},
        }

    @property
    def short(self) -> Json:
        """The answer without what Twilio's pages call optional, but for the code."""
        return {
            "status": self.status,
            "json": {"code": self.code, "message": self.message, "status": self.status},
        }


NOT_FOUND = Refusal(
    404,
    20404,
    "The requested resource /2010-04-01/Accounts/${account_sid}/Calls/${call_sid}.json was not found",
)
NOT_IN_PROGRESS = Refusal(400, 21220, "Call is not in-progress. Cannot redirect.")

REFUSALS = (
    Refusal(400, 20001, "Unknown parameters"),
    Refusal(401, 20003, "Authenticate"),
    Refusal(403, 20403, "Forbidden"),
    Refusal(403, 20005, "Account not active"),
    Refusal(404, 20006, "Access denied"),
    Refusal(405, 20004, "Method not allowed"),
    Refusal(429, 20429, "Too Many Requests"),
    Refusal(500, 20500, "Internal Server Error"),
    Refusal(503, 20503, "Service unavailable"),
)

UNREADABLE: tuple[Given, ...] = (
    (
        "404-without-code",
        "404 with status and message only.",
        {"status": 404, "json": {"status": 404, "message": "No"}},
    ),
    (
        "404-html",
        "404 from something that is not Twilio's API.",
        {"status": 404, "body": HTML.format(title="Not Found")},
    ),
    ("404-empty", "404 without a body.", {"status": 404}),
    ("404-cut-short", "404 whose JSON ends too early.", {"status": 404, "body": '{"status": 404, "mess'}),
    ("404-list", "404 whose JSON is no object.", {"status": 404, "json": ["Not found"]}),
    ("404-null", "404 whose JSON is null.", {"status": 404, "json": None}),
    ("404-bytes", "404 with a body that is not UTF-8.", {"status": 404, "body_base64": "//79gA=="}),
    (
        "400-without-code",
        "400 with status and message only.",
        {"status": 400, "json": {"status": 400, "message": "No"}},
    ),
    ("400-empty", "400 without a body.", {"status": 400}),
    ("500-empty", "500 without a body.", {"status": 500}),
    ("502-html", "502 from a gateway.", {"status": 502, "body": HTML.format(title="Bad Gateway")}),
)
"""Failures whose body says nothing that could be relied on."""

FAULTS: tuple[Given, ...] = (
    ("refused", "Connections are refused.", {"fault": "refuse"}),
    ("reset", "Connections are reset when the request has come.", {"fault": "reset"}),
    ("reset-in-handshake", "Connections are reset in the TLS handshake.", {"fault": "reset-in-handshake"}),
    ("closed", "Connections are closed without an answer.", {"fault": "close"}),
)


@family("hangup")
def success() -> Iterator[Case]:
    """200 in the forms that it may take: no exception."""
    for name, text, answer in (
        ("200", "200 with the call's new state.", COMPLETED),
        (
            "200-in-progress",
            "200 with a call that is about to end.",
            {"status": 200, "json": {"status": "in-progress"}},
        ),
        ("200-empty", "200 without a body.", {"status": 200}),
        ("200-text", "200 with a body that is no JSON.", {"status": 200, "body": "OK"}),
    ):
        yield from _answered(name, text, answer)


@family("hangup")
def already_ended() -> Iterator[Case]:
    """The two answers for a call that has ended already: no exception, and no error in the log."""
    for refusal, text in (
        (NOT_FOUND, "the caller hung up first, and the call is not found"),
        (NOT_IN_PROGRESS, "the call is in no state in which it could be ended"),
    ):
        quietly = logged("TFS-HANGUP-14", "ERROR", at_most=0)
        for suffix, answer in (
            ("", refusal.answer),
            ("-short", refusal.short),
            ("-in-two", refusal.answer | {"chunked": True}),
        ):
            yield from _answered(
                f"ended-{refusal.status}{suffix}",
                f"{refusal.status} with code {refusal.code}: {text}.",
                answer,
                quietly,
                source=f"{ERRORS}{refusal.code}",
            )


@family("hangup")
def codes_in_json() -> Iterator[Case]:
    """The code is the member of the JSON object, however that is written, and nothing else in the body."""
    json_type = {"Content-Type": "application/json"}
    body = '{{\n    "message": "Not found",\n    "status" : 404,\n    "{}" : 20404\n}}'
    for name, text, spelled in (
        ("indented", "over several lines", "code"),
        ("escaped", "with an escape in the name", "\\u0063ode"),
    ):
        yield from _answered(
            f"ended-404-{name}",
            f"404 with code 20404, written {text}.",
            {"status": 404, "headers": json_type, "body": body.format(spelled)},
            logged("TFS-HANGUP-14", "ERROR", at_most=0),
            source=f"{ERRORS}20404",
            since="2026.12",
        )
    for name, text, members in (
        ("mentioned", "whose message mentions 20404", {"code": 20006, "message": 'Not "code": 20404'}),
        ("nested", "with 20404 in an object inside", {"code": 20001, "details": {"code": 20404}}),
        ("link", "whose link ends in 20404", {"message": "No", "more_info": f"{ERRORS}20404"}),
    ):
        yield from _failed(
            f"404-{name}",
            f"404 {text}.",
            {"status": 404, "json": members | {"status": 404}},
            source="https://www.twilio.com/docs/usage/twilios-response",
            since="2026.12",
        )


@family("hangup")
def code_as_text() -> Iterator[Case]:
    """404 whose code is the text 20404: it may be read as the number, or as something else; no exception."""
    yield Case(
        name="answer-404-code-as-text",
        text="404 whose code is a text that holds the number 20404.",
        arguments=dict(HANGING_UP),
        answers=[{"status": 404, "json": {"code": "20404", "message": "Not found", "status": 404}}],
        steps=[serialize(END, raises("TFS-HANGUP-13", None))],
        premise="attempt",
        result="acceptable",
        flags=("CodeAsText",),
        source="https://www.twilio.com/docs/usage/twilios-response",
    )


@family("hangup")
def refused() -> Iterator[Case]:
    """Twilio refuses, by each status and code that its pages give: no exception, and something in the log."""
    for refusal in REFUSALS:
        yield from _failed(
            f"{refusal.status}-{refusal.code}",
            f"{refusal.status} with code {refusal.code}, {refusal.message}.",
            refusal.answer,
            source=f"{ERRORS}{refusal.code}",
        )
    for name, text, answer in UNREADABLE:
        yield from _failed(name, text, answer, source="https://www.twilio.com/docs/usage/twilios-response")


@family("hangup")
def unreachable() -> Iterator[Case]:
    """Twilio cannot be reached, or does not answer to the end."""
    for name, text, answer in FAULTS:
        yield from _failed(name, text, answer, source="the requirement: a failure to reach Twilio")
    yield from _answered(
        "reset-in-answer", "Connections are reset in the middle of the answer.", {"fault": "reset-in-answer"}
    )


def _failed(name: str, text: str, answer: Json, *, source: str, since: str = FIRST_EDITION) -> Iterator[Case]:
    loudly = logged("TFS-HANGUP-15", "WARNING", at_least=1)
    yield from _answered(f"failed-{name}", text, answer, loudly, source=source, since=since)


def _answered(
    name: str,
    text: str,
    answer: Json,
    *expect: Json,
    source: str = "https://www.twilio.com/docs/usage/twilios-response",
    since: str = FIRST_EDITION,
) -> Iterator[Case]:
    """One session that ends by an EndFrame, and for some answers one that ends by a CancelFrame."""
    for suffix, frame in (("", END), ("-cancel", CANCEL)) if name in CANCELLED else (("", END),):
        yield Case(
            name=f"answer-{name}{suffix}",
            text=f"{frame['frame']} is answered with: {text}",
            arguments=dict(HANGING_UP),
            answers=[answer],
            steps=[serialize(frame, raises("TFS-HANGUP-13", None))],
            expect=list(expect),
            premise="attempt",
            source=source,
            since=since,
        )
