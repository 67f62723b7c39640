"""Plain sockets to the network double, for tests that send and read HTTP byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

GET = b"GET /a?b=%20c HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n"


@contextmanager
def connected(port: int = 80) -> Iterator[socket.socket]:
    """Connect to api.twilio.com without TLS."""
    with socket.create_connection(("api.twilio.com", port), timeout=5) as plain:
        yield plain


def read_all(plain: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    data = b""
    while chunk := plain.recv(65536):
        data += chunk
    return data
