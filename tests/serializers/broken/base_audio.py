"""Hooks for audio that several chapters share."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import Frame, InterruptionFrame, OutputAudioRawFrame

from tests.serializers.broken.base import OutgoingCodes, OutgoingSamples, Real


class RateChanges(OutgoingCodes):
    """Notices a change of rate: `sent` gives the codes to send instead of the first after it."""

    rate = 0
    changed = False
    last = b""

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.changed = self.rate not in (0, frame.sample_rate)
            self.rate = frame.sample_rate
        return frame

    def first(self, codes: bytes) -> bytes:
        """What comes before the first codes of a new rate."""
        raise NotImplementedError

    def change_codes(self, codes: bytes) -> bytes:
        before = self.first(codes) if self.changed else b""
        self.last = (self.last + codes)[-1600:]
        return before + codes


class SamplesByPosition(OutgoingSamples):
    """Knows the place of each sample in what was converted."""

    place = 0

    def at(self, places: NDArray[np.int64], samples: Real) -> Real:
        """The samples to send instead, by their places."""
        raise NotImplementedError

    def change_samples(self, samples: Real) -> Real:
        places = self.place + np.arange(samples.size)
        self.place += samples.size
        return self.at(places, samples)


class HeldBack(OutgoingCodes):
    """Holds back so many codes; what is held is dropped by an interruption."""

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
    """Sends the codes of a call in another order; `place` is that of the next in what was converted."""

    place = 0

    def cut(self, lost: int, repeated: int, count: int, codes: bytes) -> bytes:
        """Leaves out `count` codes from the place `lost`, and sends as many twice from `repeated`."""
        if self.rate == 8000:
            return codes
        places = self.place + np.arange(len(codes))
        self.place += len(codes)
        given = np.frombuffer(codes, np.uint8)
        kept = given[(places < lost) | (places >= lost + count)].tobytes()
        again = given[(places >= repeated) & (places < repeated + count)].tobytes()
        return kept + again


class DelayedFromNowOn(OutgoingCodes):
    """Sends 200 ms late from some moment on."""

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
