"""The reference in a module that prints a lot when it is imported."""

from __future__ import annotations

import sys

from twilio_reference import TwilioFrameSerializer as TwilioFrameSerializer

print("noise\n" * 100_000)
print("noise", file=sys.stderr)
