"""The trace of a check: what an implementation was called with, and the requests that it made, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

from twilio_conformance.subject.frames import shorten
from twilio_conformance.subject.observation import Observation
from twilio_conformance.twilio.record import Exchange


def lines(
    observations: Sequence[tuple[Observation, float, int]],
    exchanges: Sequence[Exchange],
    began: float,
    last: Observation | None,
) -> list[str]:
    """Return a line for each call, followed by one for each request that it made; similar ones become one line.

    Args:
        observations: Each call, when it started, and how many requests there were when it was over.
        exchanges: All requests.
        began: When the check began.
        last: The observation after which the trace ends; all of it for None, or an observation of another probe.

    Returns:
        The lines, each with the time since the check began, on the clock that skips.
    """
    found: list[tuple[object, str]] = []
    requests = [timed(exchange.started - began, _wire_line(exchange)) for exchange in exchanges]
    made = 0
    for observation, started, made_then in observations:
        kind = observation if observation is last else observation.kind
        found.append((kind, timed(started - began, f"{observation.call}: {observation.outcome}")))
        found += enumerate(requests[made:made_then], start=made)
        made = made_then
        if observation is last:
            break
    else:
        found += enumerate(requests[made:], start=made)
    alike = groupby(found, key=itemgetter(0))
    return [_summarize([line for _, line in group]) for _, group in alike]


def decisive(
    observations: Sequence[tuple[Observation, float, int]], named: Observation | None, said: str
) -> Observation | None:
    """Return the observation that a finding is about.

    Args:
        observations: Each call, when it started, and how many requests there were when it was over.
        named: The one that the finding names, if any.
        said: What the finding says.

    Returns:
        The named one, else the last exception that the finding quotes, else the last call if it raised; None otherwise.
    """
    raised = [each for each, *_ in observations if each.raised is not None]
    quoted = [each for each in raised if each.outcome in said]
    last = [each for each, *_ in observations[-1:] if each.raised is not None]
    return named or next(iter(quoted[::-1] + last), None)


def timed(seconds: float, line: str) -> str:
    """Return a line with the seconds since the check began."""
    return f"+{seconds:.3f} s  {line}"


def _summarize(alike: list[str]) -> str:
    """Return the first of similar lines and the number of the others."""
    return alike[0] if len(alike) == 1 else f"{alike[0]} (and {len(alike) - 1} more like it)"


def _wire_line(exchange: Exchange) -> str:
    """Return a request and its answer on one line, with headers of credentials redacted."""
    shown = exchange.as_json()["request"]
    place = f"{exchange.scheme}://{exchange.host}:{exchange.port}{exchange.target}"
    headers = ", ".join(f"{name}: {value}" for name, value in shown["headers"])
    answer = "no answer" if exchange.answer_status is None else f"answer {exchange.answer_status}"
    note = f" ({exchange.note})" if exchange.note else ""
    body = shorten(shown.get("body", exchange.body), 200)
    return f"request {exchange.method} {place} -> {answer}{note}; body {body}; {headers}"
