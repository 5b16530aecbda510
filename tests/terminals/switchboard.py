"""Nodes of a provider under test: agents of this process, connected to their gateway's endpoint over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

from reference_server.api.failures import Failures
from reference_server.api.node import NodeEndpoint
from reference_server.api.server import listen, server_config
from reference_server.domain.account import Account, AccountState
from reference_server.domain.nodes import NodeClaim, NodeRefused
from reference_server.node.address import parse_gateway
from reference_server.node.agent import Agent, AgentTimes
from reference_server.node.folder import NodeFolder, owned_folder
from reference_server.terminals.providers.nodes import NodeTerminals
from reference_server.terminals.providers.processes import Sources
from reference_server.usecases.backoff import Backoff
from reference_server.usecases.node_ports import NodeChannel, NodeLink
from tests.terminals.cable import Cable

AT_ONCE = AgentTimes(welcome=10.0, backoff=Backoff(first_seconds=0.01, longest_seconds=0.05))


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _defect(error: BaseException, request_id: str) -> None:
    raise AssertionError(request_id) from error


class Switchboard:
    """The gateway's end: takes every agent whose account it knows, through a cable that a test can cut."""

    def __init__(self, terminals: NodeTerminals, sources: Sources, command: Sequence[str], folder: Path) -> None:
        self.terminals = terminals
        self.cable = Cable()
        self.agents: dict[str, asyncio.Task[None]] = {}
        self.slept_ms = 0
        """How long the machine of the agents has slept."""
        self._sources = sources
        self._command = command
        self._folder = folder
        self._accounts: dict[str, str] = {}
        self._open = contextlib.ExitStack()
        self._folders: dict[str, NodeFolder] = {}

    async def connect(self, account_id: str) -> None:
        """Start the account's agent, if there is none, and wait until it is connected."""
        if account_id not in self.agents or self.agents[account_id].done():
            self.start_agent(account_id)
        await self.is_connected(account_id)

    def start_agent(self, account_id: str) -> asyncio.Task[None]:
        """Start an agent on the account's folder."""
        if account_id not in self._folders:
            self._folders[account_id] = self._open.enter_context(owned_folder(self._folder / account_id))
            self._accounts[self._folders[account_id].key()] = account_id
        task = asyncio.ensure_future(self.agent(account_id).run())
        self.agents[account_id] = task
        return task

    def agent(self, account_id: str) -> Agent:
        """Make another agent with the account's key."""
        place = parse_gateway(f"http://127.0.0.1:{self.cable.port}")
        return Agent(
            place, self._folders[account_id], self._sources, times=AT_ONCE, command=self._command, now_ms=self._now_ms
        )

    def _now_ms(self) -> int:
        return time.monotonic_ns() // 1_000_000 + self.slept_ms

    async def is_connected(self, account_id: str) -> None:
        """Wait until the account can be reached."""
        async with asyncio.timeout(10):
            while account_id not in self.terminals._links:  # noqa: ASYNC110 - no event tells it
                await asyncio.sleep(0.005)

    def is_busy(self, account_id: str) -> bool:
        """Whether a terminal of this account lives."""
        link = self.terminals._links.get(account_id)
        return link is not None and link._line is not None and not link._line.exited.is_set()

    async def stop_agent(self, account_id: str) -> None:
        """Stop it as Ctrl-C does."""
        task = self.agents.pop(account_id)
        task.cancel()
        await asyncio.wait({task})

    async def close(self) -> None:
        """Stop every agent."""
        for account_id in list(self.agents):
            await self.stop_agent(account_id)
        self._open.close()

    async def admit(self, claim: NodeClaim) -> Account:
        account_id = self._accounts.get(claim.key)
        if account_id is None:
            raise NodeRefused
        return Account(account_id, "usr_1", AccountState.CREATED, 0)

    async def attach(self, account: Account, _claim: NodeClaim, channel: NodeChannel) -> NodeLink:
        return self.terminals.attach(account.account_id, channel)


@asynccontextmanager
async def open_switchboard(
    terminals: NodeTerminals, sources: Sources, command: Sequence[str], folder: Path
) -> AsyncIterator[Switchboard]:
    """Serve the endpoint on a free port of this machine."""
    board = Switchboard(terminals, sources, command, folder)
    endpoint = NodeEndpoint(board.admit, board.attach, Failures(_defect))
    listener = listen("127.0.0.1", 0)
    server = _Server(server_config(Starlette(routes=[WebSocketRoute("/node", endpoint)]), lifespan=False))
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    try:
        async with board.cable.laid_to(listener.getsockname()[1]):
            yield board
            await terminals.close()
            await board.close()
    finally:
        server.should_exit = True
        await asyncio.wait({serving})
        listener.close()
    serving.result()
