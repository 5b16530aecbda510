"""Orders and positions. Volumes in lots, prices in the symbol's quote currency, money in the account's currency.

Numbers are IEEE doubles, as MetaTrader 5 and JSON carry them; quantisation to steps and digits uses Decimal, in one
place (`terminals/quantise.py`).
"""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import Final, Literal

import msgspec


class Side(StrEnum):
    """Direction of an order or position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> Side:
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """Kind of an order. Source: Tonpo docs, "Place a new order (market, limit, or stop)"; design, `pending-orders`."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stopLimit"


class Keep(Enum):
    """Marks a level of a modification that the client did not send: it stays as it is."""

    KEEP = "keep"


KEEP: Final = Keep.KEEP


class NewOrder(msgspec.Struct, frozen=True):
    """An order to place. `price` is required for all but market, where it is ignored. `sl`, `tp`: None for none.

    `stop_limit_price`: of a stop-limit order, where it rests once `price` was reached. `expiration_ms`: when a pending
    order is withdrawn, UTC; None for never.
    """

    symbol: str
    side: Side
    order_type: OrderType
    volume: float
    price: float | None = None
    sl: float | None = None
    tp: float | None = None
    comment: str = ""
    magic: int = 0
    stop_limit_price: float | None = None
    expiration_ms: int | None = None

    def marked(self, magic: int, comment: str) -> NewOrder:
        """Return the order with another magic number and comment."""
        if (magic, comment) == (self.magic, self.comment):
            return self
        return NewOrder(
            self.symbol, self.side, self.order_type, self.volume, self.price, self.sl, self.tp, comment, magic,
            self.stop_limit_price, self.expiration_ms,
        )  # fmt: skip


class PositionClose(msgspec.Struct, frozen=True):
    """The closing of an open position, all (volume None) or part of it, in lots."""

    ticket: int
    volume: float | None = None


class PositionChange(msgspec.Struct, frozen=True):
    """New stop levels of an open position: KEEP leaves a level, None removes it."""

    ticket: int
    sl: float | Keep | None = KEEP
    tp: float | Keep | None = KEEP


class OrderChange(msgspec.Struct, frozen=True):
    """New terms of a pending order: KEEP leaves one, None removes it. Type and volume cannot be changed."""

    ticket: int
    price: float | Keep = KEEP
    stop_limit_price: float | Keep = KEEP
    sl: float | Keep | None = KEEP
    tp: float | Keep | None = KEEP
    expiration_ms: int | Keep | None = KEEP


class OrderCancellation(msgspec.Struct, frozen=True):
    """The withdrawal of a pending order."""

    ticket: int


TradeRequest = NewOrder | PositionClose | PositionChange | OrderChange | OrderCancellation
"""Whatever is sent to the broker to change something."""


class TradeMark(msgspec.Struct, frozen=True):
    """What a request is known by at the broker when its answer was lost: stored before the request is sent.

    `tag`: 48 random bits, which travel in the order's magic number or comment. `since_ms`: when it was meant, UTC.
    """

    tag: int
    since_ms: int


class OrderResult(msgspec.Struct, frozen=True):
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


class Position(msgspec.Struct, frozen=True):
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


class OrderState(StrEnum):
    """Where an order stands."""

    PLACED = "placed"
    PARTIAL = "partial"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    EXPIRED = "expired"


class Order(msgspec.Struct, frozen=True):
    """An order, pending or past. `volume` in lots as asked for, `remaining` what is not filled yet. Times in ms, UTC.

    `price`: 0 for a market order. `done_time_ms`: when it left the book, None while pending. `position`: ticket of the
    position that it belongs to, None for none. `expiration_ms`: None for never, or for as long as the broker lets it.
    """

    ticket: int
    symbol: str
    side: Side
    order_type: OrderType
    volume: float
    remaining: float
    price: float
    state: OrderState
    setup_time_ms: int
    stop_limit_price: float | None = None
    sl: float | None = None
    tp: float | None = None
    expiration_ms: int | None = None
    done_time_ms: int | None = None
    position: int | None = None
    magic: int = 0
    comment: str = ""


class OrderCheck(msgspec.Struct, frozen=True):
    """What would happen to an order, and the account's figures after it; money in the account's currency.

    `retcode`: 0 for a sound order. Figures are None where the terminal does not say.
    """

    success: bool
    retcode: int
    error: str | None = None
    balance: float | None = None
    equity: float | None = None
    margin: float | None = None
    free_margin: float | None = None
    margin_level: float | None = None


DealType = Literal["buy", "sell", "balance", "credit", "charge", "correction", "bonus", "commission", "interest"]
DealEntry = Literal["in", "out", "inout", "out_by"]
DealReason = Literal["client", "expert", "mobile", "web", "sl", "tp", "so"]


class Deal(msgspec.Struct, frozen=True):
    """One execution, or a balance operation (`symbol` None, `profit` its amount). Time in ms, UTC."""

    ticket: int
    type: DealType
    time_ms: int
    profit: float
    order: int | None = None
    position: int | None = None
    entry: DealEntry | None = None
    reason: DealReason | None = None
    symbol: str | None = None
    volume: float = 0.0
    price: float = 0.0
    swap: float = 0.0
    commission: float = 0.0
    fee: float = 0.0
    magic: int = 0
    comment: str = ""


class HistoryQuery(msgspec.Struct, frozen=True):
    """A stretch of the account's past: rows with `from_ms` <= time < `to_ms` (UTC), oldest first, then by ticket.

    `position`: only what belongs to the position with this ticket. `after`: time in ms and ticket of the last row that
    the caller has: only later ones. `limit`: most rows.
    """

    from_ms: int
    to_ms: int
    limit: int
    position: int | None = None
    after: tuple[int, int] | None = None
