"""Pending orders that are modified, by `POST /api/orders/modify`."""

from typing import Any

from conformance.book import Book, terms
from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.quote import Quote
from conformance.reading import Row, is_accepted, is_refused, ticket_of, told

MOVES, KEPT = "TONPO-PEND-050", "TONPO-PEND-100"
PRICES = ("price", "sl", "tp")
DAY_MS = 86_400_000


async def _changed(run: CheckContext, book: Book, quote: Quote, row: Row, given: dict[str, Any]) -> Row:
    """Modify an order, judge every term of it and of the others, and return it as it is then."""
    what = f"a modification with {' and '.join(given)}"
    others = [terms(one) for one in await book.orders() if ticket_of(one) != row["ticket"]]
    answer = await book.modify({"ticket": row["ticket"], **given})
    run.require(is_accepted(answer), MOVES, f"{what} of a pending order was refused", found=told(answer), at=answer)
    wanted = {name: given.get(name, row.get(name)) for name in PRICES}

    def is_done(rows: list[Row]) -> bool:
        return any(ticket_of(one) == row["ticket"] and _is_at(quote, one, wanted) for one in rows)

    rows = await book.settle_orders(is_done)
    now = next((one for one in rows if ticket_of(one) == row["ticket"]), None)
    run.require(now is not None, MOVES, f"after {what} the order is not listed under its ticket", expected=row,
                found=rows, at=answer)  # fmt: skip
    assert now is not None
    for name in PRICES:
        run.expect(quote.is_at(now.get(name), wanted[name]), MOVES,
                   f"{what} {'did not set' if name in given else 'did not keep'} {name}", expected=wanted[name],
                   found=now.get(name), at=answer)  # fmt: skip
    rest, before = ({k: v for k, v in terms(one).items() if k not in PRICES} for one in (now, row))
    run.expect(rest == before, MOVES, f"{what} changed more than that", expected=before, found=rest, at=answer)
    found = [terms(one) for one in rows if ticket_of(one) != row["ticket"]]
    run.expect(_sorted(found) == _sorted(others), MOVES, f"{what} touched another pending order", expected=others,
               found=found, at=answer)  # fmt: skip
    return now


def _is_at(quote: Quote, row: Row, wanted: dict[str, Any]) -> bool:
    return all(quote.is_at(row.get(name), wanted[name]) for name in PRICES)


def _sorted(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(found, key=lambda one: str(one["ticket"]))


@check(
    id="pending.modified",
    title="A modification moves what it names of a pending order, keeps the rest, and touches no other",
    requirements=(MOVES,),
    effects="order",
    needs=("account",),
    trades=3,
)
async def modified(run: CheckContext) -> None:
    """With an order on each side, move the price of one, then each level alone, all at once, and remove a level."""
    async with Book(run) as book:
        quote = await book.quote()
        await book.rest(book.resting(quote, "buy", "stop"))
        for side, percent in (("buy", 6.0), ("sell", 6.0)):
            body = book.resting(quote, side, "limit", units=2, expiration=_tomorrow(run))
            row = await book.rest({**body, **book.levels(quote, body)})
            moved = book.resting(quote, side, "limit", percent=percent)
            row = await _changed(run, book, quote, row, {"price": moved["price"]})
            near, far = book.levels(quote, moved, 2.0), book.levels(quote, moved, 4.0)
            row = await _changed(run, book, quote, row, {"sl": near["sl"]})
            row = await _changed(run, book, quote, row, {"tp": near["tp"]})
            if side == "buy":
                row = await _changed(run, book, quote, row, {"price": body["price"], **far})
                row = await _changed(run, book, quote, row, {"sl": None})
        run.expect(not await book.rows(), MOVES, "modifying a pending order opened a position")


def _tomorrow(run: CheckContext) -> int:
    """Return an expiration that no check sees, in whole minutes as brokers keep them."""
    return (run.now_ms() + DAY_MS) // 60_000 * 60_000


@check(
    id="pending.modified-stop-limit",
    title="A stop-limit order keeps its limit price when its levels are modified",
    requirements=(MOVES,),
    effects="order",
    needs=("account",),
    trades=2,
)
async def modified_stop_limit(run: CheckContext) -> None:
    """Move the price of a stop order, and set the levels of a stop-limit one: nothing else of it may change."""
    async with Book(run) as book:
        quote = await book.quote()
        stop = await book.rest(book.resting(quote, "sell", "stop"))
        await _changed(run, book, quote, stop, {"price": quote.below(6)})
        body = book.resting(quote, "buy", "stopLimit")
        row = await book.rest(body)
        await _changed(run, book, quote, row, book.levels(quote, body))


@check(
    id="pending.modification-refused",
    title="A modification that is refused leaves the pending order as it was",
    requirements=(KEPT,),
    effects="order",
    needs=("account",),
    trades=2,
)
async def modification_refused(run: CheckContext) -> None:
    """Send nothing to change, impossible prices, levels on the wrong side, and a ticket that is not pending."""
    async with Book(run) as book:
        quote = await book.quote()
        body = book.resting(quote, "buy", "limit")
        row = await book.rest({**body, **book.levels(quote, body)})
        other = await book.rest(book.resting(quote, "sell", "limit"))
        before = _sorted([terms(one) for one in (row, other)])
        ticket, price = row["ticket"], row["price"]
        invalid: tuple[dict[str, Any], ...] = (
            {"ticket": ticket},
            {"ticket": ticket, "price": -price},
            {"ticket": ticket, "price": None, "sl": None},
            {"ticket": ticket, "price": price, "tp": -1},
            {"price": price},
        )
        for given in invalid:
            answer = await book.modify(given, valid=False)
            run.expect(is_refused(answer), KEPT, f"a modification with {_named(given)} was accepted",
                       found=told(answer), at=answer)  # fmt: skip
            await _expect_kept(run, book, before, answer, given)
        wrong = round(price * 1.02, quote.digits)
        for given in (
            {"ticket": ticket, "price": quote.above(2)},
            {"ticket": ticket, "price": quote.below(6), "sl": wrong},
            {"ticket": ticket, "sl": wrong},
        ):
            answer = await book.modify(given)
            if not is_refused(answer):
                break  # this broker takes it, and what an accepted modification does is judged elsewhere
            await _expect_kept(run, book, before, answer, given)
        before = _sorted([terms(one) for one in await book.orders()])
        unknown = {"ticket": book.unknown_order(), "price": quote.below(7)}
        answer = await book.modify(unknown)
        run.expect(is_refused(answer), KEPT, "a new price for an unknown ticket was accepted", found=told(answer),
                   at=answer)  # fmt: skip
        await _expect_kept(run, book, before, answer, unknown)


async def _expect_kept(
    run: CheckContext, book: Book, before: list[dict[str, Any]], answer: Exchange, given: dict[str, Any]
) -> None:
    now = _sorted([terms(row) for row in await book.orders()])
    run.expect(now == before, KEPT, f"a refused modification with {_named(given)} changed a pending order",
               expected=before, found=now, at=answer)  # fmt: skip


def _named(given: dict[str, Any]) -> str:
    return " and ".join(f"{name} {value}" for name, value in given.items() if name != "ticket") or "no change"
