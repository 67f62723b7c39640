"""Broken serializers of the chapter Media to Twilio."""

from __future__ import annotations

import audioop
import base64
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pipecat.frames.frames import (
    AudioRawFrame,
    Frame,
    InputAudioRawFrame,
    OutputAudioRawFrame,
    TTSAudioRawFrame,
)

from tests.serializers.broken.base import (
    HookedSerializer,
    Json,
    OutgoingCodes,
    OutgoingMessages,
    parse_object,
)
from tests.serializers.broken.registry import OUTGOING_AUDIO, broken


@broken("TFS-MEDIAOUT-01", "The socket library prefers bytes, so the text is encoded early (Twilio: 31950).")
class MediaAsBytes(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return text.encode() if isinstance(frame, AudioRawFrame) and text else text


@broken(
    "TFS-MEDIAOUT-01",
    "A copied serializer keeps another provider's event name (Vonage, Plivo: playAudio).",
    also=OUTGOING_AUDIO,
)
class PlayAudio(OutgoingMessages):
    def change_message(self, message: Json) -> Json:
        return message | {"event": "playAudio"} if message["event"] == "media" else message


@broken(
    "TFS-MEDIAOUT-01",
    "Codes are sent without an envelope, as Asterisk expects.",
    also="TFS-MEDIAOUT-02 TFS-MEDIAOUT-03 TFS-MEDIAOUT-04 TFS-MEDIAOUT-0[56789] TFS-MEDIAOUT-11 TFS-CLEAR-05 TFS-ABUSE-0[13569] TFS-ABUSE-1[0234]",
)
class RawCodes(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        is_media = isinstance(frame, AudioRawFrame) and text
        return base64.b64decode(json.loads(text)["media"]["payload"]) if is_media else text


@broken(
    "TFS-MEDIAOUT-02",
    "The inbound message is used as a template, including its sequenceNumber (Twilio: 31951).",
)
class MediaWithSequenceNumber(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"sequenceNumber": "1"}


@broken("TFS-MEDIAOUT-02", "track and timestamp are copied from the inbound media (Twilio: 31951).")
class MediaWithTrack(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"media": message["media"] | {"track": "outbound"}}


@broken(
    "TFS-MEDIAOUT-02",
    "The member is called stream_sid, as in Exotel's API and in Python.",
    also="TFS-MEDIAOUT-03",
)
class SnakeCaseStream(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        message["stream_sid"] = message.pop("streamSid")
        return message


@broken(
    "TFS-MEDIAOUT-03",
    "The streamSid of the documentation's example is left in the code.",
    also="TFS-MEDIAOUT-20",
)
class StreamOfTheExample(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"streamSid": "MZ18ad3ab5a668481ce02b83e7395059f0"}


@broken("TFS-MEDIAOUT-03", "The SID is normalized to lower case before it is sent.")
class StreamInLowerCase(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"streamSid": "MZ" + message["streamSid"][2:].lower()}


@broken("TFS-MEDIAOUT-04", "urlsafe_b64encode is used because the text travels over the web.")
class UrlSafeBase64(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        payload = message["media"]["payload"].translate(str.maketrans("+/", "-_"))
        return message | {"media": {"payload": payload}}


@broken("TFS-MEDIAOUT-04", "The base64 padding is stripped, as in JWT.")
class UnpaddedBase64(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        return message | {"media": {"payload": message["media"]["payload"].rstrip("=")}}


@broken("TFS-MEDIAOUT-04", "base64.encodebytes breaks lines every 76 characters.")
class Base64InLines(OutgoingMessages):
    events = ("media",)

    def change_message(self, message: Json) -> Json:
        codes = base64.b64decode(message["media"]["payload"])
        return message | {"media": {"payload": base64.encodebytes(codes).decode()}}


@broken(
    "TFS-MEDIAOUT-05",
    "Audio is encoded as A-law instead of μ-law, as in European telephony.",
    also=f"{OUTGOING_AUDIO} TFS-FIDELITY-0[23459] TFS-FIDELITY-15",
)
class AlawForUlaw(OutgoingCodes):
    def change_codes(self, codes: bytes) -> bytes:
        return audioop.lin2alaw(audioop.ulaw2lin(codes, 2), 2)


class _OutgoingFrames(HookedSerializer):
    """A hook for audio frames on their way to Twilio."""

    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        return frame

    def before_serialize(self, frame: Frame) -> Frame:
        return self.change_frame(frame) if isinstance(frame, OutputAudioRawFrame) else frame


def _with_audio(frame: Any, pcm: bytes, **changes: Any) -> Frame:
    return OutputAudioRawFrame(
        **({"audio": pcm, "sample_rate": frame.sample_rate, "num_channels": frame.num_channels} | changes)
    )


def _samples(frame: AudioRawFrame) -> NDArray[np.int16]:
    return np.frombuffer(frame.audio[: len(frame.audio) // 2 * 2], "<i2")


@broken(
    "TFS-MEDIAOUT-05",
    "The samples are read as big-endian, the network byte order.",
    also=f"{OUTGOING_AUDIO} TFS-LATENCY-0[123457] TFS-FIDELITY-*",
)
class BigEndianOut(_OutgoingFrames):
    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, _samples(frame).astype(">i2").tobytes())


@broken(
    "TFS-MEDIAOUT-05",
    "The clip before the bias is missing, so the loudest samples wrap around.",
    also="TFS-MEDIAOUT-07",
)
class LostClip(_OutgoingFrames):
    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        samples = _samples(frame).copy()
        samples[np.abs(samples.astype(int)) > 32635] = 0
        return _with_audio(frame, samples.tobytes())


@broken(
    "TFS-MEDIAOUT-05",
    "The final complement of G.711 is missing.",
    also=OUTGOING_AUDIO + " TFS-CONSTRUCT-14",
)
class WithoutComplement(OutgoingCodes):
    def change_codes(self, codes: bytes) -> bytes:
        return bytes(code ^ 0xFF for code in codes)


@broken("TFS-MEDIAOUT-06", "Samples are shifted to 12 bits and back before encoding.", also=OUTGOING_AUDIO)
class TwelveBits(_OutgoingFrames):
    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, (_samples(frame) >> 4 << 4).tobytes())


@broken(
    "TFS-MEDIAOUT-06",
    "Code 0x00 is never sent, as with the zero-code suppression of old trunks.",
    also="TFS-MEDIAOUT-0[57]",
)
class ZeroSuppressed(OutgoingCodes):
    def change_codes(self, codes: bytes) -> bytes:
        return codes.replace(b"\x00", b"\x02")


@broken("TFS-MEDIAOUT-07", "A logarithmic formula with rounding replaces the segments.")
class RoundedByFormula(OutgoingCodes):
    """Rounds to the nearest level, one code off where the two reference encoders agree."""

    def change_codes(self, codes: bytes) -> bytes:
        return codes

    def before_serialize(self, frame: Frame) -> Frame:
        if not isinstance(frame, OutputAudioRawFrame) or frame.sample_rate != 8000:
            return frame
        samples = _samples(frame).astype(int)
        moved = np.where((samples & 7) == 7, samples + 1, samples).clip(-32768, 32767)
        exact = np.isin(samples, np.frombuffer(audioop.ulaw2lin(bytes(range(256)), 2), "<i2"))
        return _with_audio(frame, np.where(exact, samples, moved).astype("<i2").tobytes())


@broken(
    "TFS-MEDIAOUT-08",
    "The last partial block of 160 samples of each frame is dropped (pipecat-ai/pipecat PR 465).",
    also="TFS-MEDIAOUT-0[1234] " + OUTGOING_AUDIO,
)
class DropsPartialBlocks(OutgoingCodes):
    def change_codes(self, codes: bytes) -> bytes:
        return codes[: len(codes) // 160 * 160]


@broken("TFS-MEDIAOUT-08", "A retry sends every tenth message twice.", also=OUTGOING_AUDIO)
class RepeatsAudio(OutgoingCodes):
    count = 0

    def change_codes(self, codes: bytes) -> bytes:
        self.count += 1
        return codes * 2 if self.count % 10 == 0 else codes


@broken(
    "TFS-MEDIAOUT-08",
    "A noise gate drops quiet frames as silence (pipecat-ai/pipecat issue 1929).",
)
class DropsSilence(_OutgoingFrames):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        is_silent = isinstance(frame, OutputAudioRawFrame) and not any(frame.audio)
        return None if is_silent else text


@broken(
    "TFS-MEDIAOUT-08",
    "The first frame after a pause is taken for the start of a WAV file, and its header is skipped.",
    also=OUTGOING_AUDIO,
)
class SkipsHeader(_OutgoingFrames):
    seen = False

    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        if self.seen or len(frame.audio) <= 44:
            return _with_audio(frame, frame.audio)
        self.seen = True
        return _with_audio(frame, frame.audio[44:])


@broken(
    "TFS-MEDIAOUT-09",
    "The frame's sample rate is not read (pipecat-ai/pipecat PR 359).",
    also="TFS-ABUSE-0[45] " + OUTGOING_AUDIO,
)
class AnyRateIs8000(_OutgoingFrames):
    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        return _with_audio(frame, frame.audio, sample_rate=8000)


@broken(
    "TFS-MEDIAOUT-09",
    "The sample rate is assumed to be 24000 Hz, which the first frame had.",
    also="TFS-ABUSE-0[45] " + OUTGOING_AUDIO,
)
class AlwaysFrom24000(_OutgoingFrames):
    def change_frame(self, frame: OutputAudioRawFrame) -> Frame:
        rate = frame.sample_rate if frame.sample_rate == 8000 else 24000
        return _with_audio(frame, frame.audio, sample_rate=rate)


@broken("TFS-MEDIAOUT-10", "An empty frame is sent as an empty payload (pipecat-ai/pipecat PR 2184).")
class EmptyPayloads(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        if isinstance(frame, OutputAudioRawFrame) and not frame.audio:
            sid = json.loads(self._clear)["streamSid"]
            return json.dumps({"event": "media", "streamSid": sid, "media": {"payload": ""}})
        return text


@broken(
    "TFS-MEDIAOUT-11",
    "The exact class is matched: type(frame) is OutputAudioRawFrame.",
    also="TFS-ABUSE-14 TFS-MEDIAOUT-09",
)
class OnlyTheBaseClass(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return (
            None
            if isinstance(frame, AudioRawFrame) and type(frame).__name__ != "OutputAudioRawFrame"
            else text
        )


@broken(
    "TFS-MEDIAOUT-11",
    "Frames are looked up by their exact class, which a subclass of an application is not.",
    also="TFS-ABUSE-10 TFS-ABUSE-12",
)
class OnlyPipecatsOwnClasses(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return text if type(frame).__module__ == "pipecat.frames.frames" else None


@broken("TFS-MEDIAOUT-11", "TTS audio is assumed to be handled by the transport.", also="TFS-ABUSE-13")
class WithoutSpeech(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        return None if isinstance(frame, TTSAudioRawFrame) else text


@broken(
    "TFS-MEDIAOUT-12",
    "isinstance(frame, AudioRawFrame) also matches the caller's audio, as in pipecat-ai 1.14.0.",
)
class EchoesTheCaller(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        return _with_audio(frame, frame.audio) if isinstance(frame, InputAudioRawFrame) else frame


@broken(
    "TFS-MEDIAOUT-11",
    "The classes of output audio are listed by name, and an application's own is not among them.",
    also="TFS-MEDIAOUT-09 TFS-ABUSE-1[0234]",
)
class KnownClassesOnly(HookedSerializer):
    def after_serialize(self, frame: Frame, text: Any) -> Any:
        is_known = type(frame).__module__ == OutputAudioRawFrame.__module__
        return text if is_known or not isinstance(frame, OutputAudioRawFrame) else None


@broken(
    "TFS-MEDIAOUT-09",
    "Speech of a TTS service is taken for 24 kHz, whatever its sample_rate.",
    also="TFS-MEDIAOUT-11 TFS-ABUSE-1[0234]",
)
class SpeechIs24kHz(HookedSerializer):
    def before_serialize(self, frame: Frame) -> Frame:
        if isinstance(frame, TTSAudioRawFrame) and frame.sample_rate > 0:
            return OutputAudioRawFrame(frame.audio, 24000, frame.num_channels)
        return frame


@broken("TFS-MEDIAOUT-20", "The streamSid of the start message replaces stream_sid (openclaw PR 136506).")
class MediaForTheStartsStream(OutgoingMessages):
    events = ("media",)
    stream: str | None = None

    def before_deserialize(self, data: str | bytes) -> str | bytes:
        message = parse_object(data)
        self.stream = message.get("streamSid") if message.get("event") == "start" else self.stream
        return data

    def change_message(self, message: Json) -> Json:
        return message | ({"streamSid": self.stream} if self.stream else {})
