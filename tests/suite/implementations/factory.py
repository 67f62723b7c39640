"""Factories, of a serializer and of other things."""

from __future__ import annotations

from typing import Any

from twilio_reference import TwilioFrameSerializer


def serializer(**arguments: Any) -> TwilioFrameSerializer:
    return TwilioFrameSerializer(**arguments)


def text(**_: Any) -> str:
    return "not a serializer"


NUMBER = 3
