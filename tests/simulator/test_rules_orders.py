"""How orders are carried out: execution modes, fillings, partial fills."""

from dataclasses import replace
from typing import Any

import pytest

from reference_server.simulator import load_symbols
from tests.simulator.conftest import Desk, open_desk

LISTED = {profile.name: profile for profile in load_symbols()}
BUY, SELL, BUY_LIMIT, SELL_LIMIT, BUY_STOP, SELL_STOP, BUY_STOP_LIMIT, SELL_STOP_LIMIT = range(8)
FOK, IOC, RETURN, BOC = range(4)
PLACED, CANCELED, PARTIAL, FILLED, REJECTED, EXPIRED = 1, 2, 3, 4, 5, 6


def desk_with(server: str = "TonpoSim-Demo", always_open: bool = True, **changes: Any) -> Desk:
    symbols = tuple(replace(p, **changes) if p.name == "EURUSD" else p for p in LISTED.values())
    return open_desk(server, symbols=symbols, always_open=always_open)


def tick(desk: Desk, bid: float = 1.08545, ask: float = 1.08553) -> None:
    desk.clock.advance(milliseconds=100)
    desk.price("EURUSD", bid, ask)


def past(desk: Desk, ticket: int) -> Any:
    return desk.mt5.history_orders_get(ticket=ticket)[0]


@pytest.mark.parametrize("mode", [0, 1])
def test_request_and_instant_execution_need_the_price(mode: int) -> None:
    desk = desk_with(execution_mode=mode)
    assert desk.buy().retcode == 10015
    assert desk.buy(price=float("nan")).retcode == 10015
    assert desk.buy(price=1.085531).retcode == 10015
    assert desk.buy(price=1.08554).retcode == 10004
    assert desk.buy(price=1.08554, deviation=1).price == 1.08553
    assert desk.sell(price=1.08545, type_filling=RETURN).retcode == 10009


@pytest.mark.parametrize(
    ("mode", "mask", "kind", "allowed"),
    [
        (0, 0, BUY, (FOK, IOC, RETURN)),
        (1, 7, BUY, (FOK, IOC, RETURN)),
        (2, 1, BUY, (FOK,)),
        (2, 2, BUY, (IOC,)),
        (2, 7, BUY, (FOK, IOC)),
        (3, 0, BUY, (RETURN,)),
        (3, 3, BUY, (FOK, IOC, RETURN)),
        (1, 7, BUY_LIMIT, (FOK, IOC, RETURN)),
        (2, 4, BUY_LIMIT, (RETURN, BOC)),
        (3, 7, BUY_LIMIT, (FOK, IOC, RETURN, BOC)),
        (3, 7, BUY_STOP, (FOK, IOC, RETURN)),
        (3, 4, BUY_STOP_LIMIT, (RETURN, BOC)),
    ],
)
def test_fillings_by_execution_mode(mode: int, mask: int, kind: int, allowed: tuple[int, ...]) -> None:
    desk = desk_with(execution_mode=mode, filling_mode=mask)
    price = {BUY: 1.08553, BUY_LIMIT: 1.08, BUY_STOP: 1.09, BUY_STOP_LIMIT: 1.09}[kind]
    request = {"action": 1 if kind == BUY else 5, "type": kind, "price": price}
    request |= {"stoplimit": 1.085} if kind == BUY_STOP_LIMIT else {}
    codes = [desk.send(**request, type_filling=filling).retcode for filling in range(4)]
    assert codes == [10009 if filling in allowed else 10030 for filling in range(4)]
    assert desk.send(**request, type_filling=9).retcode == 10030


def test_immediate_or_cancel_takes_what_is_there() -> None:
    desk = desk_with(liquidity=0.25)
    result = desk.buy(0.4, type_filling=IOC)
    assert (result.retcode, result.volume, result.price) == (10010, 0.25, 1.08553)
    assert result.request.volume == 0.4
    order = past(desk, result.order)
    assert (order.state, order.volume_initial, order.volume_current) == (PARTIAL, 0.4, 0.15)
    assert desk.mt5.positions_get()[0].volume == 0.25
    nothing = desk.buy(0.1, type_filling=IOC)
    assert (nothing.retcode, nothing.deal, nothing.volume) == (10006, 0, 0.0)
    assert past(desk, nothing.order).state == REJECTED
    tick(desk)
    assert desk.buy(0.1, type_filling=IOC).retcode == 10009


def test_each_side_has_its_own_liquidity() -> None:
    desk = desk_with(liquidity=0.25)
    assert desk.buy(0.25).retcode == 10009
    assert desk.sell(0.25).retcode == 10009
    assert desk.sell(0.25).retcode == 10006


def test_fill_or_kill_takes_all_or_nothing() -> None:
    desk = desk_with(liquidity=0.25)
    assert desk.buy(0.26, type_filling=FOK).retcode == 10006
    assert desk.mt5.positions_total() == 0
    assert desk.buy(0.25, type_filling=FOK).retcode == 10009


def test_what_is_offered_is_whole_steps() -> None:
    desk = desk_with(liquidity=0.255)
    assert desk.buy(1.0, type_filling=IOC).volume == 0.25


@pytest.mark.parametrize("server", ["TonpoSim-Demo", "Sim-Netting", "Sim-Exchange"])
def test_return_leaves_the_rest_as_an_active_order(server: str) -> None:
    desk = desk_with(server, execution_mode=3, liquidity=0.2)
    result = desk.buy(0.5, type_filling=RETURN, sl=1.08, comment="rest")
    assert (result.retcode, result.volume) == (10010, 0.2)
    order = desk.mt5.orders_get()[0]
    assert (order.ticket, order.type, order.state) == (result.order, BUY, PARTIAL)
    assert (order.volume_initial, order.volume_current) == (0.5, 0.3)
    waiting = desk.buy(0.1, type_filling=RETURN)
    assert (waiting.retcode, waiting.deal, waiting.comment) == (10008, 0, "Order placed")
    assert desk.mt5.orders_get(ticket=waiting.order)[0].state == PLACED
    tick(desk)
    assert desk.mt5.orders_get(ticket=result.order)[0].volume_current == 0.1
    tick(desk, 1.0860, 1.0861)
    assert desk.mt5.orders_get() == ()
    assert (past(desk, result.order).state, past(desk, waiting.order).state) == (FILLED, FILLED)
    position = desk.mt5.positions_get(ticket=result.order)[0]
    if server == "TonpoSim-Demo":
        assert (position.volume, position.comment, position.sl) == (0.5, "rest", 1.08)
        assert position.price_open == pytest.approx((1.08553 * 0.4 + 1.0861 * 0.1) / 0.5)
    else:
        assert position.volume == 0.6
    assert sum(deal.volume for deal in desk.deals() if deal.order == result.order) == pytest.approx(0.5)


def test_the_rest_of_an_order_can_be_removed_and_not_modified() -> None:
    desk = desk_with(execution_mode=3, liquidity=0.2)
    ticket = desk.buy(0.5, type_filling=RETURN).order
    assert desk.mt5.order_send({"action": 7, "order": ticket, "price": 1.08}).retcode == 10013
    assert desk.mt5.order_send({"action": 8, "order": ticket}).retcode == 10009
    order = past(desk, ticket)
    assert (order.state, order.volume_current) == (CANCELED, 0.3)
    assert desk.mt5.positions_get()[0].volume == 0.2


def test_a_close_that_is_under_way_is_not_closed_twice() -> None:
    desk = desk_with(execution_mode=3, liquidity=0.2)
    ticket = desk.buy(0.2).order
    tick(desk)
    desk.buy(0.2)
    desk.sell(0.1)
    closing = desk.sell(0.2, position=ticket, type_filling=RETURN)
    assert (closing.retcode, closing.volume) == (10010, 0.1)
    assert desk.sell(0.1, position=ticket).retcode == 10039
    tick(desk)
    assert desk.mt5.positions_get(ticket=ticket) == ()
    assert past(desk, closing.order).state == FILLED


def test_the_rest_of_a_close_ends_with_its_position() -> None:
    desk = desk_with(execution_mode=3, liquidity=0.2)
    ticket = desk.buy(0.2, sl=1.08).order
    tick(desk)
    desk.sell(0.1)
    closing = desk.sell(0.2, position=ticket, type_filling=RETURN)
    tick(desk, 1.0790, 1.0791)
    assert desk.mt5.positions_get(ticket=ticket) == ()
    assert desk.mt5.orders_get() == ()
    assert past(desk, closing.order).state in (FILLED, REJECTED)
    net = sum(deal.volume * (1 - 2 * deal.type) for deal in desk.deals() if deal.position_id == ticket)
    assert net == pytest.approx(0.0)


def test_a_limit_order_is_filled_as_volume_comes() -> None:
    desk = desk_with(liquidity=0.2)
    placed = desk.pending(BUY_LIMIT, 1.08, volume=0.3, type_filling=RETURN).order
    tick(desk, 1.0799, 1.08)
    order = desk.mt5.orders_get()[0]
    assert (order.state, order.volume_current, order.type) == (PARTIAL, 0.1, BUY_LIMIT)
    tick(desk, 1.0810, 1.0811)
    assert desk.mt5.orders_total() == 1
    tick(desk, 1.0798, 1.0799)
    assert (desk.mt5.orders_total(), past(desk, placed).state) == (0, FILLED)
    assert desk.mt5.positions_get()[0].volume == 0.3


def test_a_stop_order_goes_on_at_the_market_once_it_is_triggered() -> None:
    desk = desk_with(liquidity=0.2)
    placed = desk.pending(BUY_STOP, 1.09, volume=0.3, type_filling=RETURN).order
    tick(desk, 1.0899, 1.09)
    assert (desk.mt5.orders_get()[0].type, desk.mt5.orders_get()[0].volume_current) == (BUY, 0.1)
    tick(desk, 1.0849, 1.085)
    assert (desk.mt5.orders_total(), past(desk, placed).state) == (0, FILLED)


@pytest.mark.parametrize(("filling", "state", "volume"), [(FOK, REJECTED, 0.0), (IOC, PARTIAL, 0.2)])
def test_a_triggered_order_of_another_filling_ends_with_what_it_finds(filling: int, state: int, volume: float) -> None:
    desk = desk_with(liquidity=0.2)
    placed = desk.pending(BUY_LIMIT, 1.08, volume=0.3, type_filling=filling).order
    tick(desk, 1.0799, 1.08)
    assert past(desk, placed).state == state
    assert sum(position.volume for position in desk.mt5.positions_get()) == volume


def test_stops_close_whole_positions_whatever_is_offered() -> None:
    desk = desk_with(liquidity=0.2, execution_mode=3)
    desk.buy(0.5, type_filling=RETURN, sl=1.08)
    tick(desk)
    tick(desk)
    assert desk.mt5.positions_get()[0].volume == 0.5
    tick(desk, 1.0790, 1.0791)
    assert desk.mt5.positions_total() == 0


def test_an_odd_remainder_can_be_closed_whole() -> None:
    desk = desk_with(volume_min=0.1, volume_step=0.1)
    desk.buy(0.3)
    position = desk.broker.accounts["TonpoSim-Demo", 42].positions_of("EURUSD")[0]
    desk.broker.ledger.count(desk.broker.accounts["TonpoSim-Demo", 42], position, -0.25)
    position.volume = 0.05
    assert desk.sell(0.05, position=position.ticket).retcode == 10009


@pytest.mark.parametrize("price", [1e-320, 1e-9, 0.0000049])
def test_a_price_below_the_smallest_one_is_no_price(desk: Desk, price: float) -> None:
    assert desk.pending(2, price).retcode == 10015
    assert desk.buy(sl=price).retcode == 10016
    assert desk.mt5.orders_total() == desk.mt5.positions_total() == 0
