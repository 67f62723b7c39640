"""A serializer for the tests of the fuzzer, which differs from the reference in many permitted ways."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

from pipecat.frames.frames import Frame, InputAudioRawFrame

from twilio_reference import TwilioFrameSerializer as Reference

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop


class TwilioFrameSerializer(Reference):
    """Uses other chunks, another order of members, other escapes, and audioop as encoder."""

    CHUNK = 240

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self._kept = b""
        self._kept_pcm = b""

    async def serialize(self, frame: Frame) -> str | None:
        text = await super().serialize(frame)
        if text is None:
            return None
        message = json.loads(text)
        if message.get("event") == "clear":
            self._kept = b""
        if message.get("event") == "media" and "payload" in message.get("media", {}):
            pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
            self._kept += audioop.lin2ulaw(pcm, 2)
            size = len(self._kept) // self.CHUNK * self.CHUNK
            if size == 0:
                return None
            codes, self._kept = self._kept[:size], self._kept[size:]
            message["media"]["payload"] = base64.b64encode(codes).decode()
        return json.dumps(dict(reversed(message.items())), separators=(" ,", " : "), ensure_ascii=False)

    async def deserialize(self, data: str | bytes) -> Frame | None:
        frame = await super().deserialize(data)
        if not isinstance(frame, InputAudioRawFrame):
            return frame
        self._kept_pcm += frame.audio
        size = len(self._kept_pcm) // 320 * 320
        pcm, self._kept_pcm = self._kept_pcm[:size], self._kept_pcm[size:]
        return InputAudioRawFrame(pcm, frame.sample_rate, 1) if pcm else None
