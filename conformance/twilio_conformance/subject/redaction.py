"""The SIDs and secrets of one job: random values by name, and their redaction from everything that is shown."""

from __future__ import annotations

import base64
import json
import re
import secrets
import urllib.parse
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

SHORTEST_SECRET = 8
"""Length in characters below which a value is not redacted, because it would match ordinary words."""

_CUT = "…"
"""Marks where the suite has cut a text."""

_PART = 6
"""Characters at either end of a secret by which it is recognized if the rest is cut off."""

_LOGINS = (
    ("account_sid", "auth_token"),
    ("api_key_sid", "api_key_secret"),
    ("other_account_sid", "other_auth_token"),
)


@dataclass(frozen=True)
class Names:
    """The SIDs and secrets of one job, random so that none can be guessed or confused."""

    values: dict[str, str] = field(default_factory=lambda: _random())

    def fill(self, value: Any) -> Any:
        """Return the JSON value with every ${name} in its strings replaced by its value."""
        if isinstance(value, str):
            for name, text in self.values.items() if "${" in value else ():
                value = value.replace("${" + name + "}", text)
            return value
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, dict):
            return {self.fill(key): self.fill(item) for key, item in value.items()}
        return value

    def message(self, data: dict[str, Any]) -> str | bytes:
        """Return what `deserialize` receives: the message that the step of a vector describes.

        The step has one of ``json``, ``text``, ``parts`` and ``base64``; ``"as": "bytes"`` encodes it.
        """
        if "base64" in data:
            return base64.b64decode(data["base64"])
        if "json" in data:
            text = json.dumps(self.fill(data["json"]), separators=(",", ":"))
        elif "text" in data:
            text = data["text"]
        else:
            parts = (
                part if isinstance(part, str) else part["repeat"] * part["times"] for part in data["parts"]
            )
            text = "".join(map(self.fill, parts))
        return text.encode() if data.get("as") == "bytes" else text

    def redact(self, value: Any) -> Any:
        """Return the JSON value with every secret replaced by its name.

        Recognizes a secret itself, whole or cut off before or after an ellipsis, and its forms in URLs, JSON, Python
        literals, hexadecimal and base64, alone or within longer text.
        """
        if isinstance(value, str):
            if not any(form[:_PART] in value or form[-_PART:] in value for form in self._forms):
                return value
            return self._pattern.sub(self._name_of, value)
        if isinstance(value, list | tuple):
            return [self.redact(item) for item in value]
        if isinstance(value, dict):
            return {self.redact(key): self.redact(item) for key, item in value.items()}
        return value

    @cached_property
    def _forms(self) -> dict[str, str]:
        """Every text that gives a secret away and the name to show for it, the longest first."""
        forms: dict[str, str] = {}
        for user, password in _LOGINS:
            secret = self.values.get(password, "")
            if len(secret) < SHORTEST_SECRET:
                continue
            pair = base64.b64encode(f"{self.values[user]}:{secret}".encode()).decode().rstrip("=")
            forms[pair] = f"<{user}:{password}>"
            for form in _written(secret):
                forms.setdefault(form, f"<{password}>")
        return dict(sorted(forms.items(), key=lambda item: -len(item[0])))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        whole = [re.escape(form) for form in self._forms]
        return re.compile("|".join([*whole, *map(_cut_short, self._forms), *map(_end_of, self._forms)]))

    def _name_of(self, match: re.Match[str]) -> str:
        found = match.group()
        return self._forms.get(found) or next(
            name for form, name in self._forms.items() if form.startswith(found) or form.endswith(found)
        )


def cut(text: str, limit: int, tail: int | None = None) -> str:
    """Return a text with at most `limit` of its characters, and its length if some are left out.

    Of the characters, `tail` are its last ones; a third by default.
    """
    tail = limit // 3 if tail is None else tail
    head = f"{text[: limit - tail]}{_CUT}{text[len(text) - tail :]}"
    return text if len(text) <= limit else f"{head} ({len(text)} characters)"


def _random() -> dict[str, str]:
    prefixes = {"stream_sid": "MZ", "call_sid": "CA", "account_sid": "AC"}
    prefixes |= {f"other_{name}": prefix for name, prefix in prefixes.items()} | {"api_key_sid": "SK"}
    names = {name: prefix + secrets.token_hex(16) for name, prefix in prefixes.items()}
    tokens = {name: secrets.token_hex(16) for name in ("auth_token", "other_auth_token")}
    return names | tokens | {"api_key_secret": secrets.token_urlsafe(24)}


def _written(secret: str) -> set[str]:
    """Return the forms in which a secret may be written."""
    in_url = {urllib.parse.quote(secret), urllib.parse.quote(secret, ""), urllib.parse.quote_plus(secret)}
    quoted = {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.encode().hex()}
    encoded = {form for shift in range(3) for form in _base64(secret.encode(), shift)}
    return {secret} | in_url | quoted | encoded


def _base64(secret: bytes, shift: int) -> set[str]:
    """Return the part of the base64 of `shift` bytes and a secret that depends on the secret alone."""
    text = base64.b64encode(bytes(shift) + secret).decode()
    text = text[-(-shift * 4 // 3) : (shift + len(secret)) * 4 // 3]
    return {text, text.translate(str.maketrans("+/", "-_"))}


def _cut_short(form: str) -> str:
    """Return a pattern for a form whose end is cut off: as much of its beginning as there is before the mark."""
    optional = "".join(f"(?:{re.escape(character)}" for character in form[_PART:-1])
    return f"{re.escape(form[:_PART])}{optional}{')?' * len(form[_PART:-1])}(?={_CUT})"


def _end_of(form: str) -> str:
    """Return a pattern for a form whose beginning is cut off: as much of its end as there is after the mark."""
    optional = "".join(f"{re.escape(character)})?" for character in form[1:-_PART])
    return f"(?<={_CUT}){'(?:' * len(form[1:-_PART])}{optional}{re.escape(form[-_PART:])}"
