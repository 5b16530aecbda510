"""What a terminal can say by itself: market data for watched symbols, and every change of the account."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from reference_server.domain.account import AccountInfo
from reference_server.domain.market import Candle, Tick
from reference_server.domain.trading import OrderResult, OrderType, Position, Side


@dataclass(frozen=True, slots=True)
class TickArrived:
    """A watched symbol's price moved. `is_quote`: bid or ask differs from the tick before."""

    tick: Tick
    is_quote: bool


@dataclass(frozen=True, slots=True)
class CandleClosed:
    """A bar of a watched symbol and timeframe is complete."""

    candle: Candle


@dataclass(frozen=True, slots=True)
class PositionChanged:
    """A position was opened, changed (volume, stops, price) or closed; a closed one has volume 0."""

    position: Position
    change: Literal["opened", "changed", "closed"]


@dataclass(frozen=True, slots=True)
class OrderSettled:
    """An order was filled, placed, refused, cancelled or expired: also by a stop, a trigger or by hand."""

    result: OrderResult
    symbol: str
    side: Side
    order_type: OrderType | None


@dataclass(frozen=True, slots=True)
class AccountChanged:
    """Balance, equity or margin moved."""

    info: AccountInfo


class Trouble(StrEnum):
    """What keeps a terminal from trading or from prices."""

    TERMINAL_GONE = "terminal_gone"
    BROKER_LOST = "broker_lost"
    AUTOTRADING_OFF = "autotrading_off"
    API_DISABLED = "api_disabled"
    READ_ONLY = "read_only"
    EXPERTS_FORBIDDEN = "experts_forbidden"
    FEED_FROZEN = "feed_frozen"


@dataclass(frozen=True, slots=True)
class ConnectionChanged:
    """The terminal lost or regained its broker (`connected`), or died (`alive` False), or its troubles changed.

    `troubles` are all that there are now, `detail` says them in words for the operator.
    """

    connected: bool
    alive: bool = True
    detail: str = ""
    troubles: tuple[Trouble, ...] = ()


TerminalEvent = TickArrived | CandleClosed | PositionChanged | OrderSettled | AccountChanged | ConnectionChanged
