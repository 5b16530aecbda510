"""The agent: connects, serves the gateway, and connects again, for as long as the gateway wants this node.

There is never more than one worker: when a connection is lost, its worker is killed and waited for before the gateway
is dialled again.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from reference_server.domain.nodes import PROTOCOL, NodeClaim, NodeEnd
from reference_server.node.address import GatewayAddress
from reference_server.node.dialling import KeyRefused, dial
from reference_server.node.folder import NodeFolder
from reference_server.node.refusals import AgentRefused, GatewayUnreachable, NodeEnded
from reference_server.node.worker import NodeWorker
from reference_server.sentence import sentence
from reference_server.terminals.providers.processes import Sources
from reference_server.terminals.workers.control import Beat, FromGateway, Hide, Kill, Start, Welcome, text_of
from reference_server.terminals.workers.process import COMMAND
from reference_server.usecases.backoff import Backoff

_FINAL: Final = {end.code: end for end in NodeEnd if end.is_final}
_LONGEST_TOLD: Final = 200
_DIFFERENCES: Final = 40
"""Beats by which the clocks are compared: fewer than it takes two clocks to drift apart by a second."""

_log = logging.getLogger("tonpo.node")


@dataclass(frozen=True, slots=True)
class AgentTimes:
    """In seconds. `welcome`: until the gateway's first message; `backoff`: between attempts to connect.

    `steady`: how long a connection must have held for the next attempts to begin anew with the shortest wait.
    """

    welcome: float = 15.0
    steady: float = 10.0
    backoff: Backoff = field(default_factory=lambda: Backoff(first_seconds=0.5, longest_seconds=30.0))


class Agent:
    """One node's agent. `command` starts its workers."""

    def __init__(
        self,
        place: GatewayAddress,
        folder: NodeFolder,
        sources: Sources,
        *,
        token: str | None = None,
        trust: ssl.SSLContext | None = None,
        times: AgentTimes | None = None,
        command: Sequence[str] = COMMAND,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """`now_ms`: a clock that goes on while the machine sleeps."""
        self._place = place
        self._folder = folder
        self._sources = sources
        self._token = token
        self._trust = trust
        self._times = times or AgentTimes()
        self._command = command
        self._random = Random()  # noqa: S311 - jitter
        self._failures = 0
        self.now_ms = now_ms

    async def run(self) -> None:
        """Serve until cancelled. Raises AgentRefused, NodeEnded.

        A worker is ended before this returns, whatever ends it.
        """
        loop = asyncio.get_running_loop()
        key = self._folder.key()  # on the disk before anything is sent: a lost answer must not lose the node
        while True:
            after = 0.0
            connected_at: float | None = None
            try:
                connection = await self._dialled(key)
                connected_at = loop.time()
                await _Connection(connection, self).serve()
            except GatewayUnreachable as failed:
                _log.warning("%s", failed)
                after = failed.retry_after_seconds
            if connected_at is not None and loop.time() - connected_at >= self._times.steady:
                self._failures = 0
            seconds = max(after, self._times.backoff.seconds(self._failures, self._random))
            self._failures += 1
            _log.info("connecting again in %.1f s", seconds)
            await asyncio.sleep(seconds)

    async def _dialled(self, key: str) -> ClientConnection:
        """Connect, with the token while it is not known to have been taken."""
        if self._token is not None:
            try:
                connection = await dial(self._place, NodeClaim(key, self._token), self._trust)
            except KeyRefused:
                if self._folder.account_id() is None:
                    raise
                _log.warning("the auth_token is refused; this node goes on with the account that it has")
                self._token = None
            else:
                self._token = None
                return connection
        return await dial(self._place, NodeClaim(key), self._trust)

    def welcomed(self, welcome: Welcome) -> None:
        """The gateway has taken this node. Raises AgentRefused."""
        if welcome.protocol != PROTOCOL:
            raise AgentRefused(
                f"The gateway speaks version {welcome.protocol} of the node protocol, this agent {PROTOCOL}: use the "
                "same version of both."
            )
        known = self._folder.account_id()
        self._folder.note_account(welcome.account_id, self._place.shown)
        done = "enrolled for" if known is None else "connected for"
        _log.info("%s account %s at %s", done, welcome.account_id, self._place.shown)

    def worker(
        self,
        start: Start,
        welcome: Welcome,
        say: Callable[[str | bytes], Awaitable[None]],
        give_up: Callable[[], Awaitable[None]],
    ) -> NodeWorker:
        """Start a worker."""
        return NodeWorker(
            start.life,
            welcome.account_id,
            self._sources,
            say,
            give_up,
            worker_lock=self._folder.worker_lock,
            piece_bytes=max(1, min(welcome.piece_bytes, 2**16)),
            command=self._command,
        )

    @property
    def times(self) -> AgentTimes:
        """How long it waits."""
        return self._times

    @property
    def place(self) -> GatewayAddress:
        """Where its gateway is."""
        return self._place


class _Connection:
    """One connection to the gateway."""

    def __init__(self, connection: ClientConnection, agent: Agent) -> None:
        self._connection = connection
        self._agent = agent
        self._worker: NodeWorker | None = None
        self._was_heard = True
        self._is_silent = False
        self._differences: deque[int] = deque(maxlen=_DIFFERENCES)

    async def serve(self) -> None:
        """Do what the gateway asks until the connection is lost. Raises AgentRefused, GatewayUnreachable, NodeEnded."""
        beating: asyncio.Task[None] | None = None
        try:
            welcome = await self._welcome()
            self._agent.welcomed(welcome)
            beating = asyncio.get_running_loop().create_task(self._beat(welcome), name="node-beat")
            async for message in self._connection:
                self._was_heard = True
                self._take(message, welcome)
        except ConnectionClosed:
            pass  # how, is told below
        finally:
            if beating is not None:
                beating.cancel()
            if (
                self._worker is not None
            ):  # before anything else: it must not trade for a gateway that hears nothing of it
                self._worker.kill("the connection to the gateway was lost, or the agent is stopped")
                await self._worker.gone()
            await self._connection.close()
        self._tell_end()

    async def _welcome(self) -> Welcome:
        try:
            async with asyncio.timeout(self._agent.times.welcome):
                first = await self._connection.recv()
            welcome: FromGateway = msgspec.json.decode(first, type=FromGateway)
        except (TimeoutError, msgspec.DecodeError):
            raise AgentRefused(f"What answers at {self._agent.place.shown} is no Tonpo gateway.") from None
        if not isinstance(welcome, Welcome):
            raise AgentRefused(f"What answers at {self._agent.place.shown} is no Tonpo gateway.")
        return welcome

    def _take(self, message: str | bytes, welcome: Welcome) -> None:
        worker = self._worker
        if isinstance(message, bytes):
            if worker is not None:
                worker.take(message)
            return
        try:
            told: FromGateway = msgspec.json.decode(message, type=FromGateway)
        except msgspec.DecodeError:
            raise GatewayUnreachable(f"{self._agent.place.shown} sent what is no message.") from None
        match told:
            case Start():
                if worker is not None and not worker.has_ended:
                    raise GatewayUnreachable(f"{self._agent.place.shown} asked for a second worker.")
                self._worker = self._agent.worker(told, welcome, self._say, self._connection.close)
            case Kill():
                if worker is not None and worker.life == told.life:
                    worker.kill("the gateway asked for it")
            case Hide():
                if worker is not None:
                    worker.hide(told.text)
            case Beat():
                self._check_age(told, welcome)
            case Welcome():
                raise GatewayUnreachable(f"{self._agent.place.shown} began twice.")

    def _check_age(self, beat: Beat, welcome: Welcome) -> None:
        """Make sure that what comes was sent just now. Raises GatewayUnreachable: what follows must not be done.

        How far the two clocks are apart is the smallest difference of the last beats; what is late differs by more.
        """
        difference = self._agent.now_ms() - beat.at_ms
        self._differences.append(difference)
        late_ms = difference - min(self._differences)
        if late_ms > welcome.beat_seconds * welcome.missed * 1000:
            raise GatewayUnreachable(f"What {self._agent.place.shown} sent came {late_ms / 1000:.0f} s late.")

    async def _say(self, message: str | bytes) -> None:
        with suppress(ConnectionClosed):
            await self._connection.send(message)

    async def _beat(self, welcome: Welcome) -> None:
        """Show life, and look for it. Intervals are counted, not measured: a late one of our own proves nothing."""
        missed = 0
        while missed < welcome.missed:
            showing = asyncio.ensure_future(self._say(text_of(Beat())))
            await asyncio.wait({showing}, timeout=welcome.beat_seconds)
            showing.cancel()
            await asyncio.sleep(welcome.beat_seconds)
            missed = 0 if self._was_heard else missed + 1
            self._was_heard = False
        self._is_silent = True
        self._connection.transport.abort()

    def _tell_end(self) -> None:
        if self._is_silent:
            raise GatewayUnreachable(f"Nothing was heard of {self._agent.place.shown} in time.")
        end = _FINAL.get(self._connection.close_code or 0)
        if end is not None:
            raise NodeEnded(sentence(f"the gateway has ended this node: {end.reason}"))
        reason = (self._connection.close_reason or "it closed the connection")[:_LONGEST_TOLD]
        shown = "".join(one for one in reason if one.isprintable())
        raise GatewayUnreachable(f"The connection to {self._agent.place.shown} was lost: {shown}.")
