"""The caller's track numbers and times its messages as Twilio does."""

from __future__ import annotations

from twilio_conformance.twilio.media import CallerTrack


def test_numbers_and_times_go_on_whatever_the_lengths() -> None:
    track = CallerTrack()
    messages = [track.message(bytes(length)) for length in (160, 160, 8000, 1, 160)]
    media = [message["media"] for message in messages]
    assert [message["sequenceNumber"] for message in messages] == ["2", "3", "4", "5", "6"]
    assert [entry["chunk"] for entry in media] == ["1", "2", "3", "4", "5"]
    assert [entry["timestamp"] for entry in media] == ["0", "20", "40", "1040", "1040"]
