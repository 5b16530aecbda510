"""How many connections may be open, over real sockets."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from reference_server.api.clients import TrustedProxies
from reference_server.api.connection.connections import Connections

from .conftest import small_gateway

LIVE = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def connected(address: str) -> socket.socket:
    """Connect, and wait until the gateway has seen it."""
    host, port = address.split(":")
    opened = socket.create_connection((host, int(port)), timeout=10)
    opened.sendall(LIVE)
    return opened


def answer_of(opened: socket.socket) -> bytes:
    return opened.recv(65_536)


@pytest.mark.parametrize(
    ("connections", "status"),
    [(Connections(100, 2), b"429 Too Many Requests"), (Connections(2, 100), b"503 Service Unavailable")],
    ids=["one address", "in all"],
)
def test_a_connection_beyond_the_limit_is_refused_in_the_shape_of_errors_and_closed(
    serve: Any, connections: Connections, status: bytes
) -> None:
    with serve(small_gateway().app, connections=connections) as address:
        kept = [connected(address) for _ in range(2)]
        assert all(b"200 OK" in answer_of(one) for one in kept)
        with connected(address) as refused:
            said = b""
            try:
                while part := refused.recv(65_536):
                    said += part
            except ConnectionResetError:  # it was closed before it had read the request
                pass
        assert said == b"" or (said.startswith(b"HTTP/1.1 " + status) and b'"reason":"connection_limit"' in said)
        assert connections.refused == 1
        for one in kept:
            one.close()
        with connected(address) as again:
            assert b"200 OK" in answer_of(again)
    assert connections.open == 0


def test_what_leaves_makes_room_and_nothing_is_remembered() -> None:
    connections = Connections(10, 1)
    assert connections.enter("1.2.3.4") is None
    assert connections.enter("1.2.3.4") is not None
    assert connections.enter("2001:db8::1") is None
    assert connections.enter("2001:db8::2") is not None, "one IPv6 client has a whole network"
    for address in ("1.2.3.4", "1.2.3.4", "2001:db8::1", "2001:db8::2"):
        connections.leave(address)
    assert (connections.open, connections._by_network) == (0, {})


def test_a_trusted_proxy_has_no_limit_of_its_own() -> None:
    connections = Connections(10, 1, TrustedProxies(("10.0.0.0/8",)))
    assert [connections.enter("10.0.0.1") for _ in range(5)] == [None] * 5
