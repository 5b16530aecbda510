"""The account's past and past bars, read from a terminal that has much of it, or has to fetch it first."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reference_server.domain.account import Mt5Credentials
from reference_server.domain.errors import PriceUnavailable, TerminalUnavailable
from reference_server.domain.market import Timeframe
from reference_server.domain.trading import HistoryQuery, OrderState
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from tests.terminals.fakes import MONDAY_MS, HandClock, HandMadeModule

HOUR_MS = 3_600_000
AHEAD_MS = 3 * HOUR_MS
"""The server's clock in June."""
RATES = np.dtype(
    [
        ("time", "<i8"),
        ("open", "<f8"),
        ("high", "<f8"),
        ("low", "<f8"),
        ("close", "<f8"),
        ("tick_volume", "<u8"),
        ("spread", "<i4"),
        ("real_volume", "<u8"),
    ]
)


class PastModule(HandMadeModule):
    """Counts the rows that it gives, and shows its bars once it has been asked often enough."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0
        self.bars: list[tuple[Any, ...]] = []
        self.fetching = 0
        self.absence = (-1, "Terminal: Call failed")

    def history_deals_get(self, *args: Any, **kwargs: Any) -> Any:
        found = super().history_deals_get(*args, **kwargs)
        self.given += len(found)
        return found

    def history_orders_get(self, *args: Any, **kwargs: Any) -> Any:
        if args:
            return tuple(order for order in self.past_orders if args[0] <= order.time_done <= args[1])
        return super().history_orders_get(*args, **kwargs)

    def copy_rates_from_pos(self, symbol: str, timeframe: int, start: int, count: int, /) -> Any:
        return self._rates(self.bars[-count:])

    def copy_rates_from(self, symbol: str, timeframe: int, date_from: int, count: int, /) -> Any:
        return self._rates([bar for bar in self.bars if bar[0] <= date_from][-count:])

    def _rates(self, bars: list[tuple[Any, ...]]) -> Any:
        self.fetching -= 1
        if self.fetching >= 0 or not bars:
            self.error = (1, "Success") if self.fetching >= 0 else self.absence
            return None
        return np.array(bars, dtype=RATES)


@pytest.fixture
def past() -> PastModule:
    return PastModule()


@pytest.fixture
def adapter(past: PastModule, clock: HandClock) -> MetaTraderAdapter:
    adapter = MetaTraderAdapter(past, clock)
    adapter.login(Mt5Credentials("7", "x", "Hand-Made"))
    return adapter


def deal(ticket: int, utc_ms: int, **other: Any) -> Any:
    server_ms = utc_ms + AHEAD_MS
    fields = {
        "order": ticket, "position_id": ticket, "type": 0, "entry": 0, "reason": 3, "magic": 0, "symbol": "EURUSD",
        "volume": 0.1, "price": 1.1, "commission": 0.0, "swap": 0.0, "profit": 0.0, "fee": 0.0, "comment": "", **other,
    }  # fmt: skip
    return SimpleNamespace(ticket=ticket, time=server_ms // 1000, time_msc=server_ms, **fields)


def bars(count: int, last_open_ms: int) -> list[tuple[Any, ...]]:
    last = (last_open_ms + AHEAD_MS) // 1000
    return [(last - 60 * back, 1.1, 1.2, 1.0, 1.15, 9, 0, 0) for back in range(count - 1, -1, -1)]


def test_a_page_of_a_long_past_does_not_read_the_whole(adapter: MetaTraderAdapter, past: PastModule) -> None:
    past.deals = [deal(ticket, MONDAY_MS - (50_000 - ticket) * 60_000) for ticket in range(1, 50_001)]
    query = HistoryQuery(0, MONDAY_MS + HOUR_MS, 100)
    page = adapter.deals(query)
    assert [row.ticket for row in page] == list(range(1, 101))
    assert past.given < 3000
    last = page[-1]
    following = adapter.deals(HistoryQuery(0, MONDAY_MS + HOUR_MS, 100, after=(last.time_ms, last.ticket)))
    assert [row.ticket for row in following] == list(range(101, 201))
    assert len(adapter.deals(HistoryQuery(0, MONDAY_MS + HOUR_MS, 100_000))) == 50_000


def test_deals_of_one_moment_go_by_their_tickets(adapter: MetaTraderAdapter, past: PastModule) -> None:
    past.deals = [deal(ticket, MONDAY_MS) for ticket in (9, 3, 7)]
    assert [row.ticket for row in adapter.deals(HistoryQuery(MONDAY_MS, MONDAY_MS + 1, 10))] == [3, 7, 9]
    after = adapter.deals(HistoryQuery(0, MONDAY_MS + 1, 10, after=(MONDAY_MS, 3)))
    assert [row.ticket for row in after] == [7, 9]
    assert adapter.deals(HistoryQuery(MONDAY_MS - 1, MONDAY_MS, 10)) == []


@pytest.mark.parametrize("bounds", [(-(10**18), 10**18), (0, 2**53), (2**53, 2**54), (5, 4)])
def test_any_range_can_be_asked_for(adapter: MetaTraderAdapter, past: PastModule, bounds: tuple[int, int]) -> None:
    past.deals = [deal(1, MONDAY_MS)]
    expected = [1] if bounds[0] <= MONDAY_MS < bounds[1] else []
    assert [row.ticket for row in adapter.deals(HistoryQuery(*bounds, 10))] == expected
    assert adapter.past_orders(HistoryQuery(*bounds, 10)) == []


@pytest.mark.parametrize(
    ("number", "word"),
    [(0, "buy"), (1, "sell"), (2, "balance"), (3, "credit"), (6, "bonus"), (9, "commission"), (12, "interest"),
     (13, "correction"), (17, "charge"), (99, "correction")],
)  # fmt: skip
def test_every_kind_of_deal_has_a_word(adapter: MetaTraderAdapter, past: PastModule, number: int, word: str) -> None:
    past.deals = [deal(1, MONDAY_MS, type=number, reason=7)]
    (row,) = adapter.deals(HistoryQuery(0, MONDAY_MS + 1, 10))
    assert (row.type, row.reason, row.entry) == (word, None, "in" if number < 2 else None)


def test_a_symbol_that_the_broker_lists_no_more_is_in_the_past_still(
    adapter: MetaTraderAdapter, past: PastModule
) -> None:
    past.deals = [deal(1, MONDAY_MS, symbol="GONE", price=1.23456)]
    (row,) = adapter.deals(HistoryQuery(0, MONDAY_MS + 1, 10))
    assert (row.symbol, row.price) == ("GONE", 1.23456)


def test_an_order_on_its_way_is_not_past(adapter: MetaTraderAdapter, past: PastModule) -> None:
    def order(ticket: int, state: int) -> Any:
        server_ms = MONDAY_MS + AHEAD_MS
        return SimpleNamespace(
            ticket=ticket, symbol="EURUSD", type=0, volume_initial=0.1, volume_current=0.0, price_open=1.1, state=state,
            time_setup_msc=server_ms, time_done_msc=server_ms, time_done=server_ms // 1000, time_expiration=0,
            price_stoplimit=0.0, sl=0.0, tp=0.0, position_id=0, magic=0, comment="",
        )  # fmt: skip

    past.past_orders = [order(state + 1, state) for state in range(10)]
    found = adapter.past_orders(HistoryQuery(0, MONDAY_MS + 1, 100))
    assert [row.state for row in found] == [
        OrderState.CANCELLED, OrderState.PARTIAL, OrderState.FILLED, OrderState.REJECTED, OrderState.EXPIRED,
    ]  # fmt: skip


def test_bars_that_are_being_fetched_are_waited_for_where_one_may_wait(past: PastModule, clock: HandClock) -> None:
    past.bars = bars(5, MONDAY_MS)
    pauses: list[float] = []
    patient = MetaTraderAdapter(past, clock, pause=pauses.append)
    patient.login(Mt5Credentials("7", "x", "Hand-Made"))
    past.fetching = 3
    assert len(patient.candles("EURUSD", Timeframe.M1, None, None, 10)) == 5
    assert len(pauses) == 3
    past.fetching = 99
    with pytest.raises(PriceUnavailable) as late:
        patient.candles("EURUSD", Timeframe.M1, None, MONDAY_MS, 10)
    assert late.value.retry_after_seconds == 1


def test_bars_that_are_being_fetched_are_no_empty_answer(adapter: MetaTraderAdapter, past: PastModule) -> None:
    past.bars = bars(5, MONDAY_MS)
    past.fetching = 3
    for to_ms in (None, MONDAY_MS - HOUR_MS):
        past.fetching = 3
        with pytest.raises(PriceUnavailable):
            adapter.candles("EURUSD", Timeframe.M1, None, to_ms, 10)


def test_a_range_before_the_first_bar_is_empty(adapter: MetaTraderAdapter, past: PastModule) -> None:
    past.bars = bars(5, MONDAY_MS)
    assert adapter.candles("EURUSD", Timeframe.M1, None, MONDAY_MS - 99 * HOUR_MS, 10) == []
    past.absence = (-10004, "No IPC connection")
    with pytest.raises(TerminalUnavailable):
        adapter.candles("EURUSD", Timeframe.M1, None, MONDAY_MS - 99 * HOUR_MS, 10)


@pytest.mark.parametrize(
    ("from_back", "to_back", "limit", "expected"),
    [
        (None, None, 3, [2, 1, 0]),
        (2, None, 10, [2, 1, 0]),
        (4, 2, 10, [4, 3]),
        (None, 2, 2, [4, 3]),
        (9, 2, 2, [4, 3]),
        (2, 2, 10, []),
        (1, 3, 10, []),
    ],
)
def test_the_newest_of_a_range_are_given(
    adapter: MetaTraderAdapter,
    past: PastModule,
    from_back: int | None,
    to_back: int | None,
    limit: int,
    expected: list[int],
) -> None:
    past.bars = bars(600, MONDAY_MS)
    from_ms = None if from_back is None else MONDAY_MS - from_back * 60_000
    to_ms = None if to_back is None else MONDAY_MS - to_back * 60_000
    candles = adapter.candles("EURUSD", Timeframe.M1, from_ms, to_ms, limit)
    assert [(MONDAY_MS - candle.time_ms) // 60_000 for candle in candles] == expected


def test_a_bar_is_complete_when_its_end_has_passed_or_a_later_tick_has_come(
    adapter: MetaTraderAdapter, past: PastModule, clock: HandClock
) -> None:
    past.bars = bars(2, MONDAY_MS)

    def last() -> bool:
        return adapter.candles("EURUSD", Timeframe.M1, None, None, 1)[0].complete

    clock.ms = MONDAY_MS + 60_400
    assert not last()
    tick_ms = MONDAY_MS + AHEAD_MS + 60_001
    past.ticks.append((tick_ms // 1000, 1.1, 1.2, 0.0, 1, tick_ms, 6, 0.0))
    assert last()
    past.ticks.pop()
    clock.ms = MONDAY_MS + 60_500
    assert last()
