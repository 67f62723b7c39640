"""Conformance suite for implementations of Pipecat's TwilioFrameSerializer."""

EDITION = "2026.11"
"""The newest edition of the specification that this suite holds."""
