"""The SIDs and secrets of one job: random values by name, and their removal from all that is shown."""

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
"""Characters below which a value that a vector gives is no secret: it would be found in ordinary words."""

_CUT = "…"
"""What stands where the suite has cut a text."""

_HEAD = 6
"""Characters of a secret that are enough to find the rest of it where it was cut."""

_LOGINS = (("account_sid", "auth_token"), ("api_key_sid", "api_key_secret"))


@dataclass(frozen=True)
class Names:
    """The SIDs and secrets of one job, random so that none can be guessed or confused."""

    values: dict[str, str] = field(default_factory=lambda: _random())

    def fill(self, value: Any) -> Any:
        """The JSON value with every ${name} in its strings replaced."""
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

        Args:
            data: One of ``json``, ``text``, ``parts`` and ``base64``; ``"as": "bytes"`` encodes it.
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
        """The JSON value with every secret replaced by its name.

        Found are the secret itself, whole or cut short before an ellipsis, and its forms in a URL, in JSON,
        in a Python literal, in hexadecimal and in base64, alone or as a part of something longer.
        """
        if isinstance(value, str):
            if not any(form[:_HEAD] in value for form in self._forms):
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
            secret = self.values[password]
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
        return re.compile("|".join([*whole, *map(_cut_short, self._forms)]))

    def _name_of(self, match: re.Match[str]) -> str:
        found = match.group()
        return self._forms.get(found) or next(
            name for form, name in self._forms.items() if form.startswith(found)
        )


def _random() -> dict[str, str]:
    prefixes = {
        "stream_sid": "MZ",
        "other_stream_sid": "MZ",
        "call_sid": "CA",
        "account_sid": "AC",
        "api_key_sid": "SK",
    }
    names = {name: prefix + secrets.token_hex(16) for name, prefix in prefixes.items()}
    return names | {"auth_token": secrets.token_hex(16), "api_key_secret": secrets.token_urlsafe(24)}


def _written(secret: str) -> set[str]:
    """The ways to write a secret down."""
    in_url = {urllib.parse.quote(secret), urllib.parse.quote(secret, ""), urllib.parse.quote_plus(secret)}
    quoted = {json.dumps(secret)[1:-1], repr(secret)[1:-1], secret.encode().hex()}
    encoded = {form for shift in range(3) for form in _base64(secret.encode(), shift)}
    return {secret} | in_url | quoted | encoded


def _base64(secret: bytes, shift: int) -> set[str]:
    """What base64 makes of a secret behind `shift` bytes (modulo 3), as far as they alone decide on it."""
    text = base64.b64encode(bytes(shift) + secret).decode()
    text = text[-(-shift * 4 // 3) : (shift + len(secret)) * 4 // 3]
    return {text, text.translate(str.maketrans("+/", "-_"))}


def _cut_short(form: str) -> str:
    """A pattern for the beginning of a form, as much of it as there is, before a cut."""
    optional = "".join(f"(?:{re.escape(character)}" for character in form[_HEAD:-1])
    return f"{re.escape(form[:_HEAD])}{optional}{')?' * len(form[_HEAD:-1])}(?={_CUT})"
