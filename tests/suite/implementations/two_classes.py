"""Two serializers, neither of the usual name."""

from __future__ import annotations

from twilio_reference import TwilioFrameSerializer as _Reference


class First(_Reference):
    pass


class Second(_Reference):
    pass
