"""Candles on the stream: sent when a bar closes, for the subscribed timeframe."""

from conformance.catalogue import check
from conformance.checks.stream_steps import await_ticks, is_number, patience, some_symbols, subscribe
from conformance.context import CheckContext
from conformance.stream import Message

BAR_SECONDS = 60
"""A bar of M1, the shortest timeframe."""

QUIET_SECONDS = 0.5
"""How long after one connection's candle another one's is waited for, which must not come."""

PRICES = ("open", "high", "low", "close")


@check(
    id="candles.closed-bars",
    title="A subscribed timeframe yields a candle when a bar closes: complete, and sound in itself",
    requirements=("TONPO-TICK-080", "TONPO-TICK-090", "TONPO-TICK-100", "TONPO-TICK-110"),
    needs=("account",),
    seconds=3 * BAR_SECONDS,
    alongside=True,
)
async def closed_bars(run: CheckContext) -> None:
    """Wait for a bar of M1 to close, next to a connection that asked for no timeframe.

    A bar is closed by the next tick, so a little more than a minute may pass. That candles come is a SHOULD, that those
    which come are sound a MUST: without any there is nothing more to judge.
    """
    symbols = await some_symbols(run, 2)
    async with run.stream() as stream, run.stream() as plain:
        await subscribe(run, stream, symbols, timeframe="M1")
        await subscribe(run, plain, symbols)
        candle = await stream.wait_for("candle", within=BAR_SECONDS + patience(run))
        if candle is None:
            moved = sum([await await_ticks(run, plain, symbol, 2, within=0.0) for symbol in symbols])
            if not moved or not await await_ticks(run, plain, symbols[0], 2):
                run.could_not_run("no price moves now, so no bar closes (--symbol names another)")
            run.expect(False, "TONPO-TICK-110", "a minute ended while prices moved, and no candle of M1 came")
            return
        if candle.get("complete") is True:
            await stream.wait_for("candle", within=min(1.0, patience(run)))
        candles = stream.received("candle")
        for one in candles:
            _judge(run, one)
        run.expect(
            all(one.get("timeframe") == "M1" and one.get("symbol") in symbols for one in candles),
            "TONPO-TICK-110",
            "a candle is of another symbol or timeframe than was subscribed",
            expected=f"M1 of {' or '.join(symbols)}",
            found=candles,
        )
        await plain.wait_for("candle", within=min(QUIET_SECONDS, patience(run)))
        unasked = plain.received("candle")
        run.expect(not unasked, "TONPO-TICK-110", "without timeframe a candle came", expected="none", found=unasked[:1])


def _judge(run: CheckContext, candle: Message) -> None:
    integers = [candle.get("time"), candle.get("volume")]
    has_form = (
        all(isinstance(candle.get(name), str) and candle[name] for name in ("symbol", "timeframe"))
        and all(isinstance(one, int) and not isinstance(one, bool) for one in integers)
        and all(is_number(candle.get(name)) for name in PRICES)
        and "complete" in candle
    )
    run.expect(
        has_form,
        "TONPO-TICK-080",
        "a candle lacks a field or has one of another type",
        expected="symbol, timeframe, time, open, high, low, close, volume, complete",
        found=candle,
    )
    prices = [float(candle[name]) for name in PRICES if is_number(candle.get(name))]
    if len(prices) == len(PRICES):
        run.expect(
            candle["low"] <= min(prices) and candle["high"] >= max(prices),
            "TONPO-TICK-090",
            "low or high of a candle does not bound its prices",
            expected="low <= open, close <= high",
            found=candle,
        )
    run.expect(
        candle.get("complete") is True,
        "TONPO-TICK-100",
        "a candle was sent before its bar closed",
        expected="complete: true",
        found=candle,
    )
