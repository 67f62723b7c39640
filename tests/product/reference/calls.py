"""A serializer that hangs up, and the request that it makes, as the reference's tests of the hang-up share them."""

import base64
import secrets
from typing import Any

import httpx

from twilio_reference import TwilioFrameSerializer

CALL = "CA" + "0123456789abcdef" * 2
ACCOUNT = "AC" + "fedcba9876543210" * 2
TOKEN = secrets.token_hex(16)
URL = f"https://api.twilio.com/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"
ENDED = httpx.Response(200, json={"sid": CALL, "status": "completed"})


def make(**changes: Any) -> TwilioFrameSerializer:
    """Return a serializer that hangs up, with some arguments changed or left out (`...`)."""
    arguments = {"stream_sid": "MZ1", "call_sid": CALL, "account_sid": ACCOUNT, "auth_token": TOKEN} | changes
    return TwilioFrameSerializer(**{name: value for name, value in arguments.items() if value is not ...})


def basic(login: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return "Basic " + base64.b64encode(f"{login}:{password}".encode()).decode()
