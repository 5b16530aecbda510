"""What waits for one socket."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.usecases.outbox import DEFAULT_EVENT_BYTES, CloseCode, Outbox
from tests.usecases.fakes import settle

KEYS = ("EURUSD", "GBPUSD", "XAUUSD")
ACTIONS = st.lists(st.one_of(st.sampled_from(KEYS), st.just("event"), st.just("take")), max_size=200)


@given(actions=ACTIONS, limit=st.integers(1, 12))
def test_events_are_kept_in_order_the_newest_price_wins_and_the_bound_holds(actions: list[str], limit: int) -> None:
    outbox = Outbox(events=limit)
    written: list[str] = []
    newest: dict[str, int] = {}
    delivered: list[int] = []
    delivered_market: dict[str, int] = {}
    waiting = 0
    for number, action in enumerate(actions):
        if action == "take":
            for message in outbox.take_now():
                kind, value = message.decode().split()
                if kind == "event":
                    delivered.append(int(value))
                else:
                    assert int(value) > delivered_market.get(kind, -1)
                    delivered_market[kind] = int(value)
            if outbox.close_code is None:
                waiting = 0
                assert delivered_market == newest
                assert delivered == [int(number) for number in written]
        elif action == "event":
            waiting += 1
            outbox.put_event(f"event {number}".encode())
            if outbox.close_code is None:
                written.append(str(number))
        else:
            outbox.put_market(action, f"{action} {number}".encode())
            newest[action] = number
        assert outbox.waiting <= limit + len(KEYS)
        assert (outbox.close_code is CloseCode.SLOW_CONSUMER) == (waiting > limit)
    assert delivered == [int(number) for number in written][: len(delivered)]


async def test_reader_gets_everything_that_became_ready_in_one_batch() -> None:
    outbox = Outbox()
    reading = asyncio.ensure_future(outbox.take_batch())
    await settle()
    outbox.put_market("EURUSD", b"1")
    outbox.put_event(b"2")
    outbox.put_market("EURUSD", b"3")
    assert await reading == [b"2", b"3"]
    assert outbox.waiting == 0


async def test_reader_that_left_can_come_back() -> None:
    outbox = Outbox()
    reading = asyncio.ensure_future(outbox.take_batch())
    await settle()
    reading.cancel()
    await settle()
    outbox.put_event(b"1")
    assert await outbox.take_batch() == [b"1"]


@pytest.mark.parametrize("code", [CloseCode.KEY_REVOKED, CloseCode.SLOW_CONSUMER])
async def test_closed_outbox_wakes_the_reader_with_nothing(code: CloseCode) -> None:
    outbox = Outbox()
    reading = asyncio.ensure_future(outbox.take_batch())
    await settle()
    outbox.put_event(b"1")
    outbox.close(code)
    outbox.close(CloseCode.RESTARTING)
    assert await reading == []
    assert await outbox.take_batch() == []
    assert outbox.close_code is code


async def test_shutdown_sends_what_waits_first() -> None:
    outbox = Outbox()
    outbox.put_event(b"1")
    outbox.close(CloseCode.RESTARTING)
    outbox.put_event(b"2")
    assert await outbox.take_batch() == [b"1"]
    assert await outbox.take_batch() == []


def end_of(outbox: Outbox) -> tuple[CloseCode | None, int]:
    """Return why the outbox was closed, and how much still waits."""
    return outbox.close_code, outbox.waiting


async def test_large_answers_are_bounded_by_their_bytes_and_one_alone_always_passes() -> None:
    outbox = Outbox(events=1_000)
    outbox.put_event(b"x" * (DEFAULT_EVENT_BYTES + 1))
    assert outbox.close_code is None
    assert len(await outbox.take_batch()) == 1
    half = b"x" * (DEFAULT_EVENT_BYTES // 2)
    for _ in range(10):
        outbox.put_event(half)
        outbox.put_event(half)
        assert outbox.close_code is None
        assert len(outbox.take_now()) == 2
    for _ in range(3):
        outbox.put_event(half)
    assert end_of(outbox) == (CloseCode.SLOW_CONSUMER, 0)
