"""What a terminal can say by itself, and what becomes of the account: market data, trades, figures, states."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from reference_server.domain.account import Account, AccountInfo
from reference_server.domain.market import Candle, Tick
from reference_server.domain.trading import Order, OrderResult, OrderType, Position, Side


class TickArrived(msgspec.Struct, frozen=True):
    """A watched symbol's price moved. `is_quote`: bid or ask differs from the tick before."""

    tick: Tick
    is_quote: bool


class CandleClosed(msgspec.Struct, frozen=True):
    """A bar of a watched symbol and timeframe is complete."""

    candle: Candle


class PositionChanged(msgspec.Struct, frozen=True):
    """A position was opened, changed (volume, stops, price) or closed; a closed one has volume 0."""

    position: Position
    change: Literal["opened", "changed", "closed"]


class OrderSettled(msgspec.Struct, frozen=True):
    """An order was filled, placed, refused, cancelled or expired: also by a stop, a trigger or by hand."""

    result: OrderResult
    symbol: str
    side: Side
    order_type: OrderType | None


class AccountChanged(msgspec.Struct, frozen=True):
    """Balance, equity or margin moved."""

    info: AccountInfo


class StatusChanged(msgspec.Struct, frozen=True):
    """The account's state, or whether it is paused, was changed and stored."""

    account: Account


class Trouble(StrEnum):
    """What keeps a terminal from trading or from prices."""

    TERMINAL_GONE = "terminal_gone"
    BROKER_LOST = "broker_lost"
    AUTOTRADING_OFF = "autotrading_off"
    API_DISABLED = "api_disabled"
    READ_ONLY = "read_only"
    EXPERTS_FORBIDDEN = "experts_forbidden"
    FEED_FROZEN = "feed_frozen"


class ConnectionChanged(msgspec.Struct, frozen=True):
    """The terminal lost or regained its broker (`connected`), or died (`alive` False), or its troubles changed.

    `troubles` are all that there are now, `detail` says them in words for the operator.
    """

    connected: bool
    alive: bool = True
    detail: str = ""
    troubles: tuple[Trouble, ...] = ()


TerminalEvent = TickArrived | CandleClosed | PositionChanged | OrderSettled | AccountChanged | ConnectionChanged

AccountEvent = PositionChanged | OrderSettled | AccountChanged | StatusChanged
"""What is numbered, and kept for those who were not there."""


class Figures(msgspec.Struct, frozen=True):
    """What only a connected terminal knows: the account's money, its open positions and its pending orders."""

    info: AccountInfo
    positions: tuple[Position, ...]
    orders: tuple[Order, ...]


class Snapshot(msgspec.Struct, frozen=True):
    """The account after its event number `seq`. `figures` is None where they are not known: that is not empty."""

    seq: int
    account: Account
    figures: Figures | None = None
