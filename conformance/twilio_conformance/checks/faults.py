"""Checks of the chapter Hang-up under faults: concurrency, cancellation, and answers without end."""

from __future__ import annotations

import asyncio
import itertools

from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._hang_up import (
    CLIENT_LIMIT,
    COMPLETED,
    begin_hang_up,
    hang_up,
    require_request,
)
from twilio_conformance.errors import NotApplicable, NotTestable
from twilio_conformance.subject.logs import none_but
from twilio_conformance.subject.probe import NEVER_RETURNED, Observation, Probe
from twilio_conformance.subject.steps import ATTEMPT_LIMIT, END, end_call
from twilio_conformance.twilio.http import ENDLESS_LIMIT

CANCEL = {"frame": "CancelFrame"}

LATE = COMPLETED | {"delay": 2.0}
"""An answer that takes 2 s: a client may allow an attempt no more than that."""

BUSY = {"status": 503, "json": {"code": 20503, "message": "Service unavailable", "status": 503}}
"""An answer that is worth another attempt."""

LONGEST_PAUSE = 1.0
"""Seconds for which the loop may be blocked: more than any TLS handshake, half of the answer's delay."""


@check("TFS-FAULT-05", limit=60)
async def the_loop_goes_on_while_twilio_takes_its_time(probe: Probe) -> None:
    """A heartbeat beside a hang-up that takes 2 s never pauses for long."""
    probe.require_object()
    probe.answer([LATE])
    subject = await probe.ready(**probe.arguments())
    now = asyncio.get_running_loop().time
    beats = [now()]

    async def beat() -> None:
        while True:
            await asyncio.sleep(0.05)
            beats.append(now())

    heart = asyncio.create_task(beat())
    await end_call(subject, limit=ATTEMPT_LIMIT)
    beats.append(now())
    heart.cancel()
    require_request(probe)
    longest = max(after - before for before, after in itertools.pairwise(beats))
    wanted = f"no pause above {LONGEST_PAUSE:g} s"
    expect(longest <= LONGEST_PAUSE, "the event loop stood still", wanted, f"{longest:.1f} s")


@check("TFS-FAULT-06", limit=60)
async def a_cancellation_in_mid_request_propagates(probe: Probe) -> None:
    """A task that awaits the hang-up ends as cancelled."""
    probe.require_object()
    _, task = await begin_hang_up(probe, {"fault": "silence"})
    if task.done():
        raise NotApplicable("serialize returns while the request is under way: there is nothing to cancel")
    await _expect_cancelled(task)


async def _expect_cancelled(task: asyncio.Task[Observation]) -> None:
    task.cancel()
    await asyncio.wait([task], timeout=ATTEMPT_LIMIT)
    expect(task.done(), "the task did not end", "CancelledError", f"no end in {ATTEMPT_LIMIT:g} s")
    outcome = None if task.cancelled() else task.result().outcome
    expect(task.cancelled(), "the cancellation was swallowed", "CancelledError", outcome)


@check("TFS-FAULT-06", limit=60, since="2026.12")
async def a_cancellation_between_two_attempts_propagates(probe: Probe) -> None:
    """A task that waits to repeat a request that met 503 ends as cancelled."""
    probe.require_object()
    _, task = await begin_hang_up(probe, BUSY)
    await asyncio.sleep(0.1)
    if task.done():
        raise NotApplicable("serialize returned: it does not repeat the request, or not before it returns")
    await _expect_cancelled(task)


@check("TFS-FAULT-08", limit=60)
async def a_cancelled_attempt_is_not_the_last(probe: Probe) -> None:
    """An EndFrame is cancelled in mid-request, a CancelFrame follows: in the end a request has succeeded."""
    probe.require_object()
    subject, task = await begin_hang_up(probe, LATE, COMPLETED)
    task.cancel()
    # A request that continues in the background is answered meanwhile.
    await asyncio.sleep(ATTEMPT_LIMIT)
    await subject.serialize(CANCEL, limit=ATTEMPT_LIMIT)
    answered = [exchange.answer_status for exchange in probe.exchanges]
    expect(200 in answered, "the call goes on", "a request answered with 200", answered)


@check("TFS-FAULT-09", limit=60)
async def three_terminal_frames_at_once_end_the_call_once(probe: Probe) -> None:
    """Two EndFrames and a CancelFrame at the same time make one request that succeeds."""
    probe.answer([LATE])
    subject = await probe.ready(**probe.arguments())
    await asyncio.gather(*(end_call(subject, frame, limit=ATTEMPT_LIMIT) for frame in (END, CANCEL, END)))
    if not _expect_at_most_one_success(probe):
        raise NotTestable("no request succeeded", actual=f"{len(probe.exchanges)} requests")


@check("TFS-FAULT-09", limit=60, since="2026.12")
async def a_frame_between_two_attempts_ends_the_call_once(probe: Probe) -> None:
    """A CancelFrame follows while the EndFrame may wait to repeat a request that met 503: one request succeeds."""
    subject, task = await begin_hang_up(probe, BUSY, COMPLETED)
    await end_call(subject, CANCEL, limit=ATTEMPT_LIMIT)
    await task
    probe.network.settle()
    # That a failed attempt is not the last one is TFS-FAULT-07's.
    _expect_at_most_one_success(probe)


def _expect_at_most_one_success(probe: Probe) -> int:
    succeeded = sum(exchange.answer_status == 200 for exchange in probe.exchanges)
    expect(succeeded <= 1, "the call was ended more than once", 1, succeeded)
    return succeeded


@check("TFS-FAULT-12", limit=60)
async def giving_up_on_a_silent_server_leaves_a_record(probe: Probe) -> None:
    """After however long, giving up on a server that never answers is in the log."""
    observation = await hang_up(probe, {"fault": "silence"}, limit=CLIENT_LIMIT)
    if observation.raised is not None and observation.raised.is_a(NEVER_RETURNED):
        raise NotTestable(f"it never gave up within {CLIENT_LIMIT:g} s")
    levels = [record.level_name for record in probe.logs]
    seen = any(record.level >= 30 for record in probe.logs)
    shown = levels or none_but(probe.printed)
    expect(seen, "the failure is nowhere to be seen", "a record of level WARNING or above", shown)


@check("TFS-FAULT-13", limit=60)
async def a_body_without_end_is_not_taken_in(probe: Probe) -> None:
    """Of a body without end, not all is read that the server has patience to send."""
    await hang_up(probe, {"status": 500, "body": "", "fault": "endless"}, limit=CLIENT_LIMIT)
    require_request(probe)
    taken = any("all of them taken" in (exchange.note or "") for exchange in probe.exchanges)
    read = f"{ENDLESS_LIMIT >> 20} MiB read"
    expect(not taken, "the whole of it was read", "the connection ended early", read)
