"""The agent before it serves: what it refuses, what it keeps, and what it says of a gateway that is none."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from reference_server.domain.nodes import is_node_key
from reference_server.node.address import parse_gateway
from reference_server.node.agent import Agent, AgentTimes
from reference_server.node.folder import NodeFolder, owned_folder
from reference_server.node.refusals import AgentRefused
from reference_server.terminals.providers.processes import OneSource
from reference_server.terminals.workers.sources import Hosted
from reference_server.usecases.backoff import Backoff

TOKEN = "t" * 43
QUICK = AgentTimes(welcome=0.3, backoff=Backoff(first_seconds=0.01, longest_seconds=0.02))


@pytest.fixture
def folder(tmp_path: Path) -> NodeFolder:
    path = tmp_path / "node"
    path.mkdir(mode=0o700)
    return NodeFolder(path)


def agent(port: int, folder: NodeFolder, token: str | None = TOKEN) -> Agent:
    return Agent(parse_gateway(f"http://127.0.0.1:{port}"), folder, OneSource(Hosted()), token=token, times=QUICK)


@asynccontextmanager
async def answering(answer: Callable[[ServerConnection, Request], Response | None]) -> AsyncIterator[int]:
    """Serve WebSockets behind this answer to their handshakes; give the port."""

    async def silent(connection: ServerConnection) -> None:
        await connection.wait_closed()

    async with serve(silent, "127.0.0.1", 0, process_request=answer) as server:
        yield server.sockets[0].getsockname()[1]


async def refusal(port: int, folder: NodeFolder, token: str | None = TOKEN) -> str:
    with pytest.raises(AgentRefused) as refused:
        async with asyncio.timeout(10):
            await agent(port, folder, token).run()
    return str(refused.value)


@pytest.mark.parametrize(
    ("url", "dialled"),
    [
        ("https://gateway.example", "wss://gateway.example/node"),
        ("https://gateway.example:8443/", "wss://gateway.example:8443/node"),
        ("https://gateway.example/tonpo/", "wss://gateway.example/tonpo/node"),
        ("http://localhost:8080", "ws://localhost:8080/node"),
        ("http://127.0.0.2:8080", "ws://127.0.0.2:8080/node"),
        ("http://[::1]:8080", "ws://[::1]:8080/node"),
    ],
)
def test_where_a_gateway_is_dialled(url: str, dialled: str) -> None:
    assert parse_gateway(url).dialled == dialled


@pytest.mark.parametrize(
    "url",
    ["", "gateway.example", "ftp://gateway.example", "https://", "https://gateway.example?a=1", "https://[::1",
     "https://gateway.example:port", "https://user:secret@gateway.example"],
)  # fmt: skip
def test_what_is_no_gateways_url_is_refused(url: str) -> None:
    with pytest.raises(AgentRefused, match="--gateway") as refused:
        parse_gateway(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://gateway.example", "http://10.0.0.7:8080", "http://localhost.example"])
def test_a_password_is_never_asked_for_over_plain_http(url: str) -> None:
    with pytest.raises(AgentRefused, match="--insecure-plain-http"):
        parse_gateway(url)
    assert not parse_gateway(url, may_be_plain=True).is_secure


def test_the_key_is_made_once_private_and_well_formed(folder: NodeFolder) -> None:
    key = folder.key()
    assert is_node_key(key)
    assert folder.key() == key
    assert stat.S_IMODE((folder.path / "node_key").stat().st_mode) == 0o600


def test_a_key_that_others_can_read_or_that_is_none_is_refused(folder: NodeFolder) -> None:
    folder.key()
    (folder.path / "node_key").chmod(0o644)
    with pytest.raises(AgentRefused, match="open to other users"):
        folder.key()
    (folder.path / "node_key").chmod(0o600)
    (folder.path / "node_key").write_text("nonsense")
    with pytest.raises(AgentRefused, match="holds no node key"):
        folder.key()


def test_a_folder_has_one_agent_at_a_time(tmp_path: Path) -> None:
    with (
        owned_folder(tmp_path / "node"),
        pytest.raises(AgentRefused, match="Another agent is running"),
        owned_folder(tmp_path / "node"),
    ):
        pass
    with owned_folder(tmp_path / "node"):
        pass


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "node").touch()
    with pytest.raises(AgentRefused, match="--node-dir"), owned_folder(tmp_path / "node"):
        pass


async def test_the_key_is_on_the_disk_before_anything_is_sent(folder: NodeFolder) -> None:
    found: list[str] = []

    def look(connection: ServerConnection, request: Request) -> Response:
        found.append((folder.path / "node_key").read_text().strip())
        assert request.headers["Authorization"] == f"Bearer {found[0]}"
        return connection.respond(404, "")

    async with answering(look) as port:
        await refusal(port, folder)
    assert is_node_key(found[0])


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, "nothing here", "is no Tonpo gateway that takes nodes"),
        (404, json.dumps({"error": "No operation has this path.", "reason": "path_not_found"}), "is no Tonpo gateway"),
        (200, "<html>", "is no Tonpo gateway"),
        (401, json.dumps({"error": "Invalid node key"}), "The gateway refuses this node: Invalid node key."),
        (400, json.dumps({"error": "This gateway speaks version 2"}), "speaks version 2"),
        (302, "", "redirects to https://elsewhere.example"),
    ],
)
async def test_an_answer_that_no_other_attempt_would_change_ends_the_agent(
    folder: NodeFolder, status: int, body: str, told: str
) -> None:
    def answer(connection: ServerConnection, request: Request) -> Response:
        response = connection.respond(status, body)
        response.headers["Location"] = "https://elsewhere.example"
        return response

    async with answering(answer) as port:
        assert told in await refusal(port, folder)


async def test_what_does_not_welcome_is_no_gateway(folder: NodeFolder) -> None:
    async with answering(lambda *_: None) as port:
        assert "is no Tonpo gateway" in await refusal(port, folder)


async def test_what_does_not_speak_http_is_no_gateway(folder: NodeFolder) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP\r\n" * 10)
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        assert "does not speak HTTP" in await refusal(server.sockets[0].getsockname()[1], folder)


async def test_a_gateway_that_is_away_is_tried_again(folder: NodeFolder, caplog: pytest.LogCaptureFixture) -> None:
    attempts = 0

    def answer(connection: ServerConnection, _request: Request) -> Response:
        nonlocal attempts
        attempts += 1
        return connection.respond(503 if attempts < 4 else 404, "")

    async with answering(answer) as port:
        await refusal(port, folder)
    assert attempts == 4
    assert "does not take this node (HTTP 503)" in caplog.text


async def test_a_refused_token_does_not_end_a_node_that_has_an_account(folder: NodeFolder) -> None:
    folder.note_account("acc_1", "http://localhost")
    tokens: list[str | None] = []

    def answer(connection: ServerConnection, request: Request) -> Response:
        tokens.append(request.headers.get("X-Auth-Token"))
        body = json.dumps({"error": "Invalid"})
        return connection.respond(401, body) if tokens[-1] else connection.respond(404, "")

    async with answering(answer) as port:
        await refusal(port, folder)
    assert tokens == [TOKEN, None]
