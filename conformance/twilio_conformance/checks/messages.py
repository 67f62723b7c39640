"""Checks of the chapter Messages."""

from __future__ import annotations

from typing import Any

from twilio_conformance.checks._core import check, expect
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.probe import Probe

MESSAGE = {"event": "mark", "streamSid": "${stream_sid}", "mark": {"name": "greeting"}}
KINDS = ("OutputTransportMessageFrame", "OutputTransportMessageUrgentFrame")


@check("TFS-MESSAGE-08", since="2026.12")
async def a_subclass_decides_which_messages_are_ignored(probe: Probe) -> None:
    """A transport message is sent, and is not once a subclass's should_ignore_frame says True."""
    instance = (subject := await probe.ready()).instance
    sent = [await subject.serialize({"frame": kind, "message": MESSAGE}) for kind in KINDS]
    if any(each.value is None for each in sent):
        raise NotTestable("a transport message is not sent", actual=[each.outcome for each in sent])
    own: Any = type(instance)
    instance.__class__ = type(own.__name__, (own,), {"should_ignore_frame": lambda *_: True})
    for kind in KINDS:
        seen = await subject.serialize({"frame": kind, "message": MESSAGE})
        ignored = seen.value is None and seen.raised is None
        expect(ignored, f"a {kind} that should_ignore_frame refuses is sent", "None", seen.outcome)
