"""Vectors of the chapter Hang-up under faults: what a server may do, and what may come of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from twilio_vectors.case import (
    COMPLETED,
    HANGING_UP,
    Case,
    Json,
    b64,
    family,
    logged,
    raises,
    requests,
    serialize,
    wait,
    within,
)
from twilio_vectors.cases.hangup import CANCEL, END
from twilio_vectors.cases.hangup_answers import HTML, NOT_FOUND, Given

PAGE = HTML.format(title="Welcome")
ELSEWHERE = "https://decoy.example/elsewhere"
HERE = "https://api.twilio.com/elsewhere"
SEMANTICS = "RFC 9110, HTTP Semantics"
NOT_RAISED: list[str | None] = [None, "DidNotReturn"]
"""What TFS-FAULT-01 permits where something else has to say whether serialize returns at all."""


def faulty(
    name: str, text: str, answers: list[Json], *expect: Json, frame: Json = END, **fields: object
) -> Case:
    """A call that ends by one terminal frame, which is never allowed to raise."""
    return Case(
        name,
        f"{frame['frame']} is answered with: {text}",
        arguments=dict(HANGING_UP),
        answers=answers,
        steps=[serialize(frame, raises("TFS-FAULT-01", None))],
        expect=list(expect),
        premise="attempt",
        **{"source": SEMANTICS} | fields,  # type: ignore[arg-type]
    )


def noticed() -> Json:
    """Expect a log record of the failure."""
    return logged("TFS-FAULT-12", "WARNING", at_least=1)


# Success in other forms


@family("faults")
def other_success() -> Iterator[Case]:
    """2xx other than 200, and 200 after 100 or with a body in pieces: success, so no error in the log."""
    quietly = logged("TFS-FAULT-11", "ERROR", at_most=0)
    body = {"json": {"status": "completed"}}
    for name, text, answer in (
        ("201", "201 with the call.", {"status": 201} | body),
        ("202", "202, accepted.", {"status": 202} | body),
        ("204", "204 without a body.", {"status": 204}),
        ("299", "299, which nobody has assigned, and which counts as any 2xx.", {"status": 299} | body),
        ("200-chunked", "200 in two chunks.", {"status": 200, "chunked": True} | body),
        ("200-after-100", "200 after 100.", {"status": 200, "interim": [100]} | body),
        ("200-other-reason", "200 with a reason of its own.", {"status": 200, "reason": "Gone well"} | body),
    ):
        yield faulty(f"success-{name}", text, [answer], quietly)
    for status in (102, 103):
        answer = {"status": 200, "interim": [status]} | body
        yield faulty(
            f"interim-{status}",
            f"200 after {status}.",
            [answer],
            result="acceptable",
            flags=("InterimAnswer",),
        )


# Failure in other forms

LYING: tuple[Given, ...] = (
    (
        "404-html-as-json",
        "404 with a page that is called JSON.",
        {"status": 404, "headers": {"Content-Type": "application/json"}, "body": HTML.format(title="No")},
    ),
    (
        "404-text-as-html",
        "404 with a text that is called HTML.",
        {"status": 404, "headers": {"Content-Type": "text/html"}, "body": "no such call"},
    ),
    (
        "500-json-as-image",
        "500 with JSON that is called an image.",
        {"status": 500, "headers": {"Content-Type": "image/png"}, "json": {"code": 20500}},
    ),
    (
        "500-unknown-charset",
        "500 with a charset that nobody knows.",
        {"status": 500, "headers": {"Content-Type": "text/plain; charset=klingon"}, "body": "no"},
    ),
    (
        "404-unknown-charset",
        "404 with JSON in a charset that nobody knows.",
        {
            "status": 404,
            "headers": {"Content-Type": "application/json; charset=klingon"},
            "json": {"code": 20001},
        },
    ),
    (
        "500-broken-type",
        "500 with a content type that is none.",
        {"status": 500, "headers": {"Content-Type": ";;=,\u00e9"}, "body": "no"},
    ),
    (
        "503-not-gzip",
        "503 with a body that is called gzip and is not.",
        {"status": 503, "headers": {"Content-Encoding": "gzip"}, "body": "this is no gzip"},
    ),
    (
        "404-utf-16",
        "404 with JSON in UTF-16.",
        {
            "status": 404,
            "headers": {"Content-Type": "application/json"},
            "body_base64": b64('{"code": 20001}'.encode("utf-16")),
        },
    ),
    (
        "500-control-characters",
        "500 with a body of control characters.",
        {"status": 500, "body_base64": b64(bytes(range(32)) * 4)},
    ),
)
"""Failures whose headers say something else than their body is."""

CODES: tuple[tuple[str, object], ...] = (
    ("null", None),
    ("true", True),
    ("list", [20404]),
    ("object", {"code": 20404}),
    ("negative", -20404),
    ("fraction", 20404.5),
    ("other", 20001),
)
"""What stands in a 404 where Twilio puts the number 20404, and is not that."""


@family("faults")
def other_failure() -> Iterator[Case]:
    """Failures in unusual forms: nothing is raised, and a record is logged."""
    for name, text, answer in LYING:
        yield faulty(f"failed-{name}", text, [answer], noticed())
    for name, code in CODES:
        answer = {"status": 404, "json": {"code": code, "message": "No", "status": 404}}
        yield faulty(f"failed-404-code-{name}", f"404 whose code is {code!r}.", [answer], noticed())
    json_type = {"Content-Type": "application/json"}
    for name, text, answer in (
        ("deep", "404 with JSON nested 20,000 deep.", {"body": "[" * 20_000}),
        ("long-number", "404 whose code has 5,000 digits.", {"body": '{"code": ' + "9" * 5_000 + "}"}),
    ):
        answer = {"status": 404, "headers": json_type} | answer
        yield faulty(f"failed-404-{name}", text, [answer], noticed())
    for status in (402, 408, 418, 451, 502, 504, 599):
        answer = {"status": status, "body": HTML.format(title=status)}
        yield faulty(f"failed-{status}", f"{status} with a page.", [answer], noticed())
    for kind in ("unknown-authority", "wrong-host", "expired"):
        bad = {"fault": "certificate", "kind": kind}
        yield faulty(f"failed-certificate-{kind}", f"a bad certificate: {kind}.", [bad], noticed())
    cut = NOT_FOUND.answer | {"fault": "reset-in-answer"}
    yield faulty("failed-404-cut-short", "404, and a reset in the middle of its body.", [cut], noticed())
    long = {"status": 500, "headers": {"X-Trace": "x" * 100_000}, "body": "no"}
    yield faulty("failed-500-long-header", "500 with a header of 100,000 characters.", [long], noticed())
    crowd = {"status": 500, "headers": {f"X-Trace-{number}": "x" for number in range(300)}, "body": "no"}
    yield faulty("failed-500-many-headers", "500 with 300 headers.", [crowd], noticed())


@family("faults")
def either_way() -> Iterator[Case]:
    """Answers that may be taken for success or for failure, as the case may be; nothing is raised."""
    mislabelled = NOT_FOUND.answer | {"headers": {"Content-Type": "text/html"}}
    for name, text, answer, flag in (
        ("404-20404-as-html", "404 with code 20404, called HTML.", mislabelled, "MislabelledBody"),
        (
            "200-cut-short",
            "200, and a reset in the middle of its body.",
            COMPLETED | {"fault": "reset-in-answer"},
            "BrokenSuccess",
        ),
        (
            "200-not-gzip",
            "200 with a body that is called gzip and is not.",
            COMPLETED | {"headers": {"Content-Encoding": "gzip"}},
            "BrokenSuccess",
        ),
        (
            "200-endless",
            "200 with a body that never ends.",
            COMPLETED | {"fault": "endless", "interval": 1},
            "BrokenSuccess",
        ),
    ):
        case = faulty(f"either-{name}", text, [answer], result="acceptable", flags=(flag,))
        if name == "200-endless":
            case.steps[0]["expect"] = [raises("TFS-FAULT-01", NOT_RAISED), within("TFS-FAULT-03", 30)]
        yield case


# Redirects


@family("faults")
def redirects() -> Iterator[Case]:
    """Every 3xx, to the same host and to another: the call has not ended, and the log says so.

    Where a client follows, a page awaits it that is no answer of Twilio's API; after 307 and 308 to the same
    host, where HTTP lets it repeat the POST, that is a 404, so that success would have to be made up.
    """
    for status in (300, 301, 302, 303, 304, 305, 307, 308):
        lost = {"status": 404 if status in (307, 308) else 200, "body": PAGE}
        for where, location in (("here", HERE), ("elsewhere", ELSEWHERE)):
            end = lost if where == "here" else {"status": 200, "body": PAGE}
            yield _redirected(
                f"{status}-{where}", f"{status} to {location}.", _to(location, status), end, status=status
            )
    for name, text, location in (
        ("relative", "302 to a path.", "/elsewhere"),
        ("without-scheme", "302 to another host, without a scheme.", "//decoy.example/elsewhere"),
        ("cleartext", "302 to cleartext.", "http://api.twilio.com/elsewhere"),
        ("broken", "302 to something that is no URL.", "https://[::1"),
        ("mail", "302 to a mailbox.", "mailto:nobody@decoy.example"),
        ("nowhere", "302 to an empty location.", ""),
        ("not-ascii", "302 to a host that is not ASCII.", "https://d\u00e9coy.example/"),
    ):
        # What cannot be followed leads nowhere; a client that fails over it may well repeat its request.
        status = 404 if name in ("broken", "mail") else 200
        yield _redirected(f"302-{name}", text, _to(location, 302), {"status": status, "body": PAGE})
    yield _redirected(
        "302-without-location", "302 without a location.", {"status": 302}, {"status": 200, "body": PAGE}
    )
    yield _redirected("302-loop", "302 to itself, for ever.", _to("{target}", 302))
    yield _redirected("308-loop", "308 to itself, for ever.", _to("{target}", 308))


def _to(location: str, status: int) -> Json:
    return {"status": status, "headers": {"Location": location}}


def _redirected(name: str, text: str, *answers: Json, status: int = 302) -> Case:
    section = "15.4.5" if status == 304 else "15.4"
    unfinished = logged("TFS-FAULT-10", "WARNING", at_least=1)
    return faulty(f"redirect-{name}", text, list(answers), unfinished, source=f"RFC 9110, section {section}")


# Time


@family("faults")
def no_answer() -> Iterator[Case]:
    """A server that never answers: serialize returns within 30 s, better within 10."""
    for name, text, answer in (
        ("request", "silence after the request.", {"fault": "silence"}),
        ("handshake", "silence in the TLS handshake.", {"fault": "silence-in-handshake"}),
        ("late", "success, but an hour later.", COMPLETED | {"delay": 3600}),
    ):
        yield _slow(f"silent-{name}", text, answer, "TFS-FAULT-02")
    yield _slow("silent-cancel", "silence after the request.", {"fault": "silence"}, "TFS-FAULT-02", CANCEL)


@family("faults")
def no_end() -> Iterator[Case]:
    """An answer that goes on and on: serialize returns within 30 s, better within 10."""
    refusal = {"status": 503, "json": {"code": 20503, "message": "Service unavailable", "status": 503}}
    patience = {"headers": {"Retry-After": "3600"}}
    endless = {"fault": "endless", "interval": 1}
    for name, text, answer in (
        ("drip", "an answer of one byte a second.", refusal | {"fault": "drip"}),
        ("drip-200", "200, one byte a second.", COMPLETED | {"fault": "drip"}),
        ("endless", "404 with a body that never ends.", NOT_FOUND.short | endless),
        ("retry-after", "503 with the request to wait an hour.", refusal | patience),
        ("retry-after-429", "429 with the request to wait an hour.", refusal | patience | {"status": 429}),
    ):
        yield _slow(f"unending-{name}", text, answer, "TFS-FAULT-03")
    late = refusal | {"delay": 6}
    yield replace(_slow("unending-late", "503 after 6 s, each time.", late, "TFS-FAULT-03"), since="2026.12")


def _slow(name: str, text: str, answer: Json, requirement: str, frame: Json = END) -> Case:
    case = faulty(name, text, [answer], frame=frame, source="Reasoned decision: TFS-FAULT-02")
    limits = [within(requirement, 30), within("TFS-FAULT-04", 10)]
    case.steps[0]["expect"] = [raises("TFS-FAULT-01", NOT_RAISED), *limits]
    return case


# Another attempt


@family("faults")
def again() -> Iterator[Case]:
    """One failed attempt, then success: the call ends, by a retry or by the next terminal frame."""
    for name, text, answer, arrives in (
        ("429", "429, too many requests.", {"status": 429, "json": {"code": 20429, "status": 429}}, True),
        ("429-retry-after", "429 with the request to wait a second.",
         {"status": 429, "json": {"code": 20429, "status": 429}, "headers": {"Retry-After": "1"}}, True),
        ("500", "500, server error.", {"status": 500, "json": {"code": 20500, "status": 500}}, True),
        ("503", "503, unavailable.", {"status": 503, "json": {"code": 20503, "status": 503}}, True),
        ("502", "502 from a gateway.", {"status": 502, "body": HTML.format(title="Bad Gateway")}, True),
        ("refused", "a refused connection.", {"fault": "refuse"}, False),
        ("reset", "a reset.", {"fault": "reset"}, True),
        ("reset-in-handshake", "a reset in the TLS handshake.", {"fault": "reset-in-handshake"}, False),
        ("closed", "a closed connection.", {"fault": "close"}, True),
        ("silent", "silence.", {"fault": "silence"}, True),
    ):  # fmt: skip
        for suffix, frames in (("", (END, CANCEL)), ("-cancel", (CANCEL, END)))[: 2 if name == "503" else 1]:
            yield Case(
                f"again-{name}{suffix}",
                f"The first attempt meets {text} Every later one would succeed.",
                arguments=dict(HANGING_UP),
                answers=[answer, dict(COMPLETED)],
                steps=[serialize(frames[0]), wait(1), serialize(frames[1])],
                expect=[requests("TFS-FAULT-07", 2 if arrives else 1, None)],
                source="https://www.twilio.com/docs/api/errors/20500",
            )
