"""A trade request together with everything it refers to, ready to be checked and carried out."""

from dataclasses import dataclass

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.records import BUY_TYPES, EXPERT, Order, Position
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct

DEAL = CONSTANTS["TRADE_ACTION_DEAL"]
PENDING = CONSTANTS["TRADE_ACTION_PENDING"]
SLTP = CONSTANTS["TRADE_ACTION_SLTP"]
MODIFY = CONSTANTS["TRADE_ACTION_MODIFY"]
REMOVE = CONSTANTS["TRADE_ACTION_REMOVE"]
CLOSE_BY = CONSTANTS["TRADE_ACTION_CLOSE_BY"]
EXCHANGE_EXECUTION = CONSTANTS["SYMBOL_TRADE_EXECUTION_EXCHANGE"]
STOP_LIMIT_TYPES = (CONSTANTS["ORDER_TYPE_BUY_STOP_LIMIT"], CONSTANTS["ORDER_TYPE_SELL_STOP_LIMIT"])
TIME_SPECIFIED = CONSTANTS["ORDER_TIME_SPECIFIED"]
VOLUME_NOISE = 1e-8


@dataclass(slots=True)
class Proposal:
    """What a request means on this account now. Absent parts are None.

    `opens`: it adds exposure, in whole or in part. `is_read_only`: it comes from a terminal logged in as investor.
    `reason`: who asks, as orders and deals will say: a program, or a person at the terminal.
    """

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
    is_buy: bool
    opens: bool
    is_read_only: bool = False
    reason: int = EXPERT

    @property
    def stoplimit(self) -> float:
        """The limit price of a stop-limit order; other types have none."""
        return float(self.request.stoplimit) if self.type in STOP_LIMIT_TYPES else 0.0

    @property
    def expiration(self) -> int:
        """The stated end of an order; one that lasts for a day or until it is cancelled has none."""
        return int(self.request.expiration) if self.request.type_time >= TIME_SPECIFIED else 0

    @property
    def opening_price(self) -> float:
        """The price that the volume would be opened at."""
        if self.action == PENDING:
            return self.stoplimit or self.price
        assert self.quote is not None
        return self.quote.ask if self.is_buy else self.quote.bid

    @property
    def has_price(self) -> bool:
        """Whether there is a quote for the symbol."""
        return self.quote is not None and self.quote.bid > 0

    @property
    def execution(self) -> int:
        """The execution mode: an exchange account has exchange execution in every symbol."""
        assert self.symbol is not None
        return EXCHANGE_EXECUTION if self.account.is_exchange else self.symbol.execution_mode


def propose(
    account: Account, request: Struct, market: Market, ledger: Ledger, *, is_read_only: bool = False
) -> Proposal:
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
    is_buy = kind in BUY_TYPES
    opens = action == PENDING or (
        action == DEAL and (position is None or position.is_buy == is_buy or volume > position.volume + VOLUME_NOISE)
    )
    return Proposal(
        account, request, market, ledger, action, kind, volume, price, market.symbols.get(name),
        market.quotes.get(name), position, opposite, order, is_buy, opens, is_read_only,
    )  # fmt: skip
