"""Whatever is traded, the books agree."""

import math
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator.book.money import rounded
from tests.simulator.conftest import Desk, open_desk

SYMBOLS = ("EURUSD", "USDJPY", "EURJPY", "XAUUSD", "GER40")
CONTRACT = {"EURUSD": 1e5, "USDJPY": 1e5, "EURJPY": 1e5, "XAUUSD": 100.0, "GER40": 1.0}

step = st.tuples(
    st.sampled_from(("buy", "sell", "close", "part", "move", "stops", "pending", "remove", "by", "wait")),
    st.sampled_from(SYMBOLS),
    st.integers(1, 40),
    st.integers(-300, 300),
)


def play(desk: Desk, steps: list[tuple[str, str, int, int]]) -> None:
    """Carry out a sequence of steps; refusals are fine."""
    mt5 = desk.mt5
    for what, symbol, size, shift in steps:
        tick, info = mt5.symbol_info_tick(symbol), mt5.symbol_info(symbol)
        lots, filling = size / 100 if symbol != "GER40" else size / 10, 0 if info.filling_mode & 1 else 1
        order = {"symbol": symbol, "volume": lots, "type_filling": filling}
        away = round(tick.bid * (1 + shift / 10_000), info.digits)
        positions = mt5.positions_get(symbol=symbol)
        if what in ("buy", "sell"):
            mt5.order_send({**order, "action": 1, "type": int(what == "sell")})
        elif what == "move":
            desk.price(symbol, away, round(away + 10 * info.point, info.digits))
        elif what == "pending":
            mt5.order_send({**order, "action": 5, "type": 2 + size % 4, "price": away, "type_filling": 2})
        elif what == "remove" and mt5.orders_total():
            mt5.order_send({"action": 8, "order": mt5.orders_get()[0].ticket})
        elif what == "wait":
            desk.clock.advance(seconds=size * 3600)
        elif what == "by" and len(positions) > 1:
            mt5.order_send({"action": 10, "position": positions[0].ticket, "position_by": positions[-1].ticket})
        elif what == "stops" and positions:
            mt5.order_send({"action": 6, "position": positions[0].ticket, "symbol": symbol, "sl": away})
        elif what in ("close", "part") and positions:
            held = positions[0]
            volume = held.volume if what == "close" else round(held.volume / 2, 2)
            mt5.order_send({**order, "action": 1, "type": 1 - held.type, "position": held.ticket, "volume": volume})


def expected_margin(desk: Desk) -> float:
    """Margin from the positions and their opening prices, for what does not depend on another pair's rate."""
    sides: dict[str, list[list[Any]]] = defaultdict(lambda: [[], []])
    for position in desk.mt5.positions_get():
        sides[position.symbol][position.type].append(position)
    total = 0.0
    for symbol, (longs, shorts) in sides.items():
        volumes = [sum(position.volume for position in side) for side in (longs, shorts)]
        bigger = longs if volumes[0] >= volumes[1] else shorts
        full = 0.0
        for position in bigger:
            price = position.price_open if symbol in ("EURUSD", "XAUUSD") else 1.0
            full += position.volume * CONTRACT[symbol] / 100 * price
        total += full * abs(volumes[0] - volumes[1]) / max(volumes)
    return total


def assert_books_agree(desk: Desk) -> None:
    """The invariants of section 4 of the facts."""
    mt5 = desk.mt5
    info, deals, positions = mt5.account_info(), desk.deals(), mt5.positions_get()
    booked = sum(deal.profit + deal.swap + deal.commission + deal.fee for deal in deals)
    assert info.balance == rounded(booked, 2)
    floating = sum(position.profit + position.swap for position in positions)
    assert info.profit == rounded(floating, 2)
    assert info.equity == rounded(info.balance + floating, 2)
    assert info.margin_free == rounded(info.equity - info.margin, 2)
    assert info.margin_level == (pytest.approx(info.equity / info.margin * 100) if info.margin else 0.0)
    if all(position.symbol in ("EURUSD", "USDJPY", "XAUUSD") for position in positions):
        assert math.isclose(info.margin, expected_margin(desk), abs_tol=0.0051)

    net: dict[int, float] = defaultdict(float)
    for deal in deals:
        if deal.position_id:
            net[deal.position_id] += deal.volume if deal.type == 0 else -deal.volume
    held = {position.identifier: position.volume * (1 - 2 * position.type) for position in positions}
    for identifier, volume in net.items():
        assert math.isclose(volume, held.pop(identifier, 0.0), abs_tol=1e-8)
    assert not held, "a position without deals"

    orders = {order.ticket: order for order in mt5.history_orders_get(0, 2**31 - 1)}
    for deal in deals:
        assert not deal.order or orders[deal.order].state == mt5.ORDER_STATE_FILLED
    for position in positions:
        tick = mt5.symbol_info_tick(position.symbol)
        assert position.price_current == (tick.bid if position.type == 0 else tick.ask)


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=40))
def test_the_books_of_a_hedging_account_agree(steps: list[tuple[str, str, int, int]]) -> None:
    desk = open_desk()
    play(desk, steps)
    assert_books_agree(desk)


@settings(max_examples=60, deadline=None)
@given(st.lists(step, max_size=40))
def test_the_books_of_a_netting_account_agree(steps: list[tuple[str, str, int, int]]) -> None:
    desk = open_desk("Netting-1")
    play(desk, steps)
    assert_books_agree(desk)
    assert all(len(desk.mt5.positions_get(symbol=symbol)) <= 1 for symbol in SYMBOLS)


@settings(max_examples=15, deadline=None)
@given(st.lists(step, max_size=20))
def test_the_same_steps_give_the_same_books(steps: list[tuple[str, str, int, int]]) -> None:
    first, second = open_desk(), open_desk()
    play(first, steps)
    play(second, steps)
    assert first.broker.dump() == second.broker.dump()
