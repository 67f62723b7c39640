"""Checks of the chapter Credentials and identifiers: what an application may pass in place of a SID, a region or an edge."""

from __future__ import annotations

import json
import re
from urllib.parse import unquote

from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._expectations import aspect_of
from twilio_conformance.errors import Violation
from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.probe import Observation, Probe
from twilio_conformance.subject.surroundings import end_call
from twilio_conformance.twilio.record import Exchange

CALL = "CA0123456789abcdef0123456789abcdef"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"

SIDS = {
    "a path upwards": "{sid}/../../../../elsewhere",
    "a path upwards at the beginning": "../../{sid}",
    "two dots": "..",
    "one dot": ".",
    "two dots, encoded": "%2e%2e",
    "a path upwards, encoded": "{sid}%2F..%2F..",
    "a slash": "{sid}/Recordings",
    "a backslash": "{sid}\\..\\..",
    "a query": "{sid}?Status=canceled",
    "a query that hides the rest": "{sid}.json?x=",
    "a fragment": "{sid}#",
    "a path, a query and a fragment": "{sid}/../../x?y=1#z",
    "a user and a host": "@decoy.example/{sid}",
    "a URL": "https://decoy.example/{sid}",
    "a host": "//decoy.example/{sid}",
    "a path parameter": "{sid};x=1",
    "a colon": "{sid}:x",
    "a percent sign": "{sid}%",
    "a percent sign and a digit": "{sid}%0",
    "a line break": "{sid}\r\nX-Injected: 1",
    "a second request": "{sid} HTTP/1.1\r\nHost: api.twilio.com\r\n\r\nGET /elsewhere",
    "an encoded line break": "{sid}%0d%0aX-Injected:%201",
    "a space": "{sid} x",
    "a tab": "{sid}\t",
    "a zero byte": "{sid}\0",
    "letters that are not ASCII": "{sid}\u00e9\u4e2d",
    "a full stop that is not ASCII": "{sid}\u2024\u2024\uff0f",
    "a lone surrogate": "{sid}\ud800",
    "a right-to-left mark": "\u202e{sid}",
    "10,000 characters": "{sid}" + "0" * 10_000,
}
"""Values in place of a SID; {sid} stands for a well-formed one."""

LABELS = {
    "another domain": "decoy.example/",
    "another domain and a fragment": "decoy.example#",
    "another domain and a query": "decoy.example?",
    "another domain and a backslash": "decoy.example\\",
    "another domain behind a user": "{label}@decoy.example/",
    "a user": "x@{label}",
    "a port": "{label}:8443",
    "a port of another domain": "decoy.example:443/",
    "a path": "{label}/..",
    "a query": "{label}?x=1",
    "an inner dot": "{label}.decoy",
    "a final dot": "{label}.",
    "two dots": "..",
    "an encoded dot": "{label}%2edecoy",
    "an encoded slash": "decoy.example%2f",
    "a line break": "{label}\r\nX-Injected: 1\r\n",
    "a space": "{label} ",
    "an underscore": "{label}_x",
    "a full stop that is not ASCII": "decoy\u3002example\u2044",
    "letters that are not ASCII": "{label}\u00e9",
    "64 characters": "a" * 64,
    "10,000 characters": "a" * 10_000,
}
"""Values in place of a region or an edge; {label} stands for a well-formed one."""

STREAMS = {
    "a quotation mark": 'MZ","event":"stop',
    "a backslash": "MZ\\",
    "a line break": "MZ\r\n1",
    "a zero byte": "MZ\0",
    "letters that are not ASCII": "MZ\u00e9\u2028\u2029",
    "a script": "</script><script>",
    "10,000 characters": "MZ" + "0" * 10_000,
}
"""Values in place of a stream SID."""

TARGET = re.compile(r"/2010-04-01/Accounts/([^/?#]+)/Calls/([^/?#]+\.json)")
"""The target of a hang-up; the groups are the two segments of the path, as sent."""

SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
"""A segment of a path (RFC 3986)."""

HOST = re.compile(r"api(\.[a-z0-9-]{1,63}\.[a-z0-9-]{1,63})?\.twilio\.com")


@check("TFS-SECURE-09", limit=60)
async def a_call_sid_fills_one_segment_of_the_path(probe: Probe) -> None:
    """Whatever the call SID holds, the request names one call of the account, or there is none."""
    await _expect_contained(probe, "call_sid", CALL)


@check("TFS-SECURE-10", limit=60)
async def an_account_sid_fills_one_segment_of_the_path(probe: Probe) -> None:
    """Whatever the account SID holds, the request names one account, or there is none."""
    await _expect_contained(probe, "account_sid", ACCOUNT)


@check("TFS-SECURE-11", limit=60)
async def region_and_edge_fill_one_label_each(probe: Probe) -> None:
    """Whatever region and edge hold, the request goes to a host of Twilio's API, or there is none."""
    good = {"region": "ie1", "edge": "dublin"}
    await _expect_accepted(probe, "region", "ie1", **good)
    target = f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
    for name in good:
        for what, pattern in LABELS.items():
            hostile = {name: pattern.replace("{label}", good[name])}
            for exchange in await _requests(probe, name, what, **good | hostile):
                _expect_host(exchange, f"{name} with {what} changes the request")
                kept, shown = exchange.target == target, shorten(exchange.target, 200)
                expect(kept, f"{name} with {what} changes the target", "the documented target", shown)
    hosts = [connection.host for connection in probe.network.connections]
    for host in [*hosts, *(refusal.host for refusal in probe.network.refused)]:
        wanted, shown = "api.{edge}.{region}.twilio.com", shorten(host, 200)
        expect(bool(HOST.fullmatch(host)), "a region or an edge leads to another host", wanted, shown)


@check("TFS-SECURE-12", limit=60)
async def a_stream_sid_stays_one_text_of_a_message(probe: Probe) -> None:
    """Whatever the stream SID holds, a message is JSON with that text as its streamSid, or there is none."""
    for what, stream_sid in STREAMS.items():
        observation, subject = probe.attempt(stream_sid=stream_sid, params={"auto_hang_up": False})
        if subject is None:
            _expect_refused(observation, "stream_sid", what)
            continue
        clear = await subject.serialize({"frame": "InterruptionFrame"})
        try:
            message = json.loads(clear.value) if isinstance(clear.value, str | bytes) else None
        except ValueError:
            message = None
        kept = message == {"event": "clear", "streamSid": stream_sid}
        wanted = "a clear message whose streamSid is the text"
        expect(kept, f"{what} changes the message", wanted, clear.outcome)


async def _expect_contained(probe: Probe, name: str, good: str) -> None:
    """Expect requests with a hostile SID to differ from a hang-up in one segment of the path only."""
    for well_formed in (good, good[:2] + good[2:].upper()):
        await _expect_accepted(probe, name, well_formed, **{name: well_formed})
    for what, pattern in SIDS.items():
        hostile = pattern.replace("{sid}", good)
        given = {"call_sid": CALL, "account_sid": ACCOUNT} | {name: hostile}
        for exchange in await _requests(probe, name, what, **given):
            _expect_host(exchange, f"{name} with {what} changes the request")
            same = _segments(exchange) == [given["account_sid"], f"{given['call_sid']}.json"]
            wanted = "one segment that says what was given, percent-encoded, or no request"
            if given["account_sid"] in (".", ".."):
                wanted = "no request: a dot segment is one even if it is percent-encoded"
            expect(same, f"{name} with {what} changes the target", wanted, shorten(exchange.target, 200))
            # A colon in a login moves the border between login and password (RFC 7617, section 2).
            if name == "account_sid" and ":" in hostile:
                same = aspect_of(exchange, "basic") == [hostile, probe.names.values["auth_token"]]
                wanted = "login and password as given, or no request"
                expect(same, f"{name} with {what} changes the login", wanted, "others")
    for refusal in probe.network.refused:
        raise Violation(f"{name} leads to another host", expected="none", actual=shorten(refusal.host, 200))


def _segments(exchange: Exchange) -> list[str] | None:
    """Return the two decoded segments of a hang-up's target; None if it is something else."""
    match = TARGET.fullmatch(exchange.target)
    if match is None or not all(map(SEGMENT.fullmatch, match.groups())):
        return None
    said = [unquote(segment, errors="surrogatepass") for segment in match.groups()]
    # A dot segment is one however it is written (RFC 3986, section 6.2.2.2).
    return None if any(segment in (".", "..") for segment in said) else said


async def _requests(probe: Probe, name: str, what: str, **given: str) -> list[Exchange]:
    """Return the requests of an instance with these arguments; none if the constructor refuses them."""
    before = len(probe.exchanges)
    arguments = probe.arguments(**{"call_sid": CALL, "account_sid": ACCOUNT} | given)
    observation, subject = probe.attempt(**arguments)
    if subject is None:
        _expect_refused(observation, name, what)
        return []
    await subject.setup(8000)
    await end_call(subject, limit=40)
    probe.network.settle()
    return list(probe.exchanges[before:])


async def _expect_accepted(probe: Probe, name: str, value: str, **given: str) -> None:
    """Expect well-formed arguments to be accepted and to make a request."""
    observation, _ = probe.attempt(**probe.arguments(**{"call_sid": CALL, "account_sid": ACCOUNT} | given))
    accepted = observation.raised is None
    expect(accepted, f"a well-formed {name} is refused", "an instance", observation.outcome)
    made = await _requests(probe, name, value, **given)
    expect(bool(made), f"a well-formed {name} makes no request", "a request", "none")


def _expect_refused(observation: Observation, name: str, what: str) -> None:
    refused = observation.raised is not None and observation.raised.is_a("ValueError")
    expect(refused, f"{name} with {what} is refused in another way", "ValueError", observation.outcome)


def _expect_host(exchange: Exchange, message: str) -> None:
    """Expect a hang-up request to Twilio's API without injected headers."""
    place = f"{exchange.method} {exchange.scheme}://{exchange.host}:{exchange.port}"
    fits = (
        exchange.scheme == "https"
        and exchange.port == 443
        and exchange.method == "POST"
        and HOST.fullmatch(exchange.host) is not None
        and exchange.headers_named("host") == (exchange.host,)
        and exchange.header("x-injected") is None
    )
    expect(fits, message, "a POST to https://api….twilio.com", shorten(place, 200))
