"""Market data on the stream: ticks and quotes of subscribed symbols, and of no other."""

from itertools import pairwise

from conformance.catalogue import check
from conformance.checks.stream_steps import (
    await_moves,
    await_ticks,
    fence,
    is_number,
    market_data,
    patience,
    require_moves,
    some_symbols,
    subscribe,
)
from conformance.context import CheckContext
from conformance.stream import Message

YEAR_2001_MS, YEAR_2100_MS = 978_307_200_000, 4_102_444_800_000
"""Milliseconds of the present; seconds are below, microseconds and nanoseconds above."""

ENOUGH_CHANGES = 4
"""So many changes of a price must have brought more than one quote, whatever a gateway conflates."""


@check(
    id="ticks.subscribed-symbols-tick",
    title="Every subscribed symbol yields ticks, each complete, with sound prices and a time in milliseconds",
    requirements=("TONPO-TICK-010", "TONPO-TICK-030", "TONPO-TICK-040", "TONPO-TICK-050"),
    needs=("account",),
)
async def subscribed_symbols_tick(run: CheckContext) -> None:
    """Subscribe three symbols in one message, and look at everything that comes until each has moved."""
    symbols = await some_symbols(run, 3)
    async with run.stream() as stream:
        await subscribe(run, stream, symbols, request_id="req_001")
        for symbol in symbols:
            await require_moves(run, stream, symbol, "TONPO-TICK-010", 2)
        for tick in stream.received("tick"):
            _judge_tick(run, tick)
        for message in (*stream.received("tick"), *stream.received("quote")):
            _judge_prices(run, message)


def _judge_tick(run: CheckContext, tick: Message) -> None:
    time = tick.get("time")
    is_integer = isinstance(time, int) and not isinstance(time, bool)
    run.expect(
        isinstance(tick.get("symbol"), str)
        and all(is_number(tick.get(name)) for name in ("bid", "ask", "last", "volume"))
        and is_integer,
        "TONPO-TICK-030",
        "a tick lacks a field or has one of another type",
        expected="symbol, bid, ask, last, volume, time",
        found=tick,
    )
    if is_number(time):
        run.expect(
            YEAR_2001_MS < float(str(time)) < YEAR_2100_MS,
            "TONPO-TICK-050",
            "the time of a tick is not in milliseconds",
            expected="milliseconds since 1970-01-01 UTC",
            found=tick,
        )


def _judge_prices(run: CheckContext, message: Message) -> None:
    bid, ask = message.get("bid"), message.get("ask")
    if isinstance(bid, int | float) and isinstance(ask, int | float):
        run.expect(
            0 < bid <= ask,
            "TONPO-TICK-040",
            f"the prices of a {message['type']} are unsound",
            expected="0 < bid <= ask",
            found=message,
        )


@check(
    id="ticks.only-subscribed-symbols",
    title="Ticks and quotes come only for symbols that the connection has subscribed, and none before",
    requirements=("TONPO-TICK-020",),
    needs=("account",),
)
async def only_subscribed_symbols(run: CheckContext) -> None:
    """Compare a connection that has subscribed nothing, then one symbol, with another that has subscribed two."""
    wanted, other = await some_symbols(run, 2)
    async with run.stream() as stream, run.stream() as witness:
        await subscribe(run, witness, [wanted, other])
        await await_moves(run, witness, wanted, 2)
        await await_moves(run, witness, other, 2)
        await fence(run, stream)
        early = market_data(stream.received())
        run.expect(not early, "TONPO-TICK-020", "market data came before any subscription", found=early[:1])
        await subscribe(run, stream, [wanted])
        await await_moves(run, stream, wanted, 2)
        await await_moves(run, witness, other, 2)
        await fence(run, stream)
        strangers = [message for message in market_data(stream.received()) if message.get("symbol") != wanted]
        run.expect(
            not strangers,
            "TONPO-TICK-020",
            "market data came for a symbol that was not subscribed",
            expected=f"only {wanted}",
            found=strangers[:1],
        )


@check(
    id="ticks.changed-prices-yield-quotes",
    title="A change of bid or ask yields a quote",
    requirements=("TONPO-TICK-060", "TONPO-TICK-040"),
    needs=("account",),
)
async def changed_prices_yield_quotes(run: CheckContext) -> None:
    """Follow the ticks of a symbol through several changes, and see that quotes follow too.

    A gateway may leave out quotes that a newer one has overtaken, so they need not be as many as the changes.
    """
    async with run.stream() as stream:
        await subscribe(run, stream, [run.symbol])
        until = run.clock() + 2 * patience(run)
        while _changes(stream.received("tick"), run.symbol) < ENOUGH_CHANGES:
            if run.clock() > until or not await await_ticks(run, stream, run.symbol, 1):
                run.could_not_run(f"the price of {run.symbol} hardly moves now (--symbol names another)")
        await await_ticks(run, stream, run.symbol, 2, kind="quote")
        quotes = [quote for quote in stream.received("quote") if quote.get("symbol") == run.symbol]
        prices = {(str(quote.get("bid")), str(quote.get("ask"))) for quote in quotes}
        run.expect(
            len(prices) > 1,
            "TONPO-TICK-060",
            f"bid or ask of {run.symbol} changed {ENOUGH_CHANGES} times, and the quotes do not follow",
            expected="quotes with more than one pair of prices",
            found=quotes[:3] or "no quote",
        )
        for quote in quotes:
            run.expect(
                is_number(quote.get("bid")) and is_number(quote.get("ask")),
                "TONPO-TICK-060",
                "a quote has no bid or no ask",
                found=quote,
            )
            _judge_prices(run, quote)


def _changes(ticks: list[Message], symbol: str) -> int:
    prices = [(tick.get("bid"), tick.get("ask")) for tick in ticks if tick.get("symbol") == symbol]
    return sum(before != after for before, after in pairwise(prices))


@check(
    id="ticks.in-order-and-once",
    title="The ticks of a symbol come in order, and each once, also when it is subscribed twice",
    requirements=("TONPO-TICK-120",),
    needs=("account",),
)
async def in_order_and_once(run: CheckContext) -> None:
    """Subscribe the same symbols twice, and compare each tick with the one before."""
    symbols = await some_symbols(run, 2)
    async with run.stream() as stream:
        await subscribe(run, stream, symbols)
        await subscribe(run, stream, [*symbols, symbols[0]])
        for symbol in symbols:
            await await_moves(run, stream, symbol, 4)
        for symbol in symbols:
            ticks = [tick for tick in stream.received("tick") if tick.get("symbol") == symbol]
            for before, after in pairwise(ticks):
                run.expect(before != after, "TONPO-TICK-120", f"a tick of {symbol} came twice", found=after)
                is_back = (
                    is_number(before.get("time")) and is_number(after.get("time")) and after["time"] < before["time"]
                )
                run.expect(
                    not is_back,
                    "TONPO-TICK-120",
                    f"the time of the ticks of {symbol} went back",
                    expected=f"{before.get('time')} or later",
                    found=after,
                )


@check(
    id="ticks.channels-narrow",
    title="channels in subscribe narrows the market data to the named kinds",
    requirements=("TONPO-TICK-130",),
    needs=("account",),
)
async def channels_narrow(run: CheckContext) -> None:
    """Subscribe ticks on one connection and quotes on another."""
    async with run.stream() as ticking, run.stream() as quoting:
        await subscribe(run, ticking, [run.symbol], channels=["tick"])
        await subscribe(run, quoting, [run.symbol], channels=["quote"])
        await await_moves(run, ticking, run.symbol, 4)
        quotes = await await_ticks(run, quoting, run.symbol, 1, kind="quote")
        await fence(run, quoting)
        run.expect(quotes == 1, "TONPO-TICK-130", "channels [quote] yields no quote")
        for stream, kind in ((ticking, "tick"), (quoting, "quote")):
            others = [message for message in market_data(stream.received()) if message.get("type") != kind]
            run.expect(not others, "TONPO-TICK-130", f"channels [{kind}] yields other kinds too", found=others[:1])
