"""What waits for an agent is bounded, and a connection that is closed does not wait for one that does not read."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from reference_server.api.node import MOST_WAITING_BYTES, Channel
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.nodes import NodeEnd
from reference_server.terminals.workers.calls import Kind
from reference_server.terminals.workers.node_link import LONGEST_FRAME, LinkTimes, NodeLink
from reference_server.terminals.workers.process import WorkerProcess
from reference_server.terminals.workers.protocol import Read

NEVER = LinkTimes(beat=3600.0, kill=3600.0)


def linked(channel: Channel) -> tuple[NodeLink, list[NodeLink]]:
    lost: list[NodeLink] = []
    return NodeLink("acc_1", channel, NEVER, lost.append), lost


async def test_an_agent_that_does_not_read_is_given_up() -> None:
    channel = Channel()
    link, lost = linked(channel)
    line = link.start()
    line.write(b"x" * MOST_WAITING_BYTES)
    assert lost == [link]
    assert line.exited.is_set()
    assert not line.is_end_certain
    line.write(b"x")  # and nothing is queued any more
    assert not channel.send(b"x")


async def test_what_was_queued_is_sent_in_its_order_and_then_the_close() -> None:
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)
        await asyncio.sleep(0)

    channel = Channel()
    assert channel.send("text")
    assert channel.send(b"bytes")
    channel.close(NodeEnd.REMOVED)
    channel.close(NodeEnd.DELETED)
    await channel.carry(send)
    assert sent == [
        {"type": "websocket.send", "text": "text"},
        {"type": "websocket.send", "bytes": b"bytes"},
        {"type": "websocket.close", "code": 4401, "reason": NodeEnd.REMOVED.reason},
    ]


async def test_a_worker_that_is_killed_and_says_more_than_one_can_ends_the_connection() -> None:
    link, lost = linked(Channel())
    line = link.start()
    line.kill()
    piece = b"x" * 2**20
    for _ in range(LONGEST_FRAME // len(piece)):
        link.receive(piece)
    assert lost == []
    link.receive(b"x")
    assert lost == [link]


async def test_what_comes_for_a_life_that_is_over_is_dropped() -> None:
    link, lost = linked(Channel())
    first = link.start()
    link.receive('{"type":"Exited","life":1,"why":"it ended"}')
    link.receive(b"late")
    assert first.is_end_certain
    second = link.start()
    link.receive('{"type":"Exited","life":1,"why":"again"}')
    assert not second.exited.is_set()
    assert (second.life, lost) == (2, [])
    link.lose("the test is over")
    assert not second.is_end_certain


async def test_nothing_is_sent_to_a_worker_that_is_to_end() -> None:
    """Else it would have to be taken for a trade that may have been executed."""
    link, _ = linked(Channel())
    process = WorkerProcess(link.start(), "acc_1")
    process.kill("the test asks for it")
    trading = asyncio.ensure_future(process.call(Kind.TRADE, lambda number: Read(number, 0, "symbols")))
    await asyncio.sleep(0)
    link.lose("the test is over")
    with pytest.raises(TerminalUnavailable, match="nothing was done"):
        await trading
    await process.gone()
