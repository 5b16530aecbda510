"""Many requests sent together: all are answered, and nobody else waits for them."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from reference_server.api.connection.head import MAX_HEAD_BYTES
from reference_server.api.connection.http_protocol import MOST_AT_ONCE

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
STATUS_LINE = b"HTTP/1.1 200 OK\r\n"


@dataclass
class Turns:
    """Counts the turns of the event loop while it answers, and notes in which of them each request was answered."""

    turn: int = 0
    answered: list[int] = field(default_factory=list)
    is_over: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.answered:
            self._count()
        self.answered.append(self.turn)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})

    def _count(self) -> None:
        self.turn += 1
        if not self.is_over:
            asyncio.get_running_loop().call_soon(self._count)


@pytest.fixture
def turns() -> Iterator[Turns]:
    turns = Turns()
    yield turns
    turns.is_over = True


@pytest.fixture
def connection(serve: Any, turns: Turns) -> Iterator[socket.socket]:
    with serve(turns, lifespan=False) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as opened:
            yield opened
        turns.is_over = True


def answers(connection: socket.socket, wanted: int) -> int:
    """Read until so many answers are there, and nothing else."""
    received = b""
    while received.count(STATUS_LINE) < wanted or not received.endswith(b"{}"):
        part = connection.recv(65_536)
        assert part, f"closed behind {received.count(STATUS_LINE)} answers"
        received += part
    assert received.count(b"HTTP/1.1 ") == wanted
    return wanted


def test_others_have_their_turn_between_requests_that_came_together(connection: socket.socket, turns: Turns) -> None:
    connection.sendall(REQUEST * 100)
    answers(connection, 100)
    (_, most), *_ = Counter(turns.answered).most_common(1)
    assert most <= MOST_AT_ONCE


def test_the_end_of_a_piece_in_the_middle_of_a_head_is_not_taken_for_a_large_head(connection: socket.socket) -> None:
    together = 8 * MAX_HEAD_BYTES // len(REQUEST)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16 * MAX_HEAD_BYTES)
    connection.sendall(REQUEST * together + REQUEST[:10])
    answers(connection, together)
    connection.sendall(REQUEST[10:])
    answers(connection, 1)
