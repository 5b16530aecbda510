"""Ticks and candles when the terminal is slow, forgets a symbol, or its clock goes back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.events import CandleClosed, TickArrived
from reference_server.domain.market import Timeframe
from reference_server.simulator import ManualPrices, SimulatedBroker, SimulatedMetaTrader5
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.polling.candles import CandleFollower
from reference_server.terminals.polling.poller import Poller
from reference_server.terminals.polling.ticks import TickFollower
from tests.terminals.fakes import TICKS, HandClock, HandMadeModule

HOUR_MS = 3_600_000
CREDENTIALS = Mt5Credentials("7", "x", "Hand-Made")


@pytest.fixture
def adapter(module: HandMadeModule, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(module, clock)
    adapter.login(CREDENTIALS)
    return adapter


@pytest.fixture
def follower(adapter: MetaTraderAdapter) -> TickFollower:
    follower = TickFollower(adapter)
    follower.watch({"EURUSD"})
    return follower


def come(module: HandMadeModule, volume: int, after_ms: int = 10) -> None:
    time_msc = module.ticks[-1][5] + after_ms
    module.ticks.append((time_msc // 1000, 1.1, 1.2, 0.0, volume, time_msc, 6, 0.0))


def told(events: list[TickArrived]) -> list[int]:
    return [event.tick.volume for event in events]


def test_ticks_that_their_history_shows_late_are_told_when_it_does(
    follower: TickFollower, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    for volume in (1, 2, 3):
        come(module, volume)
    with monkeypatch.context() as patch:
        patch.setattr(module, "copy_ticks_from", lambda *_: None)
        assert [told(follower.poll()) for _ in range(3)] == [[], [], []]
    assert told(follower.poll()) == [1, 2, 3]
    assert told(follower.poll()) == []


def test_a_tick_that_never_gets_into_the_history_is_told_by_itself(
    follower: TickFollower, module: HandMadeModule, monkeypatch: pytest.MonkeyPatch
) -> None:
    come(module, 1)
    with monkeypatch.context() as patch:
        patch.setattr(module, "copy_ticks_from", lambda *_: np.array([], dtype=TICKS))
        assert [told(follower.poll()) for _ in range(25)] == [[]] * 20 + [[1]] + [[]] * 4
    come(module, 2)
    assert told(follower.poll()) == [2]


def test_an_hour_that_the_servers_clock_repeats_floods_nobody(follower: TickFollower, module: HandMadeModule) -> None:
    come(module, 1, 30 * 60_000)
    assert told(follower.poll()) == [1]
    for volume in range(2, 8):
        come(module, volume, -HOUR_MS if volume == 2 else 15 * 60_000)
        assert told(follower.poll()) == [volume]


def test_a_symbol_that_cannot_be_selected_is_followed_once_it_can(
    adapter: MetaTraderAdapter, module: HandMadeModule, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def symbol_select(*_: Any) -> bool:
        module.error = (-1, "Terminal: Call failed")
        return False

    adapter.symbol_book._selected.clear()
    poller = Poller(adapter)
    poller.begin()
    with monkeypatch.context() as patch:
        patch.setattr(module, "symbol_select", symbol_select)
        poller.watch({"EURUSD", "NOSUCH"}, {("EURUSD", Timeframe.M1), ("NOSUCH", Timeframe.M1)})
        come(module, 1)
        assert poller.poll() == []
    clock.ms += 61_000
    poller.poll()
    come(module, 2)
    assert [event.tick.volume for event in poller.poll() if isinstance(event, TickArrived)] == [2]


def test_a_silent_symbol_is_put_into_market_watch_again(
    follower: TickFollower, module: HandMadeModule, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    selected: list[str] = []
    monkeypatch.setattr(module, "symbol_select", lambda symbol, enable: selected.append(symbol))
    come(module, 1)
    follower.poll()
    follower.poll()
    for _ in range(10):
        clock.ms += 61_000
        come(module, 2)
        follower.poll()
    assert selected == []
    for _ in range(3):
        clock.ms += 61_000
        follower.poll()
    assert selected == ["EURUSD"] * 3


class Candles:
    """A follower of minute bars over a simulated broker; ticks are told to nobody, so only time closes bars."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.broker = SimulatedBroker(clock=self.clock, prices=ManualPrices())
        self.module: Any = SimulatedMetaTrader5(self.broker)
        self.broker.set_price("EURUSD", 1.1, 1.1001)
        self.adapter = MetaTraderAdapter(self.module, self.clock)
        self.adapter.login(CREDENTIALS)
        self.follower = CandleFollower(self.adapter, lambda _: 0)
        self.clock.ms += 60_000
        self.follower.watch({("EURUSD", Timeframe.M1)})

    def poll(self, milliseconds: int, bid: float | None = None) -> list[CandleClosed]:
        self.clock.ms += milliseconds
        if bid is not None:
            self.broker.set_price("EURUSD", bid, round(bid + 0.0001, 5))
        return self.follower.poll()


@pytest.fixture
def candles() -> Candles:
    return Candles()


def test_a_bar_closes_by_time_when_no_tick_follows(candles: Candles) -> None:
    opened_ms = candles.clock.ms
    assert candles.poll(30_000, 1.2) == []
    assert candles.poll(30_000) == []
    (event,) = candles.poll(500)
    assert (event.candle.time_ms, event.candle.close, event.candle.complete) == (opened_ms, 1.2, True)
    assert candles.poll(60_000) == [], "a minute without a tick has no bar"


def test_bars_of_a_while_without_polls_are_told_in_order_and_a_gap_is_none(candles: Candles) -> None:
    opened_ms = candles.clock.ms
    for minute, bid in ((0, 1.2), (1, 1.3), (5, 1.4)):
        candles.clock.ms = opened_ms + minute * 60_000 + 1000
        candles.broker.set_price("EURUSD", bid, bid + 0.0001)
    events = candles.poll(600_000)
    assert [(event.candle.time_ms - opened_ms) // 60_000 for event in events] == [0, 1, 5]


def test_bars_that_cannot_be_read_now_are_told_later(candles: Candles, monkeypatch: pytest.MonkeyPatch) -> None:
    candles.poll(1000, 1.2)
    asked = 0

    def none(*_: Any) -> None:
        nonlocal asked
        asked += 1

    with monkeypatch.context() as patch:
        patch.setattr(candles.module, "copy_rates_from_pos", none)
        for _ in range(1200):
            assert candles.poll(100) == []
    assert asked <= 130, "twice a second after the bar is over"
    assert [event.candle.close for event in candles.poll(500)] == [1.2]


@pytest.mark.parametrize("error_ms", [3000, -3000, 200_000])
def test_the_error_of_the_hosts_clock_is_taken_off_where_bars_end(candles: Candles, error_ms: int) -> None:
    server_ms = candles.adapter.broker_clock.to_server_ms(candles.clock.ms)
    for symbol in ("EURUSD", "GBPUSD"):
        candles.adapter.broker_clock.observe(symbol, server_ms - error_ms, candles.clock.ms)
    clock = candles.adapter.broker_clock
    assert clock.server_now_ms(candles.clock.ms) == server_ms - error_ms
    assert clock.to_server_ms(candles.clock.ms) == server_ms
