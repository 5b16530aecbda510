"""A small trading program as people write them for the genuine package; it knows nothing of the simulator."""

from datetime import datetime, timedelta

import MetaTrader5 as mt5  # noqa: N813 - as everybody imports it

SYMBOL = "EURUSD"
if not mt5.initialize(login=12345, server="Script-Demo", password="secret", timeout=5000):
    raise SystemExit(f"initialize() failed, error code = {mt5.last_error()}")
assert mt5.terminal_info().connected
assert mt5.version()[0] == 500
assert mt5.account_info()._asdict()["login"] == 12345

assert mt5.symbol_select(SYMBOL, True)
info = mt5.symbol_info(SYMBOL)
lot = 10 * info.volume_min
filling = mt5.ORDER_FILLING_FOK if info.filling_mode & 1 else mt5.ORDER_FILLING_IOC
rates = mt5.copy_rates_from_pos(SYMBOL, mt5.TIMEFRAME_M5, 0, 30)
assert len(rates) == 30
fast, slow = rates["close"][-5:].mean(), rates["close"].mean()
side = mt5.ORDER_TYPE_BUY if fast >= slow else mt5.ORDER_TYPE_SELL
tick = mt5.symbol_info_tick(SYMBOL)
price = tick.ask if side == mt5.ORDER_TYPE_BUY else tick.bid
away = 500 * info.point if side == mt5.ORDER_TYPE_BUY else -500 * info.point

request = {
    "action": mt5.TRADE_ACTION_DEAL,
    "symbol": SYMBOL,
    "volume": lot,
    "type": side,
    "price": price,
    "sl": round(price - away, info.digits),
    "tp": round(price + away, info.digits),
    "deviation": 20,
    "magic": 234000,
    "comment": "script open",
    "type_time": mt5.ORDER_TIME_GTC,
    "type_filling": filling,
}
check = mt5.order_check(request)
assert check.retcode == 0, check
result = mt5.order_send(request)
assert result.retcode == mt5.TRADE_RETCODE_DONE, result
assert result.request.magic == 234000

pending = {
    "action": mt5.TRADE_ACTION_PENDING,
    "symbol": SYMBOL,
    "volume": lot,
    "type": mt5.ORDER_TYPE_BUY_LIMIT,
    "price": round(tick.bid - 1000 * info.point, info.digits),
    "type_filling": mt5.ORDER_FILLING_RETURN,
}
limit = mt5.order_send(pending)
assert limit.retcode == mt5.TRADE_RETCODE_DONE, limit
(order,) = mt5.orders_get(symbol=SYMBOL)
assert order.ticket == limit.order
lower = round(tick.bid - 1100 * info.point, info.digits)
changed = mt5.order_send({"action": mt5.TRADE_ACTION_MODIFY, "order": order.ticket, "symbol": SYMBOL, "price": lower})
assert changed.retcode == mt5.TRADE_RETCODE_DONE, changed
assert mt5.orders_get(ticket=order.ticket)[0].price_open == lower
assert mt5.order_send({"action": mt5.TRADE_ACTION_REMOVE, "order": order.ticket}).retcode == mt5.TRADE_RETCODE_DONE
assert mt5.orders_total() == 0

(position,) = mt5.positions_get(symbol=SYMBOL)
assert position.ticket == result.order
wider = {"sl": round(position.sl - away, info.digits), "tp": round(position.tp + away, info.digits)}
moved = mt5.order_send({"action": mt5.TRADE_ACTION_SLTP, "symbol": SYMBOL, "position": position.ticket, **wider})
assert moved.retcode == mt5.TRADE_RETCODE_DONE, moved
(position,) = mt5.positions_get(ticket=position.ticket)
assert {"sl": position.sl, "tp": position.tp} == wider

opposite = mt5.ORDER_TYPE_SELL if side == mt5.ORDER_TYPE_BUY else mt5.ORDER_TYPE_BUY
for volume in (round(lot / 2, 2), round(lot / 2, 2)):
    closing = {**request, "type": opposite, "position": position.ticket, "volume": volume, "comment": "script close"}
    del closing["price"], closing["sl"], closing["tp"]
    closed = mt5.order_send(closing)
    assert closed.retcode == mt5.TRADE_RETCODE_DONE, closed
assert mt5.positions_total() == 0
assert mt5.order_send({**closing, "position": position.ticket}).retcode != mt5.TRADE_RETCODE_DONE

opened_again = mt5.order_send({**request, "comment": "by helper"})
assert mt5.positions_get(ticket=opened_again.order)
until = datetime.now() + timedelta(days=2)
deals = mt5.history_deals_get(position=position.identifier)
assert [deal.entry for deal in deals] == [mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT, mt5.DEAL_ENTRY_OUT]
assert [deal.comment for deal in deals] == ["script open", "script close", "script close"]
everything = mt5.history_deals_get(until - timedelta(days=10), until)
balance = sum(deal.profit + deal.commission + deal.swap + deal.fee for deal in everything)
assert round(balance, 2) == mt5.account_info().balance
orders = mt5.history_orders_get(until - timedelta(days=10), until, group="*USD*")
assert limit.order in {past.ticket for past in orders if past.state == mt5.ORDER_STATE_CANCELED}
ticks = mt5.copy_ticks_from(SYMBOL, tick.time - 60, 10, mt5.COPY_TICKS_ALL)
assert len(ticks) > 0

assert mt5.symbol_info_tick("NOSUCH") is None
assert mt5.last_error()[0] == mt5.RES_E_NOT_FOUND
mt5.shutdown()
assert mt5.account_info() is None
assert mt5.last_error()[0] == mt5.RES_E_INTERNAL_FAIL_CONNECT
print("done")
