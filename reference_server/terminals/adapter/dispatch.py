"""Sending of trade requests: filling modes, fresh prices after a requote, and the verdict on each answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from reference_server.domain.errors import OutcomeUnknown, PriceUnavailable
from reference_server.domain.market import Tick
from reference_server.domain.trading import Side
from reference_server.terminals.adapter import requests, retcodes
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import EXECUTION_MARKET
from reference_server.terminals.adapter.retcodes import Verdict
from reference_server.terminals.adapter.symbols import Symbols, TradingRules

_REQUOTE_RETRIES: Final = 2

DealBuilder = Callable[[TradingRules, int, float | None], requests.Request]
"""Builds a deal from the symbol, a filling mode and a price."""


class Dispatch:
    """Sends requests for one account. `on_send` is called just before each one leaves; if it raises, none does."""

    def __init__(self, connection: Connection, symbols: Symbols, price_of: Callable[[str], Tick]) -> None:
        self._connection = connection
        self._symbols = symbols
        self._price_of = price_of
        self.on_send: Callable[[], None] = _nothing

    def send(self, request: requests.Request) -> Any:
        """Send one request and give its answer. Raises OutcomeUnknown where the answer does not settle it."""
        self.on_send()
        answer = self._connection.send(request)
        if retcodes.verdict_of(answer.retcode, reached_server=bool(answer.request_id)) is Verdict.UNKNOWN:
            raise OutcomeUnknown
        return answer

    def send_deal(self, symbol: TradingRules, side: Side, build: DealBuilder) -> Any:
        """Send a deal; under instant execution at the current price, and again with a fresh one when requoted.

        One that is refused for want of a price is sent once more when there is one.
        """
        may_await = True
        retries = _REQUOTE_RETRIES
        while True:
            price = self._deal_price(symbol, side)
            answer = self.send_with_fillings(symbol, requests.market_fillings, partial(_at_price, build, price))
            if answer.retcode == retcodes.NO_PRICES and may_await:
                may_await = False
                if self._symbols.await_tick(symbol.name) is not None:
                    continue
            is_requote = answer.retcode in (retcodes.REQUOTE, retcodes.PRICE_CHANGED)
            if not is_requote or price is None or not retries:
                return answer
            retries -= 1

    def send_with_fillings(
        self,
        symbol: TradingRules,
        fillings: Callable[[TradingRules], tuple[int, ...]],
        build: Callable[[TradingRules, int], requests.Request],
    ) -> Any:
        """Send with the best filling mode; when the broker refuses it, read the symbol again and try one other."""
        first = fillings(symbol)[0]
        answer = self.send(build(symbol, first))
        if answer.retcode != retcodes.INVALID_FILL:
            return answer
        fresh = self._symbols.rules(symbol.name, refresh=True)
        others = [filling for filling in fillings(fresh) if filling != first]
        return self.send(build(fresh, others[0])) if others else answer

    def _deal_price(self, symbol: TradingRules, side: Side) -> float | None:
        """The price that a deal must name: none where the broker executes at the market."""
        if symbol.execution >= EXECUTION_MARKET:
            return None
        try:
            tick = self._price_of(symbol.name)
        except PriceUnavailable:
            return 0.0
        return tick.ask if side is Side.BUY else tick.bid


class Rehearsal(Dispatch):
    """Goes through the sending of a request, filling modes and prices included, and has each one only checked."""

    def send(self, request: requests.Request) -> Any:
        """Check one request and give what the terminal says of it. Raises TerminalUnavailable."""
        return self._connection.check(request)


def is_accepted(answer: Any) -> bool:
    """Whether the broker took the request."""
    return retcodes.verdict_of(answer.retcode, reached_server=bool(answer.request_id)) is Verdict.ACCEPTED


def _at_price(build: DealBuilder, price: float | None, symbol: TradingRules, filling: int) -> requests.Request:
    return build(symbol, filling, price)


def _nothing() -> None:
    """What happens before a request leaves when nobody wants to know."""
