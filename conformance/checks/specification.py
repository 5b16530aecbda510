"""What symbols are like: the specification in `GET /api/symbols/{symbol}`."""

from decimal import Decimal
from typing import Any

from conformance.catalogue import check
from conformance.checks.stream_steps import some_symbols
from conformance.context import CheckContext
from conformance.desk import Desk
from conformance.errors import PrerequisiteFailed
from conformance.exchange import Exchange
from conformance.reading import decimals, is_accepted, is_refused, number, told

FIELDS, VOLUMES, DIGITS, LEAST = (f"TONPO-SPEC-0{row}0" for row in (1, 2, 3, 4))

MOST_SYMBOLS = 4
LOOKS = 3
"""Prices that are looked at per symbol: the last decimal of one may be a zero by chance."""

NUMBERS = ("contractSize", "volumeMin", "volumeMax", "volumeStep")
COUNTS = ("digits", "stopsLevel")
CURRENCIES = ("currencyBase", "currencyProfit", "currencyMargin")


async def _specified(run: CheckContext, symbol: str, requirement: str) -> Exchange | None:
    """Ask for a symbol; None when it has no price now."""
    answer = await run.call("getSymbolPrice", path={"symbol": symbol})
    if answer.status == 503:
        return None
    run.require_status(answer, 200, requirement=requirement, message=f"{symbol}, which is listed, was not answered")
    return answer


async def _symbols(run: CheckContext) -> list[str]:
    listed = (await run.call("listSymbols")).document.get("symbols")
    count = len(listed) if isinstance(listed, list) else 0
    return await some_symbols(run, max(1, min(MOST_SYMBOLS, count)))


@check(
    id="specification.fields",
    title="A symbol tells its digits, contract, volumes, stops level, filling modes, sessions and currencies",
    requirements=(FIELDS, VOLUMES, DIGITS),
    needs=("account", "symbol-specification"),
)
async def fields(run: CheckContext) -> None:
    """Look at a few symbols, and hold their prices against their digits."""
    seen = 0
    for symbol in await _symbols(run):
        answer = await _specified(run, symbol, FIELDS)
        if answer is None:
            continue
        seen += 1
        _judge_fields(run, answer, symbol)
        _judge_volumes(run, answer, symbol)
        for look in range(LOOKS):
            if look:
                answer = await _specified(run, symbol, FIELDS)
            if answer is not None:
                _judge_digits(run, answer, symbol)
    if not seen:
        run.could_not_run("no symbol has a price now")


def _judge_fields(run: CheckContext, answer: Exchange, symbol: str) -> None:
    body = answer.document
    wrong: list[str] = [name for name in NUMBERS if (number(body.get(name)) or 0) <= 0]
    wrong += [name for name in COUNTS if not _is_count(body.get(name))]
    wrong += [name for name in CURRENCIES if not (isinstance(body.get(name), str) and body[name])]
    modes, sessions = body.get("fillingModes"), body.get("sessions")
    wrong += [] if isinstance(modes, list) and all(isinstance(one, str) and one for one in modes) else ["fillingModes"]
    wrong += [] if isinstance(sessions, list) and all(map(_is_session, sessions)) else ["sessions"]
    run.expect(
        not wrong,
        FIELDS,
        f"the specification of {symbol} lacks what it must tell, or tells nonsense",
        expected=[*COUNTS, *NUMBERS, *CURRENCIES, "fillingModes", "sessions"],
        found=wrong,
        at=answer,
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_session(one: Any) -> bool:
    return isinstance(one, dict) and _is_count(one.get("from")) and _is_count(one.get("to")) and one["from"] < one["to"]


def _judge_volumes(run: CheckContext, answer: Exchange, symbol: str) -> None:
    least, most, step = (number(answer.document.get(name)) for name in ("volumeMin", "volumeMax", "volumeStep"))
    if least is None or most is None or step is None:
        return
    run.expect(step > 0, VOLUMES, f"the volume step of {symbol} is not above zero", found=str(step), at=answer)
    run.expect(0 < least <= most, VOLUMES, f"the volume limits of {symbol} are no range",
               expected="0 < minimum <= maximum", found=[str(least), str(most)], at=answer)  # fmt: skip


def _judge_digits(run: CheckContext, answer: Exchange, symbol: str) -> None:
    digits = number(answer.document.get("digits"))
    if digits is None:
        return
    for name in ("bid", "ask"):
        price = number(answer.document.get(name))
        run.expect(
            price is None or decimals(price) <= digits,
            DIGITS,
            f"the {name} of {symbol} has more decimals than its digits",
            expected=str(digits),
            found=answer.document.get(name),
            at=answer,
        )


@check(
    id="specification.least-volume",
    title="The least volume is accepted, and less is refused",
    requirements=(LEAST,),
    effects="order",
    needs=("account", "symbol-specification"),
    trades=2,
)
async def least_volume(run: CheckContext) -> None:
    """Order less than the least, then the least."""
    answer = await _specified(run, run.symbol, LEAST)
    least = number(answer.document.get("volumeMin")) if answer is not None else None
    step = number(answer.document.get("volumeStep")) if answer is not None else None
    if least is None or step is None or least <= 0 or step <= 0:
        raise PrerequisiteFailed(f"the specification of {run.symbol} could not be had")
    if not run.target.is_sandbox and least > run.target.max_volume:
        run.could_not_run(f"the least volume of {run.symbol}, {least}, is above max_volume {run.target.max_volume}")
    async with Desk(run) as desk:
        less = least - step if least > step else least / 2
        refused = await desk.place(desk.body("buy") | {"volume": float(less)})
        run.expect(is_refused(refused), LEAST, "less than the least volume is accepted", expected=f"at least {least}",
                   found=_asked(less, refused), at=refused)  # fmt: skip
        if is_accepted(refused):
            for row in await desk.opened(refused):
                await desk.close({"ticket": row.get("ticket")}, valid=False)
            await desk.settle(lambda rows: not rows)
        accepted = await desk.place(desk.body("buy") | {"volume": float(least)})
        run.expect(is_accepted(accepted), LEAST, "the least volume is refused", expected="accepted",
                   found=_asked(least, accepted), at=accepted)  # fmt: skip
        if is_accepted(accepted):
            await desk.opened(accepted)


def _asked(volume: Decimal, answer: Exchange) -> str:
    return f"{volume} lots: {told(answer)}"
