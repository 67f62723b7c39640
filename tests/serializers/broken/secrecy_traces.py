"""Broken serializers of the chapter Credentials and identifiers: keys, fragments, files, other hosts."""

from __future__ import annotations

import base64
import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from loguru import logger
from pipecat.frames.frames import InputAudioRawFrame, InputDTMFFrame

from tests.serializers.broken.base import HangUpHooks, HookedSerializer
from tests.serializers.broken.registry import broken


def _token(request: httpx.Request) -> str:
    return base64.b64decode(request.headers["Authorization"].partition(" ")[2]).decode().partition(":")[2]


@broken("TFS-SECURE-14", "Each key is logged at level debug.")
class LogsKeys(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            logger.debug(f"key {frame.button.value}")
        return frame


@broken("TFS-SECURE-14", "The keys so far are printed with each one.", isolated=True)
class PrintsTheNumber(HookedSerializer):
    keys = ""

    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputDTMFFrame):
            self.keys += frame.button.value
            print(self.keys)
        return frame


@broken("TFS-SECURE-15", "The token is masked, apart from its first twelve characters.")
class MaskedToken(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        logger.debug(f"token {_token(request)[:12]}{'*' * 20}")


@broken("TFS-SECURE-15", "The token is dumped in rows of hexadecimal.")
class TokenInRows(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        token = _token(request).encode()
        for start in range(0, 15, 7):
            logger.debug(token[start:][:7].hex(" "))


@broken("TFS-SECURE-16", "The samples of each frame are logged as an array at level trace.")
class LogsSamples(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            logger.trace(np.frombuffer(frame.audio, "<i2"))
        return frame


@broken(
    "TFS-SECURE-17",
    "What the caller says is recorded in the temporary folder.",
    also="TFS-CONSTRUCT-21 TFS-ABUSE-11",
)
class Recording(HookedSerializer):
    def after_deserialize(self, data: str | bytes, frame: Any) -> Any:
        if isinstance(frame, InputAudioRawFrame):
            with tempfile.NamedTemporaryFile() as file:
                Path(file.name).write_bytes(frame.audio)
        return frame


@broken(
    "TFS-SECURE-17", "The token is exported, for a library that reads it from the environment.", isolated=True
)
class ExportsTheToken(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        os.environ["TWILIO_AUTH_TOKEN"] = _token(request)


@broken(
    "TFS-SECURE-18", "Each hang-up is reported to a service for metrics.", also="TFS-SECURE-04 TFS-SECURE-10"
)
class SendsMetrics(HangUpHooks):
    def change_request(self, request: httpx.Request) -> None:
        with contextlib.suppress(OSError):
            socket.create_connection(("metrics.example", 443), timeout=1)
