"""Checks of the chapter Setup."""

from __future__ import annotations

from twilio_conformance.checks._core import check, expect
from twilio_conformance.subject import frames
from twilio_conformance.subject.probe import Probe


@check("TFS-SETUP-04")
async def the_three_methods_are_awaitable(probe: Probe) -> None:
    """setup, serialize and deserialize give awaitables."""
    subject = probe.construct(stream_sid="${stream_sid}", params={"auto_hang_up": False})
    calls = {
        "setup": frames.setup_argument(8000, 8000),
        "serialize": frames.build({"frame": "InterruptionFrame"}),
        "deserialize": '{"event":"connected","protocol":"Call","version":"1.0.0"}',
    }
    plain = [method for method, argument in calls.items() if not subject.is_awaitable(method, argument)]
    expect(not plain, "a method returns a plain value", "awaitables", plain)
