"""Turns the terminal's records into domain values: rounded, in UTC, with None where MetaTrader writes zero.

Doubles arrive as they were computed (1.5523099999999999), so prices are rounded to the symbol's digits and money to
those of the account's currency.
"""

from __future__ import annotations

from typing import Any, Final

from reference_server.domain.account import AccountInfo
from reference_server.domain.market import Candle, Tick, Timeframe
from reference_server.domain.trading import OrderType, Position, Side
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.constants import (
    MARGIN_MODES,
    ORDER_BUY_STOP,
    ORDER_SELL,
    ORDER_SELL_STOP,
    POSITION_BUY,
    REASONS_OF_THE_SERVER,
    SELLING_ORDERS,
    TRADE_MODES,
)
from reference_server.terminals.adapter.tags import client_comment, client_magic

_VOLUME_DIGITS: Final = 8
"""The finest volume step of any broker."""


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
    return Tick(
        symbol,
        round(bid, digits),
        round(ask, digits),
        round(last if last else (bid + ask) / 2, digits),
        int(traded),
        time_ms,
    )


def candle(symbol: str, timeframe: Timeframe, row: tuple[Any, ...], *, digits: int, clock: BrokerClock) -> Candle:
    """Shape one complete bar: time, open, high, low, close, tick volume, …"""
    return Candle(
        symbol=symbol,
        timeframe=timeframe,
        time_ms=clock.to_utc_ms(int(row[0]) * 1000),
        open=round(float(row[1]), digits),
        high=round(float(row[2]), digits),
        low=round(float(row[3]), digits),
        close=round(float(row[4]), digits),
        volume=int(row[5]),
        complete=True,
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
    if order_type > ORDER_SELL_STOP:
        return None
    return OrderType.STOP if order_type >= ORDER_BUY_STOP else OrderType.LIMIT


def volume(lots: float) -> float:
    """Take the binary noise off a volume."""
    return round(lots, _VOLUME_DIGITS)
