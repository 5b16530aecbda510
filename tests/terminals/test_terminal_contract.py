"""What every provider of terminals does, over the port that the use cases know."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from reference_server.domain.errors import OrderNotFound, PositionNotFound, SymbolNotFound, TerminalUnavailable
from reference_server.domain.events import AccountChanged, CandleClosed, OrderSettled, PositionChanged, TickArrived
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import (
    KEEP,
    HistoryQuery,
    Keep,
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderState,
    OrderType,
    PositionChange,
    PositionClose,
    Side,
    TradeMark,
)
from reference_server.usecases.ports import BrokerUnreachable, LoginRefused, Terminal
from tests.terminals.fakes import Desk

BUY = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1)
SELL = NewOrder("EURUSD", Side.SELL, OrderType.MARKET, 0.1)
LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.09, sl=1.08, tp=1.12, comment="bot", magic=77)
STOP_LIMIT = NewOrder("EURUSD", Side.BUY, OrderType.STOP_LIMIT, 0.1, price=1.105, stop_limit_price=1.102)
HOUR_MS = 3_600_000


async def test_a_login_opens_the_account_that_was_asked_for(terminal: Terminal) -> None:
    info = await terminal.account_info()
    assert (info.login, info.server, info.currency) == (1234, "Sim-Demo", "USD")
    assert (info.margin_mode, info.margin_level) == ("hedging", 0.0)


async def test_a_wrong_password_is_refused(desk: Desk) -> None:
    with pytest.raises(LoginRefused):
        await desk.open(password="invalid")


async def test_a_second_password_for_a_known_login_is_refused(desk: Desk) -> None:
    await desk.open(password="one")
    with pytest.raises(LoginRefused):
        await desk.open(password="two")


async def test_a_login_that_is_no_number_is_refused(desk: Desk) -> None:
    with pytest.raises(LoginRefused):
        await desk.open(login="abc")


async def test_a_silent_server_is_unreachable_and_not_a_refusal(desk: Desk) -> None:
    with pytest.raises(BrokerUnreachable):
        await desk.open(server="Unreachable-Live")


@pytest.mark.parametrize(("order", "price"), [(BUY, 1.1001), (SELL, 1.1)])
async def test_a_market_order_opens_a_position_at_its_side_of_the_quote(
    terminal: Terminal, order: NewOrder, price: float
) -> None:
    result = await terminal.place_order(order)
    assert (result.success, result.retcode, result.price, result.volume) == (True, 10009, price, 0.1)
    position = await terminal.position(result.ticket)
    assert (position.side, position.volume, position.open_price) == (order.side, 0.1, price)
    assert (position.sl, position.tp) == (None, None)


async def test_terms_of_an_order_reach_its_position(terminal: Terminal) -> None:
    order = NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.09, tp=1.12, comment="my-bot", magic=77)
    result = await terminal.place_order(order)
    position = await terminal.position(result.ticket)
    assert (position.sl, position.tp, position.comment, position.magic) == (1.09, 1.12, "my-bot", 77)


async def test_a_position_carries_the_commission_of_its_entry(terminal: Terminal) -> None:
    result = await terminal.place_order(BUY)
    assert (await terminal.position(result.ticket)).commission == -0.35


async def test_times_are_utc(desk: Desk, terminal: Terminal) -> None:
    result = await terminal.place_order(BUY)
    assert (await terminal.position(result.ticket)).open_time_ms == desk.clock.now_ms()
    assert (await terminal.price("EURUSD")).time_ms == desk.clock.now_ms()


async def test_a_price_without_last_deals_shows_the_mid(terminal: Terminal) -> None:
    tick = await terminal.price("EURUSD")
    assert (tick.bid, tick.ask, tick.last) == (1.1, 1.1001, 1.10005)


@pytest.mark.parametrize(
    ("side", "order_type", "price", "quote"),
    [
        (Side.BUY, OrderType.LIMIT, 1.095, (1.0949, 1.095)),
        (Side.SELL, OrderType.LIMIT, 1.105, (1.105, 1.1051)),
        (Side.BUY, OrderType.STOP, 1.105, (1.1049, 1.105)),
        (Side.SELL, OrderType.STOP, 1.095, (1.095, 1.0951)),
    ],
)
async def test_a_pending_order_waits_and_is_filled_at_its_price(
    desk: Desk, terminal: Terminal, side: Side, order_type: OrderType, price: float, quote: tuple[float, float]
) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", side, order_type, 0.1, price=price))
    assert (result.success, result.price, result.volume) == (True, price, 0.1)
    assert await terminal.positions() == []
    await desk.heard.first(OrderSettled)
    desk.pass_time(1)
    desk.price("EURUSD", *quote)
    opened = await desk.heard.first(PositionChanged)
    assert (opened.change, opened.position.ticket, opened.position.open_price) == ("opened", result.ticket, price)
    settled = desk.heard.of(OrderSettled)
    assert [(s.result.ticket, s.result.success, s.side, s.order_type) for s in settled] == [
        (result.ticket, True, side, order_type)
    ] * 2, "once when placed, once when filled"


async def test_a_pending_order_on_the_wrong_side_is_refused(terminal: Terminal) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.LIMIT, 0.1, price=1.2))
    assert (result.success, result.retcode, result.ticket) == (False, 10015, 0)


@pytest.mark.parametrize("volume", [0.001, 0.015, 1000.0, 1e300])
async def test_a_volume_off_the_symbol_is_refused_and_never_rounded(terminal: Terminal, volume: float) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, volume))
    assert (result.success, result.retcode) == (False, 10014)
    assert result.error == "Invalid volume: EURUSD takes 0.01 to 100 lots in steps of 0.01."
    assert await terminal.positions() == []


async def test_stops_on_the_wrong_side_are_refused(terminal: Terminal) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.2))
    assert (result.success, result.retcode) == (False, 10016)


async def test_an_order_without_money_for_it_is_refused(terminal: Terminal) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 50.0))
    assert (result.success, result.retcode, result.error) == (False, 10019, "Not enough money for this order.")


@pytest.mark.parametrize("symbol", ["NOSUCH", "", "A" * 30, "eurusd", "\U0001f600" * 15])
async def test_an_unknown_symbol_is_not_found(terminal: Terminal, symbol: str) -> None:
    assert not await terminal.knows_symbol(symbol)
    with pytest.raises(SymbolNotFound):
        await terminal.price(symbol)
    with pytest.raises(SymbolNotFound):
        await terminal.place_order(NewOrder(symbol, Side.BUY, OrderType.MARKET, 0.1))


async def test_every_listed_symbol_is_known(terminal: Terminal) -> None:
    symbols = await terminal.symbols()
    assert "EURUSD" in symbols
    assert all([await terminal.knows_symbol(symbol) for symbol in symbols])


async def test_part_of_a_position_closes_and_the_rest_keeps_its_ticket(terminal: Terminal) -> None:
    ticket = (await terminal.place_order(BUY)).ticket
    result = await terminal.close_position(ticket, 0.04)
    assert (result.success, result.ticket, result.price, result.volume) == (True, ticket, 1.1, 0.04)
    assert (await terminal.position(ticket)).volume == 0.06


async def test_closing_without_volume_closes_all_and_opens_nothing(terminal: Terminal) -> None:
    ticket = (await terminal.place_order(BUY)).ticket
    assert (await terminal.close_position(ticket, None)).volume == 0.1
    assert await terminal.positions() == []
    with pytest.raises(PositionNotFound):
        await terminal.close_position(ticket, None)


async def test_closing_more_than_is_open_is_refused(terminal: Terminal) -> None:
    ticket = (await terminal.place_order(BUY)).ticket
    result = await terminal.close_position(ticket, 0.2)
    assert (result.success, result.retcode) == (False, 10038)
    assert (await terminal.position(ticket)).volume == 0.1


@pytest.mark.parametrize("ticket", [0, -1, 1, 2**63, 2**64, 10**30])
async def test_an_unknown_ticket_is_not_found(terminal: Terminal, ticket: int) -> None:
    with pytest.raises(PositionNotFound):
        await terminal.position(ticket)
    with pytest.raises(PositionNotFound):
        await terminal.close_position(ticket, None)
    with pytest.raises(PositionNotFound):
        await terminal.modify_position(PositionChange(ticket, sl=1.0))


@pytest.mark.parametrize(
    ("sl", "tp", "left"),
    [
        (1.08, KEEP, (1.08, 1.12)),
        (KEEP, 1.13, (1.09, 1.13)),
        (None, KEEP, (None, 1.12)),
        (KEEP, None, (1.09, None)),
        (None, None, (None, None)),
        (1.09, 1.12, (1.09, 1.12)),
    ],
)
async def test_a_modification_keeps_what_it_does_not_name_and_removes_none(
    terminal: Terminal, sl: float | Keep | None, tp: float | Keep | None, left: tuple[float | None, float | None]
) -> None:
    ticket = (await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.09, tp=1.12))).ticket
    result = await terminal.modify_position(PositionChange(ticket, sl=sl, tp=tp))
    assert (result.success, result.ticket) == (True, ticket)
    position = await terminal.position(ticket)
    assert (position.sl, position.tp) == left


async def test_a_modification_to_the_wrong_side_is_refused(terminal: Terminal) -> None:
    ticket = (await terminal.place_order(BUY)).ticket
    result = await terminal.modify_position(PositionChange(ticket, sl=1.2))
    assert (result.success, result.retcode) == (False, 10016)


async def test_a_watched_symbol_tells_every_tick(desk: Desk, terminal: Terminal) -> None:
    terminal.watch({"EURUSD"}, ())
    await terminal.knows_symbol("EURUSD")  # its answer says that the watch has arrived, wherever the terminal is
    for step in range(1, 6):
        desk.pass_time(0.001)
        desk.price("EURUSD", 1.1 + step * 1e-5, 1.1001 + step * 1e-5)
    await desk.heard.first(TickArrived, lambda event: event.tick.bid == 1.10005)
    assert [event.tick.bid for event in desk.heard.of(TickArrived)] == [1.10001, 1.10002, 1.10003, 1.10004, 1.10005]
    assert all(event.is_quote for event in desk.heard.of(TickArrived))


async def test_a_symbol_that_is_watched_no_longer_is_silent(desk: Desk, terminal: Terminal) -> None:
    desk.price("GBPUSD", 1.27, 1.2701)
    terminal.watch({"EURUSD", "GBPUSD"}, ())
    terminal.watch({"GBPUSD"}, ())
    await terminal.knows_symbol("EURUSD")
    desk.pass_time(1)
    desk.price("EURUSD", 1.2, 1.2001)
    desk.price("GBPUSD", 1.28, 1.2801)
    await desk.heard.first(TickArrived)
    assert {event.tick.symbol for event in desk.heard.of(TickArrived)} == {"GBPUSD"}


async def test_a_candle_is_told_when_it_closes(desk: Desk, terminal: Terminal) -> None:
    desk.pass_time(60)  # into a minute that has only the ticks below
    terminal.watch((), {("EURUSD", Timeframe.M1)})
    await terminal.knows_symbol("EURUSD")
    for bid in (1.1, 1.103, 1.099, 1.102):
        desk.pass_time(1)
        desk.price("EURUSD", bid, round(bid + 0.0001, 5))
    opened_ms = desk.clock.now_ms() // 60_000 * 60_000
    desk.pass_time(60)
    candle = (await desk.heard.first(CandleClosed)).candle
    assert (candle.symbol, candle.timeframe, candle.time_ms) == ("EURUSD", Timeframe.M1, opened_ms)
    assert (candle.high, candle.low, candle.close, candle.complete) == (1.103, 1.099, 1.102, True)
    assert len(desk.heard.of(CandleClosed)) == 1


async def test_an_order_is_settled_once_and_its_position_opened_once(desk: Desk, terminal: Terminal) -> None:
    result = await terminal.place_order(BUY)
    opened = await desk.heard.first(PositionChanged)
    assert (opened.change, opened.position.ticket, opened.position.volume) == ("opened", result.ticket, 0.1)
    desk.pass_time(10)  # past the sweep for tardy deals
    await terminal.close_position(result.ticket, None)
    closed = await desk.heard.first(PositionChanged, lambda event: event.change == "closed")
    assert (closed.position.ticket, closed.position.volume) == (result.ticket, 0.0)
    orders = [event.result.order for event in desk.heard.of(OrderSettled)]
    assert len(orders) == len(set(orders)) == 2
    assert desk.heard.of(OrderSettled)[0].result == result


async def test_a_refusal_is_told_too(desk: Desk, terminal: Terminal) -> None:
    result = await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.001))
    settled = await desk.heard.first(OrderSettled)
    assert (settled.result, settled.symbol, settled.side) == (result, "EURUSD", Side.BUY)


async def test_a_change_of_volume_or_stops_is_told(desk: Desk, terminal: Terminal) -> None:
    ticket = (await terminal.place_order(BUY)).ticket
    await desk.heard.first(PositionChanged)
    await terminal.modify_position(PositionChange(ticket, sl=1.09))
    await desk.heard.first(PositionChanged, lambda event: event.change == "changed" and event.position.sl == 1.09)
    await terminal.close_position(ticket, 0.04)
    await desk.heard.first(PositionChanged, lambda event: event.change == "changed" and event.position.volume == 0.06)


async def test_a_stop_loss_that_fires_is_told_without_any_subscription(desk: Desk, terminal: Terminal) -> None:
    ticket = (await terminal.place_order(NewOrder("EURUSD", Side.BUY, OrderType.MARKET, 0.1, sl=1.095))).ticket
    await desk.heard.first(PositionChanged)
    desk.pass_time(1)
    desk.price("EURUSD", 1.0949, 1.095)
    closed = await desk.heard.first(PositionChanged, lambda event: event.change == "closed")
    assert (closed.position.ticket, closed.position.volume, closed.position.current_price) == (ticket, 0.0, 1.0949)
    stop = desk.heard.of(OrderSettled)[-1]
    assert (stop.result.ticket, stop.result.price, stop.side, stop.order_type) == (ticket, 1.0949, Side.SELL, None)
    account = await desk.heard.first(AccountChanged, lambda event: event.info.margin == 0.0)
    assert account.info.balance == (await terminal.account_info()).balance


async def test_equity_is_told_as_it_moves(desk: Desk, terminal: Terminal) -> None:
    await terminal.place_order(BUY)
    await desk.heard.first(AccountChanged)
    desk.pass_time(2)
    desk.price("EURUSD", 1.101, 1.1011)
    moved = await desk.heard.first(AccountChanged, lambda event: event.info.profit == 9.0)
    assert moved.info.equity == round(moved.info.balance + 9.0, 2)


async def test_what_others_do_on_the_account_is_told_to_every_terminal_of_it(desk: Desk, terminal: Terminal) -> None:
    other = await desk.open()
    desk.heard.events.clear()
    result = await other.place_order(SELL)
    await desk.heard.first(PositionChanged, lambda _: len(desk.heard.of(PositionChanged)) == 2)
    assert [event.result.ticket for event in desk.heard.of(OrderSettled)] == [result.ticket] * 2


async def test_a_netting_account_keeps_one_position_for_each_symbol(desk: Desk) -> None:
    terminal = await desk.open(server="Sim-Netting")
    first = await terminal.place_order(BUY)
    second = await terminal.place_order(BUY)
    assert second.ticket == first.ticket
    assert (await terminal.position(first.ticket)).volume == 0.2
    refused = await terminal.close_position(first.ticket, 0.3)
    assert (refused.success, refused.retcode) == (False, 10038), "a larger close would open the opposite position"


async def test_closing_a_terminal_twice_is_harmless(terminal: Terminal) -> None:
    await terminal.close()
    await terminal.close()


def everything(desk: Desk, **narrower: Any) -> HistoryQuery:
    now_ms = desk.clock.now_ms()
    return HistoryQuery(**{"from_ms": now_ms - 24 * HOUR_MS, "to_ms": now_ms + HOUR_MS, "limit": 1000, **narrower})


async def test_a_stop_limit_order_rests_at_its_second_price_once_the_first_was_reached(
    desk: Desk, terminal: Terminal
) -> None:
    result = await terminal.place_order(STOP_LIMIT)
    assert (result.success, result.price, result.volume) == (True, 1.105, 0.1)
    (order,) = await terminal.orders()
    assert order == await terminal.order(result.ticket)
    assert (order.order_type, order.price, order.stop_limit_price) == (OrderType.STOP_LIMIT, 1.105, 1.102)
    assert (order.state, order.remaining, order.expiration_ms) == (OrderState.PLACED, 0.1, None)
    desk.pass_time(1)
    desk.price("EURUSD", 1.1049, 1.105)
    (order,) = await terminal.orders()
    assert (order.ticket, order.order_type, order.price) == (result.ticket, OrderType.LIMIT, 1.102)
    desk.pass_time(1)
    desk.price("EURUSD", 1.1019, 1.102)
    opened = await desk.heard.first(PositionChanged)
    assert (opened.position.ticket, opened.position.open_price) == (result.ticket, 1.102)
    assert (await terminal.order(result.ticket)).state is OrderState.FILLED


async def test_the_prices_of_a_stop_limit_order_must_be_in_order(terminal: Terminal) -> None:
    result = await terminal.place_order(replace(STOP_LIMIT, stop_limit_price=1.11))
    assert (result.success, result.retcode) == (False, 10015)


async def test_an_order_expires_at_its_moment_and_not_later(desk: Desk, terminal: Terminal) -> None:
    until_ms = desk.clock.now_ms() + 10_999
    ticket = (await terminal.place_order(replace(LIMIT, expiration_ms=until_ms))).ticket
    expiration_ms = (await terminal.order(ticket)).expiration_ms
    assert expiration_ms == until_ms // 1000 * 1000
    desk.pass_time(11)
    desk.price("EURUSD", 1.1, 1.1001)
    assert await terminal.orders() == []
    order = await terminal.order(ticket)
    assert (order.state, order.done_time_ms, order.remaining) == (OrderState.EXPIRED, expiration_ms, 0.1)
    assert [order.ticket for order in await terminal.past_orders(everything(desk))] == [ticket]


async def test_an_expiration_that_has_passed_is_refused(desk: Desk, terminal: Terminal) -> None:
    for until_ms in (0, desk.clock.now_ms() - 1000):
        result = await terminal.place_order(replace(LIMIT, expiration_ms=until_ms))
        assert (result.success, result.retcode, result.error) == (False, 10022, "Invalid expiration date.")


async def test_the_expiration_of_a_market_order_is_ignored(desk: Desk, terminal: Terminal) -> None:
    assert (await terminal.place_order(replace(BUY, expiration_ms=1))).success


async def test_a_change_of_a_pending_order_keeps_what_it_does_not_name(desk: Desk, terminal: Terminal) -> None:
    ticket = (await terminal.place_order(LIMIT)).ticket
    until_ms = desk.clock.now_ms() + HOUR_MS
    result = await terminal.modify_order(OrderChange(ticket, price=1.0912345, tp=None, expiration_ms=until_ms))
    assert (result.success, result.ticket) == (True, ticket)
    order = await terminal.order(ticket)
    assert (order.price, order.sl, order.tp, order.expiration_ms) == (1.09123, 1.08, None, until_ms)
    assert (order.magic, order.comment, order.setup_time_ms) == (77, "bot", desk.clock.now_ms())
    refused = await terminal.modify_order(OrderChange(ticket, price=1.2))
    assert (refused.success, refused.retcode) == (False, 10015)


async def test_a_cancelled_order_is_past(desk: Desk, terminal: Terminal) -> None:
    ticket = (await terminal.place_order(LIMIT)).ticket
    desk.pass_time(2)
    result = await terminal.cancel_order(ticket)
    assert (result.success, result.ticket) == (True, ticket)
    assert await terminal.orders() == []
    order = await terminal.order(ticket)
    assert (order.state, order.done_time_ms) == (OrderState.CANCELLED, desk.clock.now_ms())
    with pytest.raises(OrderNotFound):
        await terminal.cancel_order(ticket)
    with pytest.raises(OrderNotFound):
        await terminal.modify_order(OrderChange(ticket, price=1.08))


@pytest.mark.parametrize("ticket", [0, -1, 1, 2**63, 2**64, 10**30])
async def test_an_unknown_order_is_not_found(terminal: Terminal, ticket: int) -> None:
    with pytest.raises(OrderNotFound):
        await terminal.order(ticket)
    with pytest.raises(OrderNotFound):
        await terminal.cancel_order(ticket)
    with pytest.raises(OrderNotFound):
        await terminal.modify_order(OrderChange(ticket, sl=1.0))


async def test_the_past_is_read_by_time_in_utc_and_without_tags(desk: Desk, terminal: Terminal) -> None:
    opened_ms = desk.clock.now_ms()
    order = replace(BUY, magic=77, comment="bot")
    ticket = (await terminal.place_order(order, TradeMark(5, opened_ms))).ticket
    desk.pass_time(3600)
    desk.price("EURUSD", 1.101, 1.1011)
    await terminal.close_position(ticket, 0.04)
    closed_ms = desk.clock.now_ms()
    deposit, entry, leaving = await terminal.deals(everything(desk))
    assert (deposit.type, deposit.profit, deposit.symbol, deposit.order) == ("balance", 10_000.0, None, None)
    assert (deposit.entry, deposit.reason, deposit.position) == (None, None, None)
    assert (entry.type, entry.entry, entry.reason, entry.time_ms) == ("buy", "in", "expert", opened_ms)
    assert (entry.position, entry.volume, entry.price, entry.commission) == (ticket, 0.1, 1.1001, -0.35)
    assert (entry.magic, entry.comment, entry.symbol) == (77, "bot", "EURUSD")
    assert (leaving.type, leaving.entry, leaving.position, leaving.time_ms) == ("sell", "out", ticket, closed_ms)
    assert (leaving.volume, leaving.price, leaving.profit, leaving.comment) == (0.04, 1.101, 3.6, "")
    first, second = await terminal.past_orders(everything(desk))
    assert (first.ticket, first.order_type, first.state, first.price) == (
        ticket,
        OrderType.MARKET,
        OrderState.FILLED,
        0,
    )
    assert (first.side, first.position, first.done_time_ms, first.remaining) == (Side.BUY, ticket, opened_ms, 0.0)
    assert (second.side, second.position, second.volume, second.magic) == (Side.SELL, ticket, 0.04, 77)
    assert list(await terminal.deals(everything(desk, from_ms=opened_ms + 1))) == [leaving]
    assert list(await terminal.deals(everything(desk, to_ms=closed_ms))) == [deposit, entry]
    assert list(await terminal.past_orders(everything(desk, to_ms=opened_ms))) == []


async def test_the_past_is_read_in_pages_and_by_position(desk: Desk, terminal: Terminal) -> None:
    tickets = []
    for _ in range(3):
        tickets.append((await terminal.place_order(BUY)).ticket)
        await terminal.close_position(tickets[-1], None)
    whole = list(await terminal.deals(everything(desk)))
    assert len(whole) == 7
    pages, after = [], None
    while page := list(await terminal.deals(everything(desk, limit=2, after=after))):
        assert len(page) <= 2
        pages += page
        after = (page[-1].time_ms, page[-1].ticket)
    assert pages == whole
    of_second = [deal for deal in whole if deal.position == tickets[1]]
    assert len(of_second) == 2
    assert list(await terminal.deals(everything(desk, position=tickets[1]))) == of_second
    orders = await terminal.past_orders(everything(desk, position=tickets[1]))
    assert [(order.position, order.side) for order in orders] == [(tickets[1], Side.BUY), (tickets[1], Side.SELL)]
    for absent in (0, -1, 12, 2**64, 10**30):
        assert list(await terminal.deals(everything(desk, position=absent))) == []


async def test_a_check_tells_the_figures_after_an_order_and_sends_nothing(terminal: Terminal) -> None:
    check = await terminal.check_order(BUY)
    assert (check.success, check.retcode, check.error, check.balance) == (True, 0, None, 10_000.0)
    sent = await terminal.place_order(BUY)
    assert (await terminal.account_info()).margin == check.margin
    assert len(await terminal.positions()) == 1
    await terminal.close_position(sent.ticket, None)
    pending = await terminal.check_order(STOP_LIMIT)
    assert pending.success
    assert await terminal.orders() == []


@pytest.mark.parametrize(
    ("order", "retcode"),
    [
        (replace(BUY, volume=0.001), 10014),
        (replace(LIMIT, price=1.2), 10015),
        (replace(BUY, sl=1.2), 10016),
        (replace(BUY, volume=50.0), 10019),
        (replace(LIMIT, expiration_ms=1000), 10022),
    ],
)
async def test_a_check_refuses_as_the_broker_would(terminal: Terminal, order: NewOrder, retcode: int) -> None:
    check = await terminal.check_order(order)
    refused = await terminal.place_order(order)
    assert (check.success, check.retcode, check.error) == (False, retcode, refused.error)
    assert refused.retcode == retcode
    with pytest.raises(SymbolNotFound):
        await terminal.check_order(replace(order, symbol="NOSUCH"))


async def test_candles_are_read_oldest_first_and_only_the_forming_one_is_incomplete(
    desk: Desk, terminal: Terminal
) -> None:
    begun_ms = desk.clock.now_ms() // 60_000 * 60_000 + 60_000
    desk.pass_time((begun_ms - desk.clock.now_ms()) / 1000)
    for minute in range(4):
        for step in range(3):
            bid = round(1.1 + minute * 0.001 + step * 0.0001, 5)
            desk.price("EURUSD", bid, round(bid + 0.0001, 5))
            desk.pass_time(20)
    desk.pass_time(-5)
    candles = list(await terminal.candles("EURUSD", Timeframe.M1, begun_ms, None, 100))
    assert [candle.time_ms for candle in candles] == [begun_ms + n * 60_000 for n in range(4)]
    assert [candle.complete for candle in candles] == [True, True, True, False]
    assert (candles[1].open, candles[1].high, candles[1].low, candles[1].close) == (1.101, 1.1012, 1.101, 1.1012)
    assert (candles[1].symbol, candles[1].timeframe, candles[1].volume) == ("EURUSD", Timeframe.M1, 3)
    newest = await terminal.candles("EURUSD", Timeframe.M1, None, None, 2)
    assert list(newest) == candles[2:]
    before = await terminal.candles("EURUSD", Timeframe.M1, None, begun_ms + 120_000, 1)
    assert list(before) == candles[1:2]
    assert list(await terminal.candles("EURUSD", Timeframe.M1, 0, 60_000, 10)) == []
    desk.pass_time(6)
    assert (await terminal.candles("EURUSD", Timeframe.M1, None, None, 1))[0].complete
    with pytest.raises(SymbolNotFound):
        await terminal.candles("NOSUCH", Timeframe.M1, None, None, 1)


async def test_a_specification_says_what_a_trader_must_know(terminal: Terminal) -> None:
    specification = await terminal.specification("EURUSD")
    assert (specification.digits, specification.tick_size, specification.tick_value) == (5, 1e-5, 1.0)
    assert (specification.contract_size, specification.stops_level) == (100_000.0, 0)
    assert (specification.volume_min, specification.volume_max, specification.volume_step) == (0.01, 100.0, 0.01)
    assert (specification.currency_base, specification.currency_profit) == ("EUR", "USD")
    assert specification.currency_margin == "EUR"
    assert "fok" in specification.filling_modes
    assert specification == await terminal.specification("EURUSD")
    with pytest.raises(SymbolNotFound):
        await terminal.specification("NOSUCH")


async def test_a_trade_of_an_earlier_life_is_found_by_its_mark(desk: Desk, terminal: Terminal) -> None:
    mark, close_mark = (TradeMark(tag, desk.clock.now_ms()) for tag in (0x123456789ABC, 6))
    result = await terminal.place_order(BUY, mark)
    closed = await terminal.close_position(result.ticket, 0.04, close_mark)
    cancelled = await terminal.place_order(LIMIT, TradeMark(7, mark.since_ms))
    await terminal.cancel_order(cancelled.ticket)
    await terminal.close()
    terminal = await desk.open()
    assert await terminal.reconcile(BUY, mark) == result
    assert await terminal.reconcile(PositionClose(result.ticket, 0.04), close_mark) == closed
    assert await terminal.reconcile(LIMIT, TradeMark(7, mark.since_ms)) == cancelled
    gone = await terminal.reconcile(OrderCancellation(cancelled.ticket), TradeMark(8, mark.since_ms))
    assert gone is not None
    assert gone.success
    assert len(await terminal.positions()) == 1, "nothing was sent again"


async def test_a_search_ends_when_its_terminal_is_closed(desk: Desk, terminal: Terminal) -> None:
    searching = asyncio.ensure_future(terminal.reconcile(BUY, TradeMark(9, desk.clock.now_ms())))
    await asyncio.sleep(0)
    await terminal.close()
    with pytest.raises(TerminalUnavailable):
        await searching
