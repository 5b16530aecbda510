"""The end of a pending order by its expiration, and cancelling while an account is paused or out of trades."""

from itertools import chain, repeat

from conformance.book import Book
from conformance.catalogue import check
from conformance.checks.trade_limit_steps import MOST_TRADES, rest, trades_to_use_up
from conformance.context import CheckContext
from conformance.exchange import Exchange
from conformance.reading import is_accepted, number, ticket_of, told

EXPIRES, ALWAYS = "TONPO-PEND-070", "TONPO-PEND-090"

LEADS_SECONDS = (3, 30, 120)
"""How far ahead an expiration is set: further where a broker refuses it, or where it passed before anyone looked."""

EARLY_SECONDS = 2.0
"""How much the clocks of suite and broker may differ before an order counts as withdrawn too early."""

LOOK_SECONDS = (0.5, 0.5, 1.0, 1.0, 2.0, 3.0)
MINUTE_MS = 60_000
DAY_MS = 86_400_000


@check(
    id="pending.expires",
    title="A pending order is withdrawn when its expiration has passed, and not before",
    requirements=(EXPIRES,),
    effects="order",
    needs=("disposable_account",),
    trades=1 + len(LEADS_SECONDS),
    alongside=True,
)
async def expires(run: CheckContext) -> None:
    """Rest one order until tomorrow and one for the shortest time that the broker takes, and wait for its end."""
    async with Book(run) as book:
        quote = await book.quote()
        tomorrow = (run.now_ms() + DAY_MS) // MINUTE_MS * MINUTE_MS
        lasting = await book.rest(book.resting(quote, "buy", "limit", expiration=tomorrow))
        told_end = number(lasting.get("expiration"))
        run.expect(
            told_end is None or abs(told_end - tomorrow) <= MINUTE_MS,
            EXPIRES,
            "the expiration told is not the one asked for",
            expected=tomorrow,
            found=lasting,
        )
        refused: Exchange | None = None
        for lead in LEADS_SECONDS:
            end_ms = run.now_ms() // 1000 * 1000 + lead * 1000
            answer = await book.place(book.resting(quote, "sell", "limit", expiration=end_ms))
            refused = None if is_accepted(answer) else answer
            if refused is None and await _is_watched_to_its_end(run, book, ticket_of(answer.document), end_ms):
                break
        else:
            what = "was never listed" if refused is None else "was refused"
            run.require(False, EXPIRES, f"an order with an expiration in {LEADS_SECONDS[-1]} s {what}",
                        found=told(refused) if refused else None, at=refused)  # fmt: skip
        left = await book.order(lasting["ticket"])
        run.expect(left is not None, EXPIRES, "an order that lasts until tomorrow is gone", expected=lasting)
        run.expect(not await book.rows(), EXPIRES, "an order far from the market opened a position")


async def _is_watched_to_its_end(run: CheckContext, book: Book, ticket: int | None, end_ms: int) -> bool:
    """Look until the order is gone; False when it was not seen before its end, which a slow connection can explain."""
    patience_ms = run.target.timeouts.order_expiry * 1000
    is_seen = False
    for pause in chain(LOOK_SECONDS, repeat(LOOK_SECONDS[-1])):
        asked_ms = run.now_ms()
        is_there = await book.order(ticket) is not None
        is_early = run.now_ms() < end_ms - EARLY_SECONDS * 1000
        if not is_there and (is_seen or not is_early):
            if is_seen:
                run.expect(not is_early, EXPIRES, "an order was withdrawn before its expiration", expected=end_ms,
                           found=run.now_ms())  # fmt: skip
            return is_seen
        is_seen = is_seen or is_there
        if asked_ms > end_ms + patience_ms:
            break
        await run.pause(pause)
    seconds = run.target.timeouts.order_expiry
    run.require(False, EXPIRES, f"an order still rests {seconds:g} s after its expiration", expected=end_ms,
                found=run.now_ms())  # fmt: skip
    return True


@check(
    id="pending.cancel-while-paused",
    title="Pending orders can be cancelled on a paused account",
    requirements=(ALWAYS,),
    effects="order",
    needs=("disposable_account",),
    trades=1,
)
async def cancel_while_paused(run: CheckContext) -> None:
    """Rest an order, pause the account, and cancel."""
    async with Book(run) as book:
        quote = await book.quote()
        row = await book.rest(book.resting(quote, "buy", "limit"))
        await run.call("pauseAccount", path={"account_id": run.disposable_account.id})
        answer = await book.cancel(row["ticket"])
        run.expect(is_accepted(answer), ALWAYS, "cancelling on a paused account was refused", found=told(answer),
                   at=answer)  # fmt: skip
        if is_accepted(answer):
            rows = await book.settle_orders(lambda rows: not rows)
            run.expect(not rows, ALWAYS, "an order cancelled on a paused account is still listed", found=rows)
        await run.call("resumeAccount", path={"account_id": run.disposable_account.id})


@check(
    id="pending.cancel-without-trades",
    title="Pending orders can be cancelled when the plan's trades are used up",
    requirements=(ALWAYS,),
    effects="order",
    needs=("disposable_account",),
    trades=MOST_TRADES,
    alongside=True,
)
async def cancel_without_trades(run: CheckContext) -> None:
    """Rest as many orders as the plan has trades, see the next one refused, and cancel them all."""
    limit = trades_to_use_up(run)
    async with Book(run) as book:
        quote = await book.quote()
        body = book.resting(quote, "buy", "limit")
        for number_of_order in range(limit):
            answer = await book.place(body)
            if not is_accepted(answer):
                run.could_not_run(f"order {number_of_order + 1} of {limit} was refused: {told(answer)}")
        await rest(run)
        beyond = await run.call("placeOrder", body=body, paced=False)
        if beyond.status != 429:
            run.could_not_run("the plan's trades are not used up")
        for row in await book.orders():
            await rest(run)
            answer = await run.call("cancelOrder", path={"ticket": row["ticket"]}, paced=False)
            run.expect(is_accepted(answer), ALWAYS, "cancelling was refused when the plan's trades were used up",
                       found=told(answer), at=answer)  # fmt: skip
