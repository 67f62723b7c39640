"""JSON lines over pipes, by which the processes of a run speak."""

from __future__ import annotations

import os
from json import dumps, loads
from typing import Any, BinaryIO

Json = dict[str, Any]


class Lines:
    """JSON lines of a pipe; a partial line is kept until the rest arrives."""

    def __init__(self, stream: BinaryIO) -> None:
        """Nothing has arrived yet on this unbuffered stream."""
        self.stream = stream
        self._kept = b""

    def wait(self) -> Json:
        """The first line, as soon as it is there.

        Raises:
            SystemExit: The pipe ends before it.
        """
        while True:
            lines = self.read()
            if lines is None:
                raise SystemExit(0)
            if lines:
                return lines[0]

    def read(self) -> list[Json] | None:
        """The lines that have arrived; None at the end of the pipe."""
        data = os.read(self.stream.fileno(), 1 << 20)
        if not data:
            return None
        *whole, self._kept = (self._kept + data).split(b"\n")
        return [loads(line) for line in whole]


def send(stream: BinaryIO, document: Json) -> None:
    """Writes a document as one line, all of it."""
    data = dumps(document).encode() + b"\n"
    while data:
        data = data[stream.write(data) :]
