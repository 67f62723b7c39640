"""Grades voicelink's serializer, which learns its stream from `start`: `--impl=voicelink_adapter`."""

from __future__ import annotations

import json
from typing import Any

from pipecat.serializers.base_serializer import FrameSerializer
from voicelink.integrations.pipecat import VoiceLinkFrameSerializer


class TwilioFrameSerializer(VoiceLinkFrameSerializer):
    """The package's class with the documented arguments; once set up, it has seen the stream's `start`."""

    class InputParams(FrameSerializer.InputParams):
        """The documented options."""

        twilio_sample_rate: int = 8000
        sample_rate: int | None = None
        auto_hang_up: bool = True

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,  # noqa: ARG002
        auth_token: str | None = None,  # noqa: ARG002
        region: str | None = None,  # noqa: ARG002
        edge: str | None = None,  # noqa: ARG002
        params: InputParams | None = None,
    ) -> None:
        """Keeps the ids for setup; the package never hangs up, so credentials have no use."""
        given = params or TwilioFrameSerializer.InputParams()
        own = VoiceLinkFrameSerializer.InputParams(sample_rate=given.sample_rate, ignore_rtvi_messages=given.ignore_rtvi_messages)
        super().__init__(own)
        form = {"encoding": "audio/mulaw", "sample_rate": given.twilio_sample_rate, "channels": 1}
        start = {"stream_sid": stream_sid, "call_sid": call_sid, "media_format": form}
        self._start = json.dumps({"event": "start", "stream_sid": stream_sid, "start": start})

    async def setup(self, setup: Any) -> None:
        """Sets up and starts the stream."""
        await super().setup(setup)
        await self.deserialize(self._start)
