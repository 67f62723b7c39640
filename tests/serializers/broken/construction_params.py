"""Broken serializers of the chapter Construction: what one instance leaves in params, or takes from elsewhere."""

from __future__ import annotations

import os
from typing import Any

from tests.serializers.broken.base import HookedSerializer
from tests.serializers.broken.registry import broken
from twilio_reference import TwilioFrameSerializer


@broken(
    "TFS-CONSTRUCT-16",
    "A missing credential is looked up in the environment, which no page says.",
    also="TFS-SECURE-13",
)
class CredentialsOfTheEnvironment(HookedSerializer):
    def __init__(self, stream_sid: str, *arguments: Any, **keywords: Any) -> None:
        names = ("call_sid", "account_sid", "auth_token")
        for name in names[len(arguments) :]:
            found = os.environ.get(f"TWILIO_{name.upper()}")
            if name not in keywords and found and "api_key_sid" not in keywords:
                keywords[name] = found
        super().__init__(stream_sid, *arguments, **keywords)


@broken(
    "TFS-CONSTRUCT-17",
    "setup keeps the rate in params.sample_rate, which is the next call's override.",
    also="TFS-SETUP-05",
)
class RateInTheParams(HookedSerializer):
    def __init__(self, *arguments: Any, params: Any = None, **keywords: Any) -> None:
        super().__init__(*arguments, **(keywords | ({"params": params} if params else {})))
        self._shared = params

    async def setup(self, setup: Any) -> None:
        if self._shared is not None:
            self._rate_override = self._shared.sample_rate or setup.audio_in_sample_rate
            self._shared.sample_rate = self._rate_override
        await super().setup(setup)


DEFAULT = TwilioFrameSerializer.InputParams()


@broken(
    "TFS-CONSTRUCT-17",
    "The default of params is one object for all, as def f(params=InputParams()) makes it, and setup writes to it.",
    isolated=True,
    also="TFS-MEDIAIN-04",
)
class OneDefaultForAll(HookedSerializer):
    def __init__(self, *arguments: Any, params: Any = None, **keywords: Any) -> None:
        super().__init__(*arguments, **(keywords | ({"params": params} if params else {})))
        self._defaults = len(arguments) < 7 and params is None

    async def setup(self, setup: Any) -> None:
        if self._defaults:
            DEFAULT.sample_rate = self._rate_override = DEFAULT.sample_rate or setup.audio_in_sample_rate
        await super().setup(setup)
