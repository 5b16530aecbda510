"""How positions ended, as their deals have it."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from reference_server.domain.trading import Position, Side
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.adapter.constants import DEAL_ENTRY_IN, DEAL_SELL, ENTRIES_THAT_OPEN, POSITION_BUY
from reference_server.terminals.adapter.tags import client_comment, client_magic

_NOISE: Final = 1e-9


class Endings:
    """Reads the deals of positions that are gone."""

    def __init__(self, adapter: MetaTraderAdapter) -> None:
        self._adapter = adapter

    @staticmethod
    def is_opening(deal: Any) -> bool:
        """Whether a deal opened a position or added to it."""
        return bool(deal.type <= DEAL_SELL and deal.entry == DEAL_ENTRY_IN)

    def closed(self, last: Position, identifier: int, *, is_final: bool) -> Position | None:
        """The position as it ended, with the price and profit of its last deal; None while that does not show.

        The deals that show must leave nothing open on its side: it may have been closed in part before. With `is_final`
        it is not waited for: the position is told with its last known price.
        """
        deals = self._adapter.position_book.deals(identifier)
        exits = [deal for deal in deals if deal.entry != DEAL_ENTRY_IN]
        bought = sum(deal.volume if deal.type == POSITION_BUY else -deal.volume for deal in deals)
        is_open = (bought if last.side is Side.BUY else -bought) > _NOISE
        if not is_final and (is_open or not exits):
            return None
        if not exits:
            return replace(last, volume=0.0)
        digits = self._adapter.symbol_book.digits(last.symbol)
        money_digits = self._adapter.position_book.money_digits
        return replace(
            last,
            volume=0.0,
            current_price=round(exits[-1].price, digits),
            profit=round(exits[-1].profit, money_digits),
            swap=round(exits[-1].swap, money_digits),
        )

    def flash(self, identifier: int) -> tuple[Position, Position] | None:
        """A position that nobody saw, as it opened and as it closed; None unless its deals show both.

        Its stop levels are not known: deals do not have them.
        """
        deals = self._adapter.position_book.deals(identifier)
        entries = [deal for deal in deals if deal.entry == DEAL_ENTRY_IN]
        exits = [deal for deal in deals if deal.entry not in ENTRIES_THAT_OPEN]
        volume = sum(deal.volume for deal in entries)
        if not entries or len(entries) + len(exits) != len(deals):
            return None
        if sum(deal.volume for deal in exits) < volume - _NOISE:
            return None
        first = entries[0]
        digits = self._adapter.symbol_book.digits(first.symbol)
        money_digits = self._adapter.position_book.money_digits
        price = round(sum(deal.price * deal.volume for deal in entries) / volume, digits)
        opened = Position(
            ticket=identifier,
            symbol=str(first.symbol),
            side=Side.BUY if first.type == POSITION_BUY else Side.SELL,
            volume=shapes.volume(volume),
            open_price=price,
            current_price=price,
            profit=0.0,
            swap=0.0,
            commission=round(sum(deal.commission + deal.fee for deal in entries), money_digits),
            open_time_ms=self._adapter.broker_clock.to_utc_ms(first.time_msc),
            magic=client_magic(first.magic),
            comment=client_comment(first.magic, first.comment),
        )
        closed = replace(
            opened,
            volume=0.0,
            current_price=round(exits[-1].price, digits),
            profit=round(exits[-1].profit, money_digits),
            swap=round(exits[-1].swap, money_digits),
        )
        return opened, closed
