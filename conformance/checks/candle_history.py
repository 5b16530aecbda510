"""Past candles: `GET /api/symbols/{symbol}/candles`."""

import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from conformance.catalogue import check
from conformance.checks.candles import BAR_SECONDS, PRICES
from conformance.checks.stream_steps import patience, subscribe
from conformance.checks.times import NEAR_MS
from conformance.context import CheckContext
from conformance.desk import pauses
from conformance.exchange import Exchange
from conformance.reading import Row, is_same_number, number, told

RANGE, FRAMES, LIMIT = "TONPO-CAND-010", "TONPO-CAND-020", "TONPO-CAND-030"
SOUND, UNKNOWN, STREAMED = "TONPO-CAND-040", "TONPO-CAND-050", "TONPO-CAND-060"

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LENGTHS_MS = (
    {f"M{minutes}": minutes * 60_000 for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)}
    | {f"H{hours}": hours * HOUR_MS for hours in (1, 2, 3, 4, 6, 8, 12)}
    | {"D1": DAY_MS, "W1": 7 * DAY_MS, "MN1": 28 * DAY_MS}
)
"""How long a candle is in milliseconds, a month at least."""

SOME, MANY = 3, 40
FIRST_DAYS_OF_WEEK = (3, 4)
"""Sunday, with which MT5's weeks begin, and Monday, as days since the epoch, which was a Thursday."""


async def _ask(run: CheckContext, timeframe: str, query: Mapping[str, object], symbol: str | None = None) -> Exchange:
    path = {"symbol": symbol or run.symbol}
    return await run.call("listCandles", path=path, query={"timeframe": timeframe, **query})


async def _candles(
    run: CheckContext, requirement: str, query: Mapping[str, object], timeframe: str = "M1"
) -> list[Row]:
    answer = await _ask(run, timeframe, query)
    if answer.status == 503:
        run.could_not_run(f"there are no prices of {run.symbol} now")
    run.require_status(answer, 200, requirement=requirement, message=f"candles of {timeframe} were not answered")
    found = answer.document.get("candles")
    run.require(isinstance(found, list), requirement, "there is no list called candles", found=answer.json, at=answer)
    return answer.rows("candles")


def _times(rows: Iterable[Row]) -> list[int]:
    return [row["time"] if isinstance(row.get("time"), int) else -1 for row in rows]


@check(
    id="candle-history.timeframes",
    title="All 21 timeframes have candles of their length, and no other is accepted",
    requirements=(FRAMES,),
    needs=("account", "candles"),
)
async def timeframes(run: CheckContext) -> None:
    """Ask for a few candles of each timeframe, and for timeframes that MT5 does not have."""
    seen = 0
    for timeframe in LENGTHS_MS:
        answer = await _ask(run, timeframe, {"limit": SOME})
        if answer.status == 503:
            run.could_not_run(f"there are no prices of {run.symbol} now")
        run.expect_status(answer, 200, requirement=FRAMES, message=f"{timeframe} is not accepted")
        rows = answer.rows("candles")
        seen += bool(rows)
        named = {str(one.get("timeframe")) for one in (answer.document, *rows)}
        run.expect(
            answer.status != 200 or named == {timeframe},
            FRAMES,
            f"{timeframe} is answered with candles of another timeframe",
            expected=timeframe,
            found=sorted(named),
            at=answer,
        )
        run.expect(
            _is_aligned(timeframe, _times(rows)),
            FRAMES,
            f"a candle of {timeframe} does not open on a multiple of it",
            expected="a multiple, whole hours away from UTC at most",
            found=_times(rows),
            at=answer,
        )
    if not seen:
        run.could_not_run(f"{run.symbol} has no candles")
    for timeframe in ("M7", "H5", "m1", "D2", "60"):
        answer = await _ask(run, timeframe, {"limit": SOME})
        run.expect_status(answer, 400, requirement=FRAMES, message=f"the timeframe {timeframe} was not answered 400")


def _is_aligned(timeframe: str, times: list[int]) -> bool:
    """Say whether one clock, whole hours from UTC and an hour less or more in summer, puts all times on multiples."""
    clocks = [
        {hours for hours in range(-14, 15) if _is_multiple(timeframe, at + hours * HOUR_MS)} for at in times if at >= 0
    ]
    return len(clocks) == len(times) and any(
        all(one & {hours, hours + 1} for one in clocks) for hours in range(-15, 15)
    )


def _is_multiple(timeframe: str, at: int) -> bool:
    if timeframe == "MN1":
        local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)
        return at % DAY_MS == 0 and local.day == 1
    if timeframe == "W1":
        return any((at - day * DAY_MS) % (7 * DAY_MS) == 0 for day in FIRST_DAYS_OF_WEEK)
    return at % LENGTHS_MS[timeframe] == 0


@check(
    id="candle-history.sound",
    title="Candles are oldest first, each once, and sound in themselves",
    requirements=(RANGE, SOUND),
    needs=("account", "candles"),
)
async def sound(run: CheckContext) -> None:
    """Look at the latest candles of a minute and of an hour."""
    seen = 0
    for timeframe in ("M1", "H1"):
        rows = await _candles(run, RANGE, {"limit": MANY}, timeframe)
        seen += len(rows)
        times = _times(rows)
        run.expect(times == sorted(set(times)), RANGE, "candles are not oldest first, each time once", found=times)
        now = int(time.time() * 1000)
        for row in rows:
            _judge(run, row)
            run.expect(_times([row])[0] <= now + NEAR_MS, SOUND, "a candle opens in the future",
                       expected=f"before {now}", found=row)  # fmt: skip
        forming = [row for row in rows[:-1] if row.get("complete") is not True]
        run.expect(not forming, SOUND, "a candle that is not the last one is incomplete", expected=[], found=forming)
        for row in rows[-1:]:
            closes = _times([row])[0] + LENGTHS_MS[timeframe]
            # A candle of an hour shows whether the clocks agree; a minute is shorter than they may differ.
            is_early = row.get("complete") is True and timeframe == "H1" and closes > now + NEAR_MS
            run.expect(not is_early, SOUND, "a candle is complete before its time has passed", found=row)
    if not seen:
        run.could_not_run(f"{run.symbol} has no candles")


def _judge(run: CheckContext, row: Row) -> None:
    prices = [number(row.get(name)) for name in PRICES]
    known = [price for price in prices if price is not None and price > 0]
    run.expect(len(known) == len(PRICES), SOUND, "a price of a candle is no number above zero", found=row)
    if len(known) == len(PRICES):
        _, high, low, _ = known
        run.expect(
            low == min(known) and high == max(known),
            SOUND,
            "low or high of a candle does not bound its prices",
            expected="low <= open, close <= high",
            found=row,
        )


@check(
    id="candle-history.ranges",
    title="A range holds the candles that open from its start on and before its end; the limit keeps the newest",
    requirements=(RANGE, LIMIT),
    needs=("account", "candles"),
)
async def ranges(run: CheckContext) -> None:
    """Cut a stretch of closed candles at their own times, and ask for fewer than it holds."""
    rows = await _candles(run, RANGE, {"limit": MANY})
    run.expect(len(rows) <= MANY, LIMIT, f"more than {MANY} candles came", expected=MANY, found=len(rows))
    rows = [row for row in rows if row.get("complete") is True]
    if len(rows) < 8:
        run.could_not_run(f"{run.symbol} has only {len(rows)} closed candles of M1")
    first, end, last = rows[2]["time"], rows[-2]["time"], rows[-3]["time"]
    inside = rows[2:-2]
    cuts: tuple[tuple[dict[str, object], list[Row], str], ...] = (
        ({"from": first, "to": end}, inside, RANGE),
        ({"from": first + 1, "to": end}, inside[1:], RANGE),
        ({"from": first, "to": last}, inside[:-1], RANGE),
        ({"from": first, "to": first + 1}, inside[:1], RANGE),
        ({"from": first, "to": end, "limit": 2}, inside[-2:], LIMIT),
        ({"from": first, "to": end, "limit": 1}, inside[-1:], LIMIT),
        ({"to": end, "limit": 3}, inside[-3:], LIMIT),
    )
    for query, wanted, requirement in cuts:
        found = await _candles(run, requirement, query)
        run.expect(
            _facts(found) == _facts(wanted),
            requirement,
            "a range has other candles than the list that it is a part of",
            expected=_times(wanted),
            found=_times(found) if _times(found) != _times(wanted) else found,
        )
    newest = await _candles(run, RANGE, {"from": rows[-1]["time"]})
    run.expect(
        bool(newest) and newest[0].get("time") == rows[-1]["time"], RANGE, "a range without end leaves out the newest",
        expected=rows[-1], found=newest,
    )  # fmt: skip


def _facts(rows: Iterable[Row]) -> list[tuple[Any, ...]]:
    return [(row.get("time"), *(number(row.get(name)) for name in PRICES)) for row in rows]


@check(
    id="candle-history.unknown-symbol",
    title="Candles of a symbol that the account does not have are 404 symbol_not_found",
    requirements=(UNKNOWN,),
    needs=("account", "candles"),
)
async def unknown_symbol(run: CheckContext) -> None:
    """Ask for a name that nobody has, and for a listed one with something added."""
    for name in (f"NOSUCH{run.random.randrange(1000):03}", f"{run.symbol}NOSUCH"):
        answer = await _ask(run, "H1", {"limit": SOME}, name)
        run.expect(
            answer.status == 404 and answer.document.get("reason") == "symbol_not_found",
            UNKNOWN,
            f"candles of {name} were not answered 404 symbol_not_found",
            expected="404 symbol_not_found",
            found=told(answer),
            at=answer,
        )


@check(
    id="candle-history.as-streamed",
    title="A candle of the stream is the one that REST gives for its time",
    requirements=(STREAMED,),
    needs=("account", "candles"),
    seconds=3 * BAR_SECONDS,
    alongside=True,
)
async def as_streamed(run: CheckContext) -> None:
    """Wait for a candle of M1 on the stream, and ask for the candle of its time."""
    async with run.stream() as stream:
        await subscribe(run, stream, [run.symbol], timeframe="M1")
        candle = await stream.wait_for(
            "candle", where=lambda one: one.get("complete") is True, within=BAR_SECONDS + patience(run)
        )
    if candle is None or not isinstance(candle.get("time"), int):
        run.could_not_run("no candle of M1 came on the stream (--symbol names a livelier one)")
    start, wanted = candle["time"], _facts([candle])
    rows: list[Row] = []
    for pause in (*pauses(run), 0.0):
        rows = await _candles(run, STREAMED, {"from": start, "to": start + LENGTHS_MS["M1"]})
        if _facts(rows) == wanted:
            break
        await run.pause(pause)
    run.expect(
        _facts(rows) == wanted and is_same_number(rows[0].get("volume"), candle.get("volume")),
        STREAMED,
        "REST has another candle for the time of one that was streamed",
        expected=candle,
        found=rows,
    )
