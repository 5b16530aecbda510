"""A request whose end two servers may see in two places is refused, and what follows it is not taken for a request."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.api.scripted import gateway_application

ServeApp = Callable[..., AbstractContextManager[str]]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def address(serve: ServeApp, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(gateway_application(tmp_path_factory.mktemp("data"))) as served:
        yield served


def answers(address: str, content: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as line:
        line.sendall(content)
        received = b""
        while part := line.recv(65_536):
            received += part
    return received


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: 5\r\nContent-Length: 6\r\n",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: +2\r\n",
        b"Content-Length: 2, 2\r\n",
        b"Content-Length: 0x2\r\n",
        b"Content-Length : 2\r\n",
        b"Transfer-Encoding: chunked, identity\r\n",
    ],
)
def test_a_request_of_two_lengths_is_refused_and_nothing_behind_it_is_served(address: str, framing: bytes) -> None:
    head = b"POST /api/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    said = answers(address, head + framing + b"\r\n" + b"0\r\n\r\n" + SMUGGLED)
    assert said.startswith(b"HTTP/1.1 400 "), said[:300]
    assert said.count(b"HTTP/1.1 ") == 1, said
    assert b"connection: close" in said.lower()


def test_two_honest_requests_on_one_connection_are_both_served(address: str) -> None:
    said = answers(address, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" + SMUGGLED)
    assert said.count(b"HTTP/1.1 200 ") == 1
    assert said.count(b"HTTP/1.1 404 ") == 1
