"""Trading: order_send, order_check, and the two calculators."""

from typing import Any

from reference_server.simulator.book.records import BUY_TYPES
from reference_server.simulator.calls.book import BookCalls
from reference_server.simulator.calls.functions import positional, requesting
from reference_server.simulator.surface import arguments
from reference_server.simulator.surface.outcome import Failed, call_failed, invalid_parameters, not_found
from reference_server.simulator.surface.requests import trade_request
from reference_server.simulator.surface.structs import Struct
from reference_server.simulator.trading import retcodes


class TradeCalls(BookCalls):
    """The functions that trade."""

    @requesting
    def order_send(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
        """Send a trade request; every refusal by terminal or server is a result, None is a failure of the call."""
        request = trade_request(args, keywords)
        account = self._connected()
        refused = self._switched_off(request)
        if refused is not None:
            return refused
        server = self.broker.trade_server
        return server.send(account, request, read_only=True) if self._is_read_only else server.send(account, request)

    def _switched_off(self, request: Struct) -> Struct | None:
        switches = self.switches
        if switches.tradeapi_disabled:
            raise Failed(-8, "Auto-Trading using Python API disabled in Terminal")
        if not switches.trade_allowed:
            return self.broker.trade_server.refusal(request, retcodes.CLIENT_DISABLES_AT)
        if not switches.connected:
            return self.broker.trade_server.refusal(request, retcodes.CONNECTION)
        return None

    @requesting
    def order_check(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
        """Check a trade request without sending it; retcode 0 means it would pass the terminal."""
        request = trade_request(args, keywords)
        return self.broker.trade_server.check(self._connected(), request)

    @positional(None)
    def order_calc_margin(self, *args: Any) -> float:
        """Margin of an order by itself, in the deposit currency."""
        action, name, volume, price = self._calculation(args, 4)
        account = self._connected()
        symbol = self._quote(name).profile
        if action not in range(8):
            raise invalid_parameters()
        is_buy = action in BUY_TYPES
        try:
            margin = self.broker.ledger.order_margin(account, symbol, is_buy=is_buy, volume=volume, price=price)
        except LookupError:  # a pair that converts the currency has no quote
            raise call_failed() from None
        return account.money(margin)

    @positional(None)
    def order_calc_profit(self, *args: Any) -> float:
        """Profit of opening and closing at two prices, in the deposit currency."""
        action, name, volume, price_open, price_close = self._calculation(args, 5)
        account = self._connected()
        if self.broker.market.symbols.get(name) is None:
            raise not_found()
        if action not in (0, 1) or price_close <= 0:
            raise invalid_parameters()
        try:
            return self.broker.ledger.profit(account, name, action == 0, volume, price_open, price_close)
        except LookupError:
            raise call_failed() from None

    @staticmethod
    def _calculation(args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
        given = arguments.counted(args, count)
        numbers = (arguments.action(given[0]), *map(arguments.number, given[2:]))
        return (numbers[0], arguments.symbol_name(given[1]), *numbers[1:])
