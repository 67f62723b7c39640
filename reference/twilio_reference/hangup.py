"""The hang-up: one POST to Twilio's Call resource, made to succeed or to fail within seconds.

Sources: https://www.twilio.com/docs/voice/api/call-resource (the request), .../docs/api/errors/20429,
20500 and 20503 (what may be repeated), 20404 and 21220 (the call has ended already).
"""

import asyncio
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import quote

import httpx
from loguru import logger
from pydantic_core import from_json

_TIME_LIMIT: Final = 8.0
"""Seconds for everything, repetitions included."""

_PAUSES: Final = (0.25, 0.75)
"""Seconds before the first and second repetition, unless Retry-After names more."""

_WORTH_REPEATING: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE}
)
_ALREADY_ENDED: Final = frozenset({(404, 20404), (400, 21220)})

_MAX_BODY: Final = 4096
"""Bytes of an answer that are read. Twilio's error objects have about 300."""

_SID: Final = re.compile(r"(?!\.{1,2}\Z)(?s:.){1,128}")
"""Servers may resolve dots alone even when they are percent-encoded (RFC 3986, section 6.2.2)."""

_DNS_LABEL: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)")
_ROOT: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[^?#\s]*)?")


def basic_login(
    call_sid: str | None,
    account_sid: str | None,
    auth_token: str | None,
    api_key_sid: str | None,
    api_key_secret: str | None,
) -> tuple[str, str]:
    """Choose login and password for HTTP Basic authentication.

    Args:
        call_sid: Required; not part of the login.
        account_sid: Required; the login unless an API key is given.
        auth_token: The password that belongs to `account_sid`.
        api_key_sid: The login where an API key is given.
        api_key_secret: The password that belongs to `api_key_sid`.

    Returns:
        The API key's SID and secret where they are given, else the account's SID and token.

    Raises:
        ValueError: An argument is missing or cannot be sent (RFC 7617 takes no control
            characters, and no colon in a login). It names arguments, not values.
    """
    token: dict[str, Any] = {"account_sid": account_sid, "auth_token": auth_token}
    key: dict[str, Any] = {"api_key_sid": api_key_sid, "api_key_secret": api_key_secret}
    used = key if any(key.values()) else token
    given = {"call_sid": call_sid, "account_sid": account_sid} | used
    missing = [name for name, value in given.items() if not value]
    if missing:
        raise ValueError(f"auto_hang_up needs {', '.join(missing)}")
    login, secret = used.values()
    if not (login + secret).isprintable():
        raise ValueError(f"{' and '.join(used)} must be printable")
    if ":" in login:
        raise ValueError(f"{next(iter(used))} must not contain a colon, because it is a login")
    return login, secret


def call_url(
    account_sid: str | None,
    call_sid: str | None,
    *,
    region: str | None = None,
    edge: str | None = None,
    base_url: str | None = None,
) -> str:
    """Build the address of a Call resource.

    Args:
        account_sid: One path segment, percent-encoded.
        call_sid: One path segment, percent-encoded.
        region: A DNS label, with `edge`.
        edge: A DNS label, with `region`.
        base_url: Used instead of Twilio's host: http or https, a host, perhaps a path.

    Returns:
        The address.

    Raises:
        ValueError: An argument would change another part of the address than its own.
    """
    if base_url:
        if not _ROOT.fullmatch(base_url):
            raise ValueError("base_url must be http(s)://host, perhaps with a port and a path, nothing else")
        root = base_url.rstrip("/")
    elif region or edge:
        if not (region and edge):
            raise ValueError("region and edge must be given together")
        for name, label in {"region": region, "edge": edge}.items():
            if not _DNS_LABEL.fullmatch(label):
                raise ValueError(f"{name} must consist of letters, digits and inner hyphens")
        root = f"https://api.{edge}.{region}.twilio.com"
    else:
        root = "https://api.twilio.com"
    account, call = _segment("account_sid", account_sid), _segment("call_sid", call_sid)
    return f"{root}/2010-04-01/Accounts/{account}/Calls/{call}.json"


def _segment(name: str, sid: Any) -> str:
    if not _SID.fullmatch(sid):
        raise ValueError(f"{name} must be at most 128 characters and not dots alone")
    return quote(sid, safe="")


class HangUp:
    """Ends one call, once.

    A call of this object returns when the call has ended, or when that has failed and been
    logged; the next call of it then tries again. Concurrent calls wait for each other.
    """

    def __init__(self, url: str, login: tuple[str, str]) -> None:
        """Prepare; nothing is sent.

        Args:
            url: Address of the Call resource.
            login: Login and password for HTTP Basic authentication.
        """
        self._url = url
        self._auth = httpx.BasicAuth(*login)
        self._lock = asyncio.Lock()
        self._ended = False

    async def __call__(self) -> None:
        """End the call. Returns within 8 s by the clock of the event loop and raises nothing."""
        try:
            async with asyncio.timeout(_TIME_LIMIT), self._lock:
                if not self._ended:
                    self._ended = await self._end()
        except TimeoutError:
            logger.error(f"Could not end the call: no answer within {_TIME_LIMIT:g} s from {self._url}")
        except Exception as error:
            # Only its type: the text of an HTTP error may quote what the server sent.
            logger.error(f"Could not end the call: {type(error).__name__} at {self._url}")

    async def _end(self) -> bool:
        # Reading the certificates takes milliseconds, which other calls of this loop should not wait.
        tls = await asyncio.to_thread(httpx.create_ssl_context, trust_env=False)
        async with httpx.AsyncClient(
            auth=self._auth,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
            verify=tls,
            trust_env=False,
            follow_redirects=False,
            timeout=None,
        ) as client:
            for pause in (*_PAUSES, None):
                try:
                    status, code, asked = await self._post(client)
                except httpx.TransportError as error:
                    failure, repeat, asked = type(error).__name__, True, 0.0
                    # Nothing has been sent when connecting fails, so nothing can be quoted back.
                    if isinstance(error, httpx.ConnectError):
                        failure += f" ({str(error)[:200]})"
                else:
                    if 200 <= status < 300:
                        logger.info(f"Ended the call at {self._url}")
                        return True
                    if (status, code) in _ALREADY_ENDED:
                        logger.debug(f"The call had ended already: {self._url}")
                        return True
                    failure, repeat = f"status {status}, code {code}", status in _WORTH_REPEATING
                if pause is None or not repeat or asked >= _TIME_LIMIT:
                    break
                await asyncio.sleep(max(pause, asked))
        logger.error(f"Could not end the call: {failure} from {self._url}")
        return False

    async def _post(self, client: httpx.AsyncClient) -> tuple[int, int | None, float]:
        """Send the request; give the answer's status, the error code in its body, and the seconds to wait."""
        async with client.stream("POST", self._url, data={"Status": "completed"}) as response:
            if response.is_success:
                return response.status_code, None, 0.0
            body = b""
            async for part in response.aiter_raw():
                body += part
                if len(body) >= _MAX_BODY:
                    break
            asked = _seconds(response.headers.get("Retry-After", ""))
            return response.status_code, _error_code(body[:_MAX_BODY]), asked


def _error_code(body: bytes) -> int | None:
    try:
        code = str(from_json(body)["code"])
    except (ValueError, KeyError, TypeError):
        return None
    return int(code) if re.fullmatch("[0-9]{1,6}", code) else None


def _seconds(retry_after: str) -> float:
    """Read Retry-After (RFC 9110, section 10.2.3): seconds or a date; 0 for anything else."""
    if re.fullmatch("[0-9]+", retry_after):
        return float(retry_after)
    try:
        return (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
