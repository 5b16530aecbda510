"""Replay: files of ticks in every form, what is said of bad ones, loops, and the past before them."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from reference_server.simulator import (
    ManualClock,
    ReplayedPrices,
    ServerTime,
    SimulatedBroker,
    SimulatedMetaTrader5,
    TickFileUnusable,
)

START = 1_717_408_800_000
HEADER = "time_ms,symbol,bid,ask\n"
TICKS = HEADER + "1000,EURUSD,1.1,1.1001\n2000,EURUSD,1.2,1.2001\n2500,GBPUSD,1.3,1.3001\n"


def replayed(file: Path, at_ms: int = START, **options: Any) -> tuple[ManualClock, SimulatedMetaTrader5]:
    clock = ManualClock(at_ms)
    mt5 = SimulatedMetaTrader5(SimulatedBroker(clock=clock, prices=ReplayedPrices(file, **options)))
    assert mt5.initialize()
    return clock, mt5


def written(folder: Path, text: str) -> Path:
    file = folder / "ticks.csv"
    file.write_text(text)
    return file


def test_ticks_of_a_file_are_replayed(tmp_path: Path) -> None:
    clock, mt5 = replayed(written(tmp_path, TICKS), starting_ms=START)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    clock.advance(milliseconds=999)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    clock.advance(milliseconds=1)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.2
    assert mt5.symbol_info_tick("GBPUSD").bid == 1.3
    assert mt5.symbol_info_tick("USDCHF").bid == pytest.approx(0.885, rel=1e-3)


def test_a_file_ends_and_its_last_price_stands(tmp_path: Path) -> None:
    clock, mt5 = replayed(written(tmp_path, TICKS), starting_ms=START)
    clock.advance(seconds=3600)
    tick = mt5.symbol_info_tick("EURUSD")
    assert (tick.bid, tick.time_msc) == (1.2, ServerTime().server_ms(START + 1000))


def test_a_loop_begins_again_on_a_whole_minute(tmp_path: Path) -> None:
    clock, mt5 = replayed(written(tmp_path, TICKS), starting_ms=START, loop=True)
    clock.advance(seconds=60)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    clock.advance(seconds=1)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.2
    clock.advance(seconds=59.5)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.1
    bars = mt5.copy_rates_range("EURUSD", 1, 0, 2**31 - 1)[-3:]
    assert bars["close"].tolist() == [1.2, 1.2, 1.1]
    assert bars["tick_volume"].tolist() == [2, 2, 1]
    ticks = mt5.copy_ticks_range("EURUSD", int(bars["time"][0]), int(bars["time"][2]) + 60, mt5.COPY_TICKS_ALL)
    assert ticks["bid"].tolist() == [1.1, 1.2, 1.1, 1.2, 1.1]


def test_bars_of_a_file_are_those_of_its_ticks_and_a_past_leads_to_them(tmp_path: Path) -> None:
    file = written(tmp_path, HEADER + "0,EURUSD,1.5,1.5001\n30000,EURUSD,1.7,1.7001\n120000,EURUSD,1.6,1.6004\n")
    _, mt5 = replayed(file, START + 3_600_000, starting_ms=START)
    server_s = ServerTime().server_ms(START) // 1000
    bars = mt5.copy_rates_range("EURUSD", 1, server_s - 600, server_s + 600)
    assert len(bars) == 12
    assert bars[-2:].tolist() == [
        (server_s, 1.5, 1.7, 1.5, 1.7, 2, 10, 0),
        (server_s + 120, 1.6, 1.6, 1.6, 1.6, 1, 40, 0),
    ]
    assert bars["close"][-3] == pytest.approx(1.5, rel=1e-3)


def test_deals_of_a_file_are_kept(tmp_path: Path) -> None:
    text = "time_ms,symbol,bid,ask,last,volume,flags\n"
    text += "1000,EURUSD,1.1,1.2,1.1,3,88\n1500,EURUSD,1.1,1.2,0,0,4\n2000,EURUSD,1.1,1.2,1.2,2.5,56\n"
    clock, mt5 = replayed(written(tmp_path, text), starting_ms=START)
    clock.advance(seconds=2)
    server_s = ServerTime().server_ms(START) // 1000
    for mode, flags in (
        (mt5.COPY_TICKS_ALL, [88, 4, 56]),
        (mt5.COPY_TICKS_TRADE, [88, 56]),
        (mt5.COPY_TICKS_INFO, [4]),
    ):
        ticks = mt5.copy_ticks_from("EURUSD", server_s, 100, mode)
        assert ticks["flags"].tolist() == flags
    assert ticks["last"].tolist() == [1.1]
    newest = mt5.symbol_info_tick("EURUSD")
    assert (newest.last, newest.volume, newest.volume_real) == (1.2, 2, 2.5)


def test_a_parquet_file_is_the_same_as_a_csv_file(tmp_path: Path) -> None:
    file = tmp_path / "ticks.parquet"
    columns = {
        "time_ms": [1000, 2000, 2500], "symbol": ["EURUSD", "EURUSD", "GBPUSD"], "bid": [1.1, 1.2, 1.3],
        "ask": [1.1001, 1.2001, 1.3001], "note": ["a", "b", "c"],
    }  # fmt: skip
    parquet.write_table(pyarrow.table(columns), file)
    clock, mt5 = replayed(file, starting_ms=START)
    clock.advance(seconds=10)
    found = mt5.copy_ticks_from("EURUSD", 0, 10, mt5.COPY_TICKS_ALL).tolist()
    clock, mt5 = replayed(written(tmp_path, TICKS), starting_ms=START)
    clock.advance(seconds=10)
    assert mt5.copy_ticks_from("EURUSD", 0, 10, mt5.COPY_TICKS_ALL).tolist() == found
    assert len(found) == 2


@pytest.mark.parametrize("form", ["csv", "parquet", "parquet of dates"])
def test_ticks_that_were_saved_with_pandas_are_replayed_as_they_were(tmp_path: Path, form: str) -> None:
    source = SimulatedMetaTrader5(SimulatedBroker(clock=ManualClock(START)))
    assert source.initialize()
    since = ServerTime().server_ms(START) // 1000 - 600
    ticks = source.copy_ticks_from("EURUSD", since, 1000, source.COPY_TICKS_ALL)
    if form == "csv":  # as DataFrame.to_csv writes it, the index in a column without a name
        file = tmp_path / "ticks.csv"
        rows = [f"{number},{','.join(map(repr, row))}\n" for number, row in enumerate(ticks.tolist())]
        file.write_text(f",{','.join(ticks.dtype.names or ())}\n" + "".join(rows))
    else:  # as DataFrame.to_parquet writes it
        file = tmp_path / "ticks.parquet"
        columns: dict[str, Any] = {name: ticks[name] for name in ticks.dtype.names or ()}
        if form == "parquet of dates":
            columns["time_msc"] = ticks["time_msc"].astype("datetime64[ms]").astype("datetime64[ns]")
        parquet.write_table(pyarrow.table(columns), file)
    _, mt5 = replayed(file, symbol="EURUSD")
    again = mt5.copy_ticks_from("EURUSD", since, 10_000, mt5.COPY_TICKS_ALL)
    assert again["flags"].tolist()[1:] == ticks["flags"].tolist()[1:]
    for name in ("time_msc", "time", "bid", "ask", "last", "volume", "volume_real"):
        assert again[name].tolist() == ticks[name].tolist()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "1000,EURUSD,1.1,1.0\n", "row 2: bid must be above 0, ask not below bid"),
        (HEADER + "1000,EURUSD,1.1,1.2\n1000,EURUSD,0,1.2\n", "row 3: bid must be above 0"),
        (HEADER + "1000,EURUSD,1.1,inf\n", "row 2: bid must be above 0"),
        (HEADER + "1000,EURUSD,1.1,1.2\n2000,EURUSD,x,1.2\n", "row 3: bid is 'x', not a number"),
        (HEADER + "1.5,EURUSD,1.1,1.2\n", "row 2: time_ms is '1.5', not a whole number"),
        (HEADER + f"{10**30},EURUSD,1.1,1.2\n", "row 2: time_ms is '1000.*not a whole number"),
        (HEADER + "-62135596800000,EURUSD,1.1,1.2\n", "row 2: time_ms must be milliseconds since 1970, and before"),
        (HEADER + "1717408800000000,EURUSD,1.1,1.2\n", "row 2: time_ms must be milliseconds since 1970, and before"),
        (HEADER + "1000,EURUSD,1e300,1e300\n", "row 2: a price must be at most 1e\\+12"),
        (HEADER + "1000,EURUSD,1.1\n", "row 2: 3 values in 4 columns"),
        (HEADER + "2000,EURUSD,1.1,1.2\n1000,GBPUSD,1,2\n1500,EURUSD,1,2\n", "row 4: earlier than the tick of EURUSD"),
        ("time_ms,symbol,bid,ask,last\n2000,EURUSD,1.1,1.2,-1\n", "row 2: last must be 0 or more"),
        (HEADER, "there is no tick in it"),
        ("", "the column time_ms is missing; a file of ticks has"),
        ("time_ms,bid,ask\n1,1,1\n", "the column symbol is missing; have it, or say which symbol"),
        (HEADER + "1000,NOPE,1.1,1.2\n", r"the broker lists none of its symbols \(NOPE\)"),
        (HEADER + "1000,\udcff,1.1,1.2\n", "not a CSV file in UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_its_row(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "ticks.csv"
    file.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(TickFileUnusable, match=said) as caught:
        replayed(file)
    assert str(file) in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TickFileUnusable, match="No such file"):
        ReplayedPrices(tmp_path / "none.csv")


def test_bad_parquet_files(tmp_path: Path) -> None:
    file = tmp_path / "ticks.parquet"
    file.write_bytes(b"PAR2")
    with pytest.raises(TickFileUnusable, match="not a Parquet file"):
        ReplayedPrices(file)
    columns: dict[str, list[object]] = {"time_ms": [1, 2], "symbol": ["EURUSD", None], "bid": [1.0, 1.0]}
    parquet.write_table(pyarrow.table(columns | {"ask": [1.0, 1.0]}), file)
    with pytest.raises(TickFileUnusable, match="row 2: symbol is missing"):
        ReplayedPrices(file)
    parquet.write_table(pyarrow.table(columns), file)
    with pytest.raises(TickFileUnusable, match="the column ask is missing"):
        ReplayedPrices(file)


@pytest.mark.parametrize(
    ("times", "bids", "said"),
    [
        (["1", "2"], [1.0, 1.0], "the column time_ms is of type string, not of numbers"),
        ([1, 2], ["1.0", "1.0"], "the column bid is of type string, not of numbers"),
        ([1, 2], [[1.0], [1.0]], "the column bid is of type list.*, not of numbers"),
        ([1.0, float("nan")], [1.0, 1.0], "row 2: time_ms is no whole number"),
        ([1.0, 1.5], [1.0, 1.0], "row 2: time_ms is no whole number"),
        ([1, 2**64 - 1], [1.0, 1.0], "row 2: time_ms is no whole number"),
    ],
)
def test_parquet_columns_hold_numbers(tmp_path: Path, times: list[object], bids: list[object], said: str) -> None:
    file = tmp_path / "ticks.parquet"
    kept = pyarrow.array(times, pyarrow.uint64()) if 2**64 - 1 in times else times
    parquet.write_table(pyarrow.table({"time_ms": kept, "bid": bids, "ask": [2.0, 2.0]}), file)
    with pytest.raises(TickFileUnusable, match=f"ticks.parquet.*{said}"):
        ReplayedPrices(file, symbol="EURUSD")


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ticks.parquet"
    file.write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(TickFileUnusable, match=r"tonpo-spec\[parquet\]"):
        ReplayedPrices(file)


def test_a_replay_keeps_to_the_sessions(tmp_path: Path) -> None:
    friday = int(np.datetime64("2024-06-07T20:30", "ms").astype(np.int64))  # 23:30 of the server
    rows = [f"{friday + minute * 60_000},EURUSD,1.{minute + 10},1.5\n" for minute in range(40)]
    clock, mt5 = replayed(written(tmp_path, HEADER + "".join(rows)), friday)
    broker = SimulatedBroker(
        clock=clock, prices=ReplayedPrices(written(tmp_path, HEADER + "".join(rows))), always_open=False
    )
    closing = SimulatedMetaTrader5(broker)
    assert closing.initialize()
    clock.advance(seconds=3600)
    assert mt5.symbol_info_tick("EURUSD").bid == 1.49
    assert closing.symbol_info_tick("EURUSD").bid == 1.34  # trading ends at 23:55
    assert len(closing.copy_rates_range("EURUSD", 1, friday // 1000 + 10_800, 2**31 - 1)) == 25


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gaps=st.lists(st.integers(0, 200_000), min_size=1, max_size=12),
    cuts=st.lists(st.integers(-400_000, 4_000_000), min_size=2, max_size=6, unique=True),
    loop=st.booleans(),
)
def test_any_split_of_a_replay_gives_the_same_ticks_and_bars(
    tmp_path: Path, gaps: list[int], cuts: list[int], loop: bool
) -> None:
    times = np.cumsum(gaps).tolist()
    rows = [f"{time},EURUSD,1.{number + 10},2.0\n" for number, time in enumerate(times)]
    source = ReplayedPrices(written(tmp_path, HEADER + "".join(rows)), starting_ms=START + 7, loop=loop)
    broker = SimulatedBroker(clock=ManualClock(START), prices=source)
    euro, anchor = broker.market.symbols["EURUSD"], broker.market.openings["EURUSD"]
    edges = sorted({START + cut for cut in cuts})
    whole = source.ticks(euro, edges[0], edges[-1])
    parts = [source.ticks(euro, one, other) for one, other in pairwise(edges)]
    assert [tick for part in parts for tick in part.points()] == whole.points()
    assert (np.diff(whole.time_ms) >= 0).all()
    if loop:
        assert len(source.ticks(euro, START, START + 10**9).bid) >= len(rows) * (10**9 // (times[-1] + 120_000))
    bars = source.history(euro, edges[0], edges[-1], anchor=anchor)
    pieces = [source.history(euro, one, other, anchor=anchor) for one, other in pairwise(edges)]
    assert np.concatenate([piece.close for piece in pieces]).tolist() == bars.close.tolist()
    thin = source.ticks(euro, edges[0], edges[-1], every_ms=60_000).bid.tolist()
    full = whole.bid.tolist()
    if full:
        assert (max(thin), min(thin), thin[0], thin[-1]) == (max(full), min(full), full[0], full[-1])
