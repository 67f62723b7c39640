"""Hooks for audio that several chapters share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import Frame, InterruptionFrame, OutputAudioRawFrame

from tests.serializers.broken.base import OutgoingCodes, OutgoingSamples, Real


class RateChanges(OutgoingCodes):
    """A hook for the first codes after a change of the sample rate."""

    rate = 0
    changed = False
    last = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.changed = self.rate not in (0, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame

    def first(self, codes: bytes) -> bytes:
        """Return the codes to send before the first codes of a new rate."""
        raise NotImplementedError

    def change_codes(self, codes: bytes) -> bytes:
        before = self.first(codes) if self.changed else b""
        self.last = (self.last + codes)[-1600:]
        return before + codes


class SamplesByPosition(OutgoingSamples):
    """A hook for outgoing samples that knows their positions in the call."""

    place = 0

    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        """Return the samples to send instead of those at these positions."""
        raise NotImplementedError

    def change_samples(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        return self.at(places, samples)


class HeldBack(OutgoingCodes):
    """Holds back `held` codes, which an interruption drops; audio at 8000 Hz is not delayed."""

    held = 0
    rate = 8000
    _kept = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, InterruptionFrame):
            self._kept = b""
        if isinstance(frame, OutputAudioRawFrame):
            self.rate = frame.sample_rate
        return frame

    def change_codes(self, codes: bytes) -> bytes:
        self._kept += codes
        cut = len(self._kept) if self.rate == 8000 else max(len(self._kept) - self.held, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes


class Muted(OutgoingSamples):
    """Sends silence in place of the next `muted` samples."""

    muted = 0

    def change_samples(self, samples: Real) -> Real:
        silent, self.muted = self.muted, max(self.muted - samples.size, 0)
        return np.where(np.arange(samples.size) < silent, 0, samples)


class Rearranged(OutgoingSamples):
    """Can drop codes of a call and repeat others; `place` is the position of the next code."""

    place = 0

    def cut(self, lost: int, repeated: int, count: int, codes: bytes) -> bytes:
        """Drop `count` codes from position `lost`, and send as many twice from position `repeated`."""
        if self.rate == 8000:
            return codes
        places = self.place + np.arange(len(codes))
        self.place += len(codes)
        given = np.frombuffer(codes, np.uint8)
        kept = given[(places < lost) | (places >= lost + count)].tobytes()
        again = given[(places >= repeated) & (places < repeated + count)].tobytes()
        return kept + again


class DelayedOnceLate(OutgoingCodes):
    """Delays audio by 200 ms once `late` is set."""

    late = False
    rate = 8000
    _kept = b""

    def change_codes(self, codes: bytes) -> bytes:
        if not self.late:
            return codes
        self._kept += codes
        cut = max(len(self._kept) - 1600, 0)
        codes, self._kept = self._kept[:cut], self._kept[cut:]
        return codes
