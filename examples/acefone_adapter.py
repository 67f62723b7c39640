"""Grades pipecat-acefone's serializer, which speaks Twilio's wire: `--impl=acefone_adapter`."""

from __future__ import annotations

from pipecat.serializers.base_serializer import FrameSerializer
from pipecat_acefone.serializer import AcefoneFrameSerializer


class TwilioFrameSerializer(AcefoneFrameSerializer):
    """The package's class with the documented arguments; it hangs up over the WebSocket."""

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
        """The ids go into the package's own options."""
        given = params or TwilioFrameSerializer.InputParams()
        own = AcefoneFrameSerializer.InputParams(
            stream_sid=stream_sid,
            call_sid=call_sid,
            auto_hang_up=given.auto_hang_up,
            acefone_sample_rate=given.twilio_sample_rate,
            sample_rate=given.sample_rate or 0,
            ignore_rtvi_messages=given.ignore_rtvi_messages,
        )
        super().__init__(own)
