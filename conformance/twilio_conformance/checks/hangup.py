"""Checks of the chapter Hang-up."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._expectations import aspect_of
from twilio_conformance.checks._hang_up import COMPLETED, hang_up, require_request
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.frames import Json
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import END
from twilio_conformance.twilio.record import Exchange

UNAVAILABLE: Json = {"status": 503, "json": {"code": 20503, "message": "Service unavailable", "status": 503}}

GRACE = 1.0
"""Seconds for clients to close their connections."""

PAUSE = 0.05
"""Seconds, between two attempts, that count as a pause: half of what Twilio's SDK for Node begins with."""

FAR_AWAY = "Fri, 31 Dec 9999 23:59:59 GMT"


@check("TFS-HANGUP-16")
async def the_request_is_over_when_serialize_returns(probe: Probe) -> None:
    """Twilio takes half a second to answer, and serialize waits for it."""
    probe.answer([COMPLETED | {"delay": 0.5}])
    subject = await probe.ready(**probe.arguments())
    observation = await subject.serialize(END)
    if observation.raised is not None:
        raise NotTestable("serialize of an EndFrame failed", actual=observation.outcome)
    answered = [exchange.answer_status for exchange in probe.exchanges]
    over, wanted = bool(answered) and None not in answered, "a request that has been answered"
    expect(over, "serialize returned before the request was over", wanted, answered or "no request")


@check("TFS-HANGUP-23", since="2026.12")
async def the_request_has_one_authorization_header(probe: Probe) -> None:
    """Every request of hang-ups with each kind of address and credential has one Authorization header."""
    for exchange in await _requests_of_each_kind(probe):
        logins = len(exchange.headers_named("authorization"))
        expect(logins == 1, "the request has another number of Authorization headers", 1, logins)


@check("TFS-HANGUP-24", since="2026.12")
async def the_host_header_is_the_host_dialled(probe: Probe) -> None:
    """Every request of hang-ups with each kind of address and credential names its host in the Host header."""
    for exchange in await _requests_of_each_kind(probe):
        dialled = aspect_of(exchange, "url").partition("://")[2]
        named = (
            (exchange.header("host") or "")
            .lower()
            .removesuffix({"https": ":443", "http": ":80"}[exchange.scheme])
        )
        expect(named == dialled, "the Host header is another host's", dialled, exchange.header("host"))


@check("TFS-HANGUP-26", limit=60, since="2026.12")
async def repetitions_have_pauses(probe: Probe) -> None:
    """Twilio is unavailable for good: between two of the requests of one EndFrame there is a pause."""
    await hang_up(probe, UNAVAILABLE)
    require_request(probe)
    pauses = _pauses(probe)
    wanted, actual = f"at least {PAUSE:g} s once", [f"{pause:.3f} s" for pause in pauses]
    expect(not pauses or max(pauses) >= PAUSE, "the request is repeated without a pause", wanted, actual)


@check("TFS-HANGUP-27", limit=60, since="2026.12")
async def retry_after_is_honoured(probe: Probe) -> None:
    """Retry-After names 2 s, an hour and the year 9999: no request of the same EndFrame comes earlier."""
    for status, after, wait in (
        (429, "2", 2.0),
        (503, "2", 2.0),
        (503, "3600", 3600.0),
        (429, FAR_AWAY, 3600.0),
    ):
        before = len(probe.exchanges)
        await hang_up(probe, UNAVAILABLE | {"status": status, "headers": {"Retry-After": after}}, COMPLETED)
        require_request(probe)
        early = [f"{pause:.1f} s" for pause in _pauses(probe, before) if pause < wait]
        expect(not early, f"the request is repeated before Retry-After: {after}", f"{wait:g} s", early)


@check("TFS-HANGUP-30", since="2026.12")
async def no_connection_is_left_open(probe: Probe) -> None:
    """After a success and after a failure, each connection is closed a second later."""
    for answer in (COMPLETED, UNAVAILABLE):
        await hang_up(probe, answer)
        require_request(probe)
        await asyncio.sleep(GRACE)
        probe.network.settle()
        left = [f"{each.host}:{each.port}" for each in probe.network.connections if each.closed is None]
        expect(not left, "a connection is left open", "none", left)


async def _requests_of_each_kind(probe: Probe) -> tuple[Exchange, ...]:
    """End calls at the default host, in a region, with an API key and at a base_url, as far as these are claimed."""
    key = {"auth_token": None, "api_key_sid": "${api_key_sid}", "api_key_secret": "${api_key_secret}"}
    root = {"base_url": "https://telephony.twilio.com:8443/api"}
    kinds: list[Json] = [{}, {"region": "ie1", "edge": "dublin"}]
    kinds += [key] if "api_key" in probe.implementation.capabilities else []
    kinds += (
        [root]
        if "base_url" in probe.implementation.capabilities and not probe.implementation.is_remote
        else []
    )
    for changes in kinds:
        await hang_up(probe, COMPLETED, **changes)
    require_request(probe)
    return probe.exchanges


def _pauses(probe: Probe, first: int = 0) -> list[float]:
    """Return the seconds between the requests, from the one with this index on."""
    return [after.started - before.started for before, after in pairwise(probe.exchanges[first:])]
