"""Where prices may stand: open prices of pending orders, stop loss and take profit, stops level and freeze level."""

from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.trading import retcodes as code
from reference_server.simulator.trading.proposal import DEAL, MODIFY, REMOVE, SLTP, Proposal

BUY_LIMIT = CONSTANTS["ORDER_TYPE_BUY_LIMIT"]
SELL_LIMIT = CONSTANTS["ORDER_TYPE_SELL_LIMIT"]
BUY_STOP = CONSTANTS["ORDER_TYPE_BUY_STOP"]
SELL_STOP = CONSTANTS["ORDER_TYPE_SELL_STOP"]
BUY_STOP_LIMIT = CONSTANTS["ORDER_TYPE_BUY_STOP_LIMIT"]
SELL_STOP_LIMIT = CONSTANTS["ORDER_TYPE_SELL_STOP_LIMIT"]
PENDING_TYPES = range(BUY_LIMIT, SELL_STOP_LIMIT + 1)
BELOW_MARKET = (BUY_LIMIT, SELL_STOP, SELL_STOP_LIMIT)
MARKET_EXECUTION = CONSTANTS["SYMBOL_TRADE_EXECUTION_MARKET"]
POINT_NOISE = 1e-4


def _is_price(p: Proposal, price: float) -> bool:
    """Whether a price is positive and a multiple of the tick size (noise of binary fractions apart)."""
    assert p.symbol is not None
    if not 0 < price < float("inf"):
        return False
    size = p.symbol.tick_size or p.symbol.point
    ticks = price / size
    if ticks == float("inf"):
        return False
    return round(ticks) >= 1 and abs(ticks - round(ticks)) < POINT_NOISE * max(1.0, ticks * 1e-9)


def _clear(distance: float, level: float, point: float) -> bool:
    """At least the level, and never zero: with no level a price must still be on the right side."""
    noise = POINT_NOISE * point
    return distance > noise and distance >= level - noise


def open_price_is_valid(p: Proposal) -> int:
    """The open price of a pending order: a multiple of the tick size, on the right side, by the stops level."""
    assert p.symbol is not None
    assert p.quote is not None
    if p.type not in PENDING_TYPES:
        return code.INVALID
    price, point = p.price, p.quote.point
    if not _is_price(p, price):
        return code.INVALID_PRICE
    if not p.has_price:
        return code.OK
    level = p.symbol.stops_level * point
    market = p.quote.ask if p.is_buy else p.quote.bid
    distance = market - price if p.type in BELOW_MARKET else price - market
    if not _clear(distance, level, point):
        return code.INVALID_PRICE
    if p.type in (BUY_STOP_LIMIT, SELL_STOP_LIMIT):
        limit = p.request.stoplimit
        if not _is_price(p, limit) or not _clear(price - limit if p.is_buy else limit - price, level, point):
            return code.INVALID_PRICE
    return code.OK


def asked_price_is_valid(p: Proposal) -> int:
    """Request and instant execution need the price at which to deal."""
    if p.execution >= MARKET_EXECUTION or _is_price(p, p.price):
        return code.OK
    return code.INVALID_PRICE


def stops_are_valid(p: Proposal) -> int:
    """Stop loss and take profit: on the right side of the market (or of the order's price), by the stops level."""
    sl, tp = p.request.sl, p.request.tp
    if not sl and not tp:
        return code.OK
    if not p.has_price:
        return code.OK
    assert p.symbol is not None
    assert p.quote is not None
    is_buy = p.position.is_buy if p.action == SLTP and p.position is not None else p.is_buy
    if p.action in (DEAL, SLTP):
        reference = p.quote.bid if is_buy else p.quote.ask
    else:
        reference = p.request.stoplimit if p.type in (BUY_STOP_LIMIT, SELL_STOP_LIMIT) else p.price
    level, point = p.symbol.stops_level * p.quote.point, p.quote.point
    for stop, distance in ((sl, reference - sl), (tp, tp - reference)):
        if stop and not (_is_price(p, stop) and _clear(distance if is_buy else -distance, level, point)):
            return code.INVALID_STOPS
    return code.OK


def is_frozen(p: Proposal) -> bool:
    """Whether the position's stops or the order's price are within the freeze level of the market.

    Adding to a position changes nothing that could be frozen.
    """
    assert p.symbol is not None
    if not p.symbol.freeze_level or not p.has_price:
        return False
    assert p.quote is not None
    if p.action == DEAL and p.position is not None and p.position.is_buy == p.is_buy:
        return False
    freeze = (p.symbol.freeze_level + POINT_NOISE) * p.quote.point
    if p.action in (MODIFY, REMOVE):
        assert p.order is not None
        market = p.quote.ask if p.is_buy else p.quote.bid
        return abs(p.order.price_open - market) <= freeze
    for position in (p.position, p.opposite):
        if position is not None:
            market = p.quote.bid if position.is_buy else p.quote.ask
            if any(level and abs(level - market) <= freeze for level in (position.sl, position.tp)):
                return True
    return False
