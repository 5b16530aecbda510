"""Trading: order_send, order_check, and the two calculators."""

from typing import Any

from reference_server.simulator.book.money import margin_in_margin_currency
from reference_server.simulator.book.records import BUY_TYPES
from reference_server.simulator.calls import arguments
from reference_server.simulator.calls.book import BookCalls
from reference_server.simulator.calls.connection import keyworded, positional
from reference_server.simulator.calls.outcome import Failed, invalid_parameters, not_found
from reference_server.simulator.surface.structs import Struct
from reference_server.simulator.trading import retcodes


class TradeCalls(BookCalls):
    """The functions that trade."""

    @keyworded(None)
    def order_send(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
        """Send a trade request; every refusal by terminal or server is a result, None is a failure of the call."""
        request = arguments.trade_request(args, keywords)
        account = self._connected()
        refused = self._switched_off(request)
        return refused if refused is not None else self.broker.trade_server.send(account, request)

    def _switched_off(self, request: Struct) -> Struct | None:
        switches = self.switches
        if switches.tradeapi_disabled:
            raise Failed(-8, "Auto-Trading using Python API disabled in Terminal")
        if not switches.trade_allowed:
            return self.broker.trade_server.refusal(request, retcodes.CLIENT_DISABLES_AT)
        if not switches.connected:
            return self.broker.trade_server.refusal(request, retcodes.CONNECTION)
        return None

    @keyworded(None)
    def order_check(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
        """Check a trade request without sending it; retcode 0 means it would pass the terminal."""
        request = arguments.trade_request(args, keywords)
        return self.broker.trade_server.check(self._connected(), request)

    @positional(None)
    def order_calc_margin(self, *args: Any) -> float:
        """Margin of an order by itself, in the deposit currency."""
        action, name, volume, price = self._calculation(args, 4)
        account = self._connected()
        symbol = self._quote(name).profile
        if action not in range(8):
            raise invalid_parameters()
        margin = margin_in_margin_currency(symbol, volume, price, account.settings.leverage)
        rate = self.broker.ledger.exchange.margin_rate(
            symbol, account.settings.currency, is_buy=action in BUY_TYPES, price=price
        )
        return account.money(margin * rate)

    @positional(None)
    def order_calc_profit(self, *args: Any) -> float:
        """Profit of opening and closing at two prices, in the deposit currency."""
        action, name, volume, price_open, price_close = self._calculation(args, 5)
        account = self._connected()
        if self.broker.market.symbols.get(name) is None:
            raise not_found()
        if action not in (0, 1) or price_close <= 0:
            raise invalid_parameters()
        return self.broker.ledger.profit(account, name, action == 0, volume, price_open, price_close)

    @staticmethod
    def _calculation(args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
        arguments.exactly(args[1:], count - 1)
        return (arguments.c_int(args[0]), args[1], *map(arguments.number, args[2:]))
