"""Depth of market: what waits to be bought and sold around the price."""

from typing import Any

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.functions import positional
from reference_server.simulator.calls.symbols import SymbolCalls
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface import arguments
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.outcome import Failed, call_failed
from reference_server.simulator.surface.structs import BookInfo, Struct

SELL, BUY = CONSTANTS["BOOK_TYPE_SELL"], CONSTANTS["BOOK_TYPE_BUY"]
LOTS = 25.0


class DepthCalls(SymbolCalls):
    """The functions that concern depth of market."""

    def __init__(self, broker: SimulatedBroker, **options: Any) -> None:
        super().__init__(broker, **options)
        self._books: set[str] = set()

    @positional(None)
    def market_book_add(self, *args: Any) -> bool:
        """Subscribe to a symbol's depth of market.

        False without a connection or for an unknown symbol; `last_error` stays at success then, as in the genuine
        module. A symbol without depth, such as any currency pair here, can be subscribed to.
        """
        return self._subscribe(arguments.only_symbol(args), is_on=True)

    @positional(None)
    def market_book_release(self, *args: Any) -> bool:
        """Unsubscribe; False where `market_book_add` is."""
        return self._subscribe(arguments.only_symbol(args), is_on=False)

    def _subscribe(self, name: str, *, is_on: bool) -> bool:
        try:
            self._connected()
            self._quote(name)
        except Failed:
            return False
        if is_on:
            self._books.add(name)
        else:
            self._books.discard(name)
        return True

    @positional(None)
    def market_book_get(self, *args: Any) -> tuple[Struct, ...]:
        """The book, dearest first: offers down to the ask, then bids from the bid down. Empty without depth.

        None with -1 unless subscribed.
        """
        name = arguments.only_symbol(args)
        self._connected()
        quote = self._quote(name)
        if name not in self._books:
            raise call_failed()
        return _book(quote)


def _book(quote: Quote) -> tuple[Struct, ...]:
    """As many levels on each side as the symbol's profile says, a tick apart, with its liquidity or more at each."""
    profile = quote.profile
    step = profile.tick_size or quote.point
    lots = profile.liquidity or LOTS

    def level(kind: int, price: float, distance: int) -> Struct:
        volume = lots * (distance + 1)
        return BookInfo((kind, round(price, profile.digits), int(volume), volume))

    levels = range(profile.book_depth)
    offers = [level(SELL, quote.ask + distance * step, distance) for distance in reversed(levels)]
    bids = [level(BUY, quote.bid - distance * step, distance) for distance in levels]
    return (*offers, *bids)
