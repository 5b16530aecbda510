"""Orders and positions. Volumes in lots, prices in the symbol's quote currency, money in the account's currency.

Numbers are IEEE doubles, as MetaTrader 5 and JSON carry them; quantisation to steps and digits uses Decimal, in one
place (`terminals/quantise.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Final


class Side(StrEnum):
    """Direction of an order or position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """Kind of a new order. Source: Tonpo docs, "Place a new order (market, limit, or stop)"."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"


class Keep(Enum):
    """Marks a level of a modification that the client did not send: it stays as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order to place. `price` is required for limit and stop and ignored for market. `sl`, `tp`: None for none."""

    symbol: str
    side: Side
    order_type: OrderType
    volume: float
    price: float | None = None
    sl: float | None = None
    tp: float | None = None
    comment: str = ""
    magic: int = 0


@dataclass(frozen=True, slots=True)
class PositionChange:
    """New stop levels of an open position: KEEP leaves a level, None removes it."""

    ticket: int
    sl: float | Keep | None = KEEP
    tp: float | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class OrderResult:
    """The broker's answer. A refusal is a result with `success` False, never an exception.

    `ticket`: of the position (market, close, modify) or of the pending order; 0 when refused.
    `retcode`: MT5's number (10009 done, 10008 placed, 10010 partial, else a refusal).
    `price`: fill price, or the pending price; `volume`: lots filled or placed. 0 when nothing was.
    """

    ticket: int
    success: bool
    retcode: int
    error: str | None = None
    price: float = 0.0
    volume: float = 0.0
    order: int = 0
    deal: int = 0


@dataclass(frozen=True, slots=True)
class Position:
    """An open position. `profit` excludes `swap` and `commission`. `sl`, `tp`: None for none."""

    ticket: int
    symbol: str
    side: Side
    volume: float
    open_price: float
    current_price: float
    profit: float
    swap: float
    commission: float
    open_time_ms: int
    sl: float | None = None
    tp: float | None = None
    magic: int = 0
    comment: str = ""
