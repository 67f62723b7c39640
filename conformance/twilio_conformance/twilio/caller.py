"""Twilio's caller: it dials a Media Streams server, speaks, presses keys, plays what it is sent and hangs up.

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
"""μ-law codes a second."""

CHUNK = 160
"""Codes of one media message: 20 ms, as Twilio sends it."""

SILENCE = b"\xff"
"""The code of digital silence."""

PATIENCE = 10.0
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
        """A new call of an account."""
        return cls(f"MZ{secrets.token_hex(16)}", f"CA{secrets.token_hex(16)}", account_sid)


@dataclass(frozen=True, slots=True)
class Audio:
    """Audio that arrived: when, when its first code is played, and the codes that were not cleared."""

    arrived: float
    start: float
    codes: bytes

    @property
    def end(self) -> float:
        """The moment at which its last code has been played."""
        return self.start + len(self.codes) / RATE


@dataclass(frozen=True, slots=True)
class Arrival:
    """A media message of the server: when it came, the seconds spoken by then, its codes."""

    moment: float
    spoken: float
    codes: bytes


@dataclass(frozen=True, slots=True)
class Warned:
    """A message that Twilio does not take, with the code of the warning in its debugger."""

    moment: float
    code: int
    reason: str


@dataclass
class Playout:
    """The buffer that Twilio plays from: audio in order of arrival, without a pause while there is any.

    Moments never go back from one call to the next.
    """

    audio: list[Audio] = field(default_factory=list)

    @property
    def end(self) -> float:
        """The moment at which the buffer is empty."""
        return self.audio[-1].end if self.audio else 0.0

    def add(self, moment: float, codes: bytes) -> None:
        """Takes audio that arrives at a moment."""
        self.audio.append(Audio(moment, max(moment, self.end), codes))

    def clear(self, moment: float) -> float:
        """Drops what has not been played; returns how many seconds of audio that were."""
        dropped = max(0.0, self.end - moment)
        self.audio = [
            Audio(entry.arrived, entry.start, entry.codes[: max(0, round((moment - entry.start) * RATE))])
            for entry in self.audio
        ]
        # An entry that is dropped whole would still move the end to its start.
        while self.audio and not self.audio[-1].codes:
            self.audio.pop()
        return dropped

    def heard(self, until: float) -> bytes:
        """What the caller heard from moment 0 on, a code for each 125 µs, silence where there was nothing."""
        timeline = bytearray(SILENCE * round(until * RATE))
        for entry in self.audio:
            at = round(entry.start * RATE)
            played = entry.codes[: max(0, len(timeline) - at)]
            timeline[at : at + len(played)] = played
        return bytes(timeline)

    def codes(self) -> bytes:
        """All that was or will be played, without the pauses."""
        return b"".join(entry.codes for entry in self.audio)

    def gaps(self) -> list[tuple[float, float]]:
        """The pauses between pieces of audio because the buffer was empty: moment and seconds."""
        pairs = zip(self.audio, self.audio[1:], strict=False)
        return [(one.end, two.start - one.end) for one, two in pairs if two.start - one.end > 0.5 / RATE]


class Caller:
    """One call. A context manager: entering dials and sends `connected` and `start`; leaving hangs up.

    What the server sends is taken meanwhile: audio is played, marks come back when what was sent before them
    has been played, `clear` empties the buffer. A message that Twilio would not take is ignored and noted.

    Attributes:
        playout: What the caller hears.
        warnings: What Twilio would warn of.
        clears: The moment of each clear.
        marks: The moment and name of each mark that was returned.
        spoken: The seconds of audio sent so far.
        arrivals: Each media message that was taken.
        first_spoken: The moment at which the first media message was sent.
        closed: Set when the connection is closed, by whichever side.
        closed_by_server: Whether it was the server that closed it.
    """

    def __init__(self, url: str, identity: Identity, parameters: dict[str, str] | None = None) -> None:
        """A call that has not been placed; `parameters` are the <Parameter>s of the TwiML."""
        self.identity = identity
        self.playout = Playout()
        self.warnings: list[Warned] = []
        self.clears: list[float] = []
        self.marks: list[tuple[float, str]] = []
        self.spoken = 0.0
        self.arrivals: list[Arrival] = []
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
        self._errands: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        """Dials.

        Raises:
            OSError: Nobody answers.
            TimeoutError: The handshake takes too long.
        """
        self._socket: ClientConnection = await connect(
            self._url,
            compression=None,
            open_timeout=PATIENCE,
            close_timeout=PATIENCE,
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
        """Hangs up, if the call is still there."""
        await self.hang_up()
        await self._receiver

    @property
    def now(self) -> float:
        """The moment."""
        return asyncio.get_running_loop().time() - self._began

    async def send(self, event: str, **content: Any) -> None:
        """Sends a message of the stream with the next sequence number."""
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            "streamSid": self.identity.stream_sid,
        }
        await self._deliver(message | content)

    async def send_raw(self, data: str | bytes) -> None:
        """Sends a text or binary frame that Twilio would not."""
        await self._deliver(data)

    async def speak(self, codes: bytes) -> None:
        """Sends audio in real time, 20 ms at a time; returns when the last 20 ms are over.

        What is late, because the machine was or because of `hold_up`, follows at once.
        """
        self._due = max(self._due, self.now)
        for start in range(0, len(codes), CHUNK):
            await asyncio.sleep(max(self._due, self._held_until) - self.now)
            await self._media(codes[start : start + CHUNK])
            self._due += CHUNK / RATE
        await asyncio.sleep(self._due - self.now)

    async def listen(self, seconds: float) -> None:
        """Sends silence in real time, as a line does when nobody speaks."""
        await self.speak(SILENCE * round(seconds * RATE))

    def hold_up(self, seconds: float) -> None:
        """Holds the caller's audio up on its way for so long from now; it comes at once afterwards."""
        self._held_until = self.now + seconds

    async def press(self, digit: str) -> None:
        """Presses a key."""
        await self.send("dtmf", dtmf={"track": "inbound_track", "digit": digit})

    async def hang_up(self) -> None:
        """Sends `stop` and closes the connection."""
        self._hangs_up = True
        if not self.closed.is_set():
            identity = self.identity
            await self.send("stop", stop={"accountSid": identity.account_sid, "callSid": identity.call_sid})
        for _, handle in self._outstanding:
            handle.cancel()
        await self._socket.close()

    async def until(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Waits until something holds that messages or the end of the connection bring about.

        Returns:
            False when it did not within so many seconds, or cannot any more since the connection is closed.
        """
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
        """Waits until no audio has arrived for so many seconds and all has been played."""
        began = self.now

        def is_quiet() -> bool:
            last = self.arrivals[-1].moment if self.arrivals else began
            return self.now - max(began, last, self.playout.end) >= seconds

        await self.until(is_quiet, at_most)

    async def _media(self, codes: bytes) -> None:
        self._chunk += 1
        if self.first_spoken is None:
            self.first_spoken = self.now
        media = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(round(self.now * 1000)),
            "payload": base64.b64encode(codes).decode(),
        }
        self.spoken += len(codes) / RATE
        await self.send("media", media=media)

    async def _deliver(self, message: Json | str | bytes) -> None:
        """Sends a frame; a connection that the server has closed takes it no more, which `closed` tells."""
        try:
            await self._socket.send(json.dumps(message) if isinstance(message, dict) else message)
        except ConnectionClosed:
            self.closed.set()

    async def _receive(self) -> None:
        try:
            async for data in self._socket:
                self._take(data)
                self._changed.set()
        except ConnectionClosed:
            pass
        finally:
            self.closed_by_server = not self._hangs_up
            self.closed.set()
            self._changed.set()

    def _take(self, data: str | bytes) -> None:
        moment = self.now
        message = self._understand(moment, data)
        if message is None:
            return
        if message["event"] == "media":
            codes = base64.b64decode(message["media"]["payload"])
            self.arrivals.append(Arrival(moment, self.spoken, codes))
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
        errand = asyncio.create_task(self.send("mark", mark={"name": name}))
        self._errands.add(errand)
        errand.add_done_callback(self._errands.discard)
        self._changed.set()

    def _understand(self, moment: float, data: str | bytes) -> Json | None:
        """The message, if Twilio takes it; a warning otherwise."""
        if isinstance(data, bytes):
            self.warnings.append(Warned(moment, 31950, f"a binary frame of {len(data)} bytes"))
            return None
        reason, message = _read(data, self.identity.stream_sid)
        if reason is not None:
            self.warnings.append(Warned(moment, 31951, f"{reason}: {data[:200]}"))
        return message


def _read(text: str, stream_sid: str) -> tuple[str | None, Json | None]:
    """What is wrong with a message of a server, or the message."""
    try:
        message = json.loads(text)
        keys, content = _SHAPES[message["event"]]
        if set(message) != keys:
            return f"other fields than {sorted(keys)}", None
        if message["streamSid"] != stream_sid:
            return "the streamSid of another stream", None
        if content is not None:
            if set(message[message["event"]]) != {content}:
                return f"other fields than {content}", None
            value = message[message["event"]][content]
            if not isinstance(value, str):
                return f"{content} is no string", None
            if content == "payload":
                base64.b64decode(value, validate=True)
    except binascii.Error:
        return "not base64", None
    except (ValueError, KeyError, TypeError):
        return "not a message that Twilio knows", None
    return None, message
