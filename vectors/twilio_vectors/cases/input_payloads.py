"""Vectors of the chapter Hostile input: payloads that are not base64, each beside a valid neighbour."""

from __future__ import annotations

import base64
from collections.abc import Iterator

from twilio_vectors.audio import speech
from twilio_vectors.case import Case, b64, deserialize, family
from twilio_vectors.cases.input import CODES, PAYLOAD, accepted, refused, with_payload
from twilio_vectors.steps import codes_of


@family("input")
def payloads_that_are_not_base64() -> Iterator[Case]:
    """Payloads that break RFC 4648 section 4 in one place, and the neighbour that does not."""
    odd = codes_of(speech(241, seed=32))
    even = codes_of(speech(242, seed=33))
    one, two = b64(odd), b64(even)
    assert one.endswith("==") and two.endswith("=") and not two.endswith("==")
    twins = {"whole": (PAYLOAD, CODES), "two-pads": (one, odd), "one-pad": (two, even)}
    for name, (payload, codes) in twins.items():
        yield accepted(
            f"base64-twin-{name}",
            f"Good base64: {name}.",
            "TFS-INPUT-05",
            deserialize(with_payload(payload)),
            codes,
        )
    high = b64(bytes([0xFB, 0xFF] * 120))
    yield accepted(
        "base64-twin-plus-and-slash",
        "Good base64 with + and /.",
        "TFS-INPUT-05",
        deserialize(with_payload(high)),
        bytes([0xFB, 0xFF] * 120),
    )
    broken = {
        "no-pad-of-two": (one.rstrip("="), "two-pads"),
        "no-pad-of-one": (two.rstrip("="), "one-pad"),
        "half-a-pad": (one[:-1], "two-pads"),
        "pad-too-many": (two + "=", "one-pad"),
        "pad-without-need": (PAYLOAD + "=", "whole"),
        "one-character-less": (PAYLOAD[:-1], "whole"),
        "one-character-more": (PAYLOAD + "A", "whole"),
        "text-after-padding": (one + PAYLOAD, "two-pads"),
        "padding-in-the-middle": (PAYLOAD[:40] + "=" + PAYLOAD[41:], "whole"),
        "url-safe-alphabet": (high.replace("+", "-").replace("/", "_"), "plus-and-slash"),
        "star": (PAYLOAD[:40] + "*" + PAYLOAD[41:], "whole"),
        "space": (PAYLOAD[:40] + " " + PAYLOAD[40:], "whole"),
        "line-feed": (PAYLOAD[:76] + "\n" + PAYLOAD[76:], "whole"),
        "carriage-return": (PAYLOAD[:76] + "\r\n" + PAYLOAD[76:], "whole"),
        "leading-space": (" " + PAYLOAD, "whole"),
        "trailing-line-feed": (PAYLOAD + "\n", "whole"),
        "nul": (PAYLOAD[:40] + "\0" + PAYLOAD[41:], "whole"),
        "percent-encoded": (PAYLOAD[:40] + "%3D" + PAYLOAD[43:], "whole"),
        "accent": (PAYLOAD[:40] + "\u00e9" + PAYLOAD[41:], "whole"),
        "full-width": (PAYLOAD[:40] + "\uff21" + PAYLOAD[41:], "whole"),
        "lone-surrogate": (PAYLOAD[:40] + "\ud800" + PAYLOAD[41:], "whole"),
        "data-url": ("data:audio/x-mulaw;base64," + PAYLOAD, "whole"),
    }
    for name, (payload, twin) in broken.items():
        yield refused(
            f"base64-{name}",
            f"Broken base64: {name}.",
            "TFS-INPUT-05",
            deserialize(with_payload(payload)),
            twin=f"base64-twin-{twin}",
        )
    short = {"one-byte": "AA==", "three-bytes": "AAAA", "letters": "abcd", "slashes": "////"}
    for name, payload in short.items():
        yield accepted(
            f"base64-twin-{name}",
            f"Good base64: {payload}.",
            "TFS-INPUT-05",
            deserialize(with_payload(payload)),
            base64.b64decode(payload),
        )
    misses = {
        "one-character": ("A", "one-byte"),
        "only-pads": ("====", "one-byte"),
        "three-characters": ("abc", "letters"),
        "four-accents": ("\u00e9" * 4, "three-bytes"),
        "exclamation": ("!!!!", "slashes"),
        "space-only": ("    ", "slashes"),
    }
    for name, (payload, twin) in misses.items():
        yield refused(
            f"base64-{name}",
            f"Broken base64: {name}.",
            "TFS-INPUT-05",
            deserialize(with_payload(payload)),
            twin=f"base64-twin-{twin}",
        )
