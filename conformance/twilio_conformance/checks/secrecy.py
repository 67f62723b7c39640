"""Checks of the chapter Credentials and identifiers: where credentials and audio must not appear."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import traceback
from collections.abc import Iterator
from random import Random

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._core import check, expect, expect_attempt
from twilio_conformance.checks._hang_up import COMPLETED, begin_hang_up, hang_up, require_request
from twilio_conformance.checks._leaks import (
    captured_output,
    expect_no_leak,
    is_leak,
    texts_of,
    traceback_with_values,
)
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json, shorten
from twilio_conformance.subject.probe import Probe
from twilio_conformance.twilio.record import Exchange

VOICE = 24
"""Characters of a payload that must not be logged: 18 bytes, about 2 ms of audio."""

LONGEST_RECORD = 16 * 1024
"""Characters that a log record may have: Docker's log driver splits lines above 16 KiB."""

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
        await hang_up(probe, answer, COMPLETED)
        for connection in probe.network.connections:
            place = f"{connection.host}:{connection.port} after {answer}"
            port = probe.surroundings.api_host.rpartition(":")[2]
            secure = connection.secure is not False and str(connection.port) in (port, "443")
            expect(secure, "a connection without TLS", f"TLS, on port {port}", place)
    expect_attempt(probe)


@check("TFS-SECURE-03", limit=60)
async def no_other_host_gets_credentials(probe: Probe) -> None:
    """Wherever a redirect leads, the credentials stay with the host that they were meant for."""
    ways = [(status, "another domain") for status in REDIRECTS]
    ways += [(status, where) for status in (302, 307) for where in ELSEWHERE if where != "another domain"]
    own = probe.surroundings.api_host
    for status, where in ways:
        await hang_up(probe, {"status": status, "headers": {"Location": ELSEWHERE[where]}}, COMPLETED)
        for exchange in probe.exchanges:
            place = f"{exchange.host}:{exchange.port}"
            sent = " ".join((exchange.header("authorization") or "", *(text for _, text in _parts(exchange))))
            kept, wanted = not is_leak(probe, sent), "no request there, or one without credentials"
            seen = f"{status} to {where}: {exchange.method} {place}"
            expect(kept or place == own, "credentials for another host", wanted, seen)
    expect_attempt(probe)


@check("TFS-SECURE-04", limit=60)
async def credentials_are_in_the_authorization_header_only(probe: Probe) -> None:
    """No credential is in the target, in the body, in another header or in a name that is looked up."""
    for login in _logins(probe):
        await hang_up(probe, **login)
    require_request(probe)
    for exchange in probe.exchanges:
        for place, text in _parts(exchange):
            expect_no_leak(probe, text, "a credential outside the Authorization header", f"in {place}: ")
    for refusal in probe.network.refused:
        expect_no_leak(
            probe, refusal.host, "a credential in a name that is looked up", f"in a {refusal.how}: "
        )


@check("TFS-SECURE-05", limit=150)
async def no_log_and_no_output_holds_a_credential(probe: Probe) -> None:
    """Whatever Twilio does, an echo of the request included: nothing is logged or printed at any level."""
    with captured_output() as printed:
        for trouble, answer in TROUBLES.items():
            await hang_up(probe, answer)
            _expect_discretion(probe, printed(), trouble)
        for login in _logins(probe):
            await hang_up(probe, {"status": 500, "body": ECHO}, **login)
        _expect_discretion(probe, printed(), "an echo of an API key")
        with contextlib.suppress(NotTestable):
            _, task = await begin_hang_up(probe, {"fault": "silence"})
            task.cancel()
            await asyncio.wait([task], timeout=31)
        _expect_discretion(probe, printed(), "a cancellation")
        for login in _logins(probe):
            subject = await probe.ready(**probe.arguments(**login))
            for message in MESSAGES:
                await subject.deserialize(message)
            for frame in FRAMES:
                await subject.serialize(frame)
        _expect_discretion(probe, printed(), "messages and frames, good and bad ones")
    expect_attempt(probe)


@check("TFS-SECURE-06", limit=60)
async def no_repr_and_no_exception_holds_a_credential(probe: Probe) -> None:
    """Neither does an instance show one, nor an error of the constructor, nor its traceback."""
    for login in _logins(probe):
        instance = (await probe.ready(**probe.arguments(**login))).instance
        for show in (repr, str, format):
            try:
                text = show(instance)
            except Exception as raised:
                text = " ".join(texts_of(raised).values())
            expect_no_leak(probe, text, f"{show.__name__}() shows a credential")
    for error in _errors(probe):
        for name, text in texts_of(error).items():
            expect_no_leak(probe, text, f"the {name} of a {type(error).__name__} shows a credential")


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
        expect_no_leak(
            probe, text, f"the values in the traceback of a {type(error).__name__} hold a credential"
        )


@check("TFS-SECURE-07", limit=60)
async def the_callers_voice_is_not_logged(probe: Probe) -> None:
    """No part of a payload, of its codes or samples, is logged or printed, of a good message or a damaged one."""
    codes = Random(8).randbytes(300)
    payload = base64.b64encode(codes).decode()
    with captured_output() as printed:
        for message in _with_payload(payload):
            subject = await probe.ready()
            await subject.deserialize(message)
            _expect_unheard(probe, codes, printed())


@check("TFS-SECURE-07", since="2026.12")
async def the_callers_voice_is_not_logged_where_it_comes_back(probe: Probe) -> None:
    """Neither is it when serialize is given it, by a pipeline that passes the caller's audio on."""
    codes = Random(8).randbytes(300)
    pcm = base64.b64encode(ulaw.decode(codes).astype("<i2").tobytes()).decode()
    with captured_output() as printed:
        for kind in ("InputAudioRawFrame", "UserAudioRawFrame"):
            owner = {"user_id": "caller"} if kind == "UserAudioRawFrame" else {}
            frame = {
                "frame": kind,
                "audio": {"base64": pcm, "times": 1},
                "sample_rate": 8000,
                "num_channels": 1,
            }
            await (await probe.ready()).serialize(frame | owner)
            _expect_unheard(probe, codes, printed())


def _expect_unheard(probe: Probe, codes: bytes, printed: str) -> None:
    """Expect no part of these codes, or of their samples, in what was logged or printed."""
    payload = base64.b64encode(codes).decode()
    parts = {payload[start : start + VOICE] for start in range(0, len(payload) - VOICE, VOICE // 3)}
    for sound in (codes, ulaw.decode(codes).astype("<i2").tobytes()):
        for start in range(0, len(sound) - VOICE, VOICE // 3):
            piece = sound[start : start + VOICE * 3 // 4]
            parts |= {piece.hex(), piece.hex(" "), repr(piece)[2:-1], str(list(piece))[1:-1]}
    for place, text in [*((record.level_name, record.text) for record in probe.logs), ("printed", printed)]:
        heard, shown = any(part in text or part in text.lower() for part in parts), shorten(text, 200)
        expect(not heard, "the caller's audio is in the log", "none of it", f"{place}: {shown}")


@check("TFS-SECURE-08", limit=60)
async def log_records_are_bounded(probe: Probe) -> None:
    """A mebibyte of a message or of an answer is not written down whole."""
    subject, flood = await probe.ready(), "x" * (1 << 20)
    with captured_output() as printed:
        for message in (flood, f'{{"event": "{flood}', f'["{flood}"]'):
            await subject.deserialize(message)
            _expect_short_lines(probe, printed(), "a long message")
        unsayable = {"text": flood, "number": float("nan"), "set": {1}}
        await subject.serialize({"frame": "OutputTransportMessageFrame", "message": unsayable})
        _expect_short_lines(probe, printed(), "a long transport message")
        for answer in ({"status": 500, "body": flood}, {"status": 404, "json": {"message": flood}}):
            await hang_up(probe, answer)
            _expect_short_lines(probe, printed(), "a long answer")
    expect_attempt(probe)


def _logins(probe: Probe) -> Iterator[Json]:
    """Yield the arguments that distinguish an instance with a token and, if it takes one, one with an API key."""
    yield {}
    if "api_key" in probe.implementation.capabilities:
        key = {name: "${" + name + "}" for name in ("api_key_sid", "api_key_secret")}
        yield {"auth_token": None, **key}


def _unfit(probe: Probe) -> Iterator[Json]:
    """Yield arguments that contain a credential and that a constructor may reject."""
    for login in (probe.arguments(**login) for login in _logins(probe)):
        for missing in ("call_sid", "account_sid", "api_key_sid"):
            if missing in login:
                yield {name: value for name, value in login.items() if name != missing}
        secret = "api_key_secret" if "api_key_secret" in login else "auth_token"
        for changes in (
            {"region": "ie1"}, {"edge": "dublin"}, {"stream_sid": ""}, {"call_sid": "../.."},
            {"call_sid": "CA\r\n"}, {"account_sid": "AC/.."}, {"account_sid": "AC:1"},
            {secret: "${" + secret + "}\ud800"}, {secret: "${" + secret + "}\u20ac"},
            {"region": "ie1/", "edge": "dublin"}, {"region": "ie1", "edge": "dub lin"},
        ):  # fmt: skip
            yield login | changes
        if "api_key_secret" in login:
            yield login | {"auth_token": "${auth_token}"}


def _errors(probe: Probe) -> Iterator[Exception]:
    """Yield what the constructor raises for unfit arguments, with tracebacks that begin in the implementation."""
    for arguments in _unfit(probe):
        try:
            probe.implementation.construct(**probe.names.fill(arguments))
        except Exception as error:
            place = error.__traceback__
            while place is not None and place.tb_frame.f_globals.get("__name__") == __name__:
                place = place.tb_next
            yield error.with_traceback(place)


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
        found = f"a credential is in the log after {trouble}"
        expect_no_leak(probe, record.text, found, f"{record.level_name}: ")
    expect_no_leak(probe, printed, f"a credential is in the output after {trouble}")


def _expect_short_lines(probe: Probe, printed: str, cause: str) -> None:
    lines = [*(record.text for record in probe.logs), *printed.splitlines()]
    longest, wanted = max(map(len, lines), default=0), f"at most {LONGEST_RECORD} characters"
    expect(longest <= LONGEST_RECORD, f"{cause} makes a long log record", wanted, longest)
