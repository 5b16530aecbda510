"""Symbols: the list, Market Watch, the specification, the last tick."""

from collections.abc import Collection
from typing import Any

from reference_server.simulator.book.money import profit_in_profit_currency
from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.connection import ConnectionCalls
from reference_server.simulator.calls.functions import bare, keyworded, positional
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface import arguments
from reference_server.simulator.surface.constants import CONSTANTS, FIELDS
from reference_server.simulator.surface.groups import matches
from reference_server.simulator.surface.outcome import Failed, call_failed, invalid_arguments, not_found
from reference_server.simulator.surface.structs import Struct, SymbolInfo

_DEFAULTS: dict[str, Any] = {
    name: "" if index >= 83 else 0.0 if index in range(31, 83) else 0 for index, name in enumerate(FIELDS["SymbolInfo"])
}
EXCHANGE_EXECUTION = CONSTANTS["SYMBOL_TRADE_EXECUTION_EXCHANGE"]
PRICES = (
    "time", "spread", "bid", "bidhigh", "bidlow", "ask", "askhigh", "asklow", "last", "volume", "volume_real",
    "session_open", "session_close", "price_change",
)  # fmt: skip
WRONG_VERSION = (
    -5, "Terminal: Incompatible versions, please install the latest version of Terminal and Python module",
)  # fmt: skip


class SymbolCalls(ConnectionCalls):
    """The functions that concern symbols."""

    def __init__(self, broker: SimulatedBroker, *, watched: Collection[str] | None = None, **options: Any) -> None:
        """`watched` is what Market Watch shows at first; without it, every symbol. Raises ValueError."""
        super().__init__(broker, **options)
        symbols = broker.market.symbols
        self._watched = set(symbols if watched is None else watched)
        unknown = self._watched - symbols.keys()
        if unknown:
            raise ValueError(f"the broker has no symbol {', '.join(sorted(unknown))} to watch")

    def _quote(self, name: str) -> Quote:
        quote = self.broker.market.quotes.get(name)
        if quote is None:
            raise not_found()
        return quote

    @bare(None)
    def symbols_total(self) -> int:
        """How many symbols the broker lists."""
        self._listed()
        return len(self.broker.market.symbols)

    def _listed(self) -> None:
        if self._account is None and not self._is_broken:
            raise Failed(*WRONG_VERSION)
        self._connected()

    @keyworded(None)
    def symbols_get(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Struct, ...] | bool:
        """Every symbol, or those of a group; False for a bad argument, None without a connection."""
        try:
            pattern = arguments.first_text(args, arguments.LONGEST_GROUP)
            if "group" in keywords:
                pattern = arguments.group(keywords["group"])
        except Failed as failed:
            self.error = failed.error
            return False
        self._listed()
        quotes = self.broker.market.quotes.items()
        return tuple(self._info(quote) for name, quote in quotes if pattern is None or matches(name, pattern))

    @positional(None)
    def symbol_info(self, *args: Any) -> Struct:
        """Specification and present state of a symbol."""
        name = arguments.only_symbol(args)
        self._connected()
        return self._info(self._quote(name))

    @positional(None)
    def symbol_info_tick(self, *args: Any) -> Struct:
        """The last tick of a symbol of Market Watch; there is none of any other."""
        name = arguments.only_symbol(args)
        self._connected()
        quote = self._quote(name)
        if name not in self._watched:
            raise not_found()
        return quote.tick

    @positional(False)
    def symbol_select(self, *args: Any) -> bool:
        """Put a symbol into Market Watch or take it out; not out while a position or order uses it."""
        if len(args) not in (1, 2):
            raise invalid_arguments()
        doubt = arguments.doubt(args[1]) if len(args) == 2 else None
        if doubt is not None:
            raise invalid_arguments(doubt)
        name = arguments.symbol_name(args[0])
        account = self._connected()
        self._quote(name)
        if len(args) == 1 or args[1]:
            self._watched.add(name)
            return True
        exposure = account.exposures.get(name)
        if exposure is not None and (exposure.positions or exposure.orders):
            raise call_failed()
        self._watched.discard(name)
        return True

    def _tick_value(self, quote: Quote, *, gain: bool) -> float:
        account = self._connected()
        profile = quote.profile
        size = profile.tick_size or quote.point
        amount = profit_in_profit_currency(profile, is_buy=True, volume=1.0, price_open=0.0, price_close=size)
        currency = account.settings.currency
        if profile.currency_profit == currency:
            return amount
        price = quote.ask if gain else quote.bid
        try:
            return amount * self.broker.ledger.exchange.profit_rate(profile, currency, gain=gain, close_price=price)
        except (LookupError, ZeroDivisionError):  # there is no quote, of this symbol or of one that converts
            return 0.0

    def _execution(self, profile: SymbolProfile) -> int:
        account = self._account
        return EXCHANGE_EXECUTION if account is not None and account.is_exchange else profile.execution_mode

    def _info(self, quote: Quote) -> Struct:
        profile = quote.profile
        watched = profile.name in self._watched
        change = (quote.bid / quote.day_open - 1) * 100 if quote.day_open else 0.0
        gain = self._tick_value(quote, gain=True)
        values = _DEFAULTS | {
            "custom": False, "select": watched, "visible": watched, "time": quote.time_ms // 1000,
            "digits": profile.digits, "spread": round((quote.ask - quote.bid) / quote.point), "spread_float": True,
            "trade_calc_mode": profile.calc_mode, "trade_mode": profile.trade_mode,
            "trade_stops_level": profile.stops_level, "trade_freeze_level": profile.freeze_level,
            "trade_exemode": self._execution(profile), "swap_mode": profile.swap_mode,
            "swap_rollover3days": profile.swap_rollover3days, "margin_hedged_use_leg": profile.margin_hedged_use_leg,
            "expiration_mode": profile.expiration_mode, "filling_mode": profile.filling_mode,
            "order_mode": profile.order_mode, "order_gtc_mode": profile.order_gtc_mode,
            "chart_mode": profile.chart_mode, "bid": quote.bid, "bidhigh": quote.bid_high, "bidlow": quote.bid_low,
            "ask": quote.ask, "askhigh": quote.ask_high, "asklow": quote.ask_low, "point": quote.point,
            "trade_tick_value": gain, "trade_tick_value_profit": gain,
            "trade_tick_value_loss": self._tick_value(quote, gain=False),
            "ticks_bookdepth": profile.book_depth, "trade_tick_size": profile.tick_size or quote.point,
            "trade_contract_size": profile.contract_size,
            "volume_min": profile.volume_min, "volume_max": profile.volume_max, "volume_step": profile.volume_step,
            "volume_limit": profile.volume_limit, "swap_long": profile.swap_long, "swap_short": profile.swap_short,
            "margin_initial": profile.margin_initial, "margin_maintenance": profile.margin_maintenance,
            "last": quote.last, "volume": quote.tick[4], "volume_real": quote.tick[7],
            "session_open": quote.day_open, "session_close": quote.day_open,
            "margin_hedged": profile.margin_hedged, "price_change": round(change, 4),
            "currency_base": profile.currency_base, "currency_profit": profile.currency_profit,
            "currency_margin": profile.currency_margin, "description": profile.description, "name": profile.name,
            "path": profile.path,
        }  # fmt: skip
        if not watched:
            values |= {name: type(values[name])() for name in PRICES}
        return tuple.__new__(SymbolInfo, values.values())
