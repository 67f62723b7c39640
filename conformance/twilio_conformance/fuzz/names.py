"""SIDs and secrets that are the same in every process, so that what was seen can be compared."""

from __future__ import annotations

import hashlib

from twilio_conformance.subject.redaction import Names


def _fixed() -> dict[str, str]:
    values = Names().values
    digests = {name: hashlib.sha256(name.encode()).hexdigest()[:32] for name in values}
    return {
        name: (value[:2] if name.endswith("_sid") else "") + digests[name] for name, value in values.items()
    }


NAMES = _fixed()
"""What ${name} stands for in every session."""
