"""`/node`: refusal before the upgrade, then a node agent's messages, passed on as they are.

Beside the contract: no client of the gateway needs it, and no conformance suite asks for it (docs/nodes.md).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from starlette.types import Receive, Scope, Send

from reference_server.api.connection.stream_protocol import direct_socket
from reference_server.api.failures import Failures
from reference_server.api.websocket import deny
from reference_server.domain.account import Account
from reference_server.domain.errors import InvalidParameter, Violation
from reference_server.domain.nodes import PROTOCOL, PROTOCOL_HEADER, TOKEN_HEADER, NodeClaim, NodeEnd, NodeRefused
from reference_server.usecases.node_ports import NodeChannel, NodeLink

Admit = Callable[[NodeClaim], Awaitable[Account]]
"""Returns the account of an agent. Raises GatewayError."""

Connect = Callable[[Account, NodeClaim, NodeChannel], Awaitable[NodeLink]]
"""Makes an agent that was admitted its account's terminal."""

MOST_WAITING_BYTES: Final = 2**23
"""For an agent that does not read; a call of the gateway is some kilobytes, and one waits at a time."""

_LONGEST_SECRET: Final = 256
_CLOSING_SECONDS: Final = 5.0
_BEARER: Final = b"bearer "
_TOKEN: Final = TOKEN_HEADER.lower().encode("ascii")
_PROTOCOL: Final = PROTOCOL_HEADER.lower().encode("ascii")


def claim_of(headers: Sequence[tuple[bytes, bytes]]) -> NodeClaim:
    """Return what an agent shows. Raises NodeRefused for what cannot be a key or a token."""
    key = _only(headers, b"authorization")
    if key is None or key[: len(_BEARER)].lower() != _BEARER:
        raise NodeRefused
    token = _only(headers, _TOKEN)
    return NodeClaim(_text(key[len(_BEARER) :]), None if token is None else _text(token))


def _only(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    found = [value for one, value in headers if one == name]
    if len(found) > 1:
        raise NodeRefused
    return found[0] if found else None


def _text(value: bytes) -> str:
    try:
        text = value.strip().decode("ascii")
    except UnicodeDecodeError:
        raise NodeRefused from None
    if not text or len(text) > _LONGEST_SECRET:
        raise NodeRefused
    return text


class Channel:
    """Implements NodeChannel over an ASGI socket: what waits, and how it is to be closed."""

    def __init__(self) -> None:
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._end: NodeEnd | None = None
        self._changed = asyncio.Event()
        self.closing = asyncio.Event()

    def send(self, message: str | bytes) -> bool:
        """Queue a message; tell whether there was room."""
        if self._end is not None or self._bytes + len(message) > MOST_WAITING_BYTES:
            return False
        self._waiting.append(message)
        self._bytes += len(message)
        self._changed.set()
        return True

    def close(self, end: NodeEnd) -> None:
        """Close behind what waits. Safe to call twice."""
        self._end = self._end or end
        self._changed.set()
        self.closing.set()

    async def carry(self, send: Send) -> None:
        """Send what is queued until it is closed. Raises what the server raises when the agent is gone."""
        while True:
            while self._waiting:
                message = self._waiting.popleft()
                self._bytes -= len(message)
                kind = "text" if isinstance(message, str) else "bytes"
                await send({"type": "websocket.send", kind: message})
            if self._end is not None:
                await send({"type": "websocket.close", "code": self._end.code, "reason": self._end.reason})
                return
            self._changed.clear()
            await self._changed.wait()


@dataclass(frozen=True, slots=True)
class NodeEndpoint:
    """The WebSocket endpoint of node agents, as an ASGI application."""

    admit: Admit
    connect: Connect
    failures: Failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection from handshake to close."""
        await receive()  # websocket.connect
        try:
            claim = claim_of(scope["headers"])
            _check_protocol(scope["headers"])
            account = await self.admit(claim)
        except Exception as error:  # the edge: whatever happened before the upgrade is answered over HTTP
            await deny(self.failures.gateway_error(error, scope), scope, send)
            return
        await send({"type": "websocket.accept", "headers": []})
        channel = Channel()
        link: NodeLink | None = None
        async with asyncio.TaskGroup() as tasks:
            carrying = tasks.create_task(_carried(channel, send))
            try:
                link = await self.connect(account, claim, channel)
                receiving = tasks.create_task(_received(link, receive))
                await asyncio.wait({carrying, receiving}, return_when=asyncio.FIRST_COMPLETED)
                receiving.cancel()
            finally:
                if link is not None:
                    link.lose("the connection ended")
                channel.close(NodeEnd.BROKEN)
        direct = direct_socket(scope)
        if direct is not None:
            direct.cut_later()


async def _received(link: NodeLink, receive: Receive) -> None:
    while True:
        event = await receive()
        if event["type"] != "websocket.receive":
            return
        text = event.get("text")
        link.receive(event["bytes"] if text is None else text)
        # What has come is in the queue already, so that receive() would not wait: without this, nobody else were
        # served until its end, and what this brought would pile up before it could be read.
        await asyncio.sleep(0)


async def _carried(channel: Channel, send: Send) -> None:
    """Send what is queued until the channel is closed; an agent that does not read is not waited for."""
    sending = asyncio.get_running_loop().create_task(_sent(channel, send))
    closing = asyncio.get_running_loop().create_task(channel.closing.wait())
    try:
        await asyncio.wait({sending, closing}, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.wait({sending}, timeout=_CLOSING_SECONDS)
    finally:
        sending.cancel()
        closing.cancel()
        await asyncio.wait({sending, closing})


async def _sent(channel: Channel, send: Send) -> None:
    with contextlib.suppress(OSError, RuntimeError):  # the agent or the server closed first
        await channel.carry(send)


def _check_protocol(headers: Sequence[tuple[bytes, bytes]]) -> None:
    told = _only(headers, _PROTOCOL)
    if told != str(PROTOCOL).encode("ascii"):
        raise InvalidParameter(
            f"This gateway speaks version {PROTOCOL} of the node protocol: use an agent of the gateway's version.",
            violations=(Violation(PROTOCOL_HEADER, f"must be {PROTOCOL}"),),
        )
