"""Frames as data and back, and values of any kind as something that can be compared and shown."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, NoReturn

import pytest
from pipecat.audio.dtmf.types import KeypadEntry
from pipecat.frames import frames as pipecat
from pipecat.serializers.base_serializer import FrameSerializer

from twilio_conformance.errors import SuiteError
from twilio_conformance.subject.frames import (
    Foreign,
    FrameValue,
    audio_bytes,
    build,
    describe,
    output_audio_kinds,
    setup_argument,
    shorten,
)


class TestBuild:
    def test_a_frame_is_named_by_its_class(self) -> None:
        assert type(build({"frame": "InterruptionFrame"})) is pipecat.InterruptionFrame

    def test_audio_is_base64(self) -> None:
        data = {"frame": "OutputAudioRawFrame", "audio": "AQI=", "sample_rate": 8000, "num_channels": 1}
        frame = build(data)
        assert isinstance(frame, pipecat.OutputAudioRawFrame)
        assert (frame.audio, frame.sample_rate, frame.num_frames) == (b"\x01\x02", 8000, 1)

    def test_a_button_is_a_keypad_entry(self) -> None:
        frame = build({"frame": "OutputDTMFFrame", "button": "#"})
        assert isinstance(frame, pipecat.OutputDTMFFrame)
        assert frame.button is KeypadEntry.POUND

    @pytest.mark.parametrize("data", [{"frame": "NoSuchFrame"}, {"frame": "EndFrame", "colour": "red"}])
    def test_what_the_installed_pipecat_lacks_is_the_suites_fault(self, data: dict[str, Any]) -> None:
        with pytest.raises(SuiteError, match="the installed Pipecat"):
            build(data)

    def test_long_audio_is_repeated(self) -> None:
        assert audio_bytes({"base64": base64.b64encode(b"ab").decode(), "times": 3}) == b"ababab"


class Text(str):
    def __str__(self) -> NoReturn:
        raise ValueError


class Data(bytes):
    def __bytes__(self) -> NoReturn:
        raise ValueError


class Broken:
    def __repr__(self) -> NoReturn:
        raise ValueError


class Exiting:
    def __repr__(self) -> NoReturn:
        raise SystemExit


class Liar:
    @property  # type: ignore[misc]
    def __class__(self) -> NoReturn:  # type: ignore[override]
        raise ValueError


class Mine(pipecat.EndFrame):
    def __getattribute__(self, name: str) -> Any:
        if name == "reason":
            raise ValueError
        return super().__getattribute__(name)


class TestDescribe:
    @pytest.mark.parametrize("value", [None, "text", b"bytes"])
    def test_what_the_interface_knows_stays(self, value: Any) -> None:
        assert describe(value) is value

    def test_a_subclass_of_text_or_bytes_is_plain(self) -> None:
        text, data = describe(Text("a")), describe(Data(b"a"))
        assert (text, type(text), data, type(data)) == ("a", str, b"a", bytes)

    def test_a_frame_is_its_class_its_bases_and_what_it_carries(self) -> None:
        frame = describe(pipecat.InputDTMFFrame(button=KeypadEntry.STAR))
        assert isinstance(frame, FrameValue)
        assert (frame.kind, frame.attributes) == ("InputDTMFFrame", {"button": "*"})
        assert frame.is_a("InputDTMFFrame")
        assert frame.is_a("Frame")
        assert not frame.is_a("OutputDTMFFrame")

    def test_a_button_that_is_no_keypad_entry_is_foreign(self) -> None:
        frame = describe(pipecat.InputDTMFFrame(button="*"))  # type: ignore[arg-type]
        assert isinstance(frame, FrameValue)
        assert frame.attributes == {"button": Foreign("str", "'*'")}

    def test_audio_is_counted_where_a_frame_is_shown(self) -> None:
        frame = describe(pipecat.InputAudioRawFrame(audio=bytes(320), sample_rate=8000, num_channels=1))
        assert repr(frame) == "InputAudioRawFrame(audio=<320 bytes>, sample_rate=8000, num_channels=1)"

    def test_a_bytearray_is_as_good_as_bytes(self) -> None:
        audio: Any = bytearray(2)
        given = pipecat.InputAudioRawFrame(audio=audio, sample_rate=8000, num_channels=1)
        frame = describe(given)
        assert isinstance(frame, FrameValue)
        assert frame.attributes["audio"] == bytes(2)

    @pytest.mark.parametrize(
        ("kind", "shown"),
        [
            (int, "int 0"),
            (dict, "dict {}"),
            (object, "object"),
            (Broken, "Broken <a Broken whose repr raises ValueError>"),
            (Exiting, "Exiting <a Exiting whose repr raises SystemExit>"),
            (Liar, "Liar <raises ValueError when it is looked at>"),
        ],
    )
    def test_anything_else_is_shown_and_raises_nothing(self, kind: type[Any], shown: str) -> None:
        assert repr(describe(kind())) == shown

    def test_a_frame_that_raises_when_looked_at_is_foreign(self) -> None:
        assert describe(Mine()) == Foreign("Mine", "<raises ValueError when it is looked at>")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("text", "'text'"),
        (b"12345", "<5 bytes>"),
        (bytearray(7), "<7 bytes>"),
        ("x" * 70, "'" + "x" * 39 + "…" + "x" * 19 + "' (72 characters)"),
    ],
)
def test_a_long_value_is_cut_and_measured(value: Any, shown: str) -> None:
    assert shorten(value) == shown


def test_kinds_of_output_audio_are_those_of_pipecat_and_an_applications_own() -> None:
    kinds = output_audio_kinds(with_own=True)
    assert kinds[:2] == [pipecat.OutputAudioRawFrame, pipecat.TTSAudioRawFrame]
    assert output_audio_kinds(with_own=False) == kinds[:-1]
    assert all(issubclass(kind, pipecat.OutputAudioRawFrame) for kind in kinds)
    assert kinds[-1].__module__ != pipecat.__name__


def test_a_kind_of_output_audio_that_needs_more_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass
    class NeedsMore(pipecat.OutputAudioRawFrame):
        speaker: str = field(kw_only=True)

    monkeypatch.setattr(pipecat, "NeedsMore", NeedsMore, raising=False)
    assert NeedsMore not in output_audio_kinds(with_own=True)


async def test_setup_is_given_what_the_installed_pipecat_passes() -> None:
    argument = setup_argument(8000, 24000)
    assert (argument.audio_in_sample_rate, argument.audio_out_sample_rate) == (8000, 24000)
    names = FrameSerializer.setup.__annotations__.values()
    assert type(argument).__name__ in " ".join(map(str, names))
