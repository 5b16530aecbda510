"""A trade request together with everything it refers to, ready to be checked and carried out."""

from dataclasses import dataclass

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.records import BUY_TYPES, Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.market.symbols import SymbolProfile
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct

DEAL = CONSTANTS["TRADE_ACTION_DEAL"]
PENDING = CONSTANTS["TRADE_ACTION_PENDING"]
SLTP = CONSTANTS["TRADE_ACTION_SLTP"]
MODIFY = CONSTANTS["TRADE_ACTION_MODIFY"]
REMOVE = CONSTANTS["TRADE_ACTION_REMOVE"]
CLOSE_BY = CONSTANTS["TRADE_ACTION_CLOSE_BY"]


@dataclass(slots=True)
class Proposal:
    """What a request means on this account now. Absent parts are None."""

    account: Account
    request: Struct
    market: Market
    ledger: Ledger
    action: int
    type: int
    volume: float
    price: float
    symbol: SymbolProfile | None
    quote: Quote | None
    position: Position | None
    opposite: Position | None
    order: Order | None

    @property
    def is_buy(self) -> bool:
        """Whether the request buys."""
        return self.type in BUY_TYPES

    @property
    def opens(self) -> bool:
        """Whether the request adds exposure, in whole or in part."""
        if self.action == PENDING:
            return True
        if self.action != DEAL:
            return False
        return self.position is None or self.position.is_buy == self.is_buy or self.volume > self.position.volume


def propose(account: Account, request: Struct, market: Market, ledger: Ledger) -> Proposal:
    """Look up what a request refers to."""
    action, _, order_ticket, name, volume, price, *_, position_ticket, opposite_ticket = request
    kind = request.type
    position = opposite = order = None
    if action in (MODIFY, REMOVE):
        order = account.orders.get(order_ticket)
        if order is not None:
            name = order.symbol
            kind = order.type
            volume = order.volume_current
    elif position_ticket:
        position = account.positions.get(position_ticket)
        if position is not None and (action in (SLTP, CLOSE_BY) or not name):
            name = name or position.symbol
    if action == CLOSE_BY:
        opposite = account.positions.get(opposite_ticket)
    elif not account.is_hedging and action in (DEAL, SLTP) and position is None and not position_ticket:
        held = account.positions_of(name)
        position = held[0] if held else None
    symbol = market.symbols.get(name)
    quote = market.quotes.get(name)
    return Proposal(
        account, request, market, ledger, action, kind, volume, price, symbol, quote, position, opposite, order
    )
