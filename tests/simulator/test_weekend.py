"""The weekend: prices freeze, orders are refused, and the market opens by the server's clock in summer and winter."""

from datetime import UTC, datetime

import numpy as np
import pytest

from reference_server.simulator import (
    GeneratedPrices,
    ManualClock,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    load_symbols,
)

EURO = load_symbols()[:1]
BUY = {"action": 1, "symbol": "EURUSD", "volume": 0.1}


def utc_ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def opened_at(text: str, server_time: ServerTime | None = None) -> tuple[ManualClock, SimulatedMetaTrader5]:
    clock = ManualClock(utc_ms(text))
    prices = GeneratedPrices(1)
    broker = SimulatedBroker(clock=clock, prices=prices, symbols=EURO, always_open=False, server_time=server_time)
    mt5 = SimulatedMetaTrader5(broker)
    assert mt5.initialize()
    return clock, mt5


def move_to(clock: ManualClock, text: str) -> None:
    clock.advance(milliseconds=utc_ms(text) - clock.now_ms())


@pytest.mark.parametrize(
    ("closes", "opens"),
    [
        ("2024-03-01T21:55", "2024-03-03T22:05"),  # winter, UTC+2
        ("2024-03-08T21:55", "2024-03-10T21:05"),  # summer time begins over the weekend
        ("2024-06-07T20:55", "2024-06-09T21:05"),  # summer, UTC+3
        ("2024-11-01T20:55", "2024-11-03T22:05"),  # winter time begins over the weekend
    ],
)
def test_a_market_is_closed_from_friday_to_monday_of_the_servers_clock(closes: str, opens: str) -> None:
    clock, mt5 = opened_at(closes)
    server_ms, start = ServerTime().server_ms, utc_ms(opens)
    last = mt5.symbol_info_tick("EURUSD")
    assert last.time_msc < server_ms(utc_ms(closes))
    assert mt5.order_send(BUY).retcode == 10018
    for hours in (0.5, 24, 47):
        clock.advance(milliseconds=round(utc_ms(closes) + hours * 3_600_000) - clock.now_ms())
        assert mt5.symbol_info_tick("EURUSD") == last
        assert mt5.symbol_info("EURUSD").time == last.time
        assert mt5.order_send(BUY).retcode == 10018
    clock.advance(milliseconds=start - clock.now_ms() - 1)
    assert mt5.symbol_info_tick("EURUSD") == last
    assert mt5.order_send(BUY).retcode == 10018
    clock.advance(milliseconds=1)
    assert mt5.order_send(BUY).retcode == 10009
    clock.advance(seconds=60)
    opening = mt5.copy_ticks_from("EURUSD", last.time + 1, 1, mt5.COPY_TICKS_ALL)[0]
    assert server_ms(start) <= opening["time_msc"] < server_ms(start) + 60_000
    shown = datetime.fromtimestamp(opening["time"].item(), UTC)
    assert (shown.strftime("%a"), shown.hour, shown.minute) == ("Mon", 0, 5)


def test_a_friday_ends_at_the_millisecond() -> None:
    clock, mt5 = opened_at("2024-06-07T20:54:59.999")
    assert mt5.order_send(BUY).retcode == 10009
    clock.advance(milliseconds=1)
    assert mt5.order_send(BUY).retcode == 10018
    assert mt5.order_send(BUY | {"action": 5, "type": 2, "price": 1.0, "type_filling": 2}).retcode == 10018


def test_nothing_is_made_up_for_the_weekend() -> None:
    clock, mt5 = opened_at("2024-06-07T20:50")
    move_to(clock, "2024-06-09T21:10:30")
    bars = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_M1, 0, 12)
    assert (bars["tick_volume"] > 0).all()
    assert int(np.diff(bars["time"]).max()) >= 48 * 3600
    assert bars["time"][-1] == ServerTime().server_ms(clock.now_ms()) // 60_000 * 60
    ticks = mt5.copy_ticks_range("EURUSD", int(bars["time"][0]), int(bars["time"][-1]) + 59, mt5.COPY_TICKS_ALL)
    assert set((ticks["time"] // 60 * 60).tolist()) == set(bars["time"].tolist())


def test_a_fixed_server_clock_has_no_summer() -> None:
    clock, mt5 = opened_at("2024-03-10T21:04:59.999", ServerTime("UTC", shift_hours=3))
    assert mt5.order_send(BUY).retcode == 10018
    clock.advance(milliseconds=1)
    assert mt5.order_send(BUY).retcode == 10009
