"""The reference implementation of Pipecat's Twilio serializer: `TwilioFrameSerializer`."""

from twilio_reference.serializer import TwilioFrameSerializer

__all__ = ["TwilioFrameSerializer"]
