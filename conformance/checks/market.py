"""Symbols and prices: `GET /api/symbols` and `GET /api/symbols/{symbol}`."""

import asyncio
from decimal import Decimal

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.reading import number

SYMBOLS, PRICE, UNKNOWN, CURRENT = "TONPO-MKT-010", "TONPO-MKT-020", "TONPO-MKT-040", "TONPO-MKT-050"

MOST_SYMBOLS = 6
LETTERS_OF_A_PAIR = 6
STALE_TICKS = 3


async def _names(run: CheckContext) -> list[str]:
    """Return the listed symbols, those with unusual characters first, then those that trade with the test's symbol."""
    answer = await run.call("listSymbols")
    listed = answer.document.get("symbols")
    names = [name for name in listed if isinstance(name, str) and name] if isinstance(listed, list) else []
    odd = [name for name in names if not name.isalnum() and name != run.symbol]
    plain = [name for name in names if name.isalnum() and name != run.symbol]
    own = [run.symbol] if run.symbol in names else []
    return own + run.random.sample(odd, min(2, len(odd))) + run.random.sample(plain, min(MOST_SYMBOLS, len(plain)))


@check(
    id="market.symbols",
    title="The account's symbols are listed, each once",
    requirements=(SYMBOLS,),
    needs=("account",),
)
async def symbols(run: CheckContext) -> None:
    """List the symbols."""
    answer = await run.call("listSymbols")
    run.require_status(answer, 200, requirement=SYMBOLS)
    listed = answer.document.get("symbols")
    run.require(
        isinstance(listed, list) and bool(listed), SYMBOLS, "there is no list of at least one symbol", found=answer.json
    )
    assert isinstance(listed, list)
    strange = [name for name in listed if not isinstance(name, str) or not name]
    run.require(not strange, SYMBOLS, "a symbol is no name", found=strange)
    twice = sorted({name for name in listed if listed.count(name) > 1}) if len(set(listed)) < len(listed) else []
    run.expect(not twice, SYMBOLS, "a symbol is listed more than once", found=twice)


@check(
    id="market.prices",
    title="Each symbol has its own price, bid not above ask",
    requirements=(PRICE,),
    needs=("account",),
)
async def prices(run: CheckContext) -> None:
    """Ask for a few symbols one by one and then all at once: the same symbols must have the same prices."""
    names = (await _names(run))[:MOST_SYMBOLS]
    alone: dict[str, Decimal] = {}
    for name in names:
        answer = await run.call("getSymbolPrice", path={"symbol": name})
        bid = _judge_price(run, answer, name)
        if bid is not None:
            alone[name] = bid
    if not alone:
        run.could_not_run("no listed symbol has a price now")
    answers = await asyncio.gather(*(run.call("getSymbolPrice", path={"symbol": name}) for name in alone))
    for name, answer in zip(alone, answers, strict=True):
        bid = _judge_price(run, answer, name)
        # No symbol moves by 5 % between two requests, and no two differ by less unless they are the same thing.
        run.expect(
            bid is None or abs(bid - alone[name]) <= alone[name] / 20,
            PRICE,
            f"the price of {name} is another symbol's when several are asked for at once",
            expected=str(alone[name]),
            found=str(bid),
            at=answer,
        )
    kinds = {name[:LETTERS_OF_A_PAIR] for name in alone}
    run.expect(
        len(kinds) <= 2 or len(set(alone.values())) > 1,
        PRICE,
        "every symbol has the same price",
        found={name: str(bid) for name, bid in alone.items()},
    )


def _judge_price(run: CheckContext, answer: Exchange, name: str) -> Decimal | None:
    """Judge one price and return its bid; None for a symbol that has no price now."""
    if answer.status == 503:
        return None
    run.require_status(
        answer, 200, requirement=PRICE, message=f"the price of {name}, which is listed, was not answered"
    )
    bid, ask = number(answer.document.get("bid")), number(answer.document.get("ask"))
    run.require(
        bid is not None and ask is not None, PRICE, f"bid or ask of {name} is no number", found=answer.json, at=answer
    )
    assert bid is not None
    assert ask is not None
    run.expect(bid > 0 and ask > 0, PRICE, f"a price of {name} is not above zero", found=answer.json, at=answer)
    run.expect(bid <= ask, PRICE, f"the bid of {name} is above its ask", found=answer.json, at=answer)
    told = answer.document.get("symbol", name)
    run.expect(told == name, PRICE, f"the answer is about another symbol than {name}", found=told, at=answer)
    return bid


@check(
    id="market.unknown-symbol",
    title="The price of a symbol that the account does not have is 404",
    requirements=(UNKNOWN,),
    needs=("account",),
)
async def unknown_symbol(run: CheckContext) -> None:
    """Ask for names that are not listed, one of them a listed one with something added."""
    listed = await _names(run)
    names = [f"NOSUCH{run.random.randrange(1000):03}", f"{run.symbol}NOSUCH"]
    for name in names:
        if name not in listed:
            answer = await run.call("getSymbolPrice", path={"symbol": name})
            run.expect_status(answer, 404, requirement=UNKNOWN, message=f"the price of {name} was not answered 404")


@check(
    id="market.price-is-current",
    title="The price agrees with the ticks of the same moment",
    requirements=(CURRENT,),
    needs=("account",),
)
async def price_is_current(run: CheckContext) -> None:
    """Follow the ticks until the bid has changed, and look whether the price that is asked for has changed as well."""
    patience = run.target.timeouts.stream_message
    async with run.stream() as stream:
        await stream.send({"type": "subscribe", "symbols": [run.symbol]})
        first = await stream.wait_for("tick", where=lambda one: one.get("symbol") == run.symbol, within=patience)
        if first is None:
            run.could_not_run(f"no tick of {run.symbol} came within {patience:g} s: the market may be closed")
        asked = await run.call("getSymbolPrice", path={"symbol": run.symbol})
        told = [number(asked.document.get(name)) for name in ("bid", "ask")]
        streamed = number(first.get("bid"))
        if None in told or streamed is None or told[0] is None:
            run.could_not_run("there is no price to compare")
        # Ticks of the same second: even in a wild market a price moves less than a thousandth in it.
        run.expect(abs(told[0] - streamed) <= streamed / 1000, CURRENT, "the price is far from the streamed one",
                   expected=str(streamed), found=asked.json, at=asked)  # fmt: skip
        for _ in range(STALE_TICKS):
            moved = await stream.wait_for(
                "tick",
                where=lambda one: (
                    one.get("symbol") == run.symbol and [number(one.get(name)) for name in ("bid", "ask")] != told
                ),
                within=patience,
            )
            if moved is None:
                return
        for _ in range(STALE_TICKS):
            again = await run.call("getSymbolPrice", path={"symbol": run.symbol})
            if [number(again.document.get(name)) for name in ("bid", "ask")] != told:
                break
            await stream.wait_for("tick", where=lambda one: one.get("symbol") == run.symbol, within=patience)
        now = [number(again.document.get(name)) for name in ("bid", "ask")]
        run.expect(now != told, CURRENT, "the price stays the same while the ticks move", found=again.json, at=again)
