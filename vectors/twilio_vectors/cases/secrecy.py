"""Vectors of the chapter Credentials and identifiers: the certificates that a client has to refuse."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.case import COMPLETED, HANGING_UP, Case, family, requests, serialize
from twilio_vectors.cases.hangup import CANCEL, END


@family("secrecy")
def certificates() -> Iterator[Case]:
    """A server with a bad certificate gets no request, nor at the second attempt; with a good one it does."""
    for kind, text in (
        ("unknown-authority", "of an authority that nobody knows"),
        ("wrong-host", "of another host"),
        ("expired", "that has expired"),
    ):
        yield Case(
            f"certificate-{kind}",
            f"The server shows a certificate {text}.",
            arguments=dict(HANGING_UP),
            answers=[{"fault": "certificate", "kind": kind}],
            steps=[serialize(END), serialize(CANCEL)],
            expect=[requests("TFS-SECURE-01", 0)],
            result="invalid",
            source="RFC 5280, section 6; RFC 9110, section 4.3.4",
            twin="certificate-good",
        )
    yield Case(
        "certificate-good",
        "The server shows a certificate of an authority that is known, for its host and in its time.",
        arguments=dict(HANGING_UP),
        answers=[dict(COMPLETED)],
        steps=[serialize(END)],
        expect=[requests("TFS-SECURE-01", 1)],
        source="RFC 9110, section 4.3.4",
    )
