"""Vectors of the chapter DTMF: the twelve keys, what is not one of them, every track, repeated keys."""

from __future__ import annotations

from collections.abc import Iterator

from twilio_vectors.audio import utterance
from twilio_vectors.case import Case, Json, deserialize, family, gives_frame, nothing
from twilio_vectors.steps import OTHER_STREAM, codes_of, dtmf, foreign_starts, media_steps

MESSAGES = "https://www.twilio.com/docs/voice/media-streams/websocket-messages"
KEYPAD = "the twelve keys of KeypadEntry, alike in Pipecat 1.2.1 to 1.14.0"
KEYS = {**{str(number): str(number) for number in range(10)}, "star": "*", "pound": "#"}
MISSES: dict[str, tuple[object, str]] = {
    **{f"upper-{letter.lower()}": (letter, "1") for letter in "ABCD"},
    **{f"lower-{letter}": (letter, "1") for letter in "abcd"},
    "empty": ("", "0"),
    "two-digits": ("12", "1"),
    "digit-twice": ("55", "5"),
    "star-and-pound": ("*#", "star"),
    "leading-space": (" 5", "5"),
    "trailing-space": ("5 ", "5"),
    "trailing-line-feed": ("5\n", "5"),
    "trailing-nul": ("5\0", "5"),
    "quoted": ('"5"', "5"),
    "full-width": ("\uff15", "5"),
    "arabic-indic": ("\u0665", "5"),
    "superscript": ("\u2075", "5"),
    "combined": ("5\u0301", "5"),
    "full-width-pound": ("\uff03", "pound"),
    "low-asterisk": ("\u204e", "star"),
    "signed": ("+5", "5"),
    "decimal": ("5.0", "5"),
    "plus": ("+", "star"),
    "pause": ("w", "0"),
    "entry-name": ("FIVE", "5"),
    "entry-name-star": ("STAR", "star"),
    "number": (5, "5"),
    "number-zero": (0, "0"),
    "number-negative": (-1, "1"),
    "number-fraction": (5.5, "5"),
    "null": (None, "0"),
    "true": (True, "1"),
    "false": (False, "0"),
    "list": (["5"], "5"),
    "list-empty": ([], "0"),
    "object": ({"digit": "5"}, "5"),
    "object-empty": ({}, "0"),
}
"""What is no key, and the key that it comes closest to."""

TRACKS: dict[str, Json] = {
    "inbound-track": {"track": "inbound_track"},
    "inbound": {"track": "inbound"},
    "outbound-track": {"track": "outbound_track"},
    "outbound": {"track": "outbound"},
    "both-tracks": {"track": "both_tracks"},
    "unknown": {"track": "caller"},
    "empty": {"track": ""},
    "null": {"track": None},
    "number": {"track": 1},
    "absent": {},
    "absent-with-duration": {"duration": 160},
}
"""The members of `dtmf` beside the digit. SignalWire's cXML streams have a numeric duration and no track."""


@family("dtmf")
def key() -> Iterator[Case]:
    """The twelve keys, each in the message that Twilio documents, and in its variants."""
    for name, digit in KEYS.items():
        yield _key(name, f"The key {digit}.", digit, dtmf(digit))
    yield _key("extra-members", "A key with members that Twilio does not document.", "9", _extended("9"))
    after = [
        deserialize(dtmf("A")),
        deserialize(dtmf(None)),
        deserialize(dtmf("6"), pressed("TFS-DTMF-01", "6")),
    ]
    yield Case(name="key-after-misses", text="A key after two that are none.", steps=after, source=KEYPAD)


@family("dtmf")
def miss() -> Iterator[Case]:
    """Digits that are none of the twelve keys, each with the most similar key as its twin."""
    for name, (digit, twin) in MISSES.items():
        yield Case(
            name=f"miss-{name}",
            text=f"The digit {digit!a} is none of the twelve keys.",
            steps=[deserialize(dtmf(digit), nothing("TFS-DTMF-02"))],
            result="invalid",
            twin=f"key-{twin}",
            source=KEYPAD,
        )


@family("dtmf")
def track() -> Iterator[Case]:
    """A key on every track that any provider names, without a track, and with a duration."""
    for name, beside in TRACKS.items():
        yield Case(
            name=f"track-{name}",
            text=f"A key whose message has, beside the digit, {beside or 'nothing'}.",
            steps=[deserialize(dtmf("3", beside), pressed("TFS-DTMF-03", "3"))],
            source=MESSAGES,
        )


@family("dtmf")
def foreign() -> Iterator[Case]:
    """A key of another stream, alone and between keys of the caller's."""
    stranger = deserialize(dtmf("9") | {"streamSid": OTHER_STREAM}, nothing("TFS-DTMF-10"))
    own = deserialize(dtmf("1"), pressed("TFS-DTMF-10", "1"))
    for name, steps in (
        ("alone", [stranger]),
        ("after-its-start", [deserialize(foreign_starts()["all"]), stranger]),
        ("between", [own, stranger, deserialize(dtmf("2", number=6), pressed("TFS-DTMF-10", "2"))]),
    ):
        yield Case(
            name=f"foreign-stream-{name}",
            text=f"The key 9 in a message of another stream ({name.replace('-', ' ')}).",
            steps=steps,
            result="invalid",
            twin="key-9",
            source=MESSAGES,
            since="2026.12",
        )


@family("dtmf")
def repeated() -> Iterator[Case]:
    """The same key again and again, a PIN, all keys twice, and keys in the middle of speech."""
    sequences = {
        "same-key": "5555",
        "pin": "112233#",
        "all-keys-twice": "0123456789*#0123456789*#",
        "to-and-fro": "*#*#*",
    }
    for name, digits in sequences.items():
        yield Case(
            name=f"repeated-{name}",
            text=f"The keys {digits}, one after the other: each message gives its own frame.",
            steps=_presses(digits),
            source=MESSAGES,
        )
    steps = [
        step
        for pair in zip(media_steps(codes_of(utterance(800, 81))), _presses("77700"), strict=True)
        for step in pair
    ]
    yield Case(
        name="repeated-between-media",
        text="A key after each message of the caller's audio, as when keys are pressed while speaking.",
        steps=steps,
        source=MESSAGES,
    )


def pressed(requirement: str, digit: str) -> Json:
    """Expects the frame of a key."""
    return gives_frame(requirement, "InputDTMFFrame", button=digit)


def _key(name: str, text: str, digit: str, message: Json) -> Case:
    return Case(
        name=f"key-{name}",
        text=text,
        steps=[deserialize(message, pressed("TFS-DTMF-01", digit))],
        source=KEYPAD,
    )


def _extended(digit: str) -> Json:
    return dtmf(digit, {"track": "inbound_track", "duration": "160", "level": -12.5}) | {
        "region": None,
        "digit": "1",
    }


def _presses(digits: str) -> list[Json]:
    return [
        deserialize(dtmf(digit, number=number), pressed("TFS-DTMF-04", digit))
        for number, digit in enumerate(digits, 4)
    ]
