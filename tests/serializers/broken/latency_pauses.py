"""Broken serializers of the chapter Latency: audio around a pause."""

from __future__ import annotations

import asyncio
import time

from tests.serializers.broken.base import IncomingSamples, OutgoingCodes, OutgoingSamples, Real
from tests.serializers.broken.base_audio import Muted
from tests.serializers.broken.registry import broken


@broken("TFS-LATENCY-05", "Automatic gain control restarts after a pause, 18 dB too low.")
class QuietAfterAPause(OutgoingSamples):
    before = 0.0
    quiet = False

    def change_samples(self, samples: Real) -> Real:
        now = time.monotonic()
        self.quiet = self.quiet or (self.before > 0 and now - self.before > 0.2)
        self.before = now
        return samples / 8 if self.quiet else samples


@broken("TFS-LATENCY-05", "After a pause, a player buffers 40 ms before it starts.")
class LateAfterAPause(OutgoingCodes):
    before = 0.0

    def change_codes(self, codes: bytes) -> bytes:
        now = time.monotonic()
        late = self.before > 0 and now - self.before > 0.2
        self.before = now
        return b"\xff" * (320 * late) + codes


@broken(
    "TFS-LATENCY-05",
    "A timer clears the resampler after 0.2 s without audio and drops 30 ms (pipecat-ai/pipecat issue 5769).",
    also="TFS-LATENCY-08",
)
class ClearedByAPause(OutgoingSamples):
    last = 0.0

    def change_codes(self, codes: bytes) -> bytes:
        now, before = time.monotonic(), self.last
        self.last = now
        is_late = before > 0 and now - before > 0.2 and self.rate != 8000
        return codes[240:] if is_late else codes


@broken(
    "TFS-LATENCY-05", "A timer of the event loop drops 30 ms after 0.2 s without audio.", also="TFS-ABUSE-11"
)
class ForgottenByATimer(OutgoingSamples):
    timer: asyncio.TimerHandle | None = None
    forgotten = False

    def change_codes(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        forgotten, self.forgotten = self.forgotten, False
        if self.timer is not None:
            self.timer.cancel()
        self.timer = asyncio.get_running_loop().call_later(0.2, self._forget)
        return codes[240:] if forgotten else codes

    def _forget(self) -> None:
        self.forgotten = True


@broken("TFS-LATENCY-05", "A voice detector opens late after a pause and silences the first 300 ms.")
class MutedAfterAPause(Muted):
    last = 0.0

    def change_samples(self, samples: Real) -> Real:
        now, before = time.monotonic(), self.last
        self.last = now
        if before > 0 and now - before > 0.2:
            self.muted = 2400
        return super().change_samples(samples)


@broken(
    "TFS-LATENCY-05",
    "The second pause of a call resets the resampler, and 30 ms are lost.",
    also="TFS-LATENCY-08",
)
class ClearedByTheSecondPause(ClearedByAPause):
    pauses = 0

    def change_codes(self, codes: bytes) -> bytes:
        kept = super().change_codes(codes)
        self.pauses += len(kept) < len(codes)
        return kept if self.pauses > 1 else codes


@broken(
    "TFS-LATENCY-08", "After ten seconds without audio, the stream is taken to be new, and 30 ms are dropped."
)
class ClearedByALongPause(OutgoingSamples):
    last = 0.0

    def change_codes(self, codes: bytes) -> bytes:
        now, before = time.monotonic(), self.last
        self.last = now
        return codes[240:] if before > 0 and now - before > 10 and self.rate != 8000 else codes


@broken(
    "TFS-LATENCY-08",
    "A caller who was silent for a minute is taken to be on hold, and the first 100 ms are not let through.",
)
class CallerOnHold(IncomingSamples):
    last = 0.0
    muted = 0

    def change_samples(self, samples: Real) -> Real:
        now, before = time.monotonic(), self.last
        self.last = now
        if before > 0 and now - before >= 60:
            self.muted = 5
        self.muted, silent = max(self.muted - 1, 0), self.muted > 0
        return samples * (not silent)


@broken(
    "TFS-LATENCY-08", "A pause of more than five minutes overflows a counter of samples: 100 ms are repeated."
)
class RepeatsAfterFiveMinutes(OutgoingCodes):
    last = 0.0
    codes = b""

    def change_codes(self, codes: bytes) -> bytes:
        now, before = time.monotonic(), self.last
        again = self.codes if before > 0 and now - before > 300 else b""
        self.last, self.codes = now, (self.codes + codes)[-800:]
        return again + codes
