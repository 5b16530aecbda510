"""TLS between agent and gateway: verified, and nothing is sent to who cannot be."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from reference_server.domain.nodes import NodeClaim
from reference_server.node.address import parse_gateway
from reference_server.node.dialling import dial
from reference_server.node.refusals import AgentRefused
from tests.api.certificates import self_signed

CLAIM = NodeClaim("nk_tonpo_" + "k" * 43)


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[int, Path, list[Request]]]:
    certificate, key = self_signed(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    seen: list[Request] = []

    def note(connection: ServerConnection, request: Request) -> Response:
        seen.append(request)
        return connection.respond(401, '{"error": "Invalid node key."}')

    async def nothing(_connection: ServerConnection) -> None:
        await asyncio.sleep(0)

    async with serve(nothing, "127.0.0.1", 0, ssl=context, process_request=note) as server:
        yield server.sockets[0].getsockname()[1], certificate, seen


async def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as (port, _, seen):
        with pytest.raises(AgentRefused, match=r"certificate of .* is not trusted.*--tls-ca"):
            await dial(parse_gateway(f"https://localhost:{port}"), CLAIM)
    assert seen == []


async def test_an_authority_can_be_named_and_the_name_must_fit(tmp_path: Path) -> None:
    async with serving(tmp_path) as (port, certificate, seen):
        trust = ssl.create_default_context(cafile=str(certificate))
        with pytest.raises(AgentRefused, match="is not trusted"):
            await dial(parse_gateway(f"https://127.0.0.1:{port}"), CLAIM, trust)
        assert seen == []
        with pytest.raises(AgentRefused, match="Invalid node key"):
            await dial(parse_gateway(f"https://localhost:{port}"), CLAIM, trust)
    assert len(seen) == 1


async def test_plain_http_behind_an_https_url_is_told(tmp_path: Path) -> None:
    async with await asyncio.start_server(_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(AgentRefused, match="does not speak TLS"):
            await dial(parse_gateway(f"https://localhost:{port}"), CLAIM)


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    writer.close()
