"""A fuzz target for atheris: the reference's deserialize, guided by coverage; run with libFuzzer's options.

python tests/reference/fuzz_deserialize.py -max_total_time=60
"""

from __future__ import annotations

import asyncio
import json
import sys
from types import SimpleNamespace

import atheris

with atheris.instrument_imports(include=["twilio_reference"]):
    from twilio_reference import TwilioFrameSerializer

from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, InputDTMFFrame

SID = "MZ00000000000000000000000000000000"

SEEDS = [
    {"event": "media", "streamSid": SID, "media": {"track": "inbound", "payload": "//7+/w=="}},
    {"event": "dtmf", "streamSid": SID, "dtmf": {"track": "inbound_track", "digit": "5"}},
    {"event": "mark", "streamSid": SID, "mark": {"name": "a"}},
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
]


def main() -> None:
    """Fuzzes until libFuzzer's options end it; an exception or a strange value is a crash."""
    logger.remove()
    loop = asyncio.new_event_loop()
    serializer = TwilioFrameSerializer(SID, params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    loop.run_until_complete(serializer.setup(SimpleNamespace(audio_in_sample_rate=16000)))

    def deserialize(data: bytes) -> None:
        for given in (data, data.decode("utf-8", "surrogateescape")):
            frame = loop.run_until_complete(serializer.deserialize(given))
            if not (frame is None or isinstance(frame, InputAudioRawFrame | InputDTMFFrame)):
                raise AssertionError(f"gave a {type(frame).__name__}")

    for seed in SEEDS:
        deserialize(json.dumps(seed).encode())
    atheris.Setup(sys.argv, deserialize)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
