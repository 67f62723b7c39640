"""Broken serializers of the chapter Setup."""

from __future__ import annotations

from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any

from pipecat.frames.frames import InputAudioRawFrame

from tests.serializers.broken.base import HookedSerializer, with_audio
from tests.serializers.broken.registry import broken


@broken(
    "TFS-SETUP-01",
    "setup reads an attribute that only older configuration objects have (pipecat-ai/pipecat PR 5316).",
)
class SetupOfAnotherPipecat(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        raise AttributeError(f"{type(setup).__name__!r} object has no attribute 'audio_in_rate'")


@broken(
    "TFS-SETUP-01",
    "setup accepts only the rates in a list.",
    also="TFS-ABUSE-06 TFS-SETUP-02",
)
class UsualRatesOnly(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        if setup.audio_in_sample_rate not in (8000, 16000):
            raise ValueError(f"unsupported rate {setup.audio_in_sample_rate}")
        await super().setup(setup)


@broken(
    "TFS-SETUP-02",
    "Frames are labeled with Twilio's rate (pipecat-ai/pipecat PR 1148, PR 1154).",
    also="TFS-MEDIAIN-04 TFS-SETUP-03 TFS-CONSTRUCT-17",
)
class LabelledWithTwiliosRate(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        return with_audio(frame, sample_rate=8000) if isinstance(frame, InputAudioRawFrame) else frame


@broken(
    "TFS-SETUP-02",
    "audio_out_sample_rate is read instead of audio_in_sample_rate (pipecat-ai/pipecat PR 1148).",
)
class RateOfTheOtherDirection(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        await super().setup(SimpleNamespace(audio_in_sample_rate=setup.audio_out_sample_rate))


@broken("TFS-SETUP-03", "The override is read before setup, which overwrites it.")
class OverrideForgotten(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        self._rate_override = None
        await super().setup(setup)


@broken("TFS-SETUP-03", "The override changes only the label of the frame.", also="TFS-MEDIAIN-04")
class OverrideOfTheLabel(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        self.label, self._rate_override = self._rate_override, None
        await super().setup(setup)

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        return with_audio(frame, sample_rate=self.label or frame.sample_rate)


@broken("TFS-SETUP-05", "setup does its work once, and a second call returns at once.")
class FirstSetupHolds(HookedSerializer):
    async def setup(self, setup: Any) -> None:
        if self._input is None:
            await super().setup(setup)


@broken(
    "TFS-SETUP-04",
    "setup has nothing to await and is not async (the API before Pipecat 0.0.55).",
    also="TFS-SETUP-01",
)
class PlainSetup(HookedSerializer):
    def setup(self, setup: Any) -> Any:
        coroutine = super().setup(setup)
        try:
            coroutine.send(None)
        except StopIteration:
            return None
        raise AssertionError("the reference's setup waits")


@broken(
    "TFS-SETUP-04",
    "serialize returns a plain string for an interruption (the API before Pipecat 0.0.55).",
    also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-CLEAR-01 TFS-CLEAR-03 TFS-SECURE-12 TFS-ABUSE-10 TFS-CONSTRUCT-22",
)
class PlainSerialize(HookedSerializer):
    def serialize(self, frame: Any) -> Any:
        if type(frame).__name__ == "InterruptionFrame":
            return self._clear
        result: Awaitable[Any] = super().serialize(frame)
        return result
