"""The gateway's end of a node's connection, and the line to the worker at the other end.

What is certain: a worker of which `Exited` came has ended, and all that it said came before it. When the connection is
lost without that, its last words may be lost with it, and a trade that was written to it may have been executed.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from reference_server.domain.nodes import PROTOCOL, NodeEnd
from reference_server.terminals.workers.control import (
    LONGEST_WHY,
    Beat,
    Exited,
    FromAgent,
    FromGateway,
    Hide,
    Kill,
    Start,
    Welcome,
    text_of,
)
from reference_server.usecases.node_ports import NodeChannel
from reference_server.usecases.ports import BrokerUnreachable

LONGEST_FRAME: Final = 2**23
"""Bytes of a node's longest report: ten times the longest answer, and what a stranger can make the gateway hold."""

_PIECE_BYTES: Final = 65_536

_log = logging.getLogger("tonpo.nodes")


@dataclass(frozen=True, slots=True)
class LinkTimes:
    """In seconds. `beat`: between two signs of life of each side; `missed`: how many may fail to come.

    `kill`: until a worker's end must be told, the draining of its output included. `piece_bytes`: of a message to the
    gateway.
    """

    beat: float = 3.0
    missed: int = 4
    kill: float = 10.0
    piece_bytes: int = 65_536


class NodeLine:
    """Leads to the worker of a node; at most one of a connection at a time."""

    pid = 0
    longest_frame = LONGEST_FRAME
    log: asyncio.StreamReader | None = None
    """Stays with the node: its user can read it, and it may hold what is the user's own."""

    def __init__(self, link: NodeLink, life: int) -> None:
        self._link = link
        self.life = life
        self.reports = asyncio.StreamReader()
        self.exited = asyncio.Event()
        self.is_end_certain = False
        self._why = ""
        self._kill_timer: asyncio.TimerHandle | None = None
        self._after_kill = 0

    def write(self, data: bytes) -> None:
        """Send it bytes, in pieces, behind the time at which they are sent."""
        if self.exited.is_set():
            return
        self._link.show_life()
        for start in range(0, len(data), _PIECE_BYTES):
            self._link.send(data[start : start + _PIECE_BYTES])

    def hide(self, secret: str) -> None:
        """Have the agent keep this text out of its log."""
        self._link.tell(Hide(secret))

    def kill(self) -> None:
        """Have the agent end it; a connection over which that is not told in time counts as lost."""
        if self.exited.is_set() or self._kill_timer is not None:
            return
        self._kill_timer = asyncio.get_running_loop().call_later(self._link.times.kill, self._give_up)
        self._link.tell(Kill(self.life))

    def ending(self) -> str:
        """How it ended, as a clause."""
        return self._why

    def end_input(self) -> None:
        """Nothing is held for it."""

    def close(self) -> None:
        """Nothing is held for it."""

    def feed(self, data: bytes) -> None:
        """Take what it said."""
        if self._kill_timer is not None:  # perhaps nobody reads it any more
            self._after_kill += len(data)
            if self._after_kill > LONGEST_FRAME:
                self._link.fail("its worker says more than one can", NodeEnd.BROKEN)
                return
        self.reports.feed_data(data)

    def end(self, why: str, *, is_certain: bool) -> None:
        """Note its end, or that nothing can be heard of it any more. Safe to call twice."""
        if self.exited.is_set():
            return
        if self._kill_timer is not None:
            self._kill_timer.cancel()
        self._why = why
        self.is_end_certain = is_certain
        self.reports.feed_eof()
        self.exited.set()

    def _give_up(self) -> None:
        self._link.fail("the end of its worker was not told in time", NodeEnd.SILENT)


class NodeLink:
    """One connection of an account's node. `on_lost` is told once that it has ended."""

    def __init__(
        self, account_id: str, channel: NodeChannel, times: LinkTimes, on_lost: Callable[[NodeLink], None]
    ) -> None:
        self.times = times
        self.is_lost = False
        self._account_id = account_id
        self._channel = channel
        self._on_lost = on_lost
        self._lives = itertools.count(1)
        self._line: NodeLine | None = None
        self._was_heard = True
        self._decoder = msgspec.json.Decoder(FromAgent)
        self._beating = asyncio.get_running_loop().create_task(self._beat(), name=f"node-beat {account_id}")
        self.tell(Welcome(PROTOCOL, account_id, times.piece_bytes, times.beat, times.missed))

    def start(self) -> NodeLine:
        """Start a worker at the other end. Raises BrokerUnreachable."""
        if self.is_lost:
            raise BrokerUnreachable("The account's node is not connected.")
        if self._line is not None and not self._line.exited.is_set():
            raise BrokerUnreachable("The earlier worker of the account's node has not ended yet.")
        self._line = NodeLine(self, next(self._lives))
        self.tell(Start(self._line.life))
        return self._line

    def receive(self, message: str | bytes) -> None:
        """Take what the agent sent."""
        if self.is_lost:
            return
        self._was_heard = True
        line = self._line
        if isinstance(message, bytes):
            if line is not None and not line.exited.is_set():
                line.feed(message)
            return
        try:
            told: FromAgent = self._decoder.decode(message)
        except msgspec.DecodeError:
            self.fail("it sent what is no message", NodeEnd.BROKEN)
            return
        if isinstance(told, Exited) and line is not None and told.life == line.life:
            why = "".join(one for one in told.why[:LONGEST_WHY] if one.isprintable())
            line.end(why or "it ended", is_certain=True)

    def tell(self, message: FromGateway) -> None:
        """Send a message of the control vocabulary."""
        self.send(text_of(message))

    def show_life(self) -> None:
        """Tell the agent that the gateway is there, and what time it is."""
        self.tell(Beat(time.monotonic_ns() // 1_000_000))

    def send(self, message: str | bytes) -> None:
        """Send a message, or give the connection up when the agent does not read."""
        if not self.is_lost and not self._channel.send(message):
            self.fail("it does not read", NodeEnd.SILENT)

    def fail(self, reason: str, end: NodeEnd) -> None:
        """Give the connection up."""
        self._channel.close(end)
        self.lose(reason)

    def lose(self, reason: str) -> None:
        """Note the end of the connection: nothing can be heard of its worker any more. Safe to call twice."""
        if self.is_lost:
            return
        self.is_lost = True
        self._beating.cancel()
        _log.info("node_disconnected", extra={"account_id": self._account_id, "reason": reason})
        if self._line is not None:
            self._line.end(f"its node is not connected any more: {reason}", is_certain=False)
        self._on_lost(self)

    async def _beat(self) -> None:
        """Show life, and look for it. Intervals are counted, not measured: a late one of our own proves nothing."""
        missed = 0
        while missed < self.times.missed:
            self.show_life()
            await asyncio.sleep(self.times.beat)
            missed = 0 if self._was_heard else missed + 1
            self._was_heard = False
        self.fail("nothing was heard of it in time", NodeEnd.SILENT)
