"""The checks a trade request passes, as one table in the order in which they are made.

The order is not documented by MetaQuotes; this one is inferred. The terminal's checks are those of `order_check`, which
succeeds on a closed market; the server's checks follow only when a request is sent.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from reference_server.simulator.book.records import EXPERT
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.trading import levels, limits
from reference_server.simulator.trading import retcodes as code
from reference_server.simulator.trading.levels import PENDING_TYPES
from reference_server.simulator.trading.proposal import CLOSE_BY, DEAL, MODIFY, PENDING, REMOVE, SLTP, Proposal

Check = Callable[[Proposal], int]

MARKET_TYPES = (CONSTANTS["ORDER_TYPE_BUY"], CONSTANTS["ORDER_TYPE_SELL"])
FILLINGS = range(4)
STOP_TYPES = (CONSTANTS["ORDER_TYPE_BUY_STOP"], CONSTANTS["ORDER_TYPE_SELL_STOP"])
MARKET_EXECUTION = CONSTANTS["SYMBOL_TRADE_EXECUTION_MARKET"]
MS_PER_DAY = 86_400_000
TIME_SPECIFIED, TIME_SPECIFIED_DAY = CONSTANTS["ORDER_TIME_SPECIFIED"], CONSTANTS["ORDER_TIME_SPECIFIED_DAY"]
FOK, IOC, RETURN, BOC = FILLINGS
# order_mode bits, by order type: market, limit, stop, stop-limit
ORDER_MODE_BITS = (1, 1, 2, 2, 4, 4, 8, 8)
SL_BIT, TP_BIT, CLOSE_BY_BIT = 16, 32, 64
STEP_NOISE = 1e-6


def request_makes_sense(p: Proposal) -> int:
    """Known action, symbol, position and order, and a type that goes with them."""
    if p.action in (MODIFY, REMOVE):
        return code.OK if p.order is not None else code.INVALID
    if p.action == CLOSE_BY:
        return _close_by_makes_sense(p)
    ticket = p.request.position
    if p.action in (DEAL, SLTP) and ticket and p.position is None:
        return code.POSITION_CLOSED if ticket in p.account.deals_of_position else code.INVALID
    if p.action not in (DEAL, PENDING, SLTP) or p.symbol is None:
        return code.INVALID
    if p.action == SLTP:
        return code.OK if p.position is not None and p.position.symbol == p.symbol.name else code.INVALID
    if p.type not in (MARKET_TYPES if p.action == DEAL else PENDING_TYPES):
        return code.INVALID
    if p.action == DEAL and ticket and p.position is not None:
        same_side = p.account.is_hedging and p.position.is_buy == p.is_buy
        return code.INVALID if same_side or p.position.symbol != p.symbol.name else code.OK
    return code.OK


def _close_by_makes_sense(p: Proposal) -> int:
    first, second = p.position, p.opposite
    if not p.account.is_hedging or first is None or second is None:
        return code.INVALID
    return code.OK if first.symbol == second.symbol and first.is_buy != second.is_buy else code.INVALID


def symbol_is_traded(p: Proposal) -> int:
    """The symbol's trade mode; positions may still be closed in close-only modes."""
    assert p.symbol is not None
    mode = p.symbol.trade_mode
    if mode == 4:
        return code.OK
    if mode == 0:
        return code.TRADE_DISABLED
    if not p.opens:
        return code.OK
    if mode == 1:
        return code.OK if p.is_buy else code.LONG_ONLY
    if mode == 2:
        return code.SHORT_ONLY if p.is_buy else code.OK
    return code.CLOSE_ONLY


def order_type_is_permitted(p: Proposal) -> int:
    """The symbol's `order_mode` bits."""
    assert p.symbol is not None
    mode = p.symbol.order_mode
    needed = CLOSE_BY_BIT if p.action == CLOSE_BY else 0
    if p.action in (DEAL, PENDING):
        needed = ORDER_MODE_BITS[p.type]
    if p.request.sl:
        needed |= SL_BIT
    if p.request.tp:
        needed |= TP_BIT
    return code.OK if mode & needed == needed else code.INVALID_ORDER


def volume_is_valid(p: Proposal) -> int:
    """Minimum, maximum, step; what remains of a partly closed position must not fall below the minimum.

    A whole position can always be closed, also when partial fills have left it an odd volume.
    """
    assert p.symbol is not None
    symbol, volume = p.symbol, p.volume
    if p.position is not None and abs(volume - p.position.volume) < STEP_NOISE and not p.opens:
        return code.OK
    steps = volume / symbol.volume_step if volume == volume else 0.0
    if not symbol.volume_min - STEP_NOISE <= volume <= symbol.volume_max + STEP_NOISE:
        return code.INVALID_VOLUME
    if abs(steps - round(steps)) > STEP_NOISE:
        return code.INVALID_VOLUME
    if p.position is not None and not p.opens:
        remainder = p.position.volume - volume
        if STEP_NOISE < remainder < symbol.volume_min - STEP_NOISE:
            return code.INVALID_VOLUME
    return code.OK


def filling_is_supported(p: Proposal) -> int:
    """Filling by execution mode; RETURN is always right for pending orders."""
    assert p.symbol is not None
    filling, mask = p.request.type_filling, p.symbol.filling_mode
    if filling not in FILLINGS:
        return code.INVALID_FILL
    execution = p.execution
    if filling == BOC:
        can_rest = p.action == PENDING and p.type not in STOP_TYPES
        return code.OK if can_rest and mask & 4 and execution >= MARKET_EXECUTION else code.INVALID_FILL
    if filling == RETURN:
        allowed = p.action == PENDING or execution != MARKET_EXECUTION
        return code.OK if allowed else code.INVALID_FILL
    return code.OK if execution < MARKET_EXECUTION or mask & (1 << filling) else code.INVALID_FILL


def expiration_is_valid(p: Proposal) -> int:
    """The symbol's `expiration_mode` bits; a stated moment, or the end of a stated day, must be ahead."""
    assert p.symbol is not None
    kind = p.request.type_time
    if kind > 3 or not p.symbol.expiration_mode & (1 << kind):
        return code.INVALID_EXPIRATION
    until_ms = p.request.expiration * 1000
    if kind == TIME_SPECIFIED_DAY:
        until_ms = (until_ms // MS_PER_DAY + 1) * MS_PER_DAY
    return code.INVALID_EXPIRATION if kind >= TIME_SPECIFIED and until_ms <= p.market.now_ms else code.OK


def not_frozen(p: Proposal) -> int:
    """Nothing within the freeze level of its price may be changed."""
    return code.FROZEN if levels.is_frozen(p) else code.OK


def close_volume_fits(p: Proposal) -> int:
    """On hedging accounts a position cannot be closed for more than its volume."""
    if p.account.is_hedging and p.position is not None and p.volume > p.position.volume + STEP_NOISE:
        return code.INVALID_CLOSE_VOLUME
    return code.OK


def something_changes(p: Proposal) -> int:
    """New levels must differ from those that stand."""
    assert p.symbol is not None
    request, digits = p.request, p.symbol.digits
    sl, tp = round(request.sl, digits), round(request.tp, digits)
    if p.position is not None and p.action == SLTP:
        return code.NO_CHANGES if (sl, tp) == (p.position.sl, p.position.tp) else code.OK
    order = p.order
    assert order is not None
    wanted = (
        round(request.price, digits), round(p.stoplimit, digits), sl, tp, request.type_time, p.expiration,
    )  # fmt: skip
    standing = (order.price_open, order.price_stoplimit, order.sl, order.tp, order.type_time, order.expiration)
    return code.NO_CHANGES if wanted == standing else code.OK


def experts_are_allowed(p: Proposal) -> int:
    """The broker may forbid algorithmic trading on the account; people at the terminal may go on."""
    return code.OK if p.account.trade_expert or p.reason != EXPERT else code.SERVER_DISABLES_AT


def account_may_trade(p: Proposal) -> int:
    """Neither closed nor read-only, and not looked at with the investor's password."""
    account = p.account
    allowed = account.trade_allowed and account.enabled and not p.is_read_only
    return code.OK if allowed else code.TRADE_DISABLED


def market_is_open(p: Proposal) -> int:
    """The symbol's trading session."""
    assert p.symbol is not None
    return code.OK if p.market.is_open(p.symbol) else code.MARKET_CLOSED


def price_is_known(p: Proposal) -> int:
    """There must be a quote for the symbol, and for what converts its profit."""
    if not p.has_price:
        return code.PRICE_OFF
    assert p.symbol is not None
    assert p.quote is not None
    currency = p.account.settings.currency
    if p.symbol.currency_profit != currency:
        try:
            p.ledger.exchange.profit_rate(p.symbol, currency, gain=True, close_price=p.quote.bid)
        except LookupError:
            return code.PRICE_OFF
    return code.OK


def price_still_stands(p: Proposal) -> int:
    """On request and instant execution the price must be within `deviation` points of the market."""
    assert p.quote is not None
    if p.execution >= MARKET_EXECUTION:
        return code.OK
    price = p.quote.ask if p.is_buy else p.quote.bid
    tolerance = (p.request.deviation + STEP_NOISE) * p.quote.point
    return code.OK if abs(p.price - price) <= tolerance else code.REQUOTE


TERMINAL_CHECKS: tuple[tuple[Check, tuple[int, ...]], ...] = (
    (request_makes_sense, ()),
    (symbol_is_traded, (DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY)),
    (order_type_is_permitted, (DEAL, PENDING, SLTP, MODIFY, CLOSE_BY)),
    (volume_is_valid, (DEAL, PENDING)),
    (filling_is_supported, (DEAL, PENDING)),
    (expiration_is_valid, (PENDING, MODIFY)),
    (levels.asked_price_is_valid, (DEAL,)),
    (levels.open_price_is_valid, (PENDING, MODIFY)),
    (levels.stops_are_valid, (DEAL, PENDING, SLTP, MODIFY)),
    (not_frozen, (DEAL, SLTP, MODIFY, REMOVE, CLOSE_BY)),
    (close_volume_fits, (DEAL,)),
    (limits.no_other_close_waits, (DEAL, CLOSE_BY)),
    (limits.closes_in_order, (DEAL, CLOSE_BY)),
    (limits.hedging_is_permitted, (DEAL, PENDING)),
    (something_changes, (SLTP, MODIFY)),
    (limits.orders_are_within_limit, (PENDING,)),
    (limits.volume_is_within_limit, (DEAL, PENDING)),
    (limits.positions_are_within_limit, (DEAL, PENDING)),
    (limits.money_suffices, (DEAL, PENDING)),
)
"""The terminal's checks and the actions they apply to; an empty tuple means every action, known or not."""

SERVER_CHECKS: tuple[tuple[Check, tuple[int, ...]], ...] = (
    (account_may_trade, (DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY)),
    (experts_are_allowed, (DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY)),
    (market_is_open, (DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY)),
    (price_is_known, (DEAL, PENDING, CLOSE_BY)),
    (price_still_stands, (DEAL,)),
)
"""The trade server's checks, made when a request is sent."""

ACTIONS = (DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY)


def _by_action(table: tuple[tuple[Check, tuple[int, ...]], ...]) -> Mapping[int, tuple[Check, ...]]:
    return MappingProxyType(
        {action: tuple(check for check, actions in table if not actions or action in actions) for action in ACTIONS}
    )


_TERMINAL = _by_action(TERMINAL_CHECKS)
_SERVER = _by_action(SERVER_CHECKS)


def terminal_verdict(proposal: Proposal) -> int:
    """The return code of the first check of the terminal that fails, or 0."""
    return _verdict(proposal, _TERMINAL.get(proposal.action, (request_makes_sense,)))


def server_verdict(proposal: Proposal) -> int:
    """The return code of the first check of the server that fails, or 0."""
    return _verdict(proposal, _SERVER[proposal.action])


def _verdict(proposal: Proposal, checks: tuple[Check, ...]) -> int:
    for check in checks:
        verdict = check(proposal)
        if verdict:
            return verdict
    return code.OK
