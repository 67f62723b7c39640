"""Conformance suite for implementations of Pipecat's TwilioFrameSerializer."""

EDITION = "2026.12"
"""The newest edition of the specification that this suite holds."""

FIRST_EDITION = "2026.11"
"""The edition of every check that names no other."""
