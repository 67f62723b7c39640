"""Checks of the chapter Credentials and identifiers: where credentials and audio must not appear."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._core import check, expect, expect_attempt
from twilio_conformance.checks._leaks import (
    around_leak,
    captured_output,
    is_leak,
    texts_of,
    traceback_with_values,
)
from twilio_conformance.errors import NotTestable, Violation
from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.record import Exchange

Json = dict[str, Any]

END = {"frame": "EndFrame"}
COMPLETED = {"status": 200, "json": {"status": "completed"}}

VOICE = 24
"""Characters of a payload that must not be logged: 18 bytes, about 2 ms of audio."""

LONGEST_RECORD = 16 * 1024
"""Characters that a log record may have: Docker's log driver splits lines above 16 KiB."""

FLOOD = 1 << 20
"""Characters of input that must not be logged whole."""

REDIRECTS = (301, 302, 303, 307, 308)

ELSEWHERE = {
    "another domain": "https://decoy.example/elsewhere",
    "another domain, without a scheme": "//decoy.example/elsewhere",
    "a domain that begins alike": "https://api.twilio.com.decoy.example/elsewhere",
    "a domain behind a user": "https://api.twilio.com@decoy.example/elsewhere",
    "another host of Twilio's": "https://events.twilio.com/elsewhere",
    "another port": "https://api.twilio.com:8443/elsewhere",
}

ECHO = "cannot serve {authorization}"
TROUBLES: dict[str, Json] = {
    "success": COMPLETED,
    "401": {"status": 401, "json": {"code": 20003, "message": "Authenticate", "status": 401}},
    "500 with an echo in text": {"status": 500, "body": ECHO},
    "400 with an echo in JSON": {"status": 400, "json": {"code": 20001, "message": ECHO, "status": 400}},
    "404 with an echo in JSON": {"status": 404, "json": {"code": 20001, "message": ECHO, "status": 404}},
    "403 with an echo in an unknown charset": {
        "status": 403, "body": ECHO, "headers": {"Content-Type": "text/plain; charset=klingon"}},
    "200 with an echo": {"status": 200, "body": ECHO},
    "302": {"status": 302, "headers": {"Location": "https://decoy.example/elsewhere"}},
    "a refused connection": {"fault": "refuse"},
    "a reset": {"fault": "reset"},
    "a reset in the TLS handshake": {"fault": "reset-in-handshake"},
    "a bad certificate": {"fault": "certificate", "kind": "unknown-authority"},
    "a closed connection": {"fault": "close"},
    "a reset in an answer": {"status": 500, "body": ECHO * 9, "fault": "reset-in-answer"},
    "silence": {"fault": "silence"},
}  # fmt: skip
"""Answers and faults of Twilio's API after which implementations tend to log too much."""

MESSAGES: tuple[Json | str | bytes, ...] = (
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    {"event": "media", "streamSid": "${stream_sid}", "media": {"track": "inbound", "payload": "/////w=="}},
    {"event": "media", "streamSid": "${other_stream_sid}", "media": {"payload": "*"}},
    {"event": "dtmf", "streamSid": "${stream_sid}", "dtmf": {"digit": "A"}},
    {"event": "stop", "streamSid": "${stream_sid}"},
    "no JSON",
    "[]",
    b"\xff",
)
FRAMES: tuple[Json, ...] = (
    {"frame": "OutputAudioRawFrame", "audio": "AAAAAA==", "sample_rate": 8000, "num_channels": 1},
    {"frame": "InterruptionFrame"},
    {"frame": "OutputTransportMessageFrame", "message": {"event": "mark"}},
    {"frame": "TextFrame", "text": "text"},
)
"""What a call carries besides its end, valid or not."""


@check("TFS-SECURE-02", limit=60)
async def no_request_goes_out_in_cleartext(probe: Probe) -> None:
    """Neither a failure of TLS nor a redirect leads to a connection without TLS."""
    cleartext = {"Location": "http://api.twilio.com/elsewhere"}
    answers: list[Json] = [
        COMPLETED,
        {"fault": "refuse"},
        {"fault": "reset-in-handshake"},
        {"fault": "certificate", "kind": "expired"},
        *({"status": status, "headers": cleartext} for status in REDIRECTS),
    ]
    for answer in answers:
        probe.answer([answer, COMPLETED])
        await _hang_up(probe, probe.arguments())
        for connection in probe.network.connections:
            place = f"{connection.host}:{connection.port}"
            expect(connection.secure is not False and connection.port == 443, "a connection without TLS",
                   expected="TLS, on port 443", actual=f"{place} after {answer}")  # fmt: skip
    expect_attempt(probe)


@check("TFS-SECURE-03", limit=60)
async def no_other_host_gets_credentials(probe: Probe) -> None:
    """Wherever a redirect leads, the credentials stay with the host that they were meant for."""
    ways = [(status, "another domain") for status in REDIRECTS]
    ways += [(status, where) for status in (302, 307) for where in ELSEWHERE if where != "another domain"]
    for status, where in ways:
        probe.answer([{"status": status, "headers": {"Location": ELSEWHERE[where]}}, COMPLETED])
        await _hang_up(probe, probe.arguments())
        for exchange in probe.exchanges:
            place = f"{exchange.host}:{exchange.port}"
            sent = " ".join((exchange.header("authorization") or "", *(text for _, text in _parts(exchange))))
            expect(place == "api.twilio.com:443" or not is_leak(probe, sent), "credentials for another host",
                   expected="no request there, or one without credentials",
                   actual=f"{status} to {where}: {exchange.method} {place}")  # fmt: skip
    expect_attempt(probe)


@check("TFS-SECURE-04", limit=60)
async def credentials_are_in_the_authorization_header_only(probe: Probe) -> None:
    """No credential is in the target, in the body, in another header or in a name that is looked up."""
    for arguments in _logins(probe):
        await _hang_up(probe, arguments)
    if not probe.exchanges:
        raise NotTestable("no request was made")
    for exchange in probe.exchanges:
        for place, text in _parts(exchange):
            expect(not is_leak(probe, text), "a credential outside the Authorization header",
                   expected="none", actual=f"in {place}")  # fmt: skip
    for refusal in probe.network.refused:
        expect(not is_leak(probe, refusal.host), "a credential in a name that is looked up",
               expected="none", actual=f"in a {refusal.how}")  # fmt: skip


@check("TFS-SECURE-05", limit=60)
async def no_log_and_no_output_holds_a_credential(probe: Probe) -> None:
    """Whatever Twilio does, an echo of the request included: nothing is logged or printed at any level."""
    with captured_output() as printed:
        for trouble, answer in TROUBLES.items():
            probe.answer([answer])
            await _hang_up(probe, probe.arguments())
            _expect_discretion(probe, printed(), trouble)
        for arguments in _logins(probe):
            probe.answer([{"status": 500, "body": ECHO}])
            await _hang_up(probe, arguments)
        _expect_discretion(probe, printed(), "an echo of an API key")
        await _cancel(probe)
        _expect_discretion(probe, printed(), "a cancellation")
        for arguments in _logins(probe):
            subject = await probe.ready(**arguments)
            for message in MESSAGES:
                await subject.deserialize(message)
            for frame in FRAMES:
                await subject.serialize(frame)
        _expect_discretion(probe, printed(), "messages and frames, good and bad ones")
    expect_attempt(probe)


@check("TFS-SECURE-06", limit=60)
async def no_repr_and_no_exception_holds_a_credential(probe: Probe) -> None:
    """Neither does an instance show one, nor an error of the constructor, nor its traceback."""
    for arguments in _logins(probe):
        instance = (await probe.ready(**arguments)).instance
        for show in (repr, str, format):
            text = _shown(show, instance)
            expect(not is_leak(probe, text), f"{show.__name__}() shows a credential",
                   expected="none", actual=around_leak(probe, text))  # fmt: skip
    for error in _errors(probe):
        for name, text in texts_of(error).items():
            expect(not is_leak(probe, text), f"the {name} of a {type(error).__name__} shows a credential",
                   expected="none", actual=around_leak(probe, text))  # fmt: skip


@check("TFS-SECURE-13", limit=60)
async def no_value_in_a_traceback_is_a_credential(probe: Probe) -> None:
    """loguru, Sentry and others write the values of the names on every line that an error passed."""
    probe.require_object()
    seen: set[tuple[int, ...]] = set()
    for error in _errors(probe):
        # Rendering values is slow, and an error raised on the same lines shows the same names.
        if (lines := tuple(line for _, line in traceback.walk_tb(error.__traceback__))) in seen:
            continue
        seen.add(lines)
        text = traceback_with_values(error, error.__traceback__)
        expect(not is_leak(probe, text), f"the values in the traceback of a {type(error).__name__} hold a"
               " credential", expected="none", actual=around_leak(probe, text))  # fmt: skip


@check("TFS-SECURE-07", limit=60)
async def the_callers_voice_is_not_logged(probe: Probe) -> None:
    """No part of a payload, of its codes or samples, is logged or printed, of a good message or a damaged one."""
    codes = Random(8).randbytes(300)
    payload = base64.b64encode(codes).decode()
    parts = {payload[start : start + VOICE] for start in range(0, len(payload) - VOICE, VOICE // 3)}
    for sound in (codes, ulaw.decode(codes).astype("<i2").tobytes()):
        for start in range(0, len(sound) - VOICE, VOICE // 3):
            piece = sound[start : start + VOICE * 3 // 4]
            parts |= {piece.hex(), piece.hex(" "), repr(piece)[2:-1], str(list(piece))[1:-1]}
    with captured_output() as printed:
        for message in _with_payload(payload):
            subject = await probe.ready()
            await subject.deserialize(message)
            written = [(record.level_name, record.text) for record in probe.logs]
            for place, text in [*written, ("printed", printed())]:
                heard = any(part in text or part in text.lower() for part in parts)
                expect(not heard, "the caller's audio is in the log",
                       expected="none of it", actual=f"{place}: {shorten(text, 200)}")  # fmt: skip


@check("TFS-SECURE-08", limit=60)
async def log_records_are_bounded(probe: Probe) -> None:
    """A mebibyte of a message or of an answer is not written down whole."""
    subject = await probe.ready()
    with captured_output() as printed:
        for message in ("x" * FLOOD, '{"event": "' + "x" * FLOOD, '["' + "x" * FLOOD + '"]'):
            await subject.deserialize(message)
            _expect_short_lines(probe, printed(), "a long message")
        unsayable = {"text": "x" * FLOOD, "number": float("nan"), "set": {1}}
        await subject.serialize({"frame": "OutputTransportMessageFrame", "message": unsayable})
        _expect_short_lines(probe, printed(), "a long transport message")
        answers: list[Json] = [
            {"status": 500, "body": "x" * FLOOD},
            {"status": 404, "json": {"message": "x" * FLOOD}},
        ]
        for answer in answers:
            probe.answer([answer])
            await _hang_up(probe, probe.arguments())
            _expect_short_lines(probe, printed(), "a long answer")
    expect_attempt(probe)


# Actions


def _logins(probe: Probe) -> Iterator[Json]:
    """Yield the arguments of an instance with a token and, if it takes one, of one with an API key."""
    yield probe.arguments()
    if "api_key" in probe.implementation.capabilities:
        key = {name: "${" + name + "}" for name in ("api_key_sid", "api_key_secret")}
        yield probe.arguments(auth_token=None, **key)


def _unfit(probe: Probe) -> Iterator[Json]:
    """Yield arguments that contain a credential and that a constructor may reject."""
    for login in _logins(probe):
        for missing in ("call_sid", "account_sid", "api_key_sid"):
            if missing in login:
                yield {name: value for name, value in login.items() if name != missing}
        for name, value in (
            ("region", "ie1"), ("edge", "dublin"), ("stream_sid", ""), ("call_sid", "../.."),
            ("call_sid", "CA\r\n"), ("account_sid", "AC/.."), ("account_sid", "AC:1"),
        ):  # fmt: skip
            yield login | {name: value}
        secret = "api_key_secret" if "api_key_secret" in login else "auth_token"
        yield login | {secret: "${" + secret + "}\ud800"}
        yield login | {"region": "ie1/", "edge": "dublin"}
        yield login | {"region": "ie1", "edge": "dub lin"}
        if "api_key_secret" in login:
            yield login | {"auth_token": "${auth_token}"}


async def _hang_up(probe: Probe, arguments: Json) -> None:
    """End a call, and wait until everything it sent is recorded."""
    subject = await probe.ready(**arguments)
    await subject.serialize(END, limit=40)
    probe.network.settle()


async def _cancel(probe: Probe) -> None:
    """Cancel a hang-up once its request is at the server, or after 5 s."""
    probe.answer([{"fault": "silence"}])
    subject = await probe.ready(**probe.arguments())
    before = len(probe.exchanges)
    task = asyncio.create_task(subject.serialize(END, limit=40))
    for _ in range(500):
        if len(probe.exchanges) > before:
            break
        await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task], timeout=31)


def _shown(show: Callable[[object], str], instance: object) -> str:
    """Return how an instance shows itself, or the error that it raises instead."""
    try:
        return show(instance)
    except Exception as error:
        return " ".join(texts_of(error).values())


def _errors(probe: Probe) -> Iterator[Exception]:
    """Yield what the constructor raises for arguments that it rejects."""
    for arguments in _unfit(probe):
        error = _error_of(probe, arguments)
        if error is not None:
            yield error


def _error_of(probe: Probe, arguments: Json) -> Exception | None:
    """Return what the constructor raises, with a traceback that begins in the implementation."""
    try:
        probe.implementation.construct(**probe.names.fill(arguments))
    except Exception as error:
        place = error.__traceback__
        while place is not None and place.tb_frame.f_globals.get("__name__") == __name__:
            place = place.tb_next
        return error.with_traceback(place)
    return None


def _with_payload(payload: str) -> Iterator[str | bytes]:
    """Yield messages with this payload: one as Twilio sends it, and others damaged in one way each."""
    media = f'{{"track":"inbound","payload":"{payload}"}}'
    whole = f'{{"event":"media","streamSid":"${{stream_sid}}","media":{media}}}'
    yield whole
    yield whole[:-2]
    yield whole[:-20]
    yield whole + "}"
    yield whole.replace(payload, payload + "*")
    yield whole.replace(payload, payload + "A")
    yield whole.replace('"payload":', '"payload":3,"audio":')
    yield whole.replace('{"track":"inbound","payload":', "[").replace('"}}', '"]}')
    yield whole.replace('"media",', '"medium",', 1)
    yield whole.replace("${stream_sid}", "${other_stream_sid}")
    yield whole.replace('"inbound"', '"outbound"')
    yield payload
    yield b"\xff" + whole.encode()


# Observations


def _parts(exchange: Exchange) -> Iterator[tuple[str, str]]:
    """Yield the name and text of every part of a request that must not contain a credential."""
    yield "the target", exchange.target
    yield "the body", exchange.body.decode("latin-1")
    yield "the server name of TLS", exchange.sni or ""
    for name, value in exchange.headers:
        if name.lower() != "authorization":
            yield f"the header {name}", value


def _expect_discretion(probe: Probe, printed: str, trouble: str) -> None:
    """Expect that no credential has been logged or printed so far."""
    for record in probe.logs:
        shown = f"{record.level_name}: {around_leak(probe, record.text)}"
        expect(not is_leak(probe, record.text), f"a credential is in the log after {trouble}",
               expected="none", actual=shown)  # fmt: skip
    expect(not is_leak(probe, printed), f"a credential is in the output after {trouble}",
           expected="none", actual=around_leak(probe, printed))  # fmt: skip


def _expect_short_lines(probe: Probe, printed: str, cause: str) -> None:
    lines = [*(record.text for record in probe.logs), *printed.splitlines()]
    longest = max(map(len, lines), default=0)
    if longest > LONGEST_RECORD:
        raise Violation(f"{cause} makes a long log record",
                        expected=f"at most {LONGEST_RECORD} characters", actual=longest)  # fmt: skip
