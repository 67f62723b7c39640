"""The serializer: Pipecat's frames to Twilio Media Streams messages and back."""

from typing import Any

import numpy as np
from loguru import logger
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames.frames import (
    AudioRawFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InputDTMFFrame,
    InterruptionFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_reference import messages
from twilio_reference.g711 import decode, encode
from twilio_reference.hangup import HangUp, basic_login, call_url
from twilio_reference.resampler import Resampler, overlay


class TwilioFrameSerializer(FrameSerializer):
    """Serializer for the Twilio Media Streams WebSocket protocol.

    Audio goes out as `media` and comes in as InputAudioRawFrame, an interruption goes out as
    `clear`, key presses come in as InputDTMFFrame, transport messages go out as JSON. With
    auto_hang_up, the first EndFrame or CancelFrame ends the call through Twilio's REST API.

    Neither `serialize` nor `deserialize` raises for anything the socket, the pipeline or Twilio
    hands it (but CancelledError, when cancelled), and no frame is modified.
    """

    class InputParams(FrameSerializer.InputParams):
        """Configuration.

        Attributes:
            twilio_sample_rate: Twilio's rate in Hz.
            sample_rate: Rate of the frames from `deserialize` in Hz; default: the pipeline's.
            auto_hang_up: Whether an EndFrame or CancelFrame ends the call.
            ignore_rtvi_messages: Inherited; whether RTVI messages are withheld, by default they are.
        """

        twilio_sample_rate: int = 8000
        sample_rate: int | None = None
        auto_hang_up: bool = True

    def __init__(
        self,
        stream_sid: str,
        call_sid: str | None = None,
        account_sid: str | None = None,
        auth_token: str | None = None,
        region: str | None = None,
        edge: str | None = None,
        params: InputParams | None = None,
        *,
        base_url: str | None = None,
        api_key_sid: str | None = None,
        api_key_secret: str | None = None,
    ) -> None:
        """Check the arguments; all but `stream_sid` and `params` matter to auto_hang_up only.

        Args:
            stream_sid: The stream's SID, from Twilio's `start` message.
            call_sid: The call's SID.
            account_sid: The account's SID.
            auth_token: The account's token.
            region: Twilio region, such as "ie1"; only together with `edge`.
            edge: Twilio edge, such as "dublin"; only together with `region`.
            params: Configuration.
            base_url: Root of a Twilio-compatible API instead of Twilio's; then `region` and
                `edge` mean nothing.
            api_key_sid: SID of an API key, used instead of `auth_token`.
            api_key_secret: Secret of that key.

        Raises:
            ValueError: `stream_sid` is empty, or, with auto_hang_up, an argument is missing,
                or unfit for a URL or for HTTP Basic authentication. The message names the
                argument and never quotes a credential.
        """
        params = params or TwilioFrameSerializer.InputParams()
        super().__init__(params)
        if not stream_sid:
            raise ValueError("stream_sid must not be empty")
        self._stream_sid = stream_sid
        self._twilio_rate = params.twilio_sample_rate
        self._rate_override = params.sample_rate
        self._clear = messages.clear(stream_sid)
        self._media_opening = messages.media_opening(stream_sid)
        self._input: Resampler | None = None
        self._output: Resampler | None = None
        self._tail = b""  # of the rate before, not yet given out
        self._hang_up: HangUp | None = None
        if params.auto_hang_up:
            try:
                login = basic_login(call_sid, account_sid, auth_token, api_key_sid, api_key_secret)
                url = call_url(account_sid, call_sid, region=region, edge=edge, base_url=base_url)
            except ValueError as error:
                # Without its way up to here: a traceback that shows values, as loguru's
                # diagnose does, shows those of every line it passes, credentials too.
                raise error.with_traceback(None) from None
            self._hang_up = HangUp(url, login)

    async def setup(self, setup: Any) -> None:
        """Learn the pipeline's rate. Until then `deserialize` gives no audio.

        Args:
            setup: Holds `audio_in_sample_rate`, in Hz: a StartFrame before Pipecat 1.8, a
                FrameProcessorSetup since.
        """
        self._input = _resampler(self._twilio_rate, self._rate_override or setup.audio_in_sample_rate)

    async def serialize(self, frame: Frame) -> str | None:
        """Turn a frame into a message.

        Args:
            frame: Any frame; it is not modified.

        Returns:
            The text to send, or None if there is nothing to send.
        """
        if isinstance(frame, AudioRawFrame):
            # What the caller said is not for the caller.
            return None if isinstance(frame, InputAudioRawFrame) else self._media(frame)
        if isinstance(frame, InterruptionFrame):
            self._tail = b""
            if self._output:
                self._output.reset()
            return self._clear
        if isinstance(frame, (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)):
            # should_ignore_frame takes a message to be a dict.
            if isinstance(frame.message, dict) and self.should_ignore_frame(frame):
                return None
            return messages.transport_message(frame.message)
        if isinstance(frame, (EndFrame, CancelFrame)) and self._hang_up:
            await self._hang_up()
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """Turn a message into a frame.

        Args:
            data: Anything the socket gave.

        Returns:
            InputAudioRawFrame (mono, at the pipeline's rate) for the caller's `media`,
            InputDTMFFrame for `dtmf` with one of the twelve keys, else None; None too for
            another stream's message and for anything malformed.
        """
        message = messages.parse(data)
        if message is None or message.get("streamSid", self._stream_sid) != self._stream_sid:
            return None
        event = message.get("event")
        if event == "media":
            return self._audio(message.get("media"))
        if event == "dtmf":
            return _key_press(message.get("dtmf"))
        return None

    def _media(self, frame: AudioRawFrame) -> str | None:
        pcm = _mono(frame.audio, frame.num_channels)
        if not pcm:
            return None
        resampler = self._output
        if resampler is None or resampler.input_rate != frame.sample_rate:
            resampler = _resampler(frame.sample_rate, self._twilio_rate)
            if resampler is None:
                return None
            if self._output:
                # It sounds while the next filter still looks ahead: no change makes the call later.
                self._tail = b"".join(overlay(self._tail, self._output.flush()))
            self._output = resampler
        converted = resampler.process(pcm)
        if self._tail:
            converted, self._tail = overlay(self._tail, converted)
        codes = encode(converted)
        if not codes:
            return None
        return self._media_opening + messages.payload_of(codes) + messages.MEDIA_CLOSING

    def _audio(self, media: object) -> InputAudioRawFrame | None:
        codes = messages.codes_of(media)
        if not codes or self._input is None:
            return None
        pcm = self._input.process(decode(codes))
        return InputAudioRawFrame(pcm, self._input.output_rate, 1) if pcm else None


def _resampler(input_rate: int, output_rate: int) -> Resampler | None:
    try:
        return Resampler(input_rate, output_rate)
    except (TypeError, ValueError) as error:
        logger.error(f"Cannot convert audio: {error}")
        return None


def _mono(pcm: bytes, channels: int) -> bytes:
    """Average the channels; drop what is less than one sample of each."""
    if channels <= 1:
        return pcm[: len(pcm) // 2 * 2]
    samples = np.ndarray((len(pcm) // (2 * channels), channels), "<i2", pcm)
    average: bytes = np.rint(samples.mean(axis=1)).astype("<i2").tobytes()
    return average


def _key_press(dtmf: Any) -> InputDTMFFrame | None:
    try:
        return InputDTMFFrame(KeypadEntry(dtmf.get("digit")))
    except (AttributeError, ValueError):
        return None
