"""Where mutants take hold of a sound serializer: what it is given, what it returns, what it sends to Twilio's API."""

from __future__ import annotations

import audioop
import base64
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
)

from twilio_reference import TwilioFrameSerializer

Json = dict[str, Any]
Real = NDArray[np.float64]

CAPABILITIES = ("base_url", "api_key")


class Seamed(TwilioFrameSerializer):
    """The reference with its two methods taken apart; as it stands it is sound."""

    conformance_capabilities: ClassVar[tuple[str, ...]] = CAPABILITIES

    def given(self, frame: Frame) -> Frame:
        """The frame that serialize is to see."""
        return frame

    def sent(self, frame: Frame, text: Any) -> Any:
        """What serialize returns for a frame, where the reference returns `text`."""
        return text

    def heard(self, data: str | bytes) -> str | bytes:
        """What deserialize is to see of a message."""
        return data

    def understood(self, data: str | bytes, frame: Any) -> Any:
        """What deserialize returns for a message, where the reference returns `frame`."""
        return frame

    async def serialize(self, frame: Frame) -> Any:
        """The reference's, between the seams."""
        return self.sent(frame, await super().serialize(self.given(frame)))

    async def deserialize(self, data: str | bytes) -> Any:
        """The reference's, between the seams."""
        return self.understood(data, await super().deserialize(self.heard(data)))


class MessageSeam(Seamed):
    """The seam for messages to Twilio, as JSON."""

    events: ClassVar[tuple[str, ...]] = ("media", "clear")

    def change(self, message: Json) -> Any:
        """The message to send instead: JSON, or None to send none."""
        return message

    def sent(self, frame: Frame, text: Any) -> Any:
        """Changes a message of the events that are named, unless it is an application's own."""
        if text is None or not isinstance(frame, (AudioRawFrame, InterruptionFrame)):
            return text
        message = json.loads(text)
        if message["event"] not in self.events:
            return text
        changed = self.change(message)
        return None if changed is None else json.dumps(changed)


class CodeSeam(MessageSeam):
    """The seam for the μ-law codes of media messages."""

    events = ("media",)

    def recode(self, codes: bytes) -> bytes:
        """The codes to send instead; none send no message."""
        return codes

    def change(self, message: Json) -> Any:
        """Changes the payload."""
        codes = self.recode(base64.b64decode(message["media"]["payload"]))
        if not codes:
            return None
        message["media"]["payload"] = base64.b64encode(codes).decode()
        return message


class Converted(CodeSeam):
    """The seam for outgoing codes of frames that had to be converted, as samples; 8000 Hz is left alone."""

    rate = 8000
    frame: Any = None

    def given(self, frame: Frame) -> Frame:
        if isinstance(frame, OutputAudioRawFrame):
            self.rate, self.frame = frame.sample_rate, frame
        return frame

    def reshape(self, samples: Real) -> Real:
        """The samples to send instead."""
        return samples

    def recode(self, codes: bytes) -> bytes:
        if self.rate == 8000:
            return codes
        samples = np.frombuffer(audioop.ulaw2lin(codes, 2), "<i2").astype(float)
        shaped = np.rint(self.reshape(samples)).clip(-32768, 32767).astype("<i2")
        return audioop.lin2ulaw(shaped.tobytes(), 2)


class Received(Seamed):
    """The seam for the caller's audio, as samples, where it had to be converted."""

    def reshape(self, samples: Real) -> Real:
        """The samples to give instead."""
        return samples

    def understood(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame) and frame.sample_rate != 8000:
            samples = np.frombuffer(frame.audio, "<i2").astype(float)
            shaped = np.rint(self.reshape(samples)).clip(-32768, 32767).astype("<i2")
            return InputAudioRawFrame(audio=shaped.tobytes(), sample_rate=frame.sample_rate, num_channels=1)
        return frame


class CallSeam(Seamed):
    """The seam for the hang-up: every client that httpx makes meanwhile is this one's."""

    options: ClassVar[Json] = {}

    def request(self, request: httpx.Request) -> None:
        """Changes the request, credentials and all, before it is sent."""

    def response(self, response: httpx.Response) -> None:
        """Changes the answer before the reference sees it."""

    async def answered(self, response: httpx.Response) -> None:
        """What else is done with the answer before the reference sees it."""

    async def serialize(self, frame: Frame) -> Any:
        """The reference's, with its HTTP client replaced for terminal frames."""
        if not isinstance(frame, (EndFrame, CancelFrame)):
            return await super().serialize(frame)
        with mock.patch.object(httpx, "AsyncClient", _client(self)):
            return await super().serialize(frame)


def _client(seam: CallSeam) -> type[httpx.AsyncClient]:
    async def change_request(request: httpx.Request) -> None:
        seam.request(request)

    async def change_response(response: httpx.Response) -> None:
        seam.response(response)
        await seam.answered(response)

    class Client(httpx.AsyncClient):
        def __init__(self, **options: Any) -> None:
            hooks = {"request": [change_request], "response": [change_response]}
            super().__init__(**(options | {"event_hooks": hooks} | seam.options))

    return Client


def give_body(request: httpx.Request, content: str, kind: str = "application/x-www-form-urlencoded") -> None:
    """Puts another body into a request."""
    data = content.encode()
    request.stream = httpx.ByteStream(data)
    request.headers["Content-Length"] = str(len(data))
    request.headers["Content-Type"] = kind


def is_terminal(frame: Frame) -> bool:
    """Whether the frame ends the pipeline."""
    return isinstance(frame, (EndFrame, CancelFrame))
