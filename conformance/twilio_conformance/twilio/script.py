"""Scripted answers of Twilio's REST API, and the faults that a client may meet instead."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from twilio_conformance.twilio.tls import BAD_CERTIFICATES

CONNECTION_FAULTS = frozenset({"refuse", "reset-in-handshake", "silence-in-handshake", "certificate"})
"""Faults of a connection, before any request; each applies to one connection."""

REQUEST_FAULTS = frozenset({"reset", "reset-in-answer", "close", "silence", "drip", "endless"})
"""Faults of a request; each applies to one request."""

_JSON = (("Content-Type", "application/json"),)
_ENDED_CALL = b'{"sid": "{call_sid}", "account_sid": "{account_sid}", "status": "completed"}'


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted answer, or one fault. Without arguments: 200 for a call that has ended.

    ``{authorization}``, ``{target}``, ``{account_sid}`` and ``{call_sid}`` in the body and in header values
    are replaced by what the request contained.

    Attributes:
        status: HTTP status.
        headers: Names and values, in order; Content-Length, Transfer-Encoding and Connection are added.
        body: Body, unencoded.
        reason: Reason phrase; None for the usual one.
        delay: Seconds before the answer.
        interim: 1xx statuses sent first.
        chunked: Whether the body is sent with chunked transfer coding.
        fault: A member of `CONNECTION_FAULTS` or `REQUEST_FAULTS`, or None.
        kind: With the fault ``certificate``, one of `twilio_conformance.twilio.tls.BAD_CERTIFICATES`.
        interval: Seconds between two bytes of a drip (None: 1), or two chunks of an endless body (None: 0).
    """

    status: int = 200
    headers: tuple[tuple[str, str], ...] = _JSON
    body: bytes = _ENDED_CALL
    reason: str | None = None
    delay: float = 0.0
    interim: tuple[int, ...] = ()
    chunked: bool = False
    fault: str | None = None
    kind: str | None = None
    interval: float | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Answer:
        """Return the answer that a vector describes, such as ``{"status": 404, "json": {"code": 20404}}``.

        Without ``status`` the answer is the default one; with it, the body is ``json``, ``body`` (text) or
        ``body_base64``, else empty. Raise ValueError for an unknown key, fault or kind, or more than one body.
        """
        keys = {attribute.name for attribute in fields(cls)} | {"json", "body_base64"}
        if unknown := data.keys() - keys:
            raise ValueError(f"unknown key in a scripted answer: {', '.join(sorted(unknown))}")
        fault, kind = data.get("fault"), data.get("kind")
        if fault is not None and fault not in CONNECTION_FAULTS | REQUEST_FAULTS:
            raise ValueError(f"unknown fault in a scripted answer: {fault!r}")
        if (fault == "certificate") != (kind in BAD_CERTIFICATES):
            raise ValueError(f"fault {fault!r} with kind {kind!r} in a scripted answer")
        defaults, body = _content(data)
        given = data.get("headers", {})
        names = {name.lower() for name in given}
        headers = (*given.items(), *(header for header in defaults if header[0].lower() not in names))
        options = {name: data[name] for name in _OPTIONS & data.keys()}
        return cls(headers=headers, body=body, interim=tuple(data.get("interim", ())), **options)


_OPTIONS = frozenset({"status", "reason", "delay", "chunked", "fault", "kind", "interval"})


def _content(data: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], bytes]:
    bodies = [key for key in ("json", "body", "body_base64") if key in data]
    if len(bodies) > 1:
        raise ValueError(f"more than one body in a scripted answer: {', '.join(bodies)}")
    if "json" in data:
        return _JSON, json.dumps(data["json"]).encode()
    if "body" in data:
        return (("Content-Type", "text/plain; charset=utf-8"),), data["body"].encode()
    if "body_base64" in data:
        body = base64.b64decode(data["body_base64"], validate=True)
        return (("Content-Type", "application/octet-stream"),), body
    return ((), b"") if "status" in data else (_JSON, _ENDED_CALL)
