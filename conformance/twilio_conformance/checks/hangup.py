"""Checks of the chapter Hang-up."""

from __future__ import annotations

from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._hang_up import COMPLETED
from twilio_conformance.errors import NotTestable
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import END


@check("TFS-HANGUP-16")
async def the_request_is_over_when_serialize_returns(probe: Probe) -> None:
    """Twilio takes half a second to answer, and serialize waits for it."""
    probe.answer([COMPLETED | {"delay": 0.5}])
    subject = await probe.ready(**probe.arguments())
    observation = await subject.serialize(END)
    if observation.raised is not None:
        raise NotTestable("serialize of an EndFrame failed", actual=observation.outcome)
    answered = [exchange.answer_status for exchange in probe.exchanges]
    over, wanted = bool(answered) and None not in answered, "a request that has been answered"
    expect(over, "serialize returned before the request was over", wanted, answered or "no request")
