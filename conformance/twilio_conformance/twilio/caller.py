"""A caller behind Twilio's Media Streams: it connects, speaks, presses keys, plays audio and hangs up.

The messages are those of https://www.twilio.com/docs/voice/media-streams/websocket-messages. Moments are
seconds since `start` was sent, on the clock of the event loop.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]

RATE = 8000
"""μ-law codes per second."""

CHUNK = 160
"""Codes per media message: 20 ms, as Twilio sends them."""

SILENCE = b"\xff"
"""μ-law code of digital silence."""

CONNECTION_TIMEOUT = 10.0
"""Seconds that a connection may take to open or to close."""

_SHAPES = {
    "media": ({"event", "streamSid", "media"}, "payload"),
    "mark": ({"event", "streamSid", "mark"}, "name"),
    "clear": ({"event", "streamSid"}, None),
}


@dataclass(frozen=True, slots=True)
class Identity:
    """The SIDs of one call."""

    stream_sid: str
    call_sid: str
    account_sid: str

    @classmethod
    def random(cls, account_sid: str) -> Identity:
        """Return random SIDs for a new call of an account."""
        return cls(f"MZ{secrets.token_hex(16)}", f"CA{secrets.token_hex(16)}", account_sid)


@dataclass(frozen=True, slots=True)
class QueuedAudio:
    """Buffered audio: when it arrived, when its first code is played, its codes that were not cleared."""

    arrived: float
    start: float
    codes: bytes

    @property
    def end(self) -> float:
        """The moment at which the last code has been played."""
        return self.start + len(self.codes) / RATE


@dataclass(frozen=True, slots=True)
class ReceivedMedia:
    """A media message of the server: when it arrived, the seconds spoken by then, its μ-law codes."""

    moment: float
    spoken: float
    codes: bytes


@dataclass(frozen=True, slots=True)
class StreamWarning:
    """A message that Twilio rejects, with the code of the warning in its debugger."""

    moment: float
    code: int
    reason: str


@dataclass
class Playout:
    """Twilio's playout buffer: audio is played in order of arrival, without pauses while there is any.

    The moments passed to its methods must not decrease.
    """

    audio: list[QueuedAudio] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The moment at which the buffer is empty."""
        return self.audio[-1].end if self.audio else 0.0

    def add(self, moment: float, codes: bytes) -> None:
        """Add audio that arrives at a moment."""
        self.audio.append(QueuedAudio(moment, max(moment, self.end), codes))

    def clear(self, moment: float) -> float:
        """Drop all audio that has not been played and return its duration in seconds."""
        dropped = max(0.0, self.end - moment)
        self.audio = [
            QueuedAudio(
                entry.arrived, entry.start, entry.codes[: max(0, round((moment - entry.start) * RATE))]
            )
            for entry in self.audio
        ]
        # An empty entry at the end would move `end` to its start.
        while self.audio and not self.audio[-1].codes:
            self.audio.pop()
        return dropped

    def heard(self, until: float) -> bytes:
        """Return what the caller heard from moment 0 on: one code per 125 µs, silence where there was none."""
        timeline = bytearray(SILENCE * round(until * RATE))
        for entry in self.audio:
            at = round(entry.start * RATE)
            played = entry.codes[: max(0, len(timeline) - at)]
            timeline[at : at + len(played)] = played
        return bytes(timeline)

    def gaps(self) -> list[tuple[float, float]]:
        """Return the pauses in which the buffer was empty between pieces of audio: moment and seconds."""
        pairs = zip(self.audio, self.audio[1:], strict=False)
        return [(one.end, two.start - one.end) for one, two in pairs if two.start - one.end > 0.5 / RATE]


class Caller:
    """One call. A context manager: entering connects and sends `connected` and `start`; leaving hangs up.

    Messages of the server are processed meanwhile: audio is played, marks are returned when the audio before
    them has been played, `clear` empties the buffer. A message that Twilio would reject adds a warning.

    Attributes:
        playout: The playout buffer: what the caller hears.
        warnings: Messages that Twilio would reject.
        clears: The moment of each clear.
        marks: The moment and name of each mark that was returned.
        spoken: Seconds of audio sent so far.
        arrivals: The media messages of the server.
        first_spoken: The moment at which the first media message was sent.
        closed: Set when the connection is closed, by either side.
        closed_by_server: Whether the server closed it.
    """

    def __init__(self, url: str, identity: Identity, parameters: dict[str, str] | None = None) -> None:
        """Prepare a call.

        Args:
            url: WebSocket URL of the server.
            identity: SIDs of the call.
            parameters: The <Parameter>s of the TwiML.
        """
        self.identity = identity
        self.playout = Playout()
        self.warnings: list[StreamWarning] = []
        self.clears: list[float] = []
        self.marks: list[tuple[float, str]] = []
        self.spoken = 0.0
        self.arrivals: list[ReceivedMedia] = []
        self.closed = asyncio.Event()
        self.closed_by_server = False
        self._hangs_up = False
        self.first_spoken: float | None = None
        self._url = url
        self._parameters = parameters or {}
        self._sequence = 0
        self._chunk = 0
        self._due = 0.0
        self._held_until = 0.0
        self._outstanding: list[tuple[str, asyncio.TimerHandle]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Connect and start the stream; raise OSError or TimeoutError if the server does not answer."""
        self._socket: ClientConnection = await connect(
            self._url,
            compression=None,
            open_timeout=CONNECTION_TIMEOUT,
            close_timeout=CONNECTION_TIMEOUT,
            max_size=None,
            proxy=None,
        )
        identity = self.identity
        await self._deliver({"event": "connected", "protocol": "Call", "version": "1.0.0"})
        self._began = asyncio.get_running_loop().time()
        start = {
            "accountSid": identity.account_sid,
            "streamSid": identity.stream_sid,
            "callSid": identity.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": self._parameters,
        }
        await self.send("start", start=start)
        self._receiver = asyncio.create_task(self._receive())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up, if the call has not ended."""
        await self.hang_up()
        await self._receiver

    @property
    def now(self) -> float:
        """The present moment."""
        return asyncio.get_running_loop().time() - self._began

    async def send(self, event: str, **content: Any) -> None:
        """Send a message with the next sequence number."""
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            "streamSid": self.identity.stream_sid,
        }
        await self._deliver(message | content)

    async def send_raw(self, data: str | bytes) -> None:
        """Send a text or binary frame as it is, for messages that Twilio would not send."""
        await self._deliver(data)

    async def speak(self, codes: bytes) -> None:
        """Send μ-law codes in real time, 20 ms at a time, and return when the last 20 ms are over.

        Audio that is late, because of a slow machine or of `hold_up`, follows at once.
        """
        self._due = max(self._due, self.now)
        for start in range(0, len(codes), CHUNK):
            await asyncio.sleep(max(self._due, self._held_until) - self.now)
            if self.first_spoken is None:
                self.first_spoken = self.now
            piece = codes[start : start + CHUNK]
            self._chunk += 1
            self.spoken += len(piece) / RATE
            await self.send("media", media=_inbound_media(self._chunk, round(self.now * 1000), piece))
            self._due += CHUNK / RATE
        await asyncio.sleep(self._due - self.now)

    async def listen(self, seconds: float) -> None:
        """Send silence in real time, as a line does while nobody speaks."""
        await self.speak(SILENCE * round(seconds * RATE))

    def hold_up(self, seconds: float) -> None:
        """Delay the caller's audio for some seconds from now; it follows at once afterwards."""
        self._held_until = self.now + seconds

    async def press(self, digit: str) -> None:
        """Press a key."""
        await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> None:
        """Send `stop` and close the connection."""
        self._hangs_up = True
        if not self.closed.is_set():
            identity = self.identity
            await self.send("stop", stop={"accountSid": identity.account_sid, "callSid": identity.call_sid})
        for _, handle in self._outstanding:
            handle.cancel()
        await self._socket.close()

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds; return False if it fails to within `seconds`, or at a closed connection."""
        deadline = self.now + seconds
        while not holds():
            if self.closed.is_set() or (left := deadline - self.now) <= 0:
                return holds()
            self._changed.clear()
            try:
                async with asyncio.timeout(min(left, 0.05)):
                    await self._changed.wait()
            except TimeoutError:
                continue
        return True

    async def until_quiet(self, seconds: float, at_most: float = 10.0) -> None:
        """Wait, at most `at_most` seconds, until all audio has been played and none arrived for `seconds`."""
        began = self.now

        def is_quiet() -> bool:
            last = self.arrivals[-1].moment if self.arrivals else began
            return self.now - max(began, last, self.playout.end) >= seconds

        await self.until(is_quiet, at_most)

    async def _deliver(self, message: Json | str | bytes) -> None:
        """Send a frame; if the server has closed the connection, only set `closed`."""
        try:
            await self._socket.send(json.dumps(message) if isinstance(message, dict) else message)
        except ConnectionClosed:
            self.closed.set()

    async def _receive(self) -> None:
        try:
            async for data in self._socket:
                self._handle(data)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.closed_by_server = not self._hangs_up
            self.closed.set()
            self._changed.set()

    def _handle(self, data: str | bytes) -> None:
        moment = self.now
        if (warning := _rejection(data, self.identity.stream_sid)) is not None:
            self.warnings.append(StreamWarning(moment, *warning))
            return
        message = json.loads(data)
        if message["event"] == "media":
            codes = base64.b64decode(message["media"]["payload"])
            self.arrivals.append(ReceivedMedia(moment, self.spoken, codes))
            self.playout.add(moment, codes)
        elif message["event"] == "mark":
            delay = max(0.0, self.playout.end - moment)
            name = message["mark"]["name"]
            handle = asyncio.get_running_loop().call_later(delay, self._return_mark, name)
            self._outstanding.append((name, handle))
        else:
            self.clears.append(moment)
            self.playout.clear(moment)
            for name, handle in list(self._outstanding):
                handle.cancel()
                self._return_mark(name)

    def _return_mark(self, name: str) -> None:
        self._outstanding = [entry for entry in self._outstanding if entry[0] != name]
        self.marks.append((self.now, name))
        task = asyncio.create_task(self.send("mark", mark={"name": name}))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._changed.set()


def _rejection(data: str | bytes, stream_sid: str) -> tuple[int, str] | None:
    """Return the code and the reason of Twilio's warning about a message; None if it accepts it."""
    if isinstance(data, bytes):
        return 31950, f"a binary frame of {len(data)} bytes"
    reason = None
    try:
        message = json.loads(data)
        keys, content = _SHAPES[message["event"]]
        if set(message) != keys:
            reason = f"other fields than {sorted(keys)}"
        elif message["streamSid"] != stream_sid:
            reason = "the streamSid of another stream"
        elif content is not None:
            body = message[message["event"]]
            if set(body) != {content}:
                reason = f"other fields than {content}"
            elif not isinstance(body[content], str):
                reason = f"{content} is no string"
            elif content == "payload":
                base64.b64decode(body[content], validate=True)
    except binascii.Error:
        reason = "not base64"
    except (ValueError, KeyError, TypeError):
        reason = "not a message that Twilio knows"
    return None if reason is None else (31951, f"{reason}: {data[:200]}")


class CallerTrack:
    """A caller's track outside real time: each media message continues the numbers and timestamps.

    Attributes:
        stream_sid: The stream that the messages name.
    """

    def __init__(self, stream_sid: str = "${stream_sid}") -> None:
        """Start at the beginning of the stream."""
        self.stream_sid = stream_sid
        self._chunk = 0
        self._codes = 0

    def message(self, codes: bytes) -> Json:
        """Return the next media message with these μ-law codes; ``${stream_sid}`` in it is a placeholder."""
        self._chunk += 1
        media = _inbound_media(self._chunk, 1000 * self._codes // RATE, codes)
        self._codes += len(codes)
        # 1 is the start message.
        number = str(self._chunk + 1)
        return {"event": "media", "sequenceNumber": number, "streamSid": self.stream_sid, "media": media}


def _inbound_media(chunk: int, milliseconds: int, codes: bytes) -> Json:
    payload = base64.b64encode(codes).decode()
    return {"track": "inbound", "chunk": str(chunk), "timestamp": str(milliseconds), "payload": payload}
