"""MetaTrader 5's numbers that the adapter reads or writes. Source: constants of the `MetaTrader5` package 5.0.6231."""

from __future__ import annotations

from typing import Final

from reference_server.domain.market import Timeframe

ACTION_DEAL: Final = 1
ACTION_PENDING: Final = 5
ACTION_SLTP: Final = 6
ACTION_MODIFY: Final = 7
ACTION_REMOVE: Final = 8

ORDER_BUY: Final = 0
ORDER_SELL: Final = 1
ORDER_BUY_LIMIT: Final = 2
ORDER_SELL_LIMIT: Final = 3
ORDER_BUY_STOP: Final = 4
ORDER_SELL_STOP: Final = 5
ORDER_BUY_STOP_LIMIT: Final = 6
ORDER_SELL_STOP_LIMIT: Final = 7
LIMIT_ORDERS: Final = frozenset({ORDER_BUY_LIMIT, ORDER_SELL_LIMIT})
STOP_ORDERS: Final = frozenset({ORDER_BUY_STOP, ORDER_SELL_STOP})
STOP_LIMIT_ORDERS: Final = frozenset({ORDER_BUY_STOP_LIMIT, ORDER_SELL_STOP_LIMIT})
PENDING_ORDERS: Final = LIMIT_ORDERS | STOP_ORDERS | STOP_LIMIT_ORDERS
SELLING_ORDERS: Final = frozenset({ORDER_SELL, ORDER_SELL_LIMIT, ORDER_SELL_STOP, ORDER_SELL_STOP_LIMIT})

TIME_GTC: Final = 0
TIME_SPECIFIED: Final = 2
EXPIRATION_MASK_GTC: Final = 1
EXPIRATION_MASK_SPECIFIED: Final = 4
"""Of a symbol's `expiration_mode`, a bit mask."""

ORDER_STATE_CANCELED: Final = 2
ORDER_STATE_PARTIAL: Final = 3
ORDER_STATE_FILLED: Final = 4
ORDER_STATE_REJECTED: Final = 5
ORDER_STATE_EXPIRED: Final = 6
FINAL_STATES: Final = frozenset(
    {ORDER_STATE_CANCELED, ORDER_STATE_PARTIAL, ORDER_STATE_FILLED, ORDER_STATE_REJECTED, ORDER_STATE_EXPIRED}
)
"""Of an order that is done; one in the book may be PARTIAL too."""

FILLING_FOK: Final = 0
FILLING_IOC: Final = 1
FILLING_RETURN: Final = 2

FILLING_MASK_FOK: Final = 1
FILLING_MASK_IOC: Final = 2
FILLING_MASK_BOC: Final = 4
"""A symbol's `filling_mode` is a bit mask and not the enumeration of `type_filling`; RETURN has no bit."""

EXECUTION_REQUEST: Final = 0
EXECUTION_INSTANT: Final = 1
EXECUTION_MARKET: Final = 2
EXECUTION_EXCHANGE: Final = 3

POSITION_BUY: Final = 0

DEAL_BUY: Final = 0
DEAL_SELL: Final = 1
DEAL_ENTRY_IN: Final = 0
DEAL_ENTRY_INOUT: Final = 2
DEAL_ENTRY_OUT_BY: Final = 3
ENTRIES_THAT_OPEN: Final = frozenset({DEAL_ENTRY_IN, DEAL_ENTRY_INOUT})

REASON_EXPERT: Final = 3
"""Sent by a program, this package among them; 0 to 2 are the terminal by hand, the telephone and the web."""
REASONS_OF_THE_SERVER: Final = frozenset(range(4, 11))
"""Stop loss, take profit, stop-out, rollover, variation margin, split, corporate action: nobody placed an order."""

MARGIN_MODES: Final = {0: "netting", 1: "exchange", 2: "hedging"}
MARGIN_MODE_HEDGING: Final = 2
TRADE_MODES: Final = {0: "demo", 1: "contest", 2: "real"}

CHECKED: Final = 0
"""What `order_check` answers for a sound request."""

COPY_TICKS_ALL: Final = -1

TIMEFRAMES: Final[dict[Timeframe, int]] = {
    **{Timeframe(f"M{n}"): n for n in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)},
    **{Timeframe(f"H{n}"): 0x4000 + n for n in (1, 2, 3, 4, 6, 8, 12)},
    Timeframe.D1: 0x4018,
    Timeframe.W1: 0x8001,
    Timeframe.MN1: 0xC001,
}

ERROR_NONE: Final = 1
ERROR_FAILED: Final = -1
ERROR_INVALID_PARAMS: Final = -2
ERROR_NOT_FOUND: Final = -4
ERROR_INCOMPATIBLE: Final = -5
ERROR_AUTH_FAILED: Final = -6
ERROR_UNSUPPORTED: Final = -7
ERROR_API_DISABLED: Final = -8
ERROR_IPC_INIT: Final = -10003
ERROR_IPC_CONNECT: Final = -10004
