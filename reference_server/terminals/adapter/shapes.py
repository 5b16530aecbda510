"""Turns the terminal's records into domain values: rounded, in UTC, with None where MetaTrader writes zero.

Doubles arrive as they were computed (1.5523099999999999), so prices are rounded to the symbol's digits and money to
those of the account's currency.
"""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.account import AccountInfo
from reference_server.domain.market import Candle, Tick, Timeframe
from reference_server.domain.trading import (
    Deal,
    DealEntry,
    DealReason,
    DealType,
    Order,
    OrderState,
    OrderType,
    Position,
    Side,
)
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.constants import (
    DEAL_BUY,
    DEAL_SELL,
    LIMIT_ORDERS,
    MARGIN_MODES,
    ORDER_SELL,
    ORDER_STATE_CANCELED,
    ORDER_STATE_EXPIRED,
    ORDER_STATE_FILLED,
    ORDER_STATE_PARTIAL,
    ORDER_STATE_REJECTED,
    POSITION_BUY,
    REASONS_OF_THE_SERVER,
    SELLING_ORDERS,
    STOP_LIMIT_ORDERS,
    STOP_ORDERS,
    TRADE_MODES,
)
from reference_server.terminals.adapter.tags import client_comment, client_magic

_VOLUME_DIGITS: Final = 8
"""The finest volume step of any broker."""
_PENDING_TYPES: Final = {
    **dict.fromkeys(LIMIT_ORDERS, OrderType.LIMIT),
    **dict.fromkeys(STOP_ORDERS, OrderType.STOP),
    **dict.fromkeys(STOP_LIMIT_ORDERS, OrderType.STOP_LIMIT),
}
_STATES: Final = {
    ORDER_STATE_CANCELED: OrderState.CANCELLED,
    ORDER_STATE_PARTIAL: OrderState.PARTIAL,
    ORDER_STATE_FILLED: OrderState.FILLED,
    ORDER_STATE_REJECTED: OrderState.REJECTED,
    ORDER_STATE_EXPIRED: OrderState.EXPIRED,
}
"""All others are those of an order on its way into the book, or being changed in it."""
_DEAL_TYPES: Final[dict[int, DealType]] = {
    0: "buy", 1: "sell", 2: "balance", 3: "credit", 4: "charge", 5: "correction", 6: "bonus", 7: "commission",
    8: "commission", 9: "commission", 10: "commission", 11: "commission", 12: "interest", 15: "interest",
    16: "interest", 17: "charge",
}  # fmt: skip
"""15 and 16 are dividends, 17 is tax; a deal that was cancelled afterwards (13, 14) and all else is a correction."""
_ENTRIES: Final[dict[int, DealEntry]] = {0: "in", 1: "out", 2: "inout", 3: "out_by"}
_REASONS: Final[dict[int, DealReason]] = {0: "client", 1: "mobile", 2: "web", 3: "expert", 4: "sl", 5: "tp", 6: "so"}

_EXACT: Final = 2.0**49
"""Below, a price in units of its last digit, with half of one more, is what it says."""


def account_info(record: Any) -> AccountInfo:
    """Shape the account's figures."""
    digits = record.currency_digits
    return AccountInfo(
        login=record.login,
        name=record.name,
        server=record.server,
        currency=record.currency,
        leverage=record.leverage,
        balance=round(record.balance, digits),
        credit=round(record.credit, digits),
        equity=round(record.equity, digits),
        profit=round(record.profit, digits),
        margin=round(record.margin, digits),
        free_margin=round(record.margin_free, digits),
        margin_level=round(record.margin_level, 2),
        margin_mode=MARGIN_MODES.get(record.margin_mode, "hedging"),
        trade_mode=TRADE_MODES.get(record.trade_mode, "real"),
        trade_allowed=bool(record.trade_allowed),
    )


def position(record: Any, *, digits: int, money_digits: int, commission: float, clock: BrokerClock) -> Position:
    """Shape an open position; its commission comes from its deals."""
    return Position(
        ticket=record.ticket,
        symbol=record.symbol,
        side=Side.BUY if record.type == POSITION_BUY else Side.SELL,
        volume=volume(record.volume),
        open_price=round(record.price_open, digits),
        current_price=round(record.price_current, digits),
        profit=round(record.profit, money_digits),
        swap=round(record.swap, money_digits),
        commission=round(commission, money_digits),
        open_time_ms=clock.to_utc_ms(record.time_msc),
        sl=round(record.sl, digits) or None,
        tp=round(record.tp, digits) or None,
        magic=client_magic(record.magic),
        comment=client_comment(record.magic, record.comment),
    )


def tick(symbol: str, bid: float, ask: float, last: float, traded: int, time_ms: int, *, digits: int) -> Tick:
    """Shape a tick; a symbol without last deals (every FX pair) shows the mid price as `last`."""
    if not last:
        last = (bid + ask) / 2
    scale = 10.0**digits
    if 0 <= bid * scale < _EXACT and 0 <= ask * scale < _EXACT and 0 <= last * scale < _EXACT:
        # `round` takes three times as long
        bid, ask, last = int(bid * scale + 0.5) / scale, int(ask * scale + 0.5) / scale, int(last * scale + 0.5) / scale
    else:
        bid, ask, last = round(bid, digits), round(ask, digits), round(last, digits)
    return Tick(symbol, bid, ask, last, int(traded), time_ms)


def candle(
    symbol: str,
    timeframe: Timeframe,
    row: tuple[Any, ...],
    *,
    digits: int,
    clock: BrokerClock,
    is_complete: bool = True,
) -> Candle:
    """Shape one bar: time, open, high, low, close, tick volume, …"""
    return Candle(
        symbol=symbol,
        timeframe=timeframe,
        time_ms=clock.to_utc_ms(int(row[0]) * 1000),
        open=round(float(row[1]), digits),
        high=round(float(row[2]), digits),
        low=round(float(row[3]), digits),
        close=round(float(row[4]), digits),
        volume=int(row[5]),
        complete=is_complete,
    )


def order(record: Any, *, digits: int, clock: BrokerClock) -> Order:
    """Shape an order, pending or past."""
    kind = _PENDING_TYPES.get(record.type, OrderType.MARKET)
    expiration, done_ms = int(record.time_expiration), int(record.time_done_msc)
    return Order(
        ticket=int(record.ticket),
        symbol=str(record.symbol),
        side=side_of_order(record.type),
        order_type=kind,
        volume=volume(record.volume_initial),
        remaining=volume(record.volume_current),
        price=0.0 if kind is OrderType.MARKET else round(record.price_open, digits),
        state=_STATES.get(record.state, OrderState.PLACED),
        setup_time_ms=clock.to_utc_ms(record.time_setup_msc),
        stop_limit_price=round(record.price_stoplimit, digits) or None,
        sl=round(record.sl, digits) or None,
        tp=round(record.tp, digits) or None,
        expiration_ms=clock.to_utc_ms(expiration * 1000) if expiration else None,
        done_time_ms=clock.to_utc_ms(done_ms) if done_ms else None,
        position=int(record.position_id) or None,
        magic=client_magic(record.magic),
        comment=client_comment(record.magic, record.comment),
    )


def deal(record: Any, *, digits: int, money_digits: int, clock: BrokerClock) -> Deal:
    """Shape a deal or a balance operation, which belongs to no order and has neither entry nor reason."""
    is_trade = record.type in (DEAL_BUY, DEAL_SELL)
    return Deal(
        ticket=int(record.ticket),
        type=_DEAL_TYPES.get(record.type, "correction"),
        time_ms=clock.to_utc_ms(record.time_msc),
        profit=round(record.profit, money_digits),
        order=int(record.order) or None,
        position=int(record.position_id) or None,
        entry=_ENTRIES.get(record.entry) if is_trade else None,
        reason=_REASONS.get(record.reason) if is_trade else None,
        symbol=str(record.symbol) or None,
        volume=volume(record.volume),
        price=round(record.price, digits),
        swap=round(record.swap, money_digits),
        commission=round(record.commission, money_digits),
        fee=round(record.fee, money_digits),
        magic=client_magic(record.magic),
        comment=client_comment(record.magic, record.comment),
    )


def is_market_order(order_type: int) -> bool:
    """Whether an order of this MT5 type is filled at once and never waits in the book."""
    return order_type <= ORDER_SELL


def side_of_order(order_type: int) -> Side:
    """Which way an order of this MT5 type trades."""
    return Side.SELL if order_type in SELLING_ORDERS else Side.BUY


def type_of_order(order_type: int, reason: int) -> OrderType | None:
    """The contract's kind of an MT5 order; None for one that nobody placed (stops) or that it has no word for."""
    if reason in REASONS_OF_THE_SERVER:
        return None
    if is_market_order(order_type):
        return OrderType.MARKET
    return _PENDING_TYPES.get(order_type)


def volume(lots: float) -> float:
    """Take the binary noise off a volume."""
    return decimal(lots, _VOLUME_DIGITS)


def decimal(value: float, digits: int) -> float:
    """Round to a number of digits, which takes `round` several times as long."""
    scale = 10.0**digits
    units = value * scale
    return int(units + 0.5) / scale if 0 <= units < _EXACT else round(value, digits)
