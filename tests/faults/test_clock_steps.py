"""The host's clock is set by an hour or a day, forward and back, while the gateway runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reference_server.simulator.faults import AnswerLost, TimeoutExecuted
from reference_server.simulator.faults.fault import Fault
from tests.faults.stepping import DAY_MS, HOUR_MS, QUICKLY, STEPS, ServeApp, Stepped, stepped_gateway

ORDER = {"symbol": "EURUSD", "side": "buy", "orderType": "market", "volume": 0.1}


@pytest.fixture
def stepped(serve: ServeApp, tmp_path: Path) -> Iterator[Stepped]:
    with stepped_gateway(serve, tmp_path) as stepped:
        yield stepped


@pytest.fixture(params=[*STEPS.values()], ids=[*STEPS])
def step_ms(request: pytest.FixtureRequest) -> int:
    step_ms: int = request.param
    return step_ms


def test_a_repeated_order_is_not_executed_again(stepped: Stepped, step_ms: int) -> None:
    gateway = stepped.gateway
    first = gateway("POST", "/api/orders", ORDER, idempotency="before")
    stepped.clock.error_ms = step_ms
    second = gateway("POST", "/api/orders", ORDER, idempotency="after")
    for error_ms in (step_ms, 0):
        stepped.clock.error_ms = error_ms
        for key, answer in (("before", first), ("after", second)):
            again = gateway("POST", "/api/orders", ORDER, idempotency=key)
            assert (again.status, again.json) == (200, answer.json)
            assert again.headers["idempotency-replayed"] == "true"
    assert len(stepped.positions) == 2


def test_orders_and_closes_are_executed_as_ever(stepped: Stepped, step_ms: int) -> None:
    gateway = stepped.gateway
    stepped.clock.error_ms = step_ms
    opened = gateway("POST", "/api/orders", ORDER)
    assert opened.json["success"]
    assert gateway("POST", "/api/orders/close", {"ticket": opened.json["ticket"]}).json["success"]
    assert stepped.positions == []
    assert gateway("GET", f"/api/accounts/{stepped.account_id}").json["status"] == "active"


def test_the_limit_of_requests_a_minute_does_not_move(serve: ServeApp, tmp_path: Path, step_ms: int) -> None:
    with stepped_gateway(serve, tmp_path, "pro") as stepped:
        before = left(stepped)
        stepped.clock.error_ms = step_ms
        assert 0 <= before - left(stepped) <= 3


def left(stepped: Stepped) -> int:
    """How many requests the user's minute still has."""
    headers = stepped.gateway("GET", "/api/accounts").headers
    (remaining,) = [part for part in headers["ratelimit"].split(";") if part.strip().startswith("r=")]
    return int(remaining.strip().removeprefix("r="))


def test_the_past_is_told_up_to_what_has_just_happened(stepped: Stepped, step_ms: int) -> None:
    gateway = stepped.gateway
    stepped.clock.error_ms = step_ms
    ticket = gateway("POST", "/api/orders", ORDER).json["ticket"]
    for path, name in (("/api/history/deals", "deals"), ("/api/history/orders", "orders")):
        rows = gateway("GET", path).json[name]
        assert ticket in [row["order" if name == "deals" else "ticket"] for row in rows]


def test_candles_are_still_told(stepped: Stepped, step_ms: int) -> None:
    stepped.clock.error_ms = step_ms
    answer = stepped.gateway("GET", "/api/symbols/EURUSD/candles?timeframe=M1&limit=5")
    assert answer.status == 200


def lost_order(stepped: Stepped, fault: Fault | None = None) -> Any:
    """Send an order whose answer is lost, and tell what its key says in the end."""
    stepped.broker.faults.add(fault or AnswerLost())
    gateway = stepped.gateway
    first = gateway("POST", "/api/orders", ORDER, idempotency="lost")
    assert len(stepped.positions) == 1
    assert first.status in (200, 504)
    return outcome(stepped)


def outcome(stepped: Stepped) -> Any:
    """What the key `lost` says in the end: longer than it is looked for."""
    give_up_at = time.monotonic() + 3 * QUICKLY.watching
    while time.monotonic() < give_up_at:
        told = stepped.gateway("GET", "/api/orders/requests/lost").json
        if told["outcome"] != "unknown":
            break
        time.sleep(0.05)
    return told


def test_an_order_whose_answer_is_lost_is_found(stepped: Stepped, step_ms: int) -> None:
    stepped.clock.error_ms = step_ms
    assert lost_order(stepped)["outcome"] == "accepted"
    assert len(stepped.positions) == 1


@pytest.mark.parametrize("error_ms", [-HOUR_MS, -DAY_MS, HOUR_MS, DAY_MS])
def test_an_order_whose_answer_is_lost_is_found_where_the_brokers_clock_is_known(
    stepped: Stepped, error_ms: int
) -> None:
    stepped.know_the_brokers_clock()
    stepped.clock.error_ms = error_ms
    assert lost_order(stepped, TimeoutExecuted())["outcome"] == "accepted"


@pytest.mark.parametrize("error_ms", [-HOUR_MS, -DAY_MS, HOUR_MS, DAY_MS])
def test_a_close_whose_answer_is_lost_is_found_where_the_brokers_clock_is_known(
    stepped: Stepped, error_ms: int
) -> None:
    gateway = stepped.gateway
    ticket = gateway("POST", "/api/orders", ORDER).json["ticket"]
    stepped.know_the_brokers_clock()
    stepped.clock.error_ms = error_ms
    stepped.broker.faults.add(TimeoutExecuted())
    gateway("POST", "/api/orders/close", {"ticket": ticket}, idempotency="lost")
    assert stepped.positions == []
    assert outcome(stepped)["outcome"] == "accepted"


@pytest.mark.parametrize("back_ms", [HOUR_MS, DAY_MS])
def test_an_order_that_was_lost_before_the_clock_was_put_right_is_found(stepped: Stepped, back_ms: int) -> None:
    stepped.clock.error_ms = -back_ms
    assert gateway_time(stepped) < 0
    told = lost_order(stepped)
    stepped.clock.error_ms = 0
    assert told["outcome"] == "accepted"


def gateway_time(stepped: Stepped) -> int:
    """How far the gateway's clock is from the broker's, in ms."""
    return stepped.clock.now_ms() - stepped.broker.market.utc_ms


def test_the_trades_of_a_day_are_counted_by_the_day_that_the_clock_shows(serve: ServeApp, tmp_path: Path) -> None:
    with stepped_gateway(serve, tmp_path, "free") as stepped:
        gateway = stepped.gateway
        for _ in range(10):
            assert gateway("POST", "/api/orders", ORDER).json["success"]
        assert gateway("POST", "/api/orders", ORDER).json["reason"] == "daily_trade_limit"
        stepped.clock.error_ms = DAY_MS
        assert gateway("POST", "/api/orders", ORDER).json["success"]
        stepped.clock.error_ms = 0
        assert gateway("POST", "/api/orders", ORDER).json["reason"] == "daily_trade_limit"
        assert gateway("POST", "/api/orders/close", {"ticket": stepped.positions[0].ticket}).json["success"]
