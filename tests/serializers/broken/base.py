"""Hooks around the reference serializer, for the broken and permitted ones to override."""

from __future__ import annotations

import audioop
import base64
import contextlib
import json
from typing import Any, ClassVar
from unittest import mock

import httpx
import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    AudioRawFrame,
    CancelFrame,
    EndFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
)

from twilio_reference import TwilioFrameSerializer

Json = dict[str, Any]
Real = NDArray[np.float64]

CAPABILITIES = ("base_url", "api_key")


class HookedSerializer(TwilioFrameSerializer):
    """The reference with hooks around its two methods; the hooks change nothing by default."""

    conformance_capabilities: ClassVar[tuple[str, ...]] = CAPABILITIES

    def before_serialize(self, frame: Frame) -> Frame:
        """Return the frame to give to the reference."""
        return frame

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        """Return what to return for a frame, where the reference returned `text`."""
        return text

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        """Return the message to give to the reference."""
        return data

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        """Return what to return for a message, where the reference returned `frame`."""
        return frame

    async def serialize(self, frame: Frame) -> Any:
        """Serialize as the reference does, between the hooks."""
        return self.after_serialize(frame, await super().serialize(self.before_serialize(frame)))

    async def deserialize(self, data: str | bytes) -> Any:
        """Deserialize as the reference does, between the hooks."""
        return self.after_deserialize(data, await super().deserialize(self.before_deserialize(data)))


class OutgoingMessages(HookedSerializer):
    """A hook for the messages to Twilio, parsed."""

    events: ClassVar[tuple[str, ...]] = ("media", "clear")

    def change_message(self, message: Json) -> Any:
        """Return the message to send instead, or None to send none."""
        return message

    def after_serialize(self, frame: Frame, text: Any) -> Any:
        """Change a message of the listed events, except for transport messages of the application."""
        if text is None or not isinstance(frame, (AudioRawFrame, InterruptionFrame)):
            return text
        message = json.loads(text)
        if message["event"] not in self.events:
            return text
        changed = self.change_message(message)
        return None if changed is None else json.dumps(changed)


class OutgoingCodes(OutgoingMessages):
    """A hook for the μ-law codes of media messages."""

    events = ("media",)

    def change_codes(self, codes: bytes) -> bytes:
        """Return the codes to send instead; without codes, no message is sent."""
        return codes

    def change_message(self, message: Json) -> Any:
        """Change the payload."""
        codes = self.change_codes(base64.b64decode(message["media"]["payload"]))
        if not codes:
            return None
        message["media"]["payload"] = base64.b64encode(codes).decode()
        return message


class OutgoingSamples(OutgoingCodes):
    """A hook for outgoing audio as samples at 8000 Hz, where the frame had another rate.

    Frames at 8000 Hz need no conversion and pass unchanged.
    """

    rate = 8000
    frame: Any = None

    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate, self.frame = frame.sample_rate, frame
        return frame

    def change_samples(self, samples: Real) -> Real:
        """Return the samples to send instead, as floats on the scale of 16 bits."""
        return samples

    def change_codes(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        samples = np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(float)
        shaped = np.rint(self.change_samples(samples)).clip(-32768, 32767).astype("<i2")
        return audioop.lin2ulaw(shaped.tobytes(), 2)


class IncomingSamples(HookedSerializer):
    """A hook for the caller's audio as samples at the pipeline's rate, where that is not 8000 Hz."""

    def change_samples(self, samples: Real) -> Real:
        """Return the samples to return instead, as floats on the scale of 16 bits."""
        return samples

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame) and frame.sample_rate != 8000:
            samples = np.frombuffer(frame.audio, "<i2").astype(float)
            shaped = np.rint(self.change_samples(samples)).clip(-32768, 32767).astype("<i2")
            return InputAudioRawFrame(audio=shaped.tobytes(), sample_rate=frame.sample_rate, num_channels=1)
        return frame


class HangUpHooks(HookedSerializer):
    """Hooks for the hang-up: they apply to every client of httpx that the reference makes for it."""

    options: ClassVar[Json] = {}

    def change_request(self, request: httpx.Request) -> None:
        """Change the request, credentials included, before it is sent."""

    def change_response(self, response: httpx.Response) -> None:
        """Change the response before the reference sees it."""

    async def on_response(self, response: httpx.Response) -> None:
        """Do something with the response before the reference sees it."""

    async def serialize(self, frame: Frame) -> Any:
        """Serialize as the reference does, with another HTTP client for terminal frames."""
        if not isinstance(frame, (EndFrame, CancelFrame)):
            return await super().serialize(frame)
        with mock.patch.object(httpx, "AsyncClient", _hooked_client(self)):
            return await super().serialize(frame)


def _hooked_client(hooks: HangUpHooks) -> type[httpx.AsyncClient]:
    async def on_request(request: httpx.Request) -> None:
        hooks.change_request(request)

    async def on_response(response: httpx.Response) -> None:
        hooks.change_response(response)
        await hooks.on_response(response)

    class Client(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            event_hooks = {"request": [on_request], "response": [on_response]}
            super().__init__(**(options | {"event_hooks": event_hooks} | hooks.options))

    return Client


def replace_body(
    request: httpx.Request, content: str, kind: str = "application/x-www-form-urlencoded"
) -> None:
    """Replace the body of a request."""
    data = content.encode()
    request.stream = httpx.ByteStream(data)
    request.headers["Content-Length"] = str(len(data))
    request.headers["Content-Type"] = kind


def is_terminal(frame: Frame) -> bool:
    """Return whether the frame ends the pipeline."""
    return isinstance(frame, (EndFrame, CancelFrame))


TRANSPORT_MESSAGES = (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)


def parse_object(data: str | bytes) -> Json:
    """Return the JSON object of a message; an empty one where the message is something else."""
    with contextlib.suppress(ValueError, RecursionError):
        message = json.loads(data)
        if isinstance(message, dict):
            return message
    return {}


def with_audio(frame: InputAudioRawFrame, pcm: bytes | None = None, **changes: Any) -> InputAudioRawFrame:
    """Return a copy of a frame of the caller's audio, with other samples or fields."""
    fields: Json = {"sample_rate": frame.sample_rate, "num_channels": frame.num_channels} | changes
    return InputAudioRawFrame(audio=frame.audio if pcm is None else pcm, **fields)
