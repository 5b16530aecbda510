"""Steps that checks of the stream take: fences, subscriptions, and telling a quiet market from a silent gateway."""

import math
from collections.abc import Iterable
from typing import Any

from conformance.context import CheckContext
from conformance.holdings import User
from conformance.stream import Message, Stream

__all__ = [
    "answer_to",
    "await_moves",
    "await_ticks",
    "fence",
    "has_moved_since",
    "is_number",
    "market_data",
    "patience",
    "require_answer",
    "require_moves",
    "some_symbols",
    "subscribe",
]

WELL_KNOWN = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD", "AUDUSD", "USDCHF", "USDCAD", "EURJPY")
"""What moves on almost every broker; preferred when a check needs further symbols."""

MARKET_DATA = ("tick", "quote", "candle")


def patience(run: CheckContext) -> float:
    """Return how long a message is waited for, in seconds."""
    return run.target.timeouts.stream_message


def is_number(value: object) -> bool:
    """Say whether a JSON value is a number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def market_data(messages: Iterable[Message], symbols: Iterable[str] | None = None) -> list[Message]:
    """Return the ticks, quotes and candles among the messages; those of `symbols`, or all."""
    wanted = None if symbols is None else set(symbols)
    return [
        message
        for message in messages
        if message.get("type") in MARKET_DATA and (wanted is None or message.get("symbol") in wanted)
    ]


async def some_symbols(run: CheckContext, count: int, *, user: User | None = None) -> list[str]:
    """Return symbols of the account: the test symbol first, then well-known ones. Raises CouldNotRun for too few."""
    listed = (await run.call("listSymbols", user=user)).document.get("symbols")
    names = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    if run.symbol not in names:
        run.could_not_run(f"the account has no symbol {run.symbol} (--symbol names another)")
    others = [name for name in (*WELL_KNOWN, *names) if name in names and name != run.symbol]
    found = [run.symbol, *dict.fromkeys(others)][:count]
    if len(found) < count:
        run.could_not_run(f"the account has {len(found)} symbols, and the check compares {count}")
    return found


async def answer_to(run: CheckContext, stream: Stream, text: str | bytes | Message, *kinds: str) -> Message | None:
    """Send a message, or any text or binary frame, and take the first message of one of `kinds` that follows it."""
    earlier = {id(message) for message in stream.received()}
    if isinstance(text, bytes):
        await stream.send_bytes(text)
    elif isinstance(text, str):
        await stream.send_text(text)
    else:
        await stream.send(text)
    return await stream.wait_any(
        where=lambda message: message.get("type") in kinds and id(message) not in earlier, within=patience(run)
    )


async def require_answer(run: CheckContext, stream: Stream, message: Message, kind: str) -> Message:
    """Send a message and return its answer. Raises CouldNotRun when none comes: another check judges that."""
    answer = await answer_to(run, stream, message, kind, "error")
    if answer is None or answer.get("type") != kind:
        got = "nothing" if answer is None else f"an error: {answer.get('message')}"
        run.could_not_run(f"{message['type']} was answered by {got}, and the check needs {kind}")
    return answer


async def fence(run: CheckContext, stream: Stream) -> None:
    """Exchange `ping` and `pong`: what the gateway sent before is here afterwards. Raises CouldNotRun without pong.

    An `error` that comes first belongs to an earlier message.
    """
    if await answer_to(run, stream, {"type": "ping"}, "pong") is None:
        run.could_not_run("ping is not answered, and the check needs pong")


async def subscribe(run: CheckContext, stream: Stream, symbols: Iterable[str], **more: Any) -> Message:
    """Subscribe, and return `subscribed`. Raises CouldNotRun when it does not come: another check judges that."""
    return await require_answer(run, stream, {"type": "subscribe", "symbols": list(symbols), **more}, "subscribed")


async def await_ticks(
    run: CheckContext, stream: Stream, symbol: str, count: int, *, kind: str = "tick", within: float | None = None
) -> int:
    """Take up to `count` ticks (or quotes) of a symbol that were not taken before; return how many came in time."""
    until = run.clock() + (patience(run) if within is None else within)
    for taken in range(count):
        left = max(0.0, until - run.clock())
        if await stream.wait_for(kind, where=lambda message: message.get("symbol") == symbol, within=left) is None:
            return taken
    return count


async def has_moved_since(run: CheckContext, stream: Stream, mark: int, symbol: str, count: int = 1) -> bool:
    """Wait for `count` messages of market data of a symbol after `mark`; say whether they came in time."""
    until = run.clock() + patience(run)
    while len(market_data(stream.since(mark), [symbol])) < count:
        left = until - run.clock()
        if left <= 0 or not await await_ticks(run, stream, symbol, 1, within=left):
            return False
    return True


async def await_moves(run: CheckContext, stream: Stream, symbol: str, count: int = 1) -> None:
    """Wait for `count` ticks of a subscribed symbol. Raises CouldNotRun without them: another check judges that."""
    if await await_ticks(run, stream, symbol, count) < count:
        run.could_not_run(f"{symbol} yields too few ticks now (--symbol names another)")


async def require_moves(run: CheckContext, stream: Stream, symbol: str, requirement: str, count: int = 1) -> None:
    """Wait for ticks of a subscribed symbol. When none come, look at the price over REST for as long again.

    Asserts `requirement` when the price moved without a tick; raises CouldNotRun when the market is quiet.
    """
    if await await_ticks(run, stream, symbol, count) == count:
        run.expect(True, requirement, "")
        return
    before = await _price(run, symbol)
    mark = stream.mark()
    await await_ticks(run, stream, symbol, 1)
    after = await _price(run, symbol)
    later = [message.get("type") for message in market_data(stream.since(mark), [symbol])]
    has_moved = before is not None and (before != after or "quote" in later)
    if "tick" in later or not has_moved:
        run.could_not_run(f"the price of {symbol} hardly moves now (--symbol names another)")
    run.require(
        False,
        requirement,
        f"the price of {symbol} moved, and the subscription yields no tick",
        expected=f"{count} ticks within {patience(run):g} s",
        found=f"bid and ask over REST went from {before} to {after}",
    )


async def _price(run: CheckContext, symbol: str) -> tuple[object, object] | None:
    answer = await run.call("getSymbolPrice", path={"symbol": symbol})
    found = answer.document.get("bid"), answer.document.get("ask")
    return found if answer.status == 200 and all(map(is_number, found)) else None
