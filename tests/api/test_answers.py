"""Answers on the wire: byte for byte what uvicorn writes, whatever an application says."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from reference_server.api.connection.answers import AnswerCycle

END = b"that is all"
PLAIN = (b"content-type", b"application/json")


@dataclass(frozen=True)
class Said:
    """What the application says: a head, and the body in parts; `length` as content-length, None for none."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    parts: tuple[bytes, ...]
    length: int | None

    @property
    def all_headers(self) -> list[tuple[bytes, bytes]]:
        length = () if self.length is None else ((b"content-length", b"%d" % self.length),)
        return [*self.headers, *length]


class Application:
    """Says what it is told to at `/`, and always the same elsewhere."""

    def __init__(self) -> None:
        self.said = Said(200, (), (END,), len(END))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = self.said if scope["path"] == "/" else Said(200, (), (END,), len(END))
        await send({"type": "http.response.start", "status": said.status, "headers": said.all_headers})
        if not said.parts:
            raise RuntimeError("a defect between head and body")
        for number, part in enumerate(said.parts, 1):
            await send({"type": "http.response.body", "body": part, "more_body": number < len(said.parts)})


@dataclass(frozen=True)
class Servers:
    """The same application behind the gateway's protocol and behind uvicorn's own."""

    application: Application
    own: str
    stock: str

    def ask(self, address: str, request: bytes) -> bytes:
        """Everything that comes for a request and a second one behind it; the date is left out."""
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=10) as opened:
            opened.sendall(request + b"GET /end HTTP/1.1\r\nHost: x\r\n\r\n")
            received = b""
            while not received.endswith(END) and (part := opened.recv(65_536)):
                received += part
        return re.sub(rb"date: [^\r]*\r\n", b"", received)


@pytest.fixture(scope="module")
def servers(serve: Any) -> Iterator[Servers]:
    application = Application()
    with (
        serve(application, lifespan=False) as own,
        serve(application, lifespan=False, protocol=HttpToolsProtocol) as stock,
    ):
        yield Servers(application, own, stock)


NAMES = st.sampled_from([b"x-request-id", b"retry-after", b"vary", b"x y", b"x:y", b""])
VALUES = st.one_of(
    st.binary(max_size=8), st.sampled_from([b"a\r\nx-made-up: 1", b"a\nb", b"\x7f", b"\x80", b"\t", b""])
)
ODD = st.sampled_from(
    [(b"connection", b"close"), (b"connection", b"keep-alive"), (b"transfer-encoding", b"chunked"), (b"X-Upper", b"1")]
)


@st.composite
def sayings(draw: st.DrawFn) -> Said:
    parts = draw(st.lists(st.binary(max_size=12), min_size=1, max_size=3))
    size = sum(map(len, parts))
    length = draw(st.sampled_from([size, size, size, None, size + 1, max(0, size - 1)]))
    headers = draw(st.lists(st.one_of(st.just(PLAIN), st.tuples(NAMES, VALUES), ODD), max_size=3))
    return Said(draw(st.sampled_from([200, 201, 204, 304, 404, 503])), tuple(headers), tuple(parts), length)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=sayings(), method=st.sampled_from([b"GET", b"POST", b"HEAD"]), version=st.sampled_from([b"1.1", b"1.0"]))
@example(said=Said(200, (PLAIN,), (b"{}",), 2), method=b"GET", version=b"1.1")
@example(said=Said(200, ((b"x", b"a\r\nx-made-up: 1"),), (b"{}",), 2), method=b"GET", version=b"1.1")
def test_whatever_is_said_the_wire_is_the_same(servers: Servers, said: Said, method: bytes, version: bytes) -> None:
    servers.application.said = said
    request = method + b" / HTTP/" + version + b"\r\nHost: x\r\n\r\n"
    assert servers.ask(servers.own, request) == servers.ask(servers.stock, request)


def test_a_defect_between_head_and_body_is_told(servers: Servers) -> None:
    servers.application.said = Said(200, (PLAIN,), (), 2)
    answer = servers.ask(servers.own, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert answer.endswith(b"Internal Server Error")


def test_a_plain_answer_is_one_write(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    whole: list[bool] = []
    write = AnswerCycle._write_whole

    def noted(*values: Any) -> bool:
        whole.append(write(*values))
        return whole[-1]

    monkeypatch.setattr(AnswerCycle, "_write_whole", noted)
    servers.application.said = Said(200, (PLAIN,), (b"{}",), 2)
    servers.ask(servers.own, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert whole == [True, True]
