"""Checks of the chapter Credentials and identifiers: keys and fragments in logs, files, other hosts."""

from __future__ import annotations

import asyncio
import base64
import re
from random import Random

from pipecat.audio.dtmf.types import KeypadEntry

from twilio_conformance.audio import ulaw
from twilio_conformance.checks._core import check, expect
from twilio_conformance.checks._hang_up import COMPLETED, hang_up, require_request
from twilio_conformance.checks._leaks import captured_output
from twilio_conformance.subject.frames import Json, shorten
from twilio_conformance.subject.probe import Probe
from twilio_conformance.subject.steps import END

RUN = 12
"""Characters of a secret, or of a payload, in a row that say too much of it."""

VALUES = 8
"""Values of samples in a row that are a recording: a millisecond."""

TROUBLES: tuple[Json, ...] = (
    COMPLETED,
    {"status": 401, "json": {"code": 20003, "message": "Authenticate", "status": 401}},
    {"status": 500, "body": "cannot serve {authorization}"},
    {"fault": "refuse"},
)


@check("TFS-SECURE-14", since="2026.12")
async def keys_are_not_logged(probe: Probe) -> None:
    """No record of a key's message, good or damaged, has the key as a word or a name, and none has a row of keys."""
    keys = Random(14).choices("0123456789*#", k=16)
    whole = '{"event":"dtmf","streamSid":"${stream_sid}","dtmf":{"track":"inbound_track","digit":"KEY"}}'
    for message in (whole, whole.encode(), whole[:-1], whole.replace("stream_sid", "other_stream_sid")):
        subject, shown = await probe.ready(), 0
        with captured_output() as printed:
            before = len(probe.logs)
            for key in keys:
                record, length = len(probe.logs), len(printed())
                text = message if isinstance(message, str) else message.decode()
                filled = probe.names.fill(text.replace("KEY", key))
                await subject.deserialize(filled if isinstance(message, str) else filled.encode())
                written = " ".join([printed()[length:], *(each.text for each in probe.logs[record:])])
                word = rf"(?<!\w)({re.escape(key)}|{KeypadEntry(key).name})(?!\w)"
                shown += re.search(word, written) is not None
            everything = printed() + "".join(each.text for each in probe.logs[before:])
        # Other numbers in the records match by chance, but not as often.
        expect(shown <= len(keys) // 2, "keys are in the log", "none", f"{shown} of {len(keys)} keys")
        expect(
            "".join(keys[:6]) not in everything, "a row of keys is in the log", "none", "six keys in a row"
        )


@check("TFS-SECURE-15", limit=60, since="2026.12")
async def no_log_holds_a_fragment_of_a_credential(probe: Probe) -> None:
    """Neither masked in part, nor in hexadecimal rows, nor over several records: nothing shows 12 characters in a row."""
    with captured_output() as printed:
        for answer in TROUBLES:
            await hang_up(probe, answer)
        text = _squeezed("".join([printed(), *(record.text for record in probe.logs)]))
    names = probe.names.values
    login = base64.b64encode(f"{names['account_sid']}:{names['auth_token']}".encode()).decode()
    secret = names["auth_token"].encode()
    forms: dict[str, tuple[str, float]] = {
        "as it is": (secret.decode(), 1),
        "in hexadecimal": (secret.hex(), 2),
        "reversed": (secret[::-1].decode(), 1),
    }
    # The beginning of the login is the account's SID.
    forms["in base64"] = (login[len(login) // 2 :], 4 / 3)
    for form, (written, width) in forms.items():
        found = _shows(text, _squeezed(written), round(RUN * width))
        expect(not found, "a fragment of a credential is in the log", f"fewer than {RUN} characters", form)
    require_request(probe)


@check("TFS-SECURE-16", since="2026.12")
async def no_log_holds_a_fragment_of_the_callers_voice(probe: Probe) -> None:
    """Neither 12 characters of a payload, nor 9 bytes in hexadecimal rows, nor 8 values in a row are logged."""
    codes = Random(16).randbytes(160)
    samples, payload = ulaw.decode(codes).astype("<i2"), base64.b64encode(codes).decode()
    whole = '{"event":"media","streamSid":"${stream_sid}","media":{"track":"inbound","payload":"' + payload
    with captured_output() as printed:
        for rate in (8000, 16000):
            for message in (whole + '"}}', whole, whole + '*"}}'):
                await (await probe.ready(rate=rate)).deserialize(message)
        records = [printed(), *(record.text for record in probe.logs)]
    text = _squeezed("".join(records))
    forms = {"base64": (payload, RUN), "codes": (codes.hex(), 18), "samples": (samples.tobytes().hex(), 18)}
    for form, (written, length) in forms.items():
        found = _shows(text, _squeezed(written), length)
        expect(not found, "a fragment of the caller's audio is in the log", "none", form)
    numbers = ",".join(re.findall(r"-?\d+", " ".join(records)))
    for form, values in (("codes", list(codes)), ("samples", samples.tolist())):
        rows = (",".join(map(str, values[start:][:VALUES])) for start in range(len(values) - VALUES))
        expect(
            not any(row in numbers for row in rows),
            "values of the caller's audio are in the log",
            "none",
            form,
        )


@check("TFS-SECURE-17", limit=60, since="2026.12")
async def no_file_is_written_and_the_process_stays_as_it_is(probe: Probe) -> None:
    """Calls that end well or badly write no file, change nothing that the process shares, and leave no process."""
    probe.require_object()
    await _calls(probe)
    changes = probe.effects.changes()
    expect(
        not changes,
        "the process or a file was changed",
        "nothing",
        [shorten(change, 200) for change in changes],
    )


@check("TFS-SECURE-18", limit=60, since="2026.12")
async def no_other_host_is_contacted(probe: Probe) -> None:
    """In calls that end well or badly, nothing but Twilio's API is looked up or connected to."""
    await _calls(probe)
    hosts = {refusal.host for refusal in probe.network.refused}
    hosts |= {connection.host for connection in probe.network.connections}
    others = sorted(hosts - {"api.twilio.com"})
    expect(not others, "another host is contacted", "api.twilio.com", others)
    require_request(probe)


async def _calls(probe: Probe) -> None:
    """Carry calls with a message of each kind and audio both ways, which end well and badly."""
    media = {
        "event": "media",
        "streamSid": "${stream_sid}",
        "media": {"track": "inbound", "payload": "/v7+" * 53},
    }
    speech: Json = {
        "frame": "TTSAudioRawFrame",
        "audio": "AQID" * 320,
        "sample_rate": 24000,
        "num_channels": 1,
    }
    for answer in TROUBLES:
        probe.answer([answer])
        subject = await probe.ready(**probe.arguments())
        for message in (media, {"event": "stop", "streamSid": "${stream_sid}"}, "no JSON"):
            await subject.deserialize(message)
        for frame in (speech, {"frame": "InterruptionFrame"}, END):
            await subject.serialize(frame, limit=40)
        await asyncio.sleep(1)


def _squeezed(text: str) -> str:
    """Return the letters and digits of a text without marks, quotes and the offsets of hexadecimal rows."""
    text = re.sub(r"(?m)^[0-9A-Fa-f]{4,8}:?\s+(?=[0-9A-Fa-f]{2}\s)", "", text)
    return re.sub(r"[^0-9A-Za-z]", "", text)


def _shows(text: str, secret: str, length: int) -> bool:
    """Return whether a text holds as many characters of a secret in a row."""
    return any(secret[start : start + length] in text for start in range(len(secret) - length + 1))
