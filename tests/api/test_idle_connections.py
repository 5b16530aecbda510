"""How long a connection may stay open on which nothing comes."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from reference_server.api.connection.http_protocol import HttpProtocol

IDLE_SECONDS = 0.5
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Impatient(HttpProtocol):
    """The gateway's protocol, which waits for a next request for half a second."""

    def __init__(self, *values: Any, **named: Any) -> None:
        super().__init__(*values, **named)
        self.timeout_keep_alive = IDLE_SECONDS  # type: ignore[assignment] # uvicorn means whole seconds


async def answer(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.sleep(2 * IDLE_SECONDS if scope["path"] == "/slow" else 0)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture(scope="module")
def address(serve: Any) -> Iterator[str]:
    with serve(answer, lifespan=False, protocol=Impatient) as address:
        yield address


@pytest.fixture
def connection(address: str) -> Iterator[socket.socket]:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        yield opened


def exchange(connection: socket.socket, request: bytes = REQUEST) -> None:
    connection.sendall(request)
    received = b""
    while not received.endswith(b"{}"):
        part = connection.recv(65_536)
        assert part, "closed before the answer"
        received += part


def test_a_connection_is_closed_when_nothing_comes_behind_an_answer(connection: socket.socket) -> None:
    exchange(connection)
    began = time.monotonic()
    assert connection.recv(1) == b""
    assert time.monotonic() - began > IDLE_SECONDS / 2


def test_a_connection_in_use_stays_open_for_longer_than_that(connection: socket.socket) -> None:
    deadline = time.monotonic() + 3 * IDLE_SECONDS
    while time.monotonic() < deadline:
        exchange(connection)


def test_a_request_that_takes_longer_than_that_is_answered(connection: socket.socket) -> None:
    exchange(connection)
    exchange(connection, REQUEST.replace(b"GET /", b"GET /slow"))
    assert connection.recv(1) == b""


def test_a_request_whose_beginning_came_with_the_one_before_is_answered_however_long_it_takes(
    connection: socket.socket,
) -> None:
    slow = REQUEST.replace(b"GET /", b"GET /slow")
    exchange(connection, REQUEST + slow[:10])
    exchange(connection, slow[10:])
    assert connection.recv(1) == b""


def test_empty_lines_do_not_keep_a_connection_open(connection: socket.socket) -> None:
    exchange(connection)
    connection.sendall(b"\r\n")
    assert connection.recv(1) == b""


def test_a_connection_is_closed_behind_a_body_that_came_after_its_answer(connection: socket.socket) -> None:
    exchange(connection, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{")
    connection.settimeout(2 * IDLE_SECONDS)
    with pytest.raises(TimeoutError):  # it is not idle: the rest of its request is awaited
        connection.recv(1)
    connection.settimeout(10)
    exchange(connection, b"   " + REQUEST)
    exchange(connection, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n{")
    connection.sendall(b"   ")
    assert connection.recv(1) == b""
