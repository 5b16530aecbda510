"""What the gateway says on `/ws`, encoded once as WebSocket frames that any number of sockets can be sent unchanged.

A frame is opcode, length and JSON text; a server's frames are not masked (RFC 6455, 5.2), so that several can be joined
and written at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from reference_server.api import shapes
from reference_server.api.error_table import row_of
from reference_server.domain.errors import GatewayError
from reference_server.domain.events import (
    AccountChanged,
    AccountEvent,
    OrderSettled,
    PositionChanged,
    Snapshot,
    StatusChanged,
)
from reference_server.domain.market import Candle, Tick
from reference_server.domain.trading import Position

_FINAL_TEXT = 0x81


def text_frame(payload: bytes) -> bytes:
    """Return the payload as one unmasked text frame."""
    length = len(payload)
    if length < 126:
        return bytes((_FINAL_TEXT, length)) + payload
    if length < 65536:
        return bytes((_FINAL_TEXT, 126)) + length.to_bytes(2, "big") + payload
    return bytes((_FINAL_TEXT, 127)) + length.to_bytes(8, "big") + payload


def payload_of(frame: bytes) -> bytes:
    """Return what `text_frame` was given."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def _frame(message: dict[str, Any], request_id: str | None = None) -> bytes:
    if request_id is not None:
        message["request_id"] = request_id
    return text_frame(orjson.dumps(message))


class FrameEncoder:
    """Encodes what an account says; implements the use cases' Encoder."""

    def tick(self, tick: Tick) -> bytes:
        """Encode `tick`."""
        return _frame({"type": "tick", **shapes.symbol_price(tick)})

    def quote(self, tick: Tick) -> bytes:
        """Encode `quote`: bid and ask only."""
        return _frame({"type": "quote", "symbol": tick.symbol, "bid": tick.bid, "ask": tick.ask, "time": tick.time_ms})

    def candle(self, candle: Candle) -> bytes:
        """Encode `candle`."""
        return _frame({"type": "candle", **shapes.candle(candle)})

    def event(self, event: AccountEvent, seq: int) -> bytes:
        """Encode an event of the account with its number."""
        match event:
            case PositionChanged(position, change):
                message = {"type": "position", **shapes.position(position), "event": change}
            case OrderSettled(result, symbol, side, order_type):
                message = {"type": "orderResult", **shapes.order_result(result), "symbol": symbol, "side": side.value}
                if order_type is not None:
                    message["orderType"] = order_type.value
            case AccountChanged(info):
                message = {"type": "account", **shapes.account_info(info)}
            case StatusChanged(account):
                message = {
                    "type": "accountStatus",
                    "account_id": account.account_id,
                    "status": account.state.value,
                    "paused": account.paused,
                    "last_error": account.last_error,
                }
        return _frame({**message, "seq": seq})

    def snapshot(self, snapshot: Snapshot) -> bytes:
        """Encode `snapshot`; what is not known is left out."""
        account, figures = snapshot.account, snapshot.figures
        message = {
            "type": "snapshot",
            "seq": snapshot.seq,
            "account_id": account.account_id,
            "status": account.state.value,
            "paused": account.paused,
        }
        if figures is not None:
            message["account"] = shapes.account_info(figures.info)
            message.update(shapes.position_list(figures.positions))
            message["orders"] = [shapes.order(one) for one in figures.orders]
        return _frame(message)

    def heartbeat(self, now_ms: int, seq: int) -> bytes:
        """Encode `heartbeat`."""
        return _frame({"type": "heartbeat", "time": now_ms, "seq": seq})


def error_frame(error: GatewayError, request_id: str | None) -> bytes:
    """Encode an `error` message, with the code that REST would answer."""
    status, _ = row_of(error)
    return _frame({"type": "error", "code": status, "message": error.message, "reason": error.reason}, request_id)


def subscribed_frame(symbols: Iterable[str], request_id: str | None) -> bytes:
    """Encode `subscribed`, with all symbols that are subscribed now."""
    return _frame({"type": "subscribed", "symbols": list(symbols)}, request_id)


def unsubscribed_frame(symbols: Iterable[str], request_id: str | None) -> bytes:
    """Encode `unsubscribed`, with the symbols that were removed."""
    return _frame({"type": "unsubscribed", "symbols": list(symbols)}, request_id)


def pong_frame(now_ms: int, request_id: str | None) -> bytes:
    """Encode `pong`."""
    return _frame({"type": "pong", "time": now_ms}, request_id)


def positions_frame(positions: Iterable[Position], request_id: str | None) -> bytes:
    """Encode `positions`."""
    return _frame({"type": "positions", **shapes.position_list(positions)}, request_id)
