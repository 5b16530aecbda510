"""metatrader-mcp-server: the trading client under its MCP tools. Its argument is a file that plays terminal64.exe."""

import sys
from datetime import datetime, timedelta

from metatrader_client import MT5Client

client = MT5Client({"login": 1002, "password": "secret", "server": "ThirdParty-Demo", "path": sys.argv[1]})
assert client.connect()
assert client.is_connected()
assert client.account.get_account_info()["login"] == 1002
assert client.account.get_balance() == 10_000.0

candles = client.market.get_candles_latest("EURUSD", "M5", 20)
assert len(candles) == 20
assert {"time", "open", "high", "low", "close"} <= set(candles.columns)
price = client.market.get_symbol_price("EURUSD")
assert price["ask"] > price["bid"] > 0

bought = client.order.place_market_order(type="BUY", symbol="EURUSD", volume=0.1)
assert bought["error"] is False, bought
ticket = bought["data"].order
positions = client.order.get_all_positions()
assert list(positions["id"]) == [ticket], positions
assert positions.iloc[0]["volume"] == 0.1

stop, target = round(price["bid"] - 0.01, 5), round(price["ask"] + 0.01, 5)
modified = client.order.modify_position(ticket, stop_loss=stop, take_profit=target)
assert modified["error"] is False, modified
held = client.order.get_positions_by_id(ticket).iloc[0]
assert (held["stop_loss"], held["take_profit"]) == (stop, target)

below = round(price["bid"] - 0.005, 5)
placed = client.order.place_pending_order(type="SELL", symbol="EURUSD", volume=0.2, price=below)
assert placed["error"] is False, placed
pending = client.order.get_all_pending_orders()
assert list(pending["id"]) == [placed["data"].order], pending
moved = client.order.modify_pending_order(id=placed["data"].order, price=round(below - 0.001, 5))
assert moved["error"] is False, moved
assert client.order.get_all_pending_orders().iloc[0]["open"] == round(below - 0.001, 5)
assert client.order.cancel_pending_order(placed["data"].order)["error"] is False
assert client.order.get_all_pending_orders().empty

assert client.order.close_position(ticket)["error"] is False
assert client.order.get_all_positions().empty

day_after = f"{datetime.now() + timedelta(days=2):%Y-%m-%d}"  # the server's clock is ahead of most machines' own
deals = client.history.get_deals_as_dataframe(to_date=day_after)
assert list(deals[deals["position_id"] == ticket]["entry"]) == [0, 1]
assert deals.index.name == "time"
assert round(deals[["profit", "commission", "swap"]].to_numpy().sum(), 2) == client.account.get_balance()
assert len(client.history.get_orders_as_dataframe(to_date=day_after)) == 3
assert client.disconnect()
print("done")
