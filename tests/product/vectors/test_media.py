"""The vectors that hold audio: expected values against audioop, and what a lost or doubled piece does."""

from __future__ import annotations

import audioop
import base64
import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

V1 = Path(__file__).parents[3] / "vectors" / "v1"
SECOND = 8000

Codes = NDArray[np.uint8]
Json = dict[str, Any]


@cache
def _vector(name: str) -> Json:
    document: Json = json.loads((V1 / f"{name}.json").read_bytes())
    return document


def _names(kind: str, *chapters: str) -> list[str]:
    """The vectors that expect this of the whole session."""
    paths = [
        path for chapter in chapters for path in sorted((V1 / chapter).glob("*.json")) if "+" not in path.stem
    ]
    names = [f"{path.parent.name}/{path.stem}" for path in paths]
    return [name for name in names if _wanted(name, kind) is not None]


def _wanted(name: str, kind: str) -> Json | None:
    return next((expectation[kind] for expectation in _vector(name)["expect"] if kind in expectation), None)


SENT = _names("payloads", "media-out", "clear")
RECEIVED = [name for name in _names("audio", "media-in") if "equals" in (_wanted(name, "audio") or {})]


@cache
def _frames(name: str) -> tuple[bytes, ...]:
    """The PCM of each audio frame that is serialized, empty ones left out."""
    frames = [step["serialize"] for step in _vector(name)["steps"] if "serialize" in step]
    pcm = [_pcm(frame["audio"]) for frame in frames if "audio" in frame]
    return tuple(filter(None, pcm))


def _pcm(audio: str | Json) -> bytes:
    if isinstance(audio, str):
        return base64.b64decode(audio)
    return base64.b64decode(audio["base64"]) * int(audio["times"])


@cache
def _payloads(name: str) -> tuple[bytes, ...]:
    """The codes of each message of the caller's, empty ones left out."""
    payloads = []
    for step in _vector(name)["steps"]:
        message = _message(step.get("deserialize", {"json": {}}))
        media = message.get("media", {})
        if (
            media.get("track", "inbound") == "inbound"
            and "payload" in media
            and message["streamSid"] == "${stream_sid}"
        ):
            payloads.append(base64.b64decode(media["payload"], validate=True))
    return tuple(filter(None, payloads))


def _message(data: Json) -> Json:
    if "parts" in data:
        pieces = [part if isinstance(part, str) else part["repeat"] * part["times"] for part in data["parts"]]
        data = {"text": "".join(pieces)}
    message: Json = json.loads(data["text"]) if "text" in data else data["json"]
    return message


@cache
def _columns(name: str) -> NDArray[np.uint8]:
    alternatives = (_wanted(name, "payloads") or {})["each_in"]
    return np.array([np.frombuffer(base64.b64decode(text), np.uint8) for text in alternatives])


def _is_accepted(name: str, frames: list[bytes]) -> bool:
    """Whether audioop's codes of these frames satisfy the vector."""
    codes = np.frombuffer(audioop.lin2ulaw(b"".join(frames), 2), np.uint8)
    columns = _columns(name)
    at_least = (_wanted(name, "payloads") or {})["at_least"]
    if not at_least <= len(codes) <= columns.shape[1]:
        return False
    return bool((columns[:, : len(codes)] == codes).any(axis=0).all())


def _mutants(pieces: list[bytes], until: int, width: int) -> dict[str, list[bytes]]:
    """The pieces with one of those before sample `until` lost, doubled, or short of its first sample."""
    mutants = {}
    end = 0
    for index, piece in enumerate(pieces):
        end += len(piece) // width
        if end > until:
            break
        before, after = pieces[:index], pieces[index + 1 :]
        mutants[f"{index} lost"] = before + after
        mutants[f"{index} doubled"] = [*before, piece, piece, *after]
        mutants[f"{index} short"] = [*before, piece[width:], *after]
    return mutants


@pytest.mark.parametrize("name", SENT)
def test_audioop_satisfies_what_is_expected_of_outgoing_audio(name: str) -> None:
    frames = list(_frames(name))
    assert len(b"".join(frames)) == 2 * _columns(name).shape[1]
    assert _is_accepted(name, frames)


@pytest.mark.parametrize("name", SENT)
def test_only_silence_of_a_second_or_more_may_be_withheld(name: str) -> None:
    pcm = np.frombuffer(b"".join(_frames(name)), "<i2")
    at_least = (_wanted(name, "payloads") or {})["at_least"]
    assert not pcm[at_least:].any()
    assert len(pcm) - at_least >= SECOND


@pytest.mark.parametrize("name", SENT)
def test_a_session_without_its_silence_is_accepted(name: str) -> None:
    at_least = (_wanted(name, "payloads") or {})["at_least"]
    assert _is_accepted(name, [b"".join(_frames(name))[: 2 * at_least]])


@pytest.mark.parametrize("name", [name for name in SENT if "/session-" in name])
def test_a_lost_or_doubled_piece_of_outgoing_audio_is_noticed(name: str) -> None:
    at_least = (_wanted(name, "payloads") or {})["at_least"]
    mutants = _mutants(list(_frames(name)), at_least, 2)
    assert mutants
    assert [change for change, frames in mutants.items() if _is_accepted(name, frames)] == []


@pytest.mark.parametrize("name", [name for name in SENT if "/session-" in name])
def test_swapped_frames_of_outgoing_audio_are_noticed(name: str) -> None:
    frames = list(_frames(name))
    accepted = []
    for index, (first, second) in enumerate(pairwise(frames)):
        if len(first) > 160 and len(second) > 160 and any(first) and any(second):
            swapped = [*frames[:index], second, first, *frames[index + 2 :]]
            accepted += [index] if _is_accepted(name, swapped) else []
    assert accepted == []


@pytest.mark.parametrize("name", RECEIVED)
def test_incoming_audio_is_what_audioop_decodes(name: str) -> None:
    wanted = _wanted(name, "audio") or {}
    pcm = base64.b64decode(wanted["equals"])
    assert pcm == audioop.ulaw2lin(b"".join(_payloads(name)), 2)
    assert not any(pcm[2 * wanted["at_least"] :])
    assert len(pcm) // 2 - wanted["at_least"] >= SECOND


@pytest.mark.parametrize("name", [name for name in RECEIVED if "/session-" in name])
def test_a_lost_or_doubled_piece_of_incoming_audio_is_noticed(name: str) -> None:
    wanted = _wanted(name, "audio") or {}
    pcm, at_least = base64.b64decode(wanted["equals"]), wanted["at_least"]
    mutants = _mutants(list(_payloads(name)), at_least, 1)
    assert mutants
    for change, payloads in mutants.items():
        got = audioop.ulaw2lin(b"".join(payloads), 2)
        assert not (pcm.startswith(got) and len(got) >= 2 * at_least), change


def test_encode_all_holds_every_input_and_decode_all_every_code() -> None:
    inputs = np.frombuffer(b"".join(_frames("media-out/encode-all")), "<i2")
    assert sorted(set(inputs.tolist())) == list(range(-32768, 32768))
    assert set(b"".join(_payloads("media-in/decode-all"))) == set(range(256))


def test_the_forms_of_a_message_differ_in_text_and_agree_in_what_they_say() -> None:
    names = [name for name in RECEIVED if "/form-" in name]
    texts = [_vector(name)["steps"][0]["deserialize"]["text"] for name in names]
    assert len(set(texts)) == len(texts)
    messages = [json.loads(text) for text in texts]
    for name in ("event", "sequenceNumber", "streamSid"):
        assert len({message[name] for message in messages}) == 1
    for name in ("track", "chunk", "timestamp", "payload"):
        assert len({message["media"][name] for message in messages}) == 1
    assert r"\/" in _vector("media-in/form-escaped-slashes")["steps"][0]["deserialize"]["text"]


@pytest.mark.parametrize(
    ("name", "changed"), [("outbound-track", {"media.track"}), ("foreign-stream", {"streamSid"})]
)
def test_what_is_ignored_differs_from_its_twin_in_one_member(name: str, changed: set[str]) -> None:
    vector = _vector(f"media-in/{name}")
    for step, other in zip(vector["steps"], _vector(vector["twin"])["steps"], strict=False):
        left, right = (_flat(_message(given["deserialize"])) for given in (step, other))
        assert {member for member, _ in left.items() ^ right.items()} == changed


def _flat(message: Json) -> dict[str, str]:
    media = {f"media.{name}": value for name, value in message["media"].items()}
    return {name: value for name, value in message.items() if name != "media"} | media


def test_the_callers_own_audio_is_the_audio_of_its_twin() -> None:
    own = b"".join(_frames("media-out/callers-own-audio"))
    agents = b"".join(_frames(_vector("media-out/callers-own-audio")["twin"]))
    assert agents.startswith(own[: len(own) // 2])
    assert any(own)
