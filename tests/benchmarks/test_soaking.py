"""The soak does accounts; here the accounts are wrong, and it must say so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fuzzing.answers import Frame, HttpAnswer
from benchmarks.soaking.accounting import Account, check_deals, check_events, check_orders, check_ticks
from benchmarks.soaking.ground import TradingAccount
from benchmarks.soaking.listeners import Heard, Listening
from benchmarks.soaking.minutes import Minutes, Spread
from benchmarks.soaking.orders import OrderBook, Trader
from benchmarks.soaking.plan import SoakPlan

ROOT = Path(__file__).parents[2]


def deal(ticket: int, magic: int, kind: str = "buy", volume: float = 0.01) -> dict[str, Any]:
    return {"ticket": ticket, "magic": magic, "type": kind, "symbol": "EURUSD", "volume": volume}


BALANCE = {"ticket": 1, "magic": 0, "type": "balance", "symbol": None, "volume": 0.0}
BOUGHT, SOLD = deal(2, 101), deal(3, 102, "sell")
OPEN = {"symbol": "EURUSD", "side": "buy", "volume": 0.01}


@pytest.mark.parametrize(
    ("deals", "positions", "expected"),
    [
        ([BALANCE, BOUGHT, SOLD], [], {}),
        ([BALANCE, BOUGHT], [OPEN], {"deals": 1}),
        ([BALANCE, BOUGHT, SOLD, deal(4, 101)], [OPEN], {"deals": 1}),
        ([BALANCE, BOUGHT, SOLD, deal(4, 999)], [OPEN], {"deals": 1}),
        ([BALANCE, BOUGHT, SOLD], [OPEN], {"positions": 1}),
        ([BALANCE, BOUGHT, deal(2, 102, "sell")], [], {"deals": 1}),
    ],
    ids=["sound", "lost", "doubled", "nobody's", "position left over", "one ticket twice"],
)
def test_an_order_that_was_lost_or_doubled_is_found(
    deals: list[dict[str, Any]], positions: list[dict[str, Any]], expected: dict[str, int]
) -> None:
    result = Account()
    check_deals(OrderBook(accepted={101: 2, 102: 3}), deals, positions, result)
    assert result.counts == expected


def test_an_order_without_answer_may_have_one_deal_and_not_two() -> None:
    for deals, expected in (([BOUGHT], 0), ([], 0), ([BOUGHT, deal(4, 101)], 1)):
        result = Account()
        check_deals(OrderBook(unanswered=[101]), deals, [{**OPEN, "volume": 0.01 * len(deals)}], result)
        assert result.counts["deals"] == expected


@pytest.mark.parametrize(
    "book",
    [
        OrderBook(sent=1, unanswered=[1]),
        OrderBook(sent=1, refused={1: "no"}),
        OrderBook(sent=1),
        OrderBook(wrong=["x"]),
    ],
)
def test_orders_that_were_not_answered_well_are_found(book: OrderBook) -> None:
    result = Account()
    check_orders(book, result)
    assert result.counts == {"answers": 1}


def heard_of(*messages: dict[str, Any], cutoff_ms: int | None = None) -> Heard:
    socket = Listening(1.0)
    socket.minutes = Minutes()
    socket.cutoff_ms = cutoff_ms
    for message in messages:
        socket._hear(Frame(1, json.dumps(message).encode()))
    return socket.heard


SNAPSHOT = {"type": "snapshot", "seq": 7}
RESULT = {"type": "orderResult", "seq": 8}


@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        ([SNAPSHOT, RESULT, {"type": "account", "seq": 9}, {"type": "heartbeat", "seq": 9}], 0),
        ([SNAPSHOT, {"type": "account", "seq": 9}, {**RESULT, "seq": 10}], 1),
        ([SNAPSHOT, RESULT, {"type": "account", "seq": 8}], 1),
        ([SNAPSHOT, RESULT, {"type": "heartbeat", "seq": 9}], 1),
        ([RESULT], 1),
        ([SNAPSHOT], 1),
    ],
    ids=["sound", "gap", "twice", "heartbeat ahead", "no snapshot", "no result of the order"],
)
def test_a_gap_in_the_events_is_found(messages: list[dict[str, Any]], wrong: int) -> None:
    result = Account()
    check_events([heard_of(*messages)], OrderBook(accepted={101: 2}), result)
    assert result.counts["events"] == wrong


def test_sockets_of_an_account_that_end_at_different_numbers_are_found() -> None:
    result = Account()
    sockets = [heard_of(SNAPSHOT, RESULT), heard_of(SNAPSHOT, RESULT, {"type": "account", "seq": 9})]
    check_events(sockets, OrderBook(accepted={101: 2}), result)
    assert result.counts["events"] == 1


def tick(time_ms: int, bid: float = 1.0) -> dict[str, Any]:
    return {"type": "tick", "symbol": "EURUSD", "bid": bid, "ask": bid, "time": time_ms}


def test_a_socket_may_miss_ticks_and_never_the_newest() -> None:
    quick = heard_of(tick(1_000), tick(1_500), tick(1_900))
    slow, stuck = heard_of(tick(1_000), tick(1_900)), heard_of(tick(1_000), tick(1_500))
    result = Account()
    check_ticks([quick, slow], 1, 2, result)
    assert (result.ticks_due, result.ticks_missing, result.counts["ticks"]) == (6, 1, 0)
    check_ticks([quick, stuck], 1, 2, result)
    assert result.counts["ticks"] == 1


def test_a_socket_that_was_told_a_later_price_has_missed_nothing() -> None:
    quick, slow = heard_of(tick(1_000), tick(1_900)), heard_of(tick(1_000), tick(2_100), cutoff_ms=2_000)
    result = Account()
    check_ticks([quick, slow], 1, 2, result)
    assert result.counts["ticks"] == 0


def test_prices_that_go_back_in_time_are_found() -> None:
    assert len(heard_of(tick(1_500), tick(1_000)).wrong) == 1


def answer(status: int, document: dict[str, Any], **headers: str) -> HttpAnswer:
    return HttpAnswer(status, headers, json.dumps(document).encode(), b"")


FILLED = {"success": True, "ticket": 5}
WAIT = {"reason": "idempotency_key_in_flight"}


@pytest.mark.parametrize(
    ("repeated", "is_wrong"),
    [
        (answer(200, FILLED), False),
        (answer(200, {"success": True, "ticket": 6}), True),
        (answer(409, WAIT), True),
        (answer(500, {}), True),
    ],
    ids=["the same", "another trade", "still in flight", "failed"],
)
def test_a_repeated_request_must_have_the_first_answer(repeated: HttpAnswer, is_wrong: bool) -> None:
    trader = Trader(1, TradingAccount("key", "acc"), SoakPlan(1.0), 0, Minutes())
    assert trader._settle(101, answer(200, FILLED), is_doubled=False)
    trader._compare(101, repeated, may_be_in_flight=False, may_be_first=False)
    assert bool(trader.book.wrong) is is_wrong


def test_of_two_requests_at_once_one_may_be_told_to_wait_and_one_trades() -> None:
    trader = Trader(1, TradingAccount("key", "acc"), SoakPlan(1.0), 0, Minutes())
    assert not trader._settle(101, answer(409, WAIT), is_doubled=True)
    trader._compare(101, answer(200, FILLED), may_be_in_flight=False, may_be_first=True)
    assert (trader.book.accepted, trader.book.in_flight, trader.book.wrong) == ({101: 5}, 1, [])


def test_of_two_requests_at_once_not_both_may_be_told_to_wait() -> None:
    trader = Trader(1, TradingAccount("key", "acc"), SoakPlan(1.0), 0, Minutes())
    trader._settle(101, answer(409, WAIT), is_doubled=True)
    trader._compare(101, answer(409, WAIT), may_be_in_flight=False, may_be_first=True)
    assert len(trader.book.wrong) == 1


def test_a_first_answer_that_says_it_is_a_repetition_is_found() -> None:
    trader = Trader(1, TradingAccount("key", "acc"), SoakPlan(1.0), 0, Minutes())
    trader._settle(101, answer(200, FILLED, **{"idempotency-replayed": "true"}), is_doubled=False)
    assert len(trader.book.wrong) == 1


def test_a_spread_is_of_all_values() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 3.0, 3.0)
    assert Spread.of([]) == Spread(0.0, 0.0, 0.0)


def test_a_short_soak_of_the_gateway_finds_nothing() -> None:
    command = [sys.executable, "-m", "benchmarks.soaking", "--minutes", "0.1"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "every order was answered exactly once" in done.stdout
