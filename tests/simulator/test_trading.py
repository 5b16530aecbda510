"""Market, limit and stop orders, closing, modifying, and what the server refuses."""

import json
from typing import Any

import pytest

from reference_server.simulator import (
    ManualClock,
    ManualPrices,
    SimulatedBroker,
    SimulatedMetaTrader5,
    load_symbols,
)
from tests.simulator.conftest import Desk, open_desk

BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(2, 8)


def test_a_market_order_opens_a_position_with_the_tickets_of_the_order(desk: Desk) -> None:
    result = desk.buy(0.1, sl=1.08, tp=1.09, magic=7, comment="first")
    assert (result.retcode, result.volume, result.price, result.comment) == (10009, 0.1, 1.08553, "Request executed")
    assert (result.bid, result.ask, result.request_id) == (1.08545, 1.08553, 1)
    position = desk.mt5.positions_get(ticket=result.order)[0]
    assert (position.ticket, position.identifier) == (result.order, result.order)
    assert (position.sl, position.tp, position.magic, position.comment) == (1.08, 1.09, 7, "first")
    deal = desk.mt5.history_deals_get(ticket=result.deal)[0]
    assert (deal.order, deal.position_id, deal.entry, deal.profit) == (result.order, result.order, 0, 0.0)
    order = desk.mt5.history_orders_get(ticket=result.order)[0]
    assert (order.state, order.volume_current, order.position_id) == (4, 0.0, result.order)
    assert min(result.order, result.deal) > 2**32


def test_the_largest_magic_and_comment_are_kept_everywhere(desk: Desk) -> None:
    magic, comment = 2**64 - 1, "\N{GRINNING FACE}" * 14
    opened = desk.buy(magic=magic, comment=comment)
    resting = desk.pending(BUY_LIMIT, 1.08, magic=magic, comment=comment)
    records = [
        *desk.mt5.positions_get(ticket=opened.order),
        *desk.mt5.orders_get(ticket=resting.order),
        *desk.mt5.history_orders_get(ticket=opened.order),
        *desk.mt5.history_deals_get(ticket=opened.deal),
    ]
    assert [(record.magic, record.comment) for record in records] == [(magic, comment)] * 4
    assert opened.request.magic == magic


def test_commission_is_charged_per_lot_and_side(desk: Desk) -> None:
    opened = desk.buy(0.5)
    desk.sell(0.5, position=opened.order)
    assert [deal.commission for deal in desk.deals()] == [0.0, -1.75, -1.75]


def test_a_partial_close_keeps_the_rest_of_the_position(desk: Desk) -> None:
    opened = desk.buy(0.3, sl=1.08)
    desk.price("EURUSD", 1.08653, 1.08661)
    closed = desk.sell(0.1, position=opened.order)
    assert closed.retcode == 10009
    position = desk.mt5.positions_get()[0]
    assert (position.ticket, position.volume, position.sl, position.price_open) == (opened.order, 0.2, 1.08, 1.08553)
    deal = desk.deals()[-1]
    assert (deal.entry, deal.position_id, deal.volume, deal.profit) == (1, opened.order, 0.1, 10.0)
    assert desk.sell(0.2, position=opened.order).retcode == 10009
    assert desk.mt5.positions_get() == ()


def test_an_opposite_order_without_a_position_is_a_hedge(desk: Desk) -> None:
    desk.buy()
    desk.sell()
    assert [position.type for position in desk.mt5.positions_get()] == [0, 1]
    assert desk.mt5.account_info().margin == 0.0


def test_close_by_books_the_whole_profit_once(desk: Desk) -> None:
    first = desk.buy(0.3)
    desk.price("EURUSD", 1.08645, 1.08653)
    second = desk.sell(0.1)
    result = desk.mt5.order_send({"action": 10, "position": first.order, "position_by": second.order})
    assert (result.retcode, result.volume) == (10009, 0.1)
    deals = desk.deals()[-2:]
    assert [(deal.entry, deal.profit) for deal in deals] == [(3, 9.2), (3, 0.0)]
    assert [(deal.position_id, deal.type, deal.price) for deal in deals] == [
        (first.order, 1, second.price),
        (second.order, 0, first.price),
    ]
    (order,) = desk.mt5.history_orders_get(ticket=result.order)
    assert (order.position_id, order.position_by_id) == (first.order, second.order)
    assert [(position.ticket, position.volume) for position in desk.mt5.positions_get()] == [(first.order, 0.2)]


@pytest.mark.parametrize(
    ("kind", "price", "before", "at"),
    [
        (BUY_LIMIT, 1.0800, (1.0799, 1.08001), (1.0799, 1.0800)),
        (BUY_STOP, 1.0900, (1.0898, 1.08999), (1.0899, 1.0900)),
        (SELL_LIMIT, 1.0900, (1.08999, 1.0901), (1.0900, 1.0901)),
        (SELL_STOP, 1.0800, (1.08001, 1.0801), (1.0800, 1.0801)),
    ],
)
def test_pending_orders_watch_their_own_side(
    desk: Desk, kind: int, price: float, before: tuple[float, float], at: tuple[float, float]
) -> None:
    placed = desk.pending(kind, price, tp=1.1 if kind in (BUY_LIMIT, BUY_STOP) else 1.07)
    assert (placed.retcode, placed.deal, placed.price) == (10009, 0, 0.0)
    desk.price("EURUSD", *before)
    assert desk.mt5.orders_total() == 1
    desk.price("EURUSD", *at)
    assert desk.mt5.orders_total() == 0
    position = desk.mt5.positions_get()[0]
    assert (position.ticket, position.price_open) == (placed.order, price)
    assert position.tp
    assert desk.mt5.history_orders_get(ticket=placed.order)[0].state == 4


def test_a_stop_over_a_gap_fills_at_the_first_price_beyond(desk: Desk) -> None:
    desk.pending(BUY_STOP, 1.0900)
    desk.price("EURUSD", 1.0950, 1.0951)
    assert desk.mt5.positions_get()[0].price_open == 1.0951


def test_a_stop_limit_becomes_a_limit_of_the_same_ticket(desk: Desk) -> None:
    placed = desk.pending(BUY_STOP_LIMIT, 1.0900, stoplimit=1.0880)
    desk.price("EURUSD", 1.0900, 1.0901)
    order = desk.mt5.orders_get(ticket=placed.order)[0]
    assert (order.type, order.price_open) == (BUY_LIMIT, 1.0880)
    desk.price("EURUSD", 1.0878, 1.0879)
    assert desk.mt5.positions_get()[0].ticket == placed.order


@pytest.mark.parametrize(
    ("side", "levels", "still", "hit", "reason", "comment"),
    [
        ("buy", {"sl": 1.08}, (1.08001, 1.0801), (1.0799, 1.0800), 4, "[sl 1.08000]"),
        ("buy", {"tp": 1.09}, (1.08999, 1.0901), (1.0900, 1.0901), 5, "[tp 1.09000]"),
        ("sell", {"sl": 1.09}, (1.0898, 1.08999), (1.0899, 1.0900), 4, "[sl 1.09000]"),
        ("sell", {"tp": 1.08}, (1.0799, 1.08001), (1.0799, 1.0800), 5, "[tp 1.08000]"),
    ],
)
def test_stops_fire_on_the_side_that_closes(
    desk: Desk, side: str, levels: dict[str, float], still: Any, hit: Any, reason: int, comment: str
) -> None:
    opened = desk.buy(**levels) if side == "buy" else desk.sell(**levels)
    desk.price("EURUSD", *still)
    assert desk.mt5.positions_total() == 1
    desk.price("EURUSD", *hit)
    assert desk.mt5.positions_total() == 0
    deal = desk.deals()[-1]
    assert (deal.reason, deal.comment, deal.entry, deal.position_id) == (reason, comment, 1, opened.order)
    assert deal.price == (hit[0] if side == "buy" else hit[1])
    order = desk.mt5.history_orders_get(ticket=deal.order)[0]
    assert (order.reason, order.state, order.position_id) == (reason, 4, opened.order)


def test_levels_are_replaced_and_removed_together(desk: Desk) -> None:
    ticket = desk.buy(sl=1.08, tp=1.09).order
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.081}).retcode == 10009
    assert desk.mt5.positions_get()[0][11:13] == (1.081, 0.0)
    assert desk.mt5.order_send({"action": 6, "position": ticket, "sl": 1.081}).retcode == 10025


def test_a_pending_order_is_modified_and_removed(desk: Desk) -> None:
    ticket = desk.pending(BUY_LIMIT, 1.08, sl=1.07).order
    result = desk.mt5.order_send({"action": 7, "order": ticket, "price": 1.081})
    assert (result.retcode, result.order) == (10009, ticket)
    order = desk.mt5.orders_get()[0]
    assert (order.price_open, order.sl) == (1.081, 0.0)
    assert desk.mt5.order_send({"action": 8, "order": ticket}).retcode == 10009
    assert desk.mt5.orders_get() == ()
    assert desk.mt5.history_orders_get(ticket=ticket)[0].state == 2


def test_an_order_with_an_expiration_expires_by_the_server_clock(desk: Desk) -> None:
    now = desk.mt5.symbol_info_tick("EURUSD").time
    ticket = desk.pending(BUY_LIMIT, 1.08, type_time=2, expiration=now + 60).order
    desk.clock.advance(seconds=59)
    assert desk.mt5.orders_total() == 1
    desk.clock.advance(seconds=1)
    assert desk.mt5.orders_total() == 0
    assert desk.mt5.history_orders_get(ticket=ticket)[0].state == 6


@pytest.mark.parametrize(
    ("request_", "retcode"),
    [
        ({"action": 3}, 10013),
        ({"action": 1, "symbol": "NOPE"}, 10013),
        ({"action": 1, "type": 2}, 10013),
        ({"action": 1, "type": 1, "position": 99}, 10013),
        ({"action": 6, "position": 99}, 10013),
        ({"action": 8, "order": 99}, 10013),
        ({"action": 1, "volume": 0.015}, 10014),
        ({"action": 1, "volume": 0.0}, 10014),
        ({"action": 1, "volume": 101.0}, 10014),
        ({"action": 1, "volume": float("nan")}, 10014),
        ({"action": 1, "type_filling": 2}, 10030),
        ({"action": 1, "symbol": "US500", "volume": 1.0}, 10030),
        ({"action": 1, "sl": 1.09}, 10016),
        ({"action": 1, "tp": 1.08}, 10016),
        ({"action": 1, "type": 1, "sl": 1.08}, 10016),
        ({"action": 5, "type": 2, "price": 1.09}, 10015),
        ({"action": 5, "type": 3, "price": 1.08}, 10015),
        ({"action": 5, "type": 4, "price": 1.08}, 10015),
        ({"action": 5, "type": 5, "price": 1.09}, 10015),
        ({"action": 5, "type": 2}, 10015),
        ({"action": 5, "type": 2, "price": 1.080001}, 10015),
        ({"action": 5, "type": 2, "price": 1.08, "sl": 1.081}, 10016),
        ({"action": 5, "type": 2, "price": 1.08, "type_time": 2, "expiration": 5}, 10022),
        ({"action": 1, "volume": 50.0}, 10019),
    ],
)
def test_refusals_are_results(desk: Desk, request_: dict[str, Any], retcode: int) -> None:
    result = desk.send(**request_)
    assert (result.retcode, result.deal, result.order, result.bid) == (retcode, 0, 0, 0.0)
    assert result.comment
    assert len(desk.deals()) == 1


def test_closing_more_than_there_is_and_closing_twice(desk: Desk) -> None:
    ticket = desk.buy(0.1).order
    assert desk.sell(0.2, position=ticket).retcode == 10038
    assert desk.sell(0.1, position=ticket).retcode == 10009
    assert desk.sell(0.1, position=ticket).retcode == 10036


def test_stops_must_keep_the_stops_level(desk: Desk) -> None:
    desk.price("XAUUSD", 2350.00, 2350.20)
    order = {"action": 1, "symbol": "XAUUSD", "volume": 0.01}
    assert desk.send(**order, sl=2349.91).retcode == 10016
    assert desk.send(**order, sl=2349.90).retcode == 10009


def test_order_check_adds_the_margin(desk: Desk) -> None:
    result = desk.mt5.order_check({"action": 1, "symbol": "USDJPY", "volume": 1.0})
    assert (result.retcode, result.comment, result.margin, result.margin_free) == (0, "Done", 1000.0, 9000.0)
    assert desk.mt5.positions_total() == 0


def test_a_closed_market_refuses_but_order_check_passes() -> None:
    saturday = ManualClock(1_717_848_000_000)
    broker = SimulatedBroker(clock=saturday, prices=ManualPrices(), always_open=False)
    mt5 = SimulatedMetaTrader5(broker)
    mt5.initialize()
    request = {"action": 1, "symbol": "EURUSD", "volume": 0.1}
    assert mt5.order_check(request).retcode == 0
    assert mt5.order_send(request).retcode == 10018
    assert mt5.order_send({"action": 1, "symbol": "BTCUSD", "volume": 0.01, "type_filling": 1}).retcode == 10009


def test_switches_of_terminal_and_account(desk: Desk) -> None:
    desk.mt5.switches.trade_allowed = False
    assert desk.buy().retcode == 10027
    desk.mt5.switches.trade_allowed = True
    desk.mt5.switches.tradeapi_disabled = True
    assert desk.buy() is None
    assert desk.mt5.last_error() == (-8, "Auto-Trading using Python API disabled in Terminal")
    desk.mt5.switches.tradeapi_disabled = False
    desk.broker.accounts["TonpoSim-Demo", 42].trade_allowed = False
    assert desk.buy().retcode == 10017


def test_netting_adds_reduces_and_reverses(netting: Desk) -> None:
    mt5 = netting.mt5
    assert mt5.account_info().margin_mode == 0
    first = netting.buy(0.1)
    netting.price("EURUSD", 1.08645, 1.08653)
    netting.buy(0.3)
    position = mt5.positions_get()[0]
    assert (position.ticket, position.volume) == (first.order, 0.4)
    assert position.price_open == pytest.approx(1.08628)
    netting.sell(0.1)
    assert mt5.positions_get()[0].volume == 0.3
    reversing = netting.sell(0.5)
    position = mt5.positions_get()[0]
    assert (position.type, position.volume, position.price_open) == (1, 0.2, 1.08645)
    assert (position.identifier, position.ticket) == (first.order, reversing.order)
    assert [deal.entry for deal in netting.deals()[1:]] == [0, 0, 1, 2]
    netting.buy(0.2)
    assert mt5.positions_get() == ()
    assert mt5.account_info().margin == 0.0


def test_state_survives_a_restart_and_what_was_missed_is_played() -> None:
    desk = open_desk()
    opened = desk.buy(0.1, sl=1.08)
    desk.pending(BUY_LIMIT, 1.07)
    info = desk.mt5.account_info()
    state = json.loads(json.dumps(desk.broker.dump()))
    assert "secret" not in json.dumps(state)

    broker = SimulatedBroker(clock=desk.clock, prices=ManualPrices())
    broker.load(state)
    mt5 = SimulatedMetaTrader5(broker)
    assert not mt5.initialize(login=42, password="other", server="TonpoSim-Demo")
    assert mt5.initialize(login=42, password="secret", server="TonpoSim-Demo")
    assert mt5.account_info() == info
    assert mt5.positions_get() == desk.mt5.positions_get()
    assert mt5.orders_get() == desk.mt5.orders_get()
    assert mt5.history_deals_get(0, 2**31 - 1) == desk.deals()
    broker.set_price("EURUSD", 1.079, 1.0791)
    assert mt5.positions_get(ticket=opened.order) == ()
    assert broker.dump()["next_order"] > state["next_order"]
    with pytest.raises(ValueError, match="version"):
        broker.load({})


def test_a_symbol_that_cannot_be_converted_is_refused_at_the_start() -> None:
    index = [symbol for symbol in load_symbols() if symbol.name == "GER40"]
    with pytest.raises(LookupError, match="EUR into USD"):
        SimulatedBroker(clock=ManualClock(), prices=ManualPrices(), symbols=index)


def test_a_symbol_in_use_stays_in_market_watch(desk: Desk) -> None:
    ticket = desk.pending(BUY_LIMIT, 1.08).order
    assert desk.mt5.symbol_select("EURUSD", False) is False
    desk.mt5.order_send({"action": 8, "order": ticket})
    assert desk.mt5.symbol_select("EURUSD", False) is True
    assert desk.mt5.symbol_info("EURUSD").select is False
    assert desk.mt5.symbol_select("EURUSD") is True
    assert desk.mt5.symbol_select("NOPE") is False
    assert desk.mt5.last_error() == (-4, "Terminal: Not found")


def test_two_terminals_on_one_account_see_the_same_book(desk: Desk) -> None:
    other = SimulatedMetaTrader5(desk.broker)
    assert other.initialize(login=42, password="secret", server="TonpoSim-Demo")
    ticket = desk.buy().order
    assert other.positions_get()[0].ticket == ticket
    assert desk.mt5.shutdown() is True
    assert desk.mt5.positions_get() is None
    assert other.positions_total() == 1
