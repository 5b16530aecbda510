"""Account information: `GET /api/account`."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from conformance.catalogue import check
from conformance.context import CheckContext
from conformance.desk import Desk, pauses
from conformance.exchange import Exchange
from conformance.reading import is_same_number, number, ticket_of

FIGURES, LIVE, NONE, MORE, SUMS, ALIAS = (f"TONPO-INFO-{row}" for row in ("010", "020", "030", "050", "060", "080"))


async def _info(run: CheckContext) -> Exchange:
    answer = await run.call("getAccountInfo")
    run.require_status(answer, 200, requirement=LIVE)
    return answer


@check(
    id="info.figures",
    title="Account information holds balance, equity, margin, leverage and currency",
    requirements=(FIGURES, MORE),
    needs=("account",),
)
async def figures(run: CheckContext) -> None:
    """Ask for the account, and look that it is the one that was provisioned."""
    answer = await run.call("getAccountInfo")
    run.require_status(answer, 200, requirement=FIGURES)
    info = answer.document
    for name in ("balance", "equity", "margin", "leverage"):
        run.expect(number(info.get(name)) is not None, FIGURES, f"{name} is no number", found=info.get(name))
    currency = info.get("currency")
    run.expect(isinstance(currency, str) and currency != "", FIGURES, "currency is no text", found=currency)
    for name in ("login", "name", "server", "profit", "free_margin", "margin_level"):
        run.expect(name in info, MORE, f"{name} is missing", found=sorted(info))
    credentials = run.account.credentials
    if credentials is not None and "login" in info:
        run.expect(
            str(info["login"]).lstrip("0") == credentials.login.lstrip("0"),
            MORE,
            "login is not that of the account that was provisioned",
            expected=credentials.login,
            found=info["login"],
        )


@check(
    id="info.is-live",
    title="Opening and closing a position shows in the account's equity or margin",
    requirements=(LIVE, SUMS),
    effects="order",
    needs=("account",),
    trades=1,
)
async def is_live(run: CheckContext) -> None:
    """Compare the figures before, with an open position, and after its close."""
    async with Desk(run) as desk:
        before = (await _info(run)).document
        row = await desk.open("buy")
        during = await _changed(run, before)
        for amount, wanted, name in _sums(during):
            run.expect(
                abs(amount - wanted) <= _tolerance(during), SUMS, f"{name}", expected=str(wanted), found=str(amount)
            )
        level, equity, margin = (number(during.get(name)) for name in ("margin_level", "equity", "margin"))
        if level is not None and equity is not None and margin:
            wanted_level = equity / margin * 100
            # The margin is rounded to its smallest coin before the division: half a coin of a few is below 1 %.
            run.expect(
                abs(level - wanted_level) <= wanted_level / 100,
                SUMS,
                "margin_level is not equity / margin in percent",
                expected=str(round(wanted_level, 2)),
                found=str(level),
            )
        await desk.close({"ticket": row["ticket"]})
        await desk.settle_gone(ticket_of(row))
        if is_same_number(before.get("margin"), 0):
            await _margin_free_again(run)


async def _look_until(run: CheckContext, is_right: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask until the figures are right or the target's patience ends, and return the last ones."""
    now = (await _info(run)).document
    for pause in pauses(run):
        if is_right(now):
            break
        await run.pause(pause)
        now = (await _info(run)).document
    return now


async def _changed(run: CheckContext, before: dict[str, Any]) -> dict[str, Any]:
    """Look until equity or margin is another than before."""
    names = ("equity", "margin")

    def has_changed(now: dict[str, Any]) -> bool:
        return any(not is_same_number(now.get(name), before.get(name)) for name in names)

    now = await _look_until(run, has_changed)
    run.require(
        has_changed(now),
        LIVE,
        "neither equity nor margin changed when a position was opened",
        found={name: now.get(name) for name in names},
    )
    return now


async def _margin_free_again(run: CheckContext) -> None:
    """Look until no margin is in use, as before anything was open."""
    now = await _look_until(run, lambda now: is_same_number(now.get("margin"), 0))
    run.expect(
        is_same_number(now.get("margin"), 0),
        LIVE,
        "margin is still in use after the only position was closed",
        expected=0,
        found=now.get("margin"),
    )


def _sums(info: dict[str, Any]) -> list[tuple[Decimal, Decimal, str]]:
    """Return what can be added up from the members that are there: the amount, what it should be, what is wrong."""
    balance, equity, margin, profit, free = (
        number(info.get(name)) for name in ("balance", "equity", "margin", "profit", "free_margin")
    )
    credit = number(info.get("credit")) or Decimal(0)
    sums = []
    if balance is not None and profit is not None and equity is not None:
        sums.append((equity, balance + credit + profit, "equity is not balance plus credit plus profit"))
    if equity is not None and margin is not None and free is not None:
        sums.append((free, equity - margin, "free_margin is not equity minus margin"))
    return sums


def _tolerance(info: dict[str, Any]) -> Decimal:
    """Return how far sums may be off: three amounts, each rounded to the currency's smallest coin."""
    shown = [number(info.get(name)) for name in ("balance", "equity", "margin", "profit")]
    has_coins = any(one is not None and one != one.to_integral_value() for one in shown)
    return Decimal("0.02") if has_coins else Decimal(2)


@check(
    id="info.without-account",
    title="A user without an account is told so",
    requirements=(NONE,),
    effects="account",
    needs=("disposable_user",),
)
async def without_account(run: CheckContext) -> None:
    """Ask for account information as a user who has just been created."""
    answer = await run.call("getAccountInfo")
    run.expect(
        400 <= answer.status < 500,
        NONE,
        "account information of a user without an account was not refused with a 4xx status",
        expected="4xx",
        found=f"HTTP {answer.status}",
        at=answer,
    )


@check(
    id="info.alias",
    title="`GET /api/account/info` is the same as `GET /api/account`",
    requirements=(ALIAS,),
    needs=("account",),
)
async def alias(run: CheckContext) -> None:
    """Ask both, and compare what no price can move in between."""
    first = await run.call("getAccountInfo")
    second = await run.call("getAccountInfoAlias")
    run.require_status(second, 200, requirement=ALIAS)
    names = ("login", "currency", "leverage", "balance")
    told = [{name: one.document.get(name) for name in names} for one in (first, second)]
    run.expect(told[0] == told[1], ALIAS, "the two answers differ", expected=told[0], found=told[1])
    run.expect(set(first.document) == set(second.document), ALIAS, "the two answers have other members",
               expected=sorted(first.document), found=sorted(second.document))  # fmt: skip
