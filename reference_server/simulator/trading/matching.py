"""What the market offers an order, and what becomes of an order that finds less than it wants."""

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import PARTIAL, Ledger
from reference_server.simulator.book.money import lots
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct

REJECTED = CONSTANTS["ORDER_STATE_REJECTED"]
FOK = CONSTANTS["ORDER_FILLING_FOK"]
RETURN = CONSTANTS["ORDER_FILLING_RETURN"]
STEP_NOISE = 1e-6


class Matching:
    """Fills orders. Each tick of a symbol with limited liquidity offers that volume once on each side."""

    def __init__(self, market: Market, ledger: Ledger) -> None:
        self._market = market
        self._ledger = ledger
        self._taken: dict[tuple[str, bool], tuple[Struct, float]] = {}

    def offered(self, quote: Quote, *, is_buy: bool, wanted: float) -> float:
        """How much of a wanted volume is there now, in whole volume steps."""
        profile = quote.profile
        if not profile.liquidity:
            return wanted
        tick, taken = self._taken.get((profile.name, is_buy), (quote.tick, 0.0))
        free = profile.liquidity - taken if tick is quote.tick else profile.liquidity
        if wanted <= free + STEP_NOISE:
            return wanted
        return max(0.0, lots((free + STEP_NOISE) // profile.volume_step * profile.volume_step))

    def _take(self, quote: Quote, *, is_buy: bool, volume: float) -> None:
        profile = quote.profile
        if profile.liquidity:
            tick, taken = self._taken.get((profile.name, is_buy), (quote.tick, 0.0))
            before = taken if tick is quote.tick else 0.0
            self._taken[profile.name, is_buy] = (quote.tick, before + volume)

    def execute(
        self, account: Account, order: Order, quote: Quote, price: float, *, closes: Position | None = None
    ) -> Struct | None:
        """Fill what is offered; returns the deal, or None when there was nothing.

        What is left of the order follows its filling: RETURN stays active, others end. Fill-or-kill takes all or
        nothing.
        """
        wanted = order.volume_current
        volume = self.offered(quote, is_buy=order.is_buy, wanted=wanted)
        if volume < wanted and order.type_filling == FOK:
            volume = 0.0
        deal = None
        if volume > 0:
            self._take(quote, is_buy=order.is_buy, volume=volume)
            deal = self._ledger.fill(account, order, price, closes=closes, volume=volume)
        if order.volume_current:
            self._leave(account, order, has_deal=deal is not None)
        return deal

    def _leave(self, account: Account, order: Order, *, has_deal: bool) -> None:
        if order.type_filling != RETURN:
            account.remember(order, PARTIAL if has_deal else REJECTED, self._market.now_ms)
            self._ledger.revalue(account, order.symbol)
        elif order.ticket not in account.orders:
            order.margin = self._ledger.reserved_margin(account, order)
            account.add_order(order)
            self._ledger.total(account)
