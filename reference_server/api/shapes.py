"""Domain to wire, in one place: both casings, what is left out. `readers.py` is the way back.

`Position` is camelCase and `AccountInfo` snake_case, as the docs and the published client have it. Numbers are IEEE
doubles on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable

from reference_server.api.operation import Json
from reference_server.domain.account import Account, AccountInfo
from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.requests import TradeRecord
from reference_server.domain.trading import Deal, Order, OrderCheck, OrderResult, Position
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


def order(one: Order) -> Json:
    """Shape an order, pending or past, in camelCase."""
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


def order_list(orders: Iterable[Order]) -> Json:
    """Shape all pending orders."""
    return {"orders": [order(one) for one in orders]}


def order_check(check: OrderCheck) -> Json:
    """Shape what would happen to an order; figures that the terminal does not tell are left out."""
    shaped: Json = {"success": check.success, "retcode": check.retcode, "error": check.error}
    figures = {
        "balance": check.balance,
        "equity": check.equity,
        "margin": check.margin,
        "freeMargin": check.free_margin,
        "marginLevel": check.margin_level,
    }
    return shaped | {name: value for name, value in figures.items() if value is not None}


def deal(one: Deal) -> Json:
    """Shape a deal or balance operation, in camelCase."""
    return {
        "ticket": one.ticket,
        "order": one.order,
        "position": one.position,
        "type": one.type,
        "entry": one.entry,
        "reason": one.reason,
        "symbol": one.symbol,
        "volume": one.volume,
        "price": one.price,
        "profit": one.profit,
        "swap": one.swap,
        "commission": one.commission,
        "fee": one.fee,
        "time": one.time_ms,
        "magic": one.magic,
        "comment": one.comment,
    }


def request_record(record: TradeRecord) -> Json:
    """Shape a trading request and what became of it; without a result while that is not known."""
    shaped: Json = {
        "key": record.key,
        "operation": record.operation,
        "outcome": record.outcome.value,
        "created_at": record.mark.since_ms,
    }
    if record.result is not None:
        shaped["result"] = order_result(record.result)
    return shaped


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


def specification(one: SymbolSpecification) -> Json:
    """Shape what a trader must know of a symbol, in camelCase; sessions are left out where they are not known."""
    shaped: Json = {
        "digits": one.digits,
        "tickSize": one.tick_size,
        "tickValue": one.tick_value,
        "contractSize": one.contract_size,
        "volumeMin": one.volume_min,
        "volumeMax": one.volume_max,
        "volumeStep": one.volume_step,
        "stopsLevel": one.stops_level,
        "fillingModes": one.filling_modes,
        "currencyBase": one.currency_base,
        "currencyProfit": one.currency_profit,
        "currencyMargin": one.currency_margin,
    }
    if one.sessions is not None:
        shaped["sessions"] = [{"from": session.from_minute, "to": session.to_minute} for session in one.sessions]
    return shaped


def candle_list(symbol: str, timeframe: Timeframe, candles: Iterable[Candle]) -> Json:
    """Shape bars of one symbol and timeframe."""
    return {"symbol": symbol, "timeframe": timeframe.value, "candles": [candle(one) for one in candles]}


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
