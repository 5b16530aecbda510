"""Money: rounding, conversion between currencies, margin and profit."""

from collections.abc import Mapping

from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.market.symbols import SymbolProfile
from reference_server.simulator.surface.constants import CONSTANTS

FOREX = CONSTANTS["SYMBOL_CALC_MODE_FOREX"]
FUTURES = CONSTANTS["SYMBOL_CALC_MODE_FUTURES"]
CFD_LEVERAGE = CONSTANTS["SYMBOL_CALC_MODE_CFDLEVERAGE"]
FOREX_NO_LEVERAGE = CONSTANTS["SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE"]
EXCHANGE_FUTURES = CONSTANTS["SYMBOL_CALC_MODE_EXCH_FUTURES"]

FLOAT_NOISE = 1e-9


def rounded(amount: float, digits: int) -> float:
    """Round money half away from zero, as the trade server does, whatever noise binary fractions added."""
    return round(amount + FLOAT_NOISE if amount >= 0 else amount - FLOAT_NOISE, digits)


class Exchange:
    """Converts between currencies at the broker's own quotes; through US dollars when there is no direct pair."""

    def __init__(self, quotes: Mapping[str, Quote]) -> None:
        self._pairs = {
            (quote.profile.currency_base, quote.profile.currency_profit): quote
            for quote in quotes.values()
            if quote.profile.calc_mode in (FOREX, FOREX_NO_LEVERAGE)
        }
        self._quotes = quotes

    def _direct(self, currency: str, into: str, *, at_ask: bool) -> float | None:
        pair = self._pairs.get((currency, into))
        if pair is not None:
            quote = self._quotes[pair.profile.name]
            return quote.ask if at_ask else quote.bid
        pair = self._pairs.get((into, currency))
        if pair is not None:
            quote = self._quotes[pair.profile.name]
            return 1.0 / (quote.bid if at_ask else quote.ask)
        return None

    def rate(self, currency: str, into: str, *, at_ask: bool) -> float:
        """Units of `into` per unit of `currency`, dearer (`at_ask`) or cheaper. Raises LookupError without a path."""
        if currency == into:
            return 1.0
        direct = self._direct(currency, into, at_ask=at_ask)
        if direct is not None:
            return direct
        first = self._direct(currency, "USD", at_ask=at_ask)
        second = self._direct("USD", into, at_ask=at_ask)
        if first is None or second is None:
            raise LookupError(f"no quote converts {currency} into {into}")
        return first * second

    def profit_rate(self, symbol: SymbolProfile, into: str, *, gain: bool, close_price: float) -> float:
        """Units of the deposit currency per unit of profit: gains at the cheaper side, losses at the dearer one.

        A pair that contains the deposit currency converts at its own close price.
        """
        if symbol.currency_profit == into:
            return 1.0
        if symbol.calc_mode in (FOREX, FOREX_NO_LEVERAGE) and symbol.currency_base == into:
            return 1.0 / close_price
        return self.rate(symbol.currency_profit, into, at_ask=not gain)

    def margin_rate(self, symbol: SymbolProfile, into: str, *, is_buy: bool, price: float) -> float:
        """Units of the deposit currency per unit of margin: ask for buys, bid for sells.

        A pair that contains the deposit currency converts at its own price.
        """
        if symbol.currency_margin == into:
            return 1.0
        if symbol.calc_mode in (FOREX, FOREX_NO_LEVERAGE) and symbol.currency_profit == into:
            return price
        return self.rate(symbol.currency_margin, into, at_ask=is_buy)


def margin_in_margin_currency(symbol: SymbolProfile, volume: float, price: float, leverage: int) -> float:
    """Margin of `volume` lots opened at `price`, by the symbol's calculation mode, before conversion."""
    if symbol.margin_initial > 0:
        return volume * symbol.margin_initial * symbol.margin_rate
    amount = volume * symbol.contract_size * symbol.margin_rate
    mode = symbol.calc_mode
    if mode == FOREX:
        return amount / leverage
    if mode == FOREX_NO_LEVERAGE:
        return amount
    if mode == CFD_LEVERAGE:
        return amount * price / leverage
    return amount * price


def profit_in_profit_currency(
    symbol: SymbolProfile, *, is_buy: bool, volume: float, price_open: float, price_close: float
) -> float:
    """Profit of closing `volume` lots, before conversion."""
    difference = price_close - price_open if is_buy else price_open - price_close
    return difference * symbol.contract_size * volume
