"""Money: rounding, conversion between currencies, margin and profit."""

from collections.abc import Mapping

from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS

FOREX = CONSTANTS["SYMBOL_CALC_MODE_FOREX"]
FUTURES = CONSTANTS["SYMBOL_CALC_MODE_FUTURES"]
CFD_LEVERAGE = CONSTANTS["SYMBOL_CALC_MODE_CFDLEVERAGE"]
FOREX_NO_LEVERAGE = CONSTANTS["SYMBOL_CALC_MODE_FOREX_NO_LEVERAGE"]
CFD_INDEX = CONSTANTS["SYMBOL_CALC_MODE_CFDINDEX"]
FUTURES_MODES = (FUTURES, CONSTANTS["SYMBOL_CALC_MODE_EXCH_FUTURES"])

FLOAT_NOISE = 1e-9
LOT_DIGITS = 8
SCALES = tuple(10.0**digits for digits in range(LOT_DIGITS + 1))
EXACT = 2.0**49  # below, an amount in units of its last digit, with half of one more, is what it says


def rounded(amount: float, digits: int) -> float:
    """Round money half away from zero, as the trade server does, whatever noise binary fractions added."""
    if digits <= LOT_DIGITS:
        scale = SCALES[digits]
        units, half = amount * scale, 0.5 + FLOAT_NOISE * scale
        if 0 <= units < EXACT:
            return int(units + half) / scale  # `round` takes several times as long
        if -EXACT < units < 0:
            return int(units - half) / scale
    return round(amount + FLOAT_NOISE if amount >= 0 else amount - FLOAT_NOISE, digits)


def lots(volume: float) -> float:
    """Take the binary noise off a volume."""
    units = volume * SCALES[LOT_DIGITS]
    return int(units + 0.5) / SCALES[LOT_DIGITS] if 0 <= units < EXACT else round(volume, LOT_DIGITS)


class Exchange:
    """Converts between currencies at the broker's own quotes; through US dollars when there is no direct pair.

    Of several pairs of the same two currencies the first one listed is used.
    """

    def __init__(self, quotes: Mapping[str, Quote]) -> None:
        self._pairs: dict[tuple[str, str], str] = {}
        for name, quote in quotes.items():
            profile = quote.profile
            if profile.calc_mode in (FOREX, FOREX_NO_LEVERAGE):
                self._pairs.setdefault((profile.currency_base, profile.currency_profit), name)
        self.pair_names = frozenset(self._pairs.values())
        self._quotes = quotes

    def _direct(self, currency: str, into: str, *, at_ask: bool) -> float | None:
        name = self._pairs.get((currency, into))
        if name is not None:
            quote = self._quotes[name]
            price = quote.ask if at_ask else quote.bid
            return price if price > 0 else None
        name = self._pairs.get((into, currency))
        if name is not None:
            quote = self._quotes[name]
            price = quote.bid if at_ask else quote.ask
            return 1.0 / price if price > 0 else None
        return None

    def pairs_between(self, currency: str, into: str) -> frozenset[str]:
        """The symbols whose quotes convert one currency into another."""
        if currency == into:
            return frozenset()
        direct = self._pairs.get((currency, into)) or self._pairs.get((into, currency))
        if direct is not None:
            return frozenset((direct,))
        if "USD" in (currency, into):
            return frozenset()
        return self.pairs_between(currency, "USD") | self.pairs_between("USD", into)

    def converted_at(self, pair: str, into: str) -> frozenset[str]:
        """The symbols whose profit is converted at a pair's quote; one that contains the currency has its own."""
        profiles = [quote.profile for quote in self._quotes.values() if quote.profile.name != pair]
        return frozenset(
            profile.name
            for profile in profiles
            if not (profile.calc_mode in (FOREX, FOREX_NO_LEVERAGE) and profile.currency_base == into)
            and pair in self.pairs_between(profile.currency_profit, into)
        )

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


def margin_in_margin_currency(
    symbol: SymbolProfile,
    volume: float,
    price: float,
    leverage: int,
    *,
    is_buy: bool = True,
    is_position: bool = False,
) -> float:
    """Margin of `volume` lots opened at `price`, by the symbol's calculation mode, before conversion.

    An initial margin of the symbol replaces the amount per lot; open positions need its maintenance margin, if it has
    one.
    """
    rate = symbol.margin_rate
    if not is_buy and symbol.margin_rate_sell is not None:
        rate = symbol.margin_rate_sell
    if is_position and symbol.margin_maintenance > 0:
        return volume * symbol.margin_maintenance * rate
    if symbol.margin_initial > 0:
        return volume * symbol.margin_initial * rate
    amount = volume * symbol.contract_size * rate
    mode = symbol.calc_mode
    if mode == FOREX:
        return amount / leverage
    if mode == FOREX_NO_LEVERAGE:
        return amount
    if mode == CFD_LEVERAGE:
        return amount * price / leverage
    if mode == CFD_INDEX and symbol.tick_value:
        return amount * price * symbol.tick_value / (symbol.tick_size or symbol.point)
    return 0.0 if mode in FUTURES_MODES else amount * price


def profit_in_profit_currency(
    symbol: SymbolProfile, *, is_buy: bool, volume: float, price_open: float, price_close: float
) -> float:
    """Profit of closing `volume` lots, before conversion. Futures count in ticks when a tick has a stated value."""
    difference = price_close - price_open if is_buy else price_open - price_close
    if symbol.tick_value and symbol.calc_mode in FUTURES_MODES:
        return difference * volume * symbol.tick_value / (symbol.tick_size or symbol.point)
    return difference * symbol.contract_size * volume
