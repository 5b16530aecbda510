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


class Peer:
    """A socket with room for so many messages until it is read."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.got: list[bytes] = []
        self.writes = 0
        self.closed: CloseCode | None = None

    def write(self, messages: list[bytes]) -> bool:
        assert self.closed is None
        self.writes += 1
        self.got += messages
        self.room -= len(messages)
        return self.room > 0

    def close(self, code: CloseCode) -> None:
        assert self.closed is None
        self.closed = code


def test_a_socket_that_takes_everything_gets_every_message_in_order_and_in_one_write() -> None:
    outbox, peer, announced = Outbox(events=2), Peer(1_000), list[Outbox]()
    outbox.connect(peer, announced.append)
    for number in range(100):
        outbox.put_market("EURUSD", b"%d" % number) if number % 2 else outbox.put_event(b"%d" % number)
    assert announced == [outbox]
    assert peer.got == []
    outbox.drain()
    assert peer.got == [b"%d" % number for number in range(100)]
    assert peer.writes == 1
    outbox.put_event(b"100")
    assert announced == [outbox, outbox]


def test_what_waited_before_a_socket_was_connected_goes_out_first() -> None:
    outbox, peer = Outbox(), Peer(1_000)
    outbox.put_event(b"first")
    outbox.connect(peer, lambda one: one.drain())
    outbox.put_event(b"second")
    outbox.drain()
    assert peer.got == [b"first", b"second"]
    assert outbox.waiting == 0


PEER_ACTIONS = st.lists(st.one_of(st.sampled_from((*KEYS, "event", "drain")), st.integers(1, 5)), max_size=120)


@given(actions=PEER_ACTIONS, limit=st.integers(1, 12))
def test_a_socket_that_is_behind_for_a_while_loses_old_prices_and_no_event(
    actions: list[str | int], limit: int
) -> None:
    outbox, peer = Outbox(events=limit), Peer(3)
    outbox.connect(peer, lambda _: None)
    events: list[bytes] = []
    newest: dict[str, bytes] = {}
    for number, action in enumerate(actions):
        if isinstance(action, int):
            peer.room = action
            outbox.resume()
        elif action == "drain":
            outbox.drain()
        elif outbox.close_code is None:
            message = f"{action} {number}".encode()
            if action == "event":
                outbox.put_event(message)
                if outbox.close_code is None:
                    events.append(message)
            else:
                outbox.put_market(action, message)
                newest[action] = message
        assert not outbox.is_behind or outbox.waiting <= limit + len(KEYS)
    got_events = [one for one in peer.got if one.startswith(b"event")]
    if outbox.close_code is not None:
        assert outbox.close_code is peer.closed is CloseCode.SLOW_CONSUMER
        assert got_events == events[: len(got_events)]
        return
    peer.room = 1_000
    outbox.drain()
    outbox.resume()
    outbox.drain()
    assert [one for one in peer.got if one.startswith(b"event")] == events
    for key, message in newest.items():
        assert [one for one in peer.got if one.startswith(key.encode())][-1] == message


@pytest.mark.parametrize(("code", "last"), [(CloseCode.RESTARTING, [b"1", b"2"]), (CloseCode.KEY_REVOKED, [b"1"])])
def test_a_closed_socket_is_sent_what_it_was_owed_only_where_the_close_is_orderly(
    code: CloseCode, last: list[bytes]
) -> None:
    for room in (1, 1_000):
        outbox, peer = Outbox(), Peer(room)
        outbox.connect(peer, lambda _: None)
        outbox.put_event(b"1")
        outbox.drain()
        outbox.put_event(b"2")
        outbox.close(code)
        outbox.put_event(b"3")
        outbox.resume()
        assert (peer.got, peer.closed) == (last, code)


def test_much_at_once_is_written_before_the_turn_ends() -> None:
    outbox, peer = Outbox(), Peer(10_000)
    outbox.connect(peer, lambda _: None)
    for _ in range(1_000):
        outbox.put_market("EURUSD", b"x")
    assert len(peer.got) > 700
    outbox.put_event(b"x" * 1_000_000)
    assert outbox.waiting == 0


def test_a_replay_that_the_socket_takes_only_the_beginning_of_may_wait_all_the_same() -> None:
    outbox, peer = Outbox(events=10), Peer(3)
    outbox.connect(peer, lambda _: None)
    outbox.put_event(b"state")
    replay = [b"%d" % number for number in range(600)]
    outbox.put_replay(replay)
    assert outbox.is_behind
    later = [b"later %d" % number for number in range(10)]
    for message in later:
        outbox.put_event(message)
    peer.room = 10_000
    outbox.resume()
    assert peer.got == [b"state", *replay, *later]
    peer.room = 0
    outbox.put_event(b"full")
    outbox.drain()
    for message in later:
        outbox.put_event(message)
    assert outbox.close_code is None
    outbox.put_event(b"one too many")
    assert end_of(outbox) == (CloseCode.SLOW_CONSUMER, 0)


def test_what_was_owed_of_a_symbol_goes_out_before_it_is_forgotten() -> None:
    outbox, peer = Outbox(), Peer(1_000)
    outbox.connect(peer, lambda _: None)
    outbox.put_market("EURUSD", b"tick")
    outbox.forget_market("EURUSD")
    outbox.put_event(b"unsubscribed")
    outbox.drain()
    assert peer.got == [b"tick", b"unsubscribed"]
