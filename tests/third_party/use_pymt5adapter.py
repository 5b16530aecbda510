"""pymt5adapter: a context manager for the connection, orders and trades as objects, the genuine `Buy` and `Close`."""

from datetime import datetime, timedelta

import pymt5adapter as mta
from pymt5adapter.order import Order
from pymt5adapter.symbol import Symbol
from pymt5adapter.trade import Trade

account = {"login": 1003, "password": "secret", "server": "ThirdParty-Demo"}
with mta.connected(**account, ensure_trade_enabled=True, raise_on_errors=True) as connection:
    assert connection.terminal_info.trade_allowed
    assert connection.ping().trade_server > 0
    assert mta.account_info().login == 1003

    bars = mta.copy_rates("EURUSD", mta.TIMEFRAME.M15, count=30)
    assert len(bars) == 30
    assert bars.dtype.names[:5] == ("time", "open", "high", "low", "close")
    yesterday = datetime.now() - timedelta(days=1)
    ticks = mta.copy_ticks_from("EURUSD", datetime_from=yesterday, count=5, flags=mta.COPY_TICKS.ALL)
    assert len(ticks) == 5

    filling = {"type_filling": mta.ORDER_FILLING.IOC}
    bought = Trade("EURUSD", magic=77).buy(0.1, "adapter", **filling)
    assert bought.retcode == mta.TRADE_RETCODE.DONE
    assert Trade("EURUSD", magic=77).modify_sltp_by_ticks(sl=500, tp=800).retcode == mta.TRADE_RETCODE.DONE
    (position,) = mta.positions_get(symbol="EURUSD")
    assert round(position.price_open - position.sl, 5) == 0.005
    assert round(position.tp - position.price_open, 5) == 0.008

    below = Symbol("EURUSD").tick_calc(position.price_current, -1000)
    limit = Order.as_buy_limit(symbol="EURUSD", volume=0.3, price=below, type_filling=mta.ORDER_FILLING.RETURN)
    assert limit.check().retcode == 0
    placed = limit.send()
    assert [order.ticket for order in mta.orders_get()] == [placed.order]
    assert mta.order_send(action=mta.TRADE_ACTION.REMOVE, order=placed.order).retcode == mta.TRADE_RETCODE.DONE
    assert mta.orders_total() == 0

    assert mta.Sell("GBPUSD", 0.2).retcode == mta.TRADE_RETCODE.DONE
    assert mta.Close("GBPUSD") is True
    assert mta.Close("EURUSD", ticket=position.ticket) is True
    assert mta.positions_total() == 0

    day_after = datetime.now() + timedelta(days=2)  # the server's clock is ahead of most machines' own
    deals = mta.history_deals_get(yesterday, day_after, function=lambda deal: deal.position_id == position.ticket)
    assert [deal.entry for deal in deals] == [mta.DEAL_ENTRY.IN, mta.DEAL_ENTRY.OUT]
    unknown = None
    try:
        mta.symbol_info_tick("NOSUCH")
    except mta.MT5Error as error:
        unknown = error.error_code
    assert unknown == mta.ERROR_CODE.NOT_FOUND
print("done")
