"""What an account's positions and orders are worth and need: profit, margin, and the present state of both."""

from collections.abc import Mapping

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.exposure import position_margin
from reference_server.simulator.book.money import (
    Exchange,
    margin_in_margin_currency,
    profit_in_profit_currency,
    rounded,
)
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote


class Valuation:
    """Values accounts at the broker's own quotes."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._quotes: Mapping[str, Quote] = market.quotes
        self.exchange = Exchange(market.quotes)

    def order_margin(
        self, account: Account, symbol: SymbolProfile, *, is_buy: bool, volume: float, price: float
    ) -> float:
        """Margin of an order by itself, in the deposit currency, not rounded. Raises LookupError without a quote."""
        margin = margin_in_margin_currency(symbol, volume, price, account.settings.leverage, is_buy=is_buy)
        return margin * self.exchange.margin_rate(symbol, account.settings.currency, is_buy=is_buy, price=price)

    def reserved_margin(self, account: Account, order: Order) -> float:
        """What a pending order holds while it waits: nothing on retail accounts, unless the symbol says so."""
        symbol = self._market.symbols[order.symbol]
        part = 1.0 if account.is_exchange else symbol.margin_rate_pending
        if not part:
            return 0.0
        price = order.price_stoplimit or order.price_open
        return part * self.order_margin(account, symbol, is_buy=order.is_buy, volume=order.volume_current, price=price)

    def reserve_again(self, account: Account, order: Order) -> None:
        """Work out what an active order holds, after its price, volume or type has changed."""
        held, order.margin = order.margin, self.reserved_margin(account, order)
        if held or order.margin:
            account.exposure(order.symbol).reserve()
            self.total(account)

    def count(self, account: Account, position: Position, volume: float) -> None:
        """Count a volume of a position, negative to take it away, in the exposure its margin comes from."""
        symbol = self._market.symbols[position.symbol]
        margin = position_margin(symbol, position, volume, account.settings.leverage)
        account.exposure(position.symbol).add(is_buy=position.is_buy, volume=volume, margin=margin)

    def recount(self, account: Account) -> None:
        """Work out margins again, after the account's leverage has changed."""
        for name, exposure in list(account.exposures.items()):
            exposure.long_volume = exposure.long_margin = exposure.short_volume = exposure.short_margin = 0.0
            for position in exposure.positions.values():
                self.count(account, position, position.volume)
            for order in exposure.orders.values():
                order.margin = self.reserved_margin(account, order)
            exposure.reserve()
            self.revalue(account, name)

    def profit(
        self, account: Account, symbol_name: str, is_buy: bool, volume: float, price_open: float, price_close: float
    ) -> float:
        """Profit in the deposit currency, rounded. Raises LookupError when no quote converts the currency."""
        symbol = self._market.symbols[symbol_name]
        amount = profit_in_profit_currency(
            symbol, is_buy=is_buy, volume=volume, price_open=price_open, price_close=price_close
        )
        currency = account.settings.currency
        if symbol.currency_profit != currency:
            amount *= self.exchange.profit_rate(symbol, currency, gain=amount > 0, close_price=price_close)
        return account.money(amount)

    def revalue(self, account: Account, symbol_name: str) -> None:
        """Bring the positions of a symbol, and with them floating profit and margin, to the present quote."""
        exposure = account.exposures.get(symbol_name)
        if exposure is None:
            self.total(account)
            return
        quote = self._quotes[symbol_name]
        symbol, currency, digits = quote.profile, account.settings.currency, account.settings.currency_digits
        is_foreign = symbol.currency_profit != currency
        for position in exposure.positions.values():
            is_buy = position.is_buy
            position.price_current = price = quote.bid if is_buy else quote.ask
            amount = profit_in_profit_currency(
                symbol, is_buy=is_buy, volume=position.volume, price_open=position.price_open, price_close=price
            )
            if is_foreign:
                amount *= self.exchange.profit_rate(symbol, currency, gain=amount > 0, close_price=price)
            position.profit = rounded(amount, digits)
        if not exposure.positions and not exposure.orders:
            del account.exposures[symbol_name]
        self.total(account)

    def total(self, account: Account) -> None:
        """Add up floating profit and margin again."""
        account.floating = account.money(sum(p.profit + p.swap for p in account.positions.values()))
        account.margin = account.money(
            sum(exposure.margin(self._market.symbols[name]) for name, exposure in account.exposures.items())
        )
