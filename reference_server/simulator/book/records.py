"""Open positions and active orders, and how they look from outside."""

from dataclasses import dataclass

from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct, TradeOrder, TradePosition

BUY = CONSTANTS["ORDER_TYPE_BUY"]
SELL = CONSTANTS["ORDER_TYPE_SELL"]
BUY_TYPES = frozenset(CONSTANTS[f"ORDER_TYPE_{name}"] for name in ("BUY", "BUY_LIMIT", "BUY_STOP", "BUY_STOP_LIMIT"))
STOP_TYPES = frozenset(
    CONSTANTS[f"ORDER_TYPE_{name}"] for name in ("BUY_STOP", "SELL_STOP", "BUY_STOP_LIMIT", "SELL_STOP_LIMIT")
)
MARKET_TYPES = (BUY, SELL)
PLACED = CONSTANTS["ORDER_STATE_PLACED"]
EXPERT = CONSTANTS["ORDER_REASON_EXPERT"]


@dataclass(slots=True, kw_only=True)
class Position:
    """An open position. `margin_rate` converts its margin into the deposit currency, as it was at the opening."""

    ticket: int
    identifier: int
    symbol: str
    is_buy: bool
    volume: float
    price_open: float
    time_ms: int
    update_ms: int
    margin_rate: float
    sl: float = 0.0
    tp: float = 0.0
    magic: int = 0
    reason: int = EXPERT
    comment: str = ""
    price_current: float = 0.0
    swap: float = 0.0
    profit: float = 0.0

    def struct(self) -> Struct:
        """The position as the terminal reports it."""
        return tuple.__new__(
            TradePosition,
            (
                self.ticket, self.time_ms // 1000, self.time_ms, self.update_ms // 1000, self.update_ms,
                0 if self.is_buy else 1, self.magic, self.identifier, self.reason, self.volume, self.price_open,
                self.sl, self.tp, self.price_current, self.swap, self.profit, self.symbol, self.comment, "",
            ),
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Order:
    """An order, active or on its way into the history.

    `margin` is what it holds of the deposit currency while it waits. An active order of a market type waits for more
    volume to be offered.
    """

    ticket: int
    symbol: str
    type: int
    volume_initial: float
    volume_current: float
    price_open: float
    setup_ms: int
    type_filling: int = 0
    type_time: int = 0
    expiration: int = 0
    price_stoplimit: float = 0.0
    sl: float = 0.0
    tp: float = 0.0
    magic: int = 0
    comment: str = ""
    reason: int = EXPERT
    state: int = PLACED
    done_ms: int = 0
    position_id: int = 0
    position_by_id: int = 0
    price_current: float = 0.0
    margin: float = 0.0

    @property
    def is_buy(self) -> bool:
        """Whether it buys when it is filled."""
        return self.type in BUY_TYPES

    def struct(self) -> Struct:
        """The order as the terminal reports it."""
        return tuple.__new__(
            TradeOrder,
            (
                self.ticket, self.setup_ms // 1000, self.setup_ms, self.done_ms // 1000, self.done_ms, self.expiration,
                self.type, self.type_time, self.type_filling, self.state, self.magic, self.position_id,
                self.position_by_id, self.reason, self.volume_initial, self.volume_current, self.price_open, self.sl,
                self.tp, self.price_current, self.price_stoplimit, self.symbol, self.comment, "",
            ),
        )  # fmt: skip
