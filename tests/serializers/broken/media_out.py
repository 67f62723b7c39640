"""Mutants of the chapters Media to Twilio and Clear."""

from __future__ import annotations

import audioop
import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    AudioRawFrame,
    BotStoppedSpeakingFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
    UserStartedSpeakingFrame,
)

from tests.serializers.broken.base import CodeSeam, Json, MessageSeam, Seamed
from tests.serializers.broken.registry import SOUND_OUT, mutant


class _AudioSeam(Seamed):
    """The seam for audio frames on their way to Twilio."""

    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        return frame

    def given(self, frame: Frame) -> Frame:
        return self.reframe(frame) if isinstance(frame, OutputAudioRawFrame) else frame


def _with_audio(frame: Any, pcm: bytes, **changes: Any) -> Frame:
    return OutputAudioRawFrame(
        **({"audio": pcm, "sample_rate": frame.sample_rate, "num_channels": frame.num_channels} | changes)
    )


def _samples(frame: AudioRawFrame) -> NDArray[np.int16]:
    return np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], "<i2")


# Messages


@mutant("TFS-MEDIAOUT-01", "The socket library prefers bytes, so the text is encoded early (Twilio: 31950).")
class MediaAsBytes(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return text.encode() if isinstance(frame, AudioRawFrame) and text else text


@mutant("TFS-MEDIAOUT-01", "Another provider's name of the event is kept when its serializer is copied (Vonage, Plivo: playAudio).",
        also=SOUND_OUT)  # fmt: skip
class PlayAudio(MessageSeam):
    def change(self, message: Json) -> Json:
        return message | {"event": "playAudio"} if message["event"] == "media" else message


@mutant("TFS-MEDIAOUT-01", "Codes are put on the wire without an envelope, as Asterisk takes them.",
        also="TFS-MEDIAOUT-02 TFS-MEDIAOUT-03 TFS-MEDIAOUT-04 TFS-MEDIAOUT-0[56789] TFS-MEDIAOUT-11 TFS-CLEAR-05 TFS-ABUSE-0[13569]")  # fmt: skip
class RawCodes(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        is_media = isinstance(frame, AudioRawFrame) and text
        return base64.b64decode(json.loads(text)["media"]["payload"]) if is_media else text


@mutant(
    "TFS-MEDIAOUT-02",
    "The inbound message is taken as a template, its sequenceNumber with it (Twilio: 31951).",
)
class MediaWithSequenceNumber(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        return message | {"sequenceNumber": "1"}


@mutant("TFS-MEDIAOUT-02", "track and timestamp are copied from the inbound media (Twilio: 31951).")
class MediaWithTrack(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        return message | {"media": message["media"] | {"track": "outbound"}}


@mutant("TFS-MEDIAOUT-02", "The member is written stream_sid, as Exotel and Python have it.",
        also="TFS-MEDIAOUT-03")  # fmt: skip
class SnakeCaseStream(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        message["stream_sid"] = message.pop("streamSid")
        return message


@mutant("TFS-MEDIAOUT-03", "The streamSid of the example in the documentation stays in the code.")
class StreamOfTheExample(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        return message | {"streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0"}


@mutant("TFS-MEDIAOUT-03", "The SID is normalised to lower case before it is sent.")
class StreamInLowerCase(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        return message | {"streamSid": "MZ" + message["streamSid"][2:].lower()}


@mutant("TFS-MEDIAOUT-04", "urlsafe_b64encode is chosen because the text travels over the web.")
class UrlSafeBase64(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        payload = message["media"]["payload"].translate(str.maketrans("+/", "-_"))
        return message | {"media": {"payload": payload}}


@mutant("TFS-MEDIAOUT-04", "The padding is stripped, as JWT does.")
class UnpaddedBase64(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        return message | {"media": {"payload": message["media"]["payload"].rstrip("=")}}


@mutant("TFS-MEDIAOUT-04", "base64.encodebytes breaks lines every 76 characters.")
class Base64InLines(MessageSeam):
    events = ("media",)

    def change(self, message: Json) -> Json:
        codes = base64.b64decode(message["media"]["payload"])
        return message | {"media": {"payload": base64.encodebytes(codes).decode()}}


# Codes


@mutant("TFS-MEDIAOUT-05", "A-law is taken for μ-law (European telephony habit).",
        also=f"{SOUND_OUT} TFS-FIDELITY-0[23459] TFS-FIDELITY-15")  # fmt: skip
class AlawForUlaw(CodeSeam):
    def recode(self, codes: bytes) -> bytes:
        return audioop.lin2alaw(audioop.ulaw2lin(codes, 2), 2)


@mutant("TFS-MEDIAOUT-05", "The samples are read big-endian, the order of the network.",
        also=f"{SOUND_OUT} TFS-LATENCY-0[123457] TFS-FIDELITY-*")  # fmt: skip
class BigEndianOut(_AudioSeam):
    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, _samples(frame).astype(">i2").tobytes())


@mutant("TFS-MEDIAOUT-05", "The clip before the bias is forgotten: the loudest samples wrap around.",
        also="TFS-MEDIAOUT-07")  # fmt: skip
class LostClip(_AudioSeam):
    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        samples = _samples(frame).copy()
        samples[np.abs(samples.astype(int)) > 32635] = 0
        return _with_audio(frame, samples.tobytes())


@mutant("TFS-MEDIAOUT-05", "The complement at the end of G.711 is left out.",
        also=SOUND_OUT)  # fmt: skip
class WithoutComplement(CodeSeam):
    def recode(self, codes: bytes) -> bytes:
        return bytes(code ^ 0xFF for code in codes)


@mutant("TFS-MEDIAOUT-06", "Samples are shifted to 12 bits and back before encoding.",
        also=SOUND_OUT)  # fmt: skip
class TwelveBits(_AudioSeam):
    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, (_samples(frame) >> 4 << 4).tobytes())


@mutant("TFS-MEDIAOUT-06", "Code 0x00 is never sent, as if a payload were a C string: the old zero-code suppression.",
        also="TFS-MEDIAOUT-0[57]")  # fmt: skip
class ZeroSuppressed(CodeSeam):
    def recode(self, codes: bytes) -> bytes:
        return codes.replace(b"\x00", b"\x02")


@mutant("TFS-MEDIAOUT-07", "A formula with logarithms and rounding stands in for the segments.")
class RoundedByFormula(CodeSeam):
    """Rounds at the middle between two levels, and is one code off where two reference encoders agree."""

    def recode(self, codes: bytes) -> bytes:
        return codes

    def given(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate != 8000:
            return frame
        samples = _samples(frame).astype(int)
        moved = np.where((samples & 7) == 7, samples + 1, samples).clip(-32768, 32767)
        exact = np.isin(samples, np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), "<i2"))
        return _with_audio(frame, np.where(exact, samples, moved).astype("<i2").tobytes())


# Sessions


@mutant("TFS-MEDIAOUT-08", "The last partial block of 160 samples is dropped from each frame (pipecat-ai/pipecat PR 465).",
        also="TFS-MEDIAOUT-0[1234] " + SOUND_OUT)  # fmt: skip
class DropsPartialBlocks(CodeSeam):
    def recode(self, codes: bytes) -> bytes:
        return codes[: len(codes) // 160 * 160]


@mutant("TFS-MEDIAOUT-08", "A retry sends the message again: every tenth one twice.", also=SOUND_OUT)
class RepeatsAudio(CodeSeam):
    count = 0

    def recode(self, codes: bytes) -> bytes:
        self.count += 1
        return codes * 2 if self.count % 10 == 0 else codes


@mutant(
    "TFS-MEDIAOUT-08",
    "A noise gate takes quiet frames for silence and drops them (pipecat-ai/pipecat issue 1929).",
)
class DropsSilence(_AudioSeam):
    def sent(self, frame: Frame, text: Any) -> Any:
        is_silent = isinstance(frame, OutputAudioRawFrame) and not any(frame.audio)
        return None if is_silent else text


@mutant("TFS-MEDIAOUT-08", "The first frame after a pause is taken for the start of a file, and its header skipped.",
        also=SOUND_OUT)  # fmt: skip
class SkipsHeader(_AudioSeam):
    seen = False

    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        if self.seen or len(frame.audio) <= 44:
            return _with_audio(frame, frame.audio)
        self.seen = True
        return _with_audio(frame, frame.audio[44:])


@mutant(
    "TFS-MEDIAOUT-09",
    "The frame's rate is not looked at (pipecat-ai/pipecat PR 359).",
    also="TFS-ABUSE-0[45] " + SOUND_OUT,
)
class AnyRateIs8000(_AudioSeam):
    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, frame.audio, sample_rate=8000)


@mutant(
    "TFS-MEDIAOUT-09",
    "The rate that the first frame had is kept for all sessions: 24000 Hz is assumed.",
    also="TFS-ABUSE-0[45] " + SOUND_OUT,
)
class AlwaysFrom24000(_AudioSeam):
    def reframe(self, frame: OutputAudioRawFrame) -> Frame:
        rate = frame.sample_rate if frame.sample_rate == 8000 else 24000
        return _with_audio(frame, frame.audio, sample_rate=rate)


@mutant("TFS-MEDIAOUT-10", "An empty frame gives an empty payload (pipecat-ai/pipecat PR 2184).")
class EmptyPayloads(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame) and not frame.audio:
            sid = json.loads(self._clear)["streamSid"]
            return json.dumps({"event": "media", "streamSid": sid, "media": {"payload": ""}})
        return text


@mutant("TFS-MEDIAOUT-11", "Only the exact class is matched: type(frame) is OutputAudioRawFrame.")
class OnlyTheBaseClass(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return (
            None
            if isinstance(frame, AudioRawFrame) and type(frame).__name__ != "OutputAudioRawFrame"
            else text
        )


@mutant("TFS-MEDIAOUT-11", "TTS audio is thought to be wrapped by the transport already.")
class WithoutSpeech(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, TTSAudioRawFrame) else text


@mutant(
    "TFS-MEDIAOUT-12",
    "isinstance(frame, AudioRawFrame) matches the caller's audio too, as in pipecat-ai 1.14.0.",
)
class EchoesTheCaller(Seamed):
    def given(self, frame: Frame) -> Frame:
        return _with_audio(frame, frame.audio) if isinstance(frame, InputAudioRawFrame) else frame


# Clear


@mutant("TFS-CLEAR-01", "An interruption is taken for the transport's business (before pipecat-ai/pipecat PR 422).",
        also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-03")  # fmt: skip
class WithoutClear(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, InterruptionFrame) else text


@mutant("TFS-CLEAR-01", "The clear is encoded to bytes (Twilio: 31950).")
class ClearAsBytes(Seamed):
    def sent(self, frame: Frame, text: Any) -> Any:
        return text.encode() if isinstance(frame, InterruptionFrame) else text


@mutant(
    "TFS-CLEAR-01", "A reason is added for the log of the other side (Twilio: 31951).", also="TFS-SECURE-12"
)
class ClearWithReason(MessageSeam):
    events = ("clear",)

    def change(self, message: Json) -> Json:
        return message | {"reason": "interruption"}


@mutant(
    "TFS-CLEAR-01",
    "clearAudio is another provider's word (Plivo).",
    also="TFS-ABUSE-01 TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-03",
)
class ClearAudio(MessageSeam):
    events = ("clear",)

    def change(self, message: Json) -> Json:
        return message | {"event": "clearAudio"}


@mutant(
    "TFS-CLEAR-02", "The call's SID stands where the stream's belongs.", also="TFS-SECURE-12 TFS-CONSTRUCT-02"
)
class ClearNamesTheCall(MessageSeam):
    events = ("clear",)

    def change(self, message: Json) -> Json:
        return message | {"streamSid": "CA0123456789abcdef0123456789abcdef"}


@mutant(
    "TFS-CLEAR-03",
    "A flag says that Twilio's buffer is empty already: the second clear is saved.",
    also="TFS-ABUSE-07",
)
class ClearOnce(MessageSeam):
    events = ("clear",)
    cleared = False

    def change(self, message: Json) -> Any:
        self.cleared, before = True, self.cleared
        return None if before else message


@mutant(
    "TFS-CLEAR-03",
    "Nothing was sent yet, so nothing needs clearing.",
    also="TFS-ABUSE-07 TFS-SECURE-12 TFS-CLEAR-01",
)
class ClearOnlyAfterAudio(Seamed):
    spoken = False

    def sent(self, frame: Frame, text: Any) -> Any:
        self.spoken |= isinstance(frame, OutputAudioRawFrame)
        return text if self.spoken or not isinstance(frame, InterruptionFrame) else None


@mutant("TFS-CLEAR-04", "A caller who starts to speak is taken for an interruption, whatever the strategy says.",
        also="TFS-MESSAGE-07")  # fmt: skip
class ClearOnSpeech(Seamed):
    def given(self, frame: Frame) -> Frame:
        return InterruptionFrame() if isinstance(frame, UserStartedSpeakingFrame) else frame


@mutant("TFS-CLEAR-04", "The end of the agent's speech clears what Twilio still has to play.",
        also="TFS-MESSAGE-07")  # fmt: skip
class ClearAfterSpeech(Seamed):
    def given(self, frame: Frame) -> Frame:
        return InterruptionFrame() if isinstance(frame, BotStoppedSpeakingFrame) else frame


@mutant(
    "TFS-CLEAR-05",
    "An interruption mutes the agent until the next response starts, which is never told here.",
)
class MutedByClear(Seamed):
    muted = False

    def sent(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, InterruptionFrame):
            self.muted = True
        return None if self.muted and isinstance(frame, OutputAudioRawFrame) else text
