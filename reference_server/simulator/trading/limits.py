"""How much an account may have: numbers of orders and positions, volume, margin, and in which order it must close."""

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.trading import retcodes as code
from reference_server.simulator.trading.proposal import CLOSE_BY, PENDING, Proposal

VOLUME_NOISE = 1e-6


def orders_are_within_limit(p: Proposal) -> int:
    """The account's limit of active orders."""
    limit = p.account.settings.limit_orders
    return code.LIMIT_ORDERS if limit and len(p.account.orders) >= limit else code.OK


def positions_are_within_limit(p: Proposal) -> int:
    """The account's limit of positions, which on hedging accounts pending orders count for."""
    account = p.account
    limit = account.settings.limit_positions
    if not limit or not p.opens:
        return code.OK
    if not account.is_hedging:
        adds = p.action != PENDING and not account.positions_of(p.request.symbol)
        return code.LIMIT_POSITIONS if adds and len(account.positions) >= limit else code.OK
    return code.LIMIT_POSITIONS if len(account.positions) + len(account.orders) >= limit else code.OK


def volume_is_within_limit(p: Proposal) -> int:
    """The symbol's limit of volume in one direction, positions and orders together."""
    assert p.symbol is not None
    if not p.symbol.volume_limit or not p.opens:
        return code.OK
    exposure = p.account.exposures.get(p.symbol.name)
    total = p.volume
    if exposure is not None:
        total += exposure.long_volume if p.is_buy else exposure.short_volume
        total += sum(order.volume_current for order in exposure.orders.values() if order.is_buy == p.is_buy)
        if not p.account.is_hedging and p.action != PENDING:
            total -= exposure.short_volume if p.is_buy else exposure.long_volume
    return code.LIMIT_VOLUME if total > p.symbol.volume_limit + VOLUME_NOISE else code.OK


def hedging_is_permitted(p: Proposal) -> int:
    """Where opposite positions are prohibited, nothing may be opened or placed against what is held."""
    account = p.account
    if not account.settings.hedging_prohibited or not account.is_hedging or not p.opens:
        return code.OK
    assert p.symbol is not None
    return code.HEDGE_PROHIBITED if holds_opposite(account, p.symbol.name, is_buy=p.is_buy) else code.OK


def holds_opposite(account: Account, symbol_name: str, *, is_buy: bool) -> bool:
    """Whether the account holds positions of the other direction."""
    exposure = account.exposures.get(symbol_name)
    return exposure is not None and (exposure.short_volume if is_buy else exposure.long_volume) > 0


def closes_in_order(p: Proposal) -> int:
    """Where positions must be closed first in, first out, only the oldest one of the symbol may be closed."""
    account = p.account
    if not account.settings.fifo_close or not account.is_hedging or p.position is None:
        return code.OK
    oldest = min(account.positions_of(p.position.symbol), key=lambda position: position.identifier)
    touched = (p.position, p.opposite) if p.action == CLOSE_BY else (p.position,)
    return code.OK if any(position is oldest for position in touched) else code.FIFO_CLOSE


def no_other_close_waits(p: Proposal) -> int:
    """A position that is being closed by an active order cannot be closed by another."""
    account = p.account
    if not account.orders or not account.is_hedging or p.position is None:
        return code.OK
    identifier = p.position.identifier
    orders = account.exposures[p.position.symbol].orders.values()
    waiting = any(order.position_id == identifier != order.ticket for order in orders)
    return code.CLOSE_ORDER_EXIST if waiting else code.OK


def margin_after(
    account: Account, ledger: Ledger, symbol: SymbolProfile, *, is_buy: bool, volume: float, price: float
) -> float:
    """The account's margin if the volume were opened at this price. Raises LookupError when a quote is missing."""
    margin = ledger.order_margin(account, symbol, is_buy=is_buy, volume=volume, price=price)
    exposure = account.exposures.get(symbol.name)
    if exposure is None:
        return account.money(account.margin + margin)
    return account.money(
        account.margin
        - exposure.margin(symbol)
        + exposure.margin_with(symbol, is_buy=is_buy, volume=volume, margin=margin)
    )


def money_suffices(p: Proposal) -> int:
    """Free margin must not become negative. Closing needs none."""
    if not p.opens or not p.has_price:
        return code.OK
    assert p.symbol is not None
    price = p.opening_price
    try:
        margin = margin_after(p.account, p.ledger, p.symbol, is_buy=p.is_buy, volume=p.volume, price=price)
    except LookupError:
        return code.PRICE_OFF
    return code.NO_MONEY if margin > p.account.equity else code.OK
