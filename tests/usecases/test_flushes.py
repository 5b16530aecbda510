"""When outboxes are written."""

from __future__ import annotations

import asyncio

from reference_server.usecases.flushes import Flushes
from reference_server.usecases.outbox import CloseCode, Outbox
from tests.usecases.fakes import ManualClock, settle


class Slow:
    """A socket whose writes take time on the clock."""

    def __init__(self, clock: ManualClock, seconds: float) -> None:
        self.clock = clock
        self.seconds = seconds
        self.writes: list[int] = []
        self.wrote = asyncio.Event()

    def write(self, messages: list[bytes]) -> bool:
        self.clock.seconds += self.seconds
        self.writes.append(len(messages))
        self.wrote.set()
        return True

    def close(self, code: CloseCode) -> None:
        raise AssertionError


async def test_what_one_turn_says_goes_out_together_at_its_end() -> None:
    clock = ManualClock()
    flushes, outbox, peer = Flushes(clock), Outbox(), Slow(clock, 0.0)
    outbox.connect(peer, flushes.add)
    for _ in range(3):
        for _ in range(5):
            outbox.put_event(b"x")
        await settle()
    assert peer.writes == [5, 5, 5]


async def test_after_a_long_write_what_comes_meanwhile_goes_out_together() -> None:
    clock = ManualClock()
    flushes, outbox, peer = Flushes(clock, longest_rest_seconds=0.2), Outbox(), Slow(clock, 0.5)
    outbox.connect(peer, flushes.add)
    outbox.put_event(b"x")
    await settle()
    peer.wrote.clear()
    for _ in range(10):
        outbox.put_event(b"x")
        await asyncio.sleep(0)
    assert peer.writes == [1]
    await asyncio.wait_for(peer.wrote.wait(), 5)
    assert peer.writes == [1, 10]
