"""The reference, except that it leaks its credentials: it prints, logs, raises, returns and sends them."""

from __future__ import annotations

import base64
import json
import logging
import os
import sys
import urllib.parse
import warnings
from pathlib import Path
from typing import Any

import httpx
from loguru import logger
from pipecat.frames.frames import Frame, TextFrame

from twilio_reference import TwilioFrameSerializer as Reference


def written(user: str, secret: str) -> list[str]:
    """Return the encodings of a secret that are leaked."""
    pair = f"{user}:{secret}".encode()
    return [
        secret,
        repr(secret),
        json.dumps({"token": secret}),
        urllib.parse.quote(secret, safe=""),
        urllib.parse.urlencode({"token": secret}),
        "Basic " + base64.b64encode(pair).decode(),
        base64.urlsafe_b64encode(pair).decode(),
        base64.b64encode(secret.encode()).decode(),
        base64.b64encode(b"x" + secret.encode() + b"y").decode(),
        secret.encode().hex(),
    ]


class TwilioFrameSerializer(Reference):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        pairs = [(named.get("account_sid", "AC"), named["auth_token"])]
        if "api_key_secret" in named:
            pairs.append((named["api_key_sid"], named["api_key_secret"]))
        self.texts = [text for pair in pairs for text in written(*pair)]
        with Path(os.environ["SECRETS_SEEN"]).open("a") as file:
            file.write("".join(f"{secret}\n" for _, secret in pairs))

    async def deserialize(self, data: str | bytes) -> Frame | None:
        message = json.loads(data)
        if message["event"] != "deed":
            return await super().deserialize(data)
        way, _, padding = message["deed"].partition(".")
        texts = [" " * int(padding or 0) + text for text in self.texts]
        return getattr(self, f"leak_by_{way.replace('-', '_')}")(texts)  # type: ignore[no-any-return]

    def leak_by_exception(self, texts: list[str]) -> None:
        raise ValueError(texts[0], *texts)

    def leak_by_message(self, texts: list[str]) -> str:
        return "".join(texts)

    def leak_by_json(self, texts: list[str]) -> str:
        return json.dumps({"event": "mark", "mark": {"name": texts[0]}, **dict.fromkeys(texts, texts)})

    def leak_by_frame(self, texts: list[str]) -> Frame:
        return TextFrame(text="".join(texts))

    def leak_by_print(self, texts: list[str]) -> str:
        print("\n".join(texts * 20))
        print("\n".join(texts), file=sys.stderr)
        sys.stderr.flush()
        return "fail"

    def leak_by_log(self, texts: list[str]) -> str:
        for text in texts:
            logger.error(text)
            logging.error(text)
            warnings.warn(text, stacklevel=1)
        try:
            raise ValueError(texts[0])
        except ValueError:
            logger.exception("diagnosed")
        return "fail"

    def leak_by_request(self, texts: list[str]) -> str:
        secret = urllib.parse.quote(texts[0].strip())
        url = f"https://user:{secret}@api.twilio.com/{secret}?token={secret}"
        httpx.post(url, headers={"X-Token": texts[0].strip(), secret: "name"}, content="".join(texts))
        return "fail"

    def leak_by_exit(self, texts: list[str]) -> None:
        sys.stdout.write("".join(texts))
        sys.stdout.flush()
        os._exit(1)
