"""Domain to wire and back, in one place: both casings, what is left out, what 0 and null mean.

Requests are camelCase; `Position` is camelCase and `AccountInfo` snake_case, as the docs and the published client have
it. Numbers are IEEE doubles on both sides. Functions that read a request take a body that was validated already.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reference_server.api.operation import Json
from reference_server.domain.account import Account, AccountInfo, Mt5Credentials
from reference_server.domain.errors import InvalidBody, Violation
from reference_server.domain.market import Candle, Tick
from reference_server.domain.trading import (
    KEEP,
    Keep,
    NewOrder,
    Order,
    OrderResult,
    OrderType,
    Position,
    PositionChange,
    Side,
)
from reference_server.domain.user import User


def user_profile(user: User) -> Json:
    """Shape a user's profile; null limits are unlimited."""
    plan = user.plan
    return {
        "user_id": user.user_id,
        "plan": plan.name,
        "limits": {
            "requests_per_minute": plan.requests_per_minute,
            "trades_per_day": plan.trades_per_day,
            "accounts": plan.accounts,
        },
        "created_at": user.created_at_ms,
    }


def account_status(account: Account) -> Json:
    """Shape an account's connection status; `region` is left out where none was asked for."""
    shaped: Json = {
        "account_id": account.account_id,
        "status": account.state.value,
        "paused": account.paused,
        "last_error": account.last_error,
        "mt5_server": account.mt5_server,
        "created_at": account.created_at_ms,
    }
    if account.region is not None:
        shaped["region"] = account.region
    return shaped


def account_list(accounts: Iterable[Account]) -> Json:
    """Shape a user's accounts."""
    return {"accounts": [account_status(one) for one in accounts]}


def account_info(info: AccountInfo) -> Json:
    """Shape live account figures, in snake_case."""
    return {
        "login": info.login,
        "name": info.name,
        "server": info.server,
        "currency": info.currency,
        "leverage": info.leverage,
        "balance": info.balance,
        "credit": info.credit,
        "equity": info.equity,
        "profit": info.profit,
        "margin": info.margin,
        "free_margin": info.free_margin,
        "margin_level": info.margin_level,
        "margin_mode": info.margin_mode,
        "trade_mode": info.trade_mode,
        "trade_allowed": info.trade_allowed,
    }


def position(one: Position) -> Json:
    """Shape an open position, in camelCase."""
    return {
        "ticket": one.ticket,
        "symbol": one.symbol,
        "side": one.side.value,
        "volume": one.volume,
        "openPrice": one.open_price,
        "currentPrice": one.current_price,
        "profit": one.profit,
        "swap": one.swap,
        "commission": one.commission,
        "sl": one.sl,
        "tp": one.tp,
        "openTime": one.open_time_ms,
        "magic": one.magic,
        "comment": one.comment,
    }


def position_list(positions: Iterable[Position]) -> Json:
    """Shape all open positions."""
    return {"positions": [position(one) for one in positions]}


def order(one: Order) -> Json:
    """Shape an order, in camelCase."""
    return {
        "ticket": one.ticket,
        "symbol": one.symbol,
        "side": one.side.value,
        "orderType": one.order_type.value,
        "volume": one.volume,
        "volumeRemaining": one.remaining,
        "price": one.price,
        "stopLimitPrice": one.stop_limit_price,
        "sl": one.sl,
        "tp": one.tp,
        "state": one.state.value,
        "expiration": one.expiration_ms,
        "setupTime": one.setup_time_ms,
        "doneTime": one.done_time_ms,
        "position": one.position,
        "magic": one.magic,
        "comment": one.comment,
    }


def order_result(result: OrderResult) -> Json:
    """Shape the broker's answer; a refusal is an answer too."""
    return {
        "ticket": result.ticket,
        "success": result.success,
        "error": result.error,
        "retcode": result.retcode,
        "price": result.price,
        "volume": result.volume,
    }


def symbol_list(symbols: Iterable[str]) -> Json:
    """Shape the names of the symbols."""
    return {"symbols": list(symbols)}


def symbol_price(tick: Tick) -> Json:
    """Shape a symbol's current price."""
    return {
        "symbol": tick.symbol,
        "bid": tick.bid,
        "ask": tick.ask,
        "last": tick.last,
        "volume": tick.volume,
        "time": tick.time_ms,
    }


def candle(one: Candle) -> Json:
    """Shape a bar."""
    return {
        "symbol": one.symbol,
        "timeframe": one.timeframe.value,
        "time": one.time_ms,
        "open": one.open,
        "high": one.high,
        "low": one.low,
        "close": one.close,
        "volume": one.volume,
        "complete": one.complete,
    }


def read_credentials(body: Json) -> Mt5Credentials:
    """Read the MT5 credentials of a new account."""
    return Mt5Credentials(login=body["mt5Login"], password=body["mt5Password"], server=body["mt5Server"])


def read_order(body: Json) -> NewOrder:
    """Read a new order. Raises InvalidBody for a limit or stop order without price.

    Source: Tonpo docs, "POST /api/orders": price is required for limit and stop.
    """
    order_type = OrderType(body["orderType"])
    price = body.get("price")
    if order_type is OrderType.MARKET:
        price = None
    elif not price:
        raise InvalidBody(
            f"The field price is required for {order_type.value} orders.",
            violations=(Violation("/price", f"is required for {order_type.value} orders"),),
        )
    return NewOrder(
        symbol=body["symbol"],
        side=Side(body["side"]),
        order_type=order_type,
        volume=float(body["volume"]),
        price=None if price is None else float(price),
        sl=_level(body.get("sl")),
        tp=_level(body.get("tp")),
        comment=body.get("comment") or "",
        magic=body.get("magic") or 0,
    )


def read_close(body: Json) -> tuple[int, float | None]:
    """Read ticket and volume of a close; no volume closes all."""
    volume = body.get("volume")
    return body["ticket"], None if volume is None else float(volume)


def read_modification(body: Json) -> PositionChange:
    """Read new stop levels: absent keeps, null or 0 removes. Raises InvalidBody when neither is given."""
    if "sl" not in body and "tp" not in body:
        raise InvalidBody(
            "Nothing to modify: give sl, tp or both.", violations=(Violation("body", "must have sl or tp"),)
        )
    return PositionChange(ticket=body["ticket"], sl=_new_level(body, "sl"), tp=_new_level(body, "tp"))


def _new_level(body: Json, name: str) -> float | Keep | None:
    return _level(body[name]) if name in body else KEEP


def _level(value: Any) -> float | None:
    return float(value) if value else None
