"""Checks of the chapter Credentials and identifiers: hostile SIDs, regions and edges."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._expectations import aspect_of
from twilio_conformance.checks._hostile_ids import LABELS, SIDS, STREAMS
from twilio_conformance.errors import Violation
from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.probe import Observation, Probe
from twilio_conformance.twilio.record import Exchange

Json = dict[str, Any]

CALL = "CA0123456789abcdef0123456789abcdef"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"

TARGET = re.compile(r"/2010-04-01/Accounts/([^/?#]+)/Calls/([^/?#]+\.json)")
"""The target of a hang-up; the groups are the two segments of the path, as sent."""

SEGMENT = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+")
"""A segment of a path (RFC 3986)."""

HOST = re.compile(r"api(\.[a-z0-9-]{1,63}\.[a-z0-9-]{1,63})?\.twilio\.com")


@check("TFS-SECURE-09", limit=60)
async def a_call_sid_fills_one_segment_of_the_path(probe: Probe) -> None:
    """Whatever the call SID holds, the request names one call of the account, or there is none."""
    await _expect_contained(probe, "call_sid", CALL, ACCOUNT)


@check("TFS-SECURE-10", limit=60)
async def an_account_sid_fills_one_segment_of_the_path(probe: Probe) -> None:
    """Whatever the account SID holds, the request names one account, or there is none."""
    await _expect_contained(probe, "account_sid", ACCOUNT, CALL)


@check("TFS-SECURE-11", limit=60)
async def region_and_edge_fill_one_label_each(probe: Probe) -> None:
    """Whatever region and edge hold, the request goes to a host of Twilio's API, or there is none."""
    await _expect_accepted(probe, "region", "ie1", region="ie1", edge="dublin")
    for name, good in (("region", "ie1"), ("edge", "dublin")):
        for what, pattern in LABELS.items():
            where = {"region": "ie1", "edge": "dublin"} | {name: pattern.replace("{label}", good)}
            for exchange in await _requests(probe, name, what, **where):
                _expect_host(exchange, name, what)
                expect(exchange.target == f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json",
                       f"{name} with {what} changes the target",
                       expected="the documented target", actual=shorten(exchange.target, 200))  # fmt: skip
    for place in (*(connection.host for connection in probe.network.connections),
                  *(refusal.host for refusal in probe.network.refused)):  # fmt: skip
        expect(HOST.fullmatch(place) is not None, "a region or an edge leads to another host",
               expected="api.{edge}.{region}.twilio.com", actual=shorten(place, 200))  # fmt: skip


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
        expect(message == {"event": "clear", "streamSid": stream_sid}, f"{what} changes the message",
               expected="a clear message whose streamSid is the text", actual=clear.outcome)  # fmt: skip


async def _expect_contained(probe: Probe, name: str, good: str, other: str) -> None:
    """Expect requests with a hostile SID to differ from a hang-up in one segment of the path only."""
    for well_formed in (good, good[:2] + good[2:].upper()):
        await _expect_accepted(probe, name, well_formed, **{name: well_formed})
    for what, pattern in SIDS.items():
        hostile = pattern.replace("{sid}", good)
        for exchange in await _requests(probe, name, what, **{name: hostile}):
            _expect_host(exchange, name, what)
            segments = _segments(exchange)
            suffixed = {"call_sid": f"{hostile}.json", "account_sid": hostile}[name]
            kept = {"call_sid": other, "account_sid": f"{other}.json"}[name]
            wanted = [kept, suffixed] if name == "call_sid" else [suffixed, kept]
            expect(segments == wanted, f"{name} with {what} changes the target",
                   expected="one segment that says what was given, percent-encoded, or no request",
                   actual=shorten(exchange.target, 200))  # fmt: skip
            # A colon in a login moves the border between login and password (RFC 7617, section 2).
            if name == "account_sid" and ":" in hostile:
                given = [hostile, probe.names.values["auth_token"]]
                expect(aspect_of(exchange, "basic") == given, f"{name} with {what} changes the login",
                       expected="login and password as given, or no request", actual="others")  # fmt: skip
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
    await subject.serialize({"frame": "EndFrame"}, limit=40)
    probe.network.settle()
    return list(probe.exchanges[before:])


async def _expect_accepted(probe: Probe, name: str, value: str, **given: str) -> None:
    """Expect well-formed arguments to be accepted and to make a request."""
    observation, _ = probe.attempt(**probe.arguments(**{"call_sid": CALL, "account_sid": ACCOUNT} | given))
    expect(observation.raised is None, f"a well-formed {name} is refused",
           expected="an instance", actual=observation.outcome)  # fmt: skip
    expect(bool(await _requests(probe, name, value, **given)), f"a well-formed {name} makes no request",
           expected="a request", actual="none")  # fmt: skip


def _expect_refused(observation: Observation, name: str, what: str) -> None:
    raised = observation.raised
    expect(raised is not None and raised.is_a("ValueError"), f"{name} with {what} is refused in another way",
           expected="ValueError", actual=observation.outcome)  # fmt: skip


def _expect_host(exchange: Exchange, name: str, what: str) -> None:
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
    expect(fits, f"{name} with {what} changes the request",
           expected="a POST to https://api….twilio.com", actual=shorten(place, 200))  # fmt: skip
