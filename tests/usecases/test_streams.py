"""Sockets: subscriptions, fan-out, binding to accounts, closing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reference_server.domain.account import AccountState
from reference_server.domain.errors import (
    AccountAmbiguous,
    AccountNotFound,
    AccountNotReady,
    InvalidBody,
    SocketLimitReached,
    SymbolNotFound,
)
from reference_server.domain.events import AccountChanged, CandleClosed, PositionChanged, TickArrived
from reference_server.domain.market import Timeframe
from reference_server.domain.user import User
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.session import Session, SessionLimits
from reference_server.usecases.topics import Channel, Topic, topics_of
from tests.usecases.fakes import (
    CREDENTIALS,
    DEAD,
    Gateway,
    account_info,
    candle,
    make_user,
    position,
    settle,
    settled,
    tick,
)

M1 = Timeframe.M1


def told(session: Session) -> list[bytes]:
    """Return what waits for a socket, without the numbers of account events."""
    return [re.sub(rb"^#\d+ ", b"", message) for message in session.outbox.take_now()]


async def test_subscription_yields_ticks_and_quotes_and_no_candles(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    session = await gateway.socket(user)
    assert await gateway.streams.subscribe(session, ["EURUSD"]) == ("EURUSD",)
    assert told(session) == []
    terminal.tell(TickArrived(tick(), is_quote=True))
    terminal.tell(CandleClosed(candle()))
    assert told(session) == [b"tick EURUSD 1.1", b"quote EURUSD 1.1"]
    terminal.tell(TickArrived(tick(bid=1.2), is_quote=False))
    terminal.tell(TickArrived(tick("GBPUSD"), is_quote=True))
    assert told(session) == [b"tick EURUSD 1.2"]


async def test_timeframe_adds_candles_of_that_timeframe_only(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["EURUSD"], timeframe=M1)
    terminal.tell(CandleClosed(candle(timeframe=Timeframe.M5)))
    terminal.tell(CandleClosed(candle(timeframe=M1)))
    assert told(session) == [b"candle EURUSD M1"]
    assert terminal.watched[-1] == ({"EURUSD"}, {("EURUSD", M1)})


SUBSETS = st.none() | st.sets(st.sampled_from(Channel))


@given(symbols=st.sets(st.sampled_from(["EURUSD", "GBPUSD"])), channels=SUBSETS, timeframe=st.sampled_from([None, M1]))
def test_channels_narrow_what_a_subscription_yields(
    symbols: set[str], channels: set[Channel] | None, timeframe: Timeframe | None
) -> None:
    everything = {Channel.TICK, Channel.QUOTE} | ({Channel.CANDLE} if timeframe else set())
    wanted = everything if channels is None else channels
    if not wanted <= everything:
        with pytest.raises(InvalidBody):
            topics_of(symbols, channels, timeframe)
        return
    assert topics_of(symbols, channels, timeframe) == {
        Topic(channel, symbol, timeframe if channel is Channel.CANDLE else None)
        for channel in wanted
        for symbol in symbols
    }


async def test_one_unknown_symbol_and_nothing_of_the_message_is_subscribed(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["XAUUSD"])
    with pytest.raises(SymbolNotFound, match="NOSUCH"):
        await gateway.streams.subscribe(session, ["EURUSD", "NOSUCH", "GBPUSD"])
    assert session.symbols == ("XAUUSD",)
    assert gateway.terminals.of(account.account_id).watched == [({"XAUUSD"}, set())]


async def test_confirmation_lists_all_symbols_now_subscribed_in_their_order(gateway: Gateway, user: User) -> None:
    await gateway.active_account(user)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["XAUUSD", "EURUSD"])
    assert await gateway.streams.subscribe(session, ["GBPUSD", "XAUUSD"]) == ("XAUUSD", "EURUSD", "GBPUSD")
    assert gateway.streams.unsubscribe(session, ["EURUSD", "NOSUCH"]) == ("EURUSD",)
    assert session.symbols == ("XAUUSD", "GBPUSD")


async def test_unsubscribed_symbol_yields_nothing_not_even_what_still_waited(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["EURUSD"])
    terminal.tell(TickArrived(tick(), is_quote=True))
    gateway.streams.unsubscribe(session, ["EURUSD"])
    terminal.tell(TickArrived(tick(), is_quote=True))
    assert told(session) == []
    assert terminal.watched[-1] == (set(), set())


async def test_number_of_symbols_is_limited() -> None:
    gateway = Gateway(limits=SessionLimits(symbols=2))
    user = make_user()
    await gateway.active_account(user)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["EURUSD", "GBPUSD"])
    await gateway.streams.subscribe(session, ["EURUSD"])
    with pytest.raises(InvalidBody):
        await gateway.streams.subscribe(session, ["XAUUSD"])
    assert session.symbols == ("EURUSD", "GBPUSD")


async def test_one_event_to_many_sockets_is_encoded_once(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    sessions = [await gateway.socket(user) for _ in range(100)]
    for session in sessions:
        await gateway.streams.subscribe(session, ["EURUSD"], channels=[Channel.TICK])
    terminal.tell(TickArrived(tick(), is_quote=True))
    terminal.tell(PositionChanged(position(5), "opened"))
    assert gateway.encoder.encoded == 2
    assert {tuple(told(session)) for session in sessions} == {(b"position 5 opened", b"tick EURUSD 1.1")}
    first, *_ = sessions
    assert (await gateway.health.get_health()).websocket == 100
    gateway.streams.end_session(first)
    gateway.streams.end_session(first)
    assert (await gateway.health.get_health()).websocket == 99


async def test_event_that_nobody_wants_is_not_encoded(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    for event in (TickArrived(tick(), is_quote=True), CandleClosed(candle()), settled(1)):
        terminal.tell(event)
    assert gateway.encoder.encoded == 0


async def test_terminal_is_asked_only_when_the_union_changes(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    terminal = gateway.terminals.of(account.account_id)
    first = await gateway.socket(user)
    second = await gateway.socket(user)
    await gateway.streams.subscribe(first, ["EURUSD"])
    await gateway.streams.subscribe(second, ["EURUSD"])
    gateway.streams.end_session(first)
    assert terminal.watched == [({"EURUSD"}, set())]
    assert terminal.symbol_questions == ["EURUSD"]
    gateway.streams.end_session(second)
    assert terminal.watched == [({"EURUSD"}, set()), (set(), set())]


async def test_subscriptions_survive_a_new_terminal(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["EURUSD"], timeframe=M1)
    gateway.terminals.of(account.account_id).tell(DEAD)
    await settle()
    with pytest.raises(AccountNotReady):
        await gateway.streams.subscribe(session, ["GBPUSD"])
    await gateway.clock.advance(1)
    terminal = gateway.terminals.of(account.account_id)
    assert terminal.watched == [({"EURUSD"}, {("EURUSD", M1)})]
    told(session)
    terminal.tell(TickArrived(tick(), is_quote=False))
    assert told(session) == [b"tick EURUSD 1.1"]


async def test_account_events_come_unasked_to_every_socket_of_that_account_alone(gateway: Gateway, user: User) -> None:
    stranger = make_user(user_id="usr_2")
    account = await gateway.active_account(user)
    await gateway.active_account(stranger)
    mine = await gateway.socket(user)
    theirs = await gateway.socket(stranger)
    terminal = gateway.terminals.of(account.account_id)
    terminal.tell(settled(7))
    terminal.tell(AccountChanged(account_info(9_999)))
    assert told(mine) == [b"orderResult 7", b"account 9999"]
    assert told(theirs) == []


async def test_slow_consumer_is_closed_with_4408_and_others_are_not_touched() -> None:
    gateway = Gateway(limits=SessionLimits(events=10))
    user = make_user()
    account = await gateway.active_account(user)
    slow = await gateway.socket(user)
    quick = await gateway.socket(user)
    got: list[bytes] = []
    for ticket in range(11):
        gateway.terminals.of(account.account_id).tell(settled(ticket))
        got += told(quick)
    assert int(CloseCode.SLOW_CONSUMER) == 4408
    assert slow.outbox.close_code is CloseCode.SLOW_CONSUMER
    assert quick.outbox.close_code is None
    assert got == [f"orderResult {ticket}".encode() for ticket in range(11)]


async def test_socket_without_an_account_is_bound_as_soon_as_there_is_one(gateway: Gateway, user: User) -> None:
    session = await gateway.socket(user)
    for call in (gateway.streams.subscribe(session, ["EURUSD"]), gateway.streams.get_positions(session)):
        with pytest.raises(AccountNotFound):
            await call
    account = await gateway.active_account(user)
    told(session)
    gateway.terminals.of(account.account_id).tell(settled(3))
    assert told(session) == [b"orderResult 3"]
    assert await gateway.streams.subscribe(session, ["EURUSD"]) == ("EURUSD",)


async def test_socket_keeps_its_account_when_the_user_gets_a_second_one(gateway: Gateway, user: User) -> None:
    first = await gateway.active_account(user)
    session = await gateway.socket(user)
    second = await gateway.active_account(user)
    assert await gateway.streams.subscribe(session, ["EURUSD"]) == ("EURUSD",)
    gateway.terminals.of(second.account_id).tell(settled(2))
    gateway.terminals.of(first.account_id).tell(settled(1))
    assert told(session) == [b"orderResult 1"]
    late = await gateway.socket(user)
    with pytest.raises(AccountAmbiguous):
        await gateway.streams.subscribe(late, ["EURUSD"])
    named = await gateway.socket(user, second.account_id)
    assert await gateway.streams.subscribe(named, ["GBPUSD"]) == ("GBPUSD",)


async def test_deleted_account_ends_the_subscriptions_and_the_next_one_takes_over(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    await gateway.streams.subscribe(session, ["EURUSD"])
    await gateway.account_cases.delete_account(user, account.account_id)
    assert session.symbols == ()
    assert session.feed is None
    with pytest.raises(AccountNotFound):
        await gateway.streams.subscribe(session, ["EURUSD"])
    await gateway.active_account(user)
    assert await gateway.streams.subscribe(session, ["GBPUSD"]) == ("GBPUSD",)


async def test_positions_are_those_of_the_sockets_account(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    gateway.terminals.of(account.account_id).open_positions[5] = position(5)
    session = await gateway.socket(user)
    assert await gateway.streams.get_positions(session) == (position(5),)


async def test_connecting_account_is_not_ready_for_subscriptions(gateway: Gateway, user: User) -> None:
    account, _ = await gateway.account_cases.create_account(user, CREDENTIALS)
    assert account.state is AccountState.CREATED
    session = await gateway.streams.open_session(user)
    with pytest.raises(AccountNotReady):
        await gateway.streams.subscribe(session, ["EURUSD"])


async def test_revoked_key_closes_the_users_sockets_with_4401(gateway: Gateway) -> None:
    gateway.user_cases.on_key_revoked.append(gateway.streams.close_user)
    user, _ = await gateway.user_cases.create_user("10.0.0.1")
    session = await gateway.socket(user)
    other = await gateway.socket(make_user(user_id="usr_2"))
    await gateway.user_cases.rotate_api_key(user)
    assert await session.outbox.take_batch() == []
    assert session.outbox.close_code == 4401
    assert other.outbox.close_code is None


async def test_shutdown_closes_every_socket_and_those_that_still_arrive(gateway: Gateway, user: User) -> None:
    session = await gateway.socket(user)
    session.reply(b"pong")
    gateway.streams.close_all(CloseCode.RESTARTING)
    late = await gateway.socket(user)
    assert session.outbox.close_code == late.outbox.close_code == 1012
    assert await session.outbox.take_batch() == [b"pong"]


async def test_feed_without_a_terminal_and_sockets_is_dropped(gateway: Gateway, user: User) -> None:
    account = await gateway.active_account(user)
    session = await gateway.socket(user)
    feed = session.feed
    await gateway.account_cases.delete_account(user, account.account_id)
    gateway.streams.end_session(session)
    assert feed is not None
    assert feed.is_idle
    encoded = gateway.encoder.encoded
    gateway.feeds.publish(account.account_id, settled(1))
    assert gateway.encoder.encoded == encoded


async def test_sockets_of_one_user_are_bounded_and_those_of_others_are_not_concerned() -> None:
    gateway = Gateway(limits=SessionLimits(sockets=2))
    user = make_user()
    first = await gateway.socket(user)
    await gateway.socket(user)
    with pytest.raises(SocketLimitReached, match="2 sockets"):
        await gateway.socket(user)
    await gateway.socket(make_user(user_id="usr_2"))
    gateway.streams.end_session(first)
    await gateway.socket(user)
    assert gateway.streams.open_sessions == 3
