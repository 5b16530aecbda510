"""`Buy`, `Sell` and `Close`, which the genuine package writes in Python over its own functions.

They say nothing of filling, so they are fill-or-kill, and refused where that is not allowed. Without a connection they
fail as the genuine ones do: with AttributeError where there is no tick, with TypeError where there are no positions.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from reference_server.simulator.calls.history import HistoryCalls
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct

PACKAGE = "MetaTrader5"
DEAL = CONSTANTS["TRADE_ACTION_DEAL"]
BUY, SELL = CONSTANTS["ORDER_TYPE_BUY"], CONSTANTS["ORDER_TYPE_SELL"]
DONE = CONSTANTS["TRADE_RETCODE_DONE"]
WORTH_ANOTHER_TRY = (CONSTANTS["TRADE_RETCODE_REQUOTE"], CONSTANTS["TRADE_RETCODE_PRICE_OFF"])
TRIES = 10
DEVIATION = 10


class Shortcut:
    """A function of the package that is a plain one, not a method: it has no `self` in its signature and its errors."""

    def __init__(self, make: Callable[["ShortcutCalls"], Callable[..., Any]]) -> None:
        """`make` builds the function over a terminal."""
        self._make = make

    def __get__(self, terminal: "ShortcutCalls | None", owner: type | None = None) -> Any:
        """The function over the terminal that it is read from; itself when read from the class."""
        if terminal is None:
            return self
        function = self._make(terminal)
        function.__module__, function.__qualname__ = PACKAGE, function.__name__
        function.__annotations__.clear()
        return function


def _buy(terminal: "ShortcutCalls") -> Callable[..., Any]:
    def Buy(  # noqa: N802 - the package's name
        symbol: Any, volume: Any, price: Any = None, *, comment: Any = None, ticket: Any = None
    ) -> Struct | None:
        if price is not None:
            return _send(terminal, BUY, symbol, volume, price, comment, ticket)
        return _insist(terminal, BUY, symbol, volume, comment, ticket)

    return Buy


def _sell(terminal: "ShortcutCalls") -> Callable[..., Any]:
    def Sell(  # noqa: N802 - the package's name
        symbol: Any, volume: Any, price: Any = None, *, comment: Any = None, ticket: Any = None
    ) -> Struct | None:
        if price is not None:
            return _send(terminal, SELL, symbol, volume, price, comment, ticket)
        return _insist(terminal, SELL, symbol, volume, comment, ticket)

    return Sell


def _close(terminal: "ShortcutCalls") -> Callable[..., Any]:
    def Close(  # noqa: N802 - the package's name
        symbol: Any, *, comment: Any = None, ticket: Any = None
    ) -> bool | str | None:
        found = terminal.positions_get(symbol=symbol) if ticket is None else terminal.positions_get(ticket=ticket)
        positions = [position for position in found if position.type in (BUY, SELL)]
        done = 0
        for position in positions:
            kind = SELL if position.type == BUY else BUY
            result = _insist(terminal, kind, symbol, position.volume, comment, position.ticket, needs_tick=False)
            if result is None:
                return None
            done += result.retcode == DONE
        if not done:
            return False
        return True if done == len(positions) else "Partially"

    return Close


def _insist(
    terminal: "ShortcutCalls",
    kind: int,
    symbol: Any,
    volume: Any,
    comment: Any,
    ticket: Any,
    *,
    needs_tick: bool = True,
) -> Struct | None:
    """Send at the price of the moment until the answer is another one than "try again", ten times at most."""
    result = None
    for _ in range(TRIES):
        tick = terminal.symbol_info_tick(symbol)
        if tick is None and not needs_tick:
            return None
        result = _send(terminal, kind, symbol, volume, tick.ask if kind == BUY else tick.bid, comment, ticket)
        if result is None or result.retcode not in WORTH_ANOTHER_TRY:
            break
    return result


def _send(
    terminal: "ShortcutCalls", kind: int, symbol: Any, volume: Any, price: Any, comment: Any, ticket: Any
) -> Struct | None:
    request = {
        "action": DEAL, "symbol": symbol, "volume": volume, "type": kind, "price": price, "deviation": DEVIATION,
    }  # fmt: skip
    if comment is not None:
        request["comment"] = comment
    if ticket is not None:
        request["position"] = ticket
    result: Struct | None = terminal.order_send(request)
    return result


class ShortcutCalls(HistoryCalls):
    """Market orders in one call.

    `Buy(symbol, volume, price=None, *, comment=None, ticket=None)` and `Sell` send one request at the price given, or
    up to ten at the market while the answer is a requote or no price. `Close(symbol, *, comment=None, ticket=None)`
    closes a symbol's positions, or one: True for all, "Partially", False for none, None when a call fails.
    """

    if TYPE_CHECKING:
        Buy: Callable[..., Any]
        Sell: Callable[..., Any]
        Close: Callable[..., Any]
    else:
        Buy = Shortcut(_buy)
        Sell = Shortcut(_sell)
        Close = Shortcut(_close)
