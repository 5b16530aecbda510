"""What no HTTP library would send: each gets a clear refusal in the shape of errors and a closed connection, no 5xx."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any

import pytest

from .conftest import KEY, Client, Small

HOST = b"Host: gateway\r\n"
JSON = b"Content-Type: application/json\r\n"
AS_USER = b"X-API-Key: " + KEY.encode() + b"\r\n"
HANDSHAKE = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
PROBE = b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n"
ORDER = b'{"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}'


@dataclass(frozen=True)
class Raw:
    """One answer as it came."""

    status: int
    headers: dict[bytes, bytes]
    content: bytes


def exchange(client: Client, sent: bytes) -> tuple[list[Raw], bool]:
    """Send bytes and then nothing more; return all answers, and whether the gateway closed the connection itself."""
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(sent)
        opened.settimeout(0.4)
        received, was_closed = b"", False
        try:
            while part := opened.recv(65_536):
                received += part
            was_closed = True
        except ConnectionResetError:
            was_closed = True
        except TimeoutError:
            pass
    return answers_in(received), was_closed


def answers_in(received: bytes) -> list[Raw]:
    found = []
    while received:
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        length = int(headers.get(b"content-length", b"0"))
        found.append(Raw(int(first.split()[1]), headers, received[:length]))
        received = received[length:]
    return found


def assert_refused(answer: Raw, *statuses: int) -> None:
    assert answer.status in statuses
    body = json.loads(answer.content)
    assert body["code"] == answer.status
    assert {"error", "type", "reason", "request_id"} <= body.keys()
    assert answer.headers[b"x-request-id"].decode() == body["request_id"]
    assert answer.headers[b"x-content-type-options"] == b"nosniff"
    assert answer.headers[b"cache-control"] == b"no-store"


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return b"POST /nothing HTTP/1.1\r\n" + HOST + b"".join(one + b"\r\n" for one in headers) + b"\r\n" + body


def get(*headers: bytes, target: bytes = b"/health", host: bytes = HOST) -> bytes:
    return b"GET " + target + b" HTTP/1.1\r\n" + host + b"".join(one + b"\r\n" for one in headers) + b"\r\n"


def order() -> bytes:
    return b"POST /things HTTP/1.1\r\n" + HOST + AS_USER + JSON + b"Content-Length: %d\r\n\r\n" % len(ORDER) + ORDER


MALFORMED = {
    "two lengths": post(b"Content-Length: 2", b"Content-Length: 3", body=b"{} "),
    "the same length twice": post(b"Content-Length: 2", b"Content-Length: 2", body=b"{}"),
    "a list of lengths": post(b"Content-Length: 2, 2", body=b"{}"),
    "a negative length": post(b"Content-Length: -1"),
    "a length beyond numbers": post(b"Content-Length: 99999999999999999999999"),
    "length and chunks": post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks and length": post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"),
    "an unknown transfer encoding": post(b"Transfer-Encoding: gzip"),
    "chunked twice": post(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    "a chunk without a size": post(b"Transfer-Encoding: chunked", body=b"zz\r\n"),
    "a folded header": get(b"X-A: a\r\n b"),
    "a space before the colon": get(b"X-A : a"),
    "a NUL in a header": get(b"X-A: a\0b"),
    "a NUL in the path": get(target=b"/hea\0lth"),
    "a bare CR": get(b"X-A: a\rX-B: b"),
    "bare LF": b"GET /health HTTP/1.1\nHost: gateway\n\n",
    "no host": get(host=b""),
    "two hosts": get(b"Host: other"),
    "an authority for a path": get(target=b"gateway:80"),
    "CONNECT": b"CONNECT gateway:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "an unknown method": b"BREW /health HTTP/1.1\r\n" + HOST + b"\r\n",
    "HTTP/2": b"GET /health HTTP/2.0\r\n" + HOST + b"\r\n",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x00\xa5\x01\x00\x00",
    "a path beyond ASCII": get(target="/h\xe9".encode()),
    "one huge header": get(b"X-A: " + b"a" * 70_000),
    "a huge target": get(target=b"/health?" + b"a" * 70_000),
    "too many headers": get(*(b"X-%d: %s" % (number, b"a" * 20) for number in range(3_000))),
}


@pytest.mark.parametrize("sent", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_the_connection_closed(client: Client, gateway: Small, sent: bytes) -> None:
    answers, was_closed = exchange(client, sent)
    assert len(answers) == 1
    assert_refused(answers[0], 400)
    assert was_closed
    assert gateway.calls == []
    assert gateway.defects == []


@pytest.mark.parametrize("before", [b"", PROBE], ids=["first", "second"])
def test_a_large_head_is_refused_whatever_pieces_it_comes_in(client: Client, before: bytes) -> None:
    head = get(*(b"X-%d: %s" % (number, b"a" * 1000) for number in range(100)))
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(before + b"GE")
        if before:
            assert answers_in(opened.recv(65_536))[0].status == 200
        received = b""
        try:
            for start in range(2, len(head), 60_000):
                opened.sendall(head[start : start + 60_000])
            while part := opened.recv(65_536):
                received += part
        except ConnectionError:
            pass
    (answer,) = answers_in(received)
    assert_refused(answer, 400)


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"TRACE", b"PROPFIND"])
def test_a_method_that_a_path_lacks_is_405_with_those_that_it_has(client: Client, method: bytes) -> None:
    answers, _ = exchange(client, method + b" /health HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    if method == b"HEAD":
        assert (answers[0].status, answers[0].content) == (405, b"")
    else:
        assert_refused(answers[0], 405)
    assert answers[0].headers[b"allow"] == b"GET"


def test_nothing_of_a_traced_request_comes_back(client: Client) -> None:
    answers, _ = exchange(client, b"TRACE /health HTTP/1.1\r\n" + HOST + b"X-API-Key: my-secret\r\n\r\n")
    assert b"my-secret" not in answers[0].content


@pytest.mark.parametrize("target", [b"*", b"/hea%00lth", b"/docs/../health", b"//health", b"/health/"])
def test_an_odd_target_is_no_operation(client: Client, target: bytes) -> None:
    answers, _ = exchange(client, get(target=target))
    assert_refused(answers[0], 400, 404)


def test_an_absolute_target_is_served_as_its_path(client: Client) -> None:
    answers, _ = exchange(client, get(target=b"http://gateway/health"))
    assert [one.status for one in answers] == [200]


def test_pipelined_requests_are_answered_in_their_order(client: Client) -> None:
    answers, was_closed = exchange(client, PROBE + get(target=b"/nowhere") + PROBE)
    assert [one.status for one in answers] == [200, 404, 200]
    assert not was_closed


def test_garbage_behind_an_order_does_not_take_the_orders_answer(client: Client, gateway: Small) -> None:
    answers, was_closed = exchange(client, order() + b"\0garbage\r\n\r\n")
    assert [one.status for one in answers] == [201]
    assert answers[0].headers[b"connection"] == b"close"
    assert was_closed
    assert len(gateway.calls) == 1


@pytest.mark.parametrize("orders", [1, 2])
def test_a_broken_body_behind_an_order_is_refused_behind_the_orders_answer(
    client: Client, gateway: Small, orders: int
) -> None:
    broken = post(JSON.strip(), b"Transfer-Encoding: chunked", body=b"zz\r\n")
    answers, was_closed = exchange(client, order() * orders + broken)
    assert [one.status for one in answers] == [201] * orders + [400]
    assert_refused(answers[-1], 400)
    assert answers[-1].headers[b"connection"] == b"close"
    assert was_closed
    assert len(gateway.calls) == orders
    assert gateway.defects == []


CHUNKED = b"GET /things/5 HTTP/1.1\r\n" + HOST + AS_USER + b"Transfer-Encoding: chunked\r\n\r\n"


def test_an_operation_without_a_body_is_not_executed_when_what_comes_for_one_is_broken(
    client: Client, gateway: Small
) -> None:
    answers, was_closed = exchange(client, CHUNKED + b"zz\r\n")
    assert_refused(answers[0], 400)
    assert len(answers) == 1
    assert was_closed
    assert gateway.calls == []


def test_what_was_begun_before_its_body_broke_gets_its_own_answer(client: Client, gateway: Small) -> None:
    """It may be the cancellation of an order, which happens whatever comes behind it."""
    gateway.takes_seconds = 0.3
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(CHUNKED)
        assert gateway.began.wait(10)
        opened.sendall(b"zz\r\n")
        received = b""
        while part := opened.recv(65_536):
            received += part
    (answer,) = answers_in(received)
    assert answer.status == 200
    assert answer.headers[b"connection"] == b"close"
    assert gateway.defects == []


def test_a_body_that_breaks_while_it_is_read_is_refused_and_nothing_executed(client: Client, gateway: Small) -> None:
    head = b"POST /things HTTP/1.1\r\n" + HOST + AS_USER + JSON + b"Expect: 100-continue\r\n"
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
        assert opened.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n", "the body is not read yet"
        opened.sendall(b"zz\r\n")
        received = b""
        while part := opened.recv(65_536):
            received += part
    (answer,) = answers_in(received)
    assert_refused(answer, 400)
    assert answer.headers[b"connection"] == b"close"
    assert gateway.calls == []
    assert gateway.defects == []


def test_a_handshake_behind_an_order_does_not_take_the_orders_answer(client: Client, gateway: Small) -> None:
    answers, was_closed = exchange(client, order() + b"GET /ws HTTP/1.1\r\n" + HOST + HANDSHAKE + b"\r\n")
    assert [one.status for one in answers] == [201]
    assert answers[0].headers[b"connection"] == b"close"
    assert was_closed
    assert len(gateway.calls) == 1


def test_an_order_hidden_in_the_body_of_another_request_is_not_executed(client: Client, gateway: Small) -> None:
    hidden = order()
    for smuggled in (
        post(b"Content-Length: %d" % len(hidden), b"Transfer-Encoding: chunked", body=b"0\r\n\r\n" + hidden),
        get(b"Content-Length: %d" % len(hidden)) + hidden,
    ):
        exchange(client, smuggled)
    assert [call.body for call in gateway.calls if call.body] == []


def test_a_client_that_asks_first_is_told_to_go_on(client: Client) -> None:
    host, port = client.address.split(":")
    with socket.create_connection((host, int(port)), timeout=10) as opened:
        opened.sendall(post(b"Expect: 100-continue", b"Content-Type: application/json", b"Content-Length: 2"))
        assert opened.recv(4096) == b"HTTP/1.1 100 Continue\r\n\r\n"
        opened.sendall(b"{}")
        assert answers_in(opened.recv(4096))[0].status == 200


def test_a_client_that_asks_first_with_too_much_is_refused_at_once(client: Client) -> None:
    answers, _ = exchange(client, post(b"Expect: 100-continue", JSON.strip(), b"Content-Length: 99999"))
    assert_refused(answers[0], 413)


def test_chunks_beyond_the_limit_are_refused(client: Client) -> None:
    chunks = (b"1000\r\n" + b" " * 4096 + b"\r\n") * 3 + b"0\r\n\r\n"
    answers, _ = exchange(client, post(JSON.strip(), b"Transfer-Encoding: chunked", body=chunks))
    assert_refused(answers[0], 413)


def test_chunks_with_extensions_and_trailers_are_read(client: Client, gateway: Small) -> None:
    chunks = b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX-Trailer: a\r\n\r\n"
    answers, _ = exchange(client, post(JSON.strip(), b"Transfer-Encoding: chunked", body=chunks))
    assert [one.status for one in answers] == [200]


@pytest.mark.parametrize("upgrade", [b"h2c", b"TLS/1.0", b"nonsense"])
def test_an_upgrade_that_is_not_offered_is_ignored(client: Client, upgrade: bytes) -> None:
    answers, _ = exchange(client, get(b"Connection: Upgrade", b"Upgrade: " + upgrade))
    assert [one.status for one in answers] == [200]


@pytest.mark.parametrize("announced", [b"Content-Length: 5\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_handshake_that_announces_a_body_is_refused_and_the_connection_closed(
    client: Client, announced: bytes
) -> None:
    found, was_closed = exchange(client, b"GET /ws HTTP/1.1\r\n" + HOST + HANDSHAKE + announced + b"\r\n")
    assert_refused(found[0], 400)
    assert (len(found), was_closed) == (1, True)


def test_everything_still_works_afterwards(client: Client, gateway: Any) -> None:
    assert client("GET", "/things").status == 200
