"""Generated prices: deterministic, never crossed, within their range; sessions, gaps, news, busy and quiet hours."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference_server.simulator import (
    GeneratedPrices,
    ManualClock,
    PricePoint,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    SymbolProfile,
    load_symbols,
)
from reference_server.simulator.listing.calendar import Calendar
from reference_server.simulator.listing.symbols import by_name
from reference_server.simulator.prices.columns import MinuteBars
from tests.simulator.conftest import Desk

START = 1_717_408_800_000


def moving(seed: int = 1) -> tuple[ManualClock, SimulatedMetaTrader5]:
    """A terminal on generated prices."""
    clock = ManualClock(START)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=GeneratedPrices(seed)))
    assert mt5.initialize()
    return clock, mt5


def ticks(mt5: SimulatedMetaTrader5, symbol: str = "EURUSD") -> list[tuple[object, ...]]:
    since = ServerTime().server_ms(START) // 1000
    found: list[tuple[object, ...]] = mt5.copy_ticks_from(symbol, since, 10_000, mt5.COPY_TICKS_ALL).tolist()
    return found


def test_another_seed_is_another_market() -> None:
    assert moving(1)[1].symbol_info_tick("EURUSD") != moving(2)[1].symbol_info_tick("EURUSD")


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(START, START + 10**11))
def test_generated_prices_are_positive_and_never_crossed(seed: int, at_ms: int) -> None:
    source = GeneratedPrices(seed)
    for symbol in load_symbols():
        points = source.ticks(symbol, at_ms, at_ms + 60_000).points()
        assert points
        assert [point.time_ms for point in points] == sorted(point.time_ms for point in points)
        assert all(0 < point.bid < point.ask for point in points)
        assert all(point.bid == round(point.bid, symbol.digits) for point in points)
        assert abs(points[0].bid / symbol.mid_price - 1) < 0.6


def test_ticks_are_a_few_per_second_and_bounded() -> None:
    clock, mt5 = moving()
    clock.advance(seconds=60)
    assert 60 <= len(ticks(mt5)) <= 300
    for _ in range(16):
        clock.advance(seconds=120)
        mt5.symbol_info_tick("EURUSD")
    quote = mt5.broker.market.quotes["EURUSD"]
    assert len(quote.recent) == 4096 < len(ticks(mt5))


def test_a_long_silence_is_played_within_bounds() -> None:
    clock, mt5 = moving()
    clock.advance(seconds=40 * 86_400)
    tick = mt5.symbol_info_tick("EURUSD")
    now = ServerTime().server_ms(clock.now_ms())
    assert now - 5_000 < tick.time_msc <= now


def test_questions_without_an_answer(desk: Desk) -> None:
    mt5 = desk.mt5
    assert mt5.copy_rates_from_pos("EURUSD", 7, 0, 1) is None
    assert mt5.last_error() == (-2, "Terminal: Invalid params")
    assert mt5.copy_rates_from_pos("NOPE", 1, 0, 1) is None
    assert mt5.last_error() == (-4, "Terminal: Not found")
    assert mt5.copy_rates_range("EURUSD", 1, 0, 1) is None
    assert mt5.last_error() == (-1, "Terminal: Call failed")
    with pytest.raises(SystemError):
        mt5.copy_rates_from_pos("EURUSD", "M1", 0, 1)


def test_a_moved_symbol_stays_where_it_was_put() -> None:
    clock, mt5 = moving()
    mt5.broker.set_price("EURUSD", 1.5, 1.5001)
    clock.advance(seconds=30)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.5
    mt5.broker.market.release("EURUSD")
    clock.advance(seconds=30)
    assert mt5.symbol_info_tick("EURUSD").bid != 1.5
    with pytest.raises(ValueError, match="no price"):
        mt5.broker.set_price("EURUSD", 1.2, 1.1)


def test_following_the_sessions_nothing_moves_on_a_weekend() -> None:
    clock = ManualClock(1_717_848_000_000)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, always_open=False))
    mt5.initialize()
    before = mt5.symbol_info_tick("EURUSD"), mt5.symbol_info_tick("BTCUSD")
    clock.advance(seconds=60)
    assert mt5.symbol_info_tick("EURUSD") == before[0]
    assert mt5.symbol_info_tick("BTCUSD") != before[1]
    days = mt5.copy_rates_from_pos("EURUSD", mt5.TIMEFRAME_D1, 0, 5)["time"] // 86_400
    assert set(((days + 3) % 7).tolist()[:-1]) <= set(range(5))


def followed(seed: int = 1, *, always_open: bool) -> tuple[GeneratedPrices, dict[str, SymbolProfile]]:
    """A source that knows the default symbols and their sessions."""
    source, symbols = GeneratedPrices(seed), by_name(load_symbols())
    source.follow(symbols, Calendar(ServerTime(), always_open=always_open))
    return source, symbols


def at(server: str) -> int:
    """UTC milliseconds of a moment of the server's clock."""
    return ServerTime().utc_ms(int(np.datetime64(server, "ms").astype(np.int64)))


def bars(source: GeneratedPrices, symbol: SymbolProfile, from_ms: int, until_ms: int) -> MinuteBars:
    return source.history(symbol, from_ms, until_ms, anchor=PricePoint(until_ms, 1.0, 1.0))


def test_spreads_are_wide_around_the_servers_midnight() -> None:
    source, euro = GeneratedPrices(), load_symbols()[0]
    midnight = at("2024-06-04T00:00")
    day, night = (source.ticks(euro, moment, moment + 60_000).points() for moment in (midnight - 3_600_000, midnight))
    assert max(point.ask - point.bid for point in day) < min(point.ask - point.bid for point in night)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3000), st.booleans())
def test_prices_stay_within_their_range(seed: int, day: int, always_open: bool) -> None:
    source, symbols = followed(seed, always_open=always_open)
    start = day * 86_400_000 + at("2019-01-01T00:00")
    for name, range_ in (("EURUSD", 0.0025), ("XAUUSD", 0.0025), ("BTCUSD", 0.5)):
        symbol = symbols[name]
        made = bars(source, symbol, start, start + 3 * 86_400_000)
        half = symbol.spread_points * symbol.point / 2 + symbol.point
        assert (made.high <= symbol.mid_price * (1 + range_) + half).all()
        assert (made.low >= symbol.mid_price / (1 + range_) - half).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.booleans())
def test_a_cross_follows_the_two_that_it_is_made_of(seed: int, always_open: bool) -> None:
    source, symbols = followed(seed, always_open=always_open)
    start = at("2024-06-04T08:00")
    columns = [bars(source, symbols[name], start, start + 86_400_000) for name in ("EURUSD", "USDJPY", "EURJPY")]
    common = columns[0].time_ms
    for made in columns:
        common = np.intersect1d(common, made.time_ms)
    one, other, cross = (made.close[np.isin(made.time_ms, common)] for made in columns)
    assert len(common) > 1000
    assert np.abs(cross / (one * other) - 1).max() < 0.0003


def test_a_cross_can_be_a_ratio() -> None:
    symbols = by_name(load_symbols())
    cross = replace(
        symbols["EURUSD"], name="EURGBP", currency_profit="GBP", mid_price=0.85, cross_of=("EURUSD", "GBPUSD")
    )
    source = GeneratedPrices()
    source.follow(symbols | {"EURGBP": cross}, Calendar())
    start = at("2024-06-04T08:00")
    one, other, ratio = (
        bars(source, symbol, start, start + 3_600_000).close for symbol in (symbols["EURUSD"], symbols["GBPUSD"], cross)
    )
    assert np.abs(ratio / (one / other) - 1).max() < 0.0003


def test_a_cross_of_what_is_not_listed_goes_its_own_way_and_none_leads_to_itself() -> None:
    symbols = by_name(load_symbols())
    source = GeneratedPrices()
    source.follow({"EURJPY": symbols["EURJPY"]}, Calendar())
    assert len(source.ticks(symbols["EURJPY"], START, START + 60_000).bid)
    euro, pound = symbols["EURUSD"], symbols["GBPUSD"]
    circle = {"A": replace(euro, name="A", cross_of=("B", "C")), "B": replace(pound, name="B", cross_of=("C", "A"))}
    with pytest.raises(ValueError, match="symbol 'A': cross_of leads back to itself"):
        source.follow(circle, Calendar())


def test_a_symbol_that_never_trades_has_its_middle_price() -> None:
    source = GeneratedPrices()
    never = replace(load_symbols()[0], sessions={})
    source.follow({"EURUSD": never}, Calendar(always_open=False))
    assert source.opening(never, START).bid == never.mid_price
    assert len(source.ticks(never, START, START + 10**8).bid) == 0


def test_weeks_begin_with_a_gap_of_ten_to_fifty_points() -> None:
    source, symbols = followed(always_open=False)
    euro = symbols["EURUSD"]
    gaps = []
    for week in range(40):
        monday = at("2024-01-08T00:00") + week * 7 * 86_400_000
        made = bars(source, euro, monday - 3 * 86_400_000, monday + 12 * 3_600_000)
        place = int(np.argmax(np.diff(made.time_ms))) + 1
        assert made.time_ms[place] - made.time_ms[place - 1] >= 46 * 3_600_000
        gaps.append(abs(made.open[place] - made.close[place - 1]) / euro.point)
    assert min(gaps) >= 8
    assert max(gaps) <= 52
    assert max(gaps) - min(gaps) > 20


def test_a_day_has_busy_and_quiet_hours() -> None:
    source, symbols = followed(always_open=False)
    made = bars(source, symbols["EURUSD"], at("2024-06-03T00:00"), at("2024-06-08T00:00"))
    hours = (made.time_ms + 3 * 3_600_000) // 3_600_000 % 24
    night, busy = made.ticks[hours == 0].mean() / 60, made.ticks[hours == 16].mean() / 60
    assert 0.1 < night < 0.4
    assert 1 <= busy <= 6
    reach = made.high - made.low
    assert reach[hours == 16].mean() > 2 * reach[hours == 1].mean()


def test_news_widen_the_spread_three_to_tenfold_for_minutes() -> None:
    source, symbols = followed(always_open=False)
    made = bars(source, symbols["EURUSD"], at("2024-06-03T09:00"), at("2024-06-07T22:00"))
    minute_of_day = (made.time_ms // 60_000 + 180) % 1440
    by_day = made.spread[(minute_of_day > 60) & (minute_of_day < 23 * 60)]
    wide = by_day[by_day > 2 * symbols["EURUSD"].spread_points]
    assert 5 < len(wide) < len(by_day) / 50
    assert wide.max() <= 11 * symbols["EURUSD"].spread_points
    gold = bars(source, symbols["XAUUSD"], at("2024-06-03T09:00"), at("2024-06-07T22:00"))
    usual = (gold.time_ms // 60_000 + 180) % 1440
    gold_wide = gold.time_ms[(gold.spread > 2 * symbols["XAUUSD"].spread_points) & (usual > 60) & (usual < 23 * 60)]
    assert len(np.intersect1d(gold_wide, made.time_ms)) > 5


def test_there_are_trends_and_quiet_times() -> None:
    source, symbols = followed(always_open=True)
    ratios = []
    for name in ("USDCHF", "BTCUSD", "USTEC", "XAGUSD"):
        made = bars(source, symbols[name], START - 600 * 86_400_000, START)
        hourly = np.log(made.close[::60])
        moves = np.abs(hourly[12:] - hourly[:-12])
        ratios.append(np.percentile(moves, 95) / np.median(moves))
    assert np.mean(ratios) > 3.15  # 2.9 where every half-day is like the others


def test_a_day_moves_as_far_as_the_profile_says() -> None:
    source, symbols = followed(always_open=True)
    for name in ("USDCHF", "USTEC", "BTCUSD"):
        made = bars(source, symbols[name], START - 600 * 86_400_000, START)
        daily = np.diff(np.log(made.close[::1440]))
        assert 0.8 < daily.std() / symbols[name].daily_volatility < 1.3


def test_the_newest_price_of_a_closed_market_is_that_of_its_last_tick() -> None:
    source, symbols = followed(always_open=False)
    saturday = at("2024-06-08T12:00")
    point = source.opening(symbols["EURUSD"], saturday)
    assert at("2024-06-07T23:50") < point.time_ms < at("2024-06-07T23:55")
    assert len(source.ticks(symbols["EURUSD"], saturday, saturday + 3_600_000).bid) == 0
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=ManualClock(saturday), always_open=False))
    assert mt5.initialize()
    assert mt5.symbol_info_tick("EURUSD").time_msc == ServerTime().server_ms(point.time_ms)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**10), st.integers(60_000, 10 * 86_400_000), st.sampled_from([60_000, 300_000]), st.booleans())
def test_a_long_silence_keeps_its_extremes(start: int, length: int, every: int, always_open: bool) -> None:
    source, symbols = followed(always_open=always_open)
    after = START - start
    thin = source.ticks(symbols["EURUSD"], after + 1, after + length + 1, every_ms=every).points()
    ticks = source.ticks(symbols["EURUSD"], after + 1, after + length + 1)
    bids = [point.bid for point in thin]
    if len(ticks.bid):
        assert (max(bids), min(bids), bids[-1]) == (ticks.bid.max(), ticks.bid.min(), ticks.bid[-1])
    assert len(thin) <= 4 * (length // 60_000) + 600
    assert [point.time_ms for point in thin] == sorted(point.time_ms for point in thin)
