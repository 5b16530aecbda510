"""pdmt5: a data client that turns everything into pandas frames; orders as plain requests."""

from datetime import datetime, timedelta

from pdmt5 import Mt5Config, Mt5DataClient, Mt5RuntimeError, parse_timeframe

with Mt5DataClient(config=Mt5Config(login=1001, password="secret", server="ThirdParty-Demo"), retry_count=0) as client:
    account = client.account_info_as_df()
    assert account.loc[0, "login"] == 1001
    assert account.loc[0, "server"] == "ThirdParty-Demo"
    assert account.loc[0, "balance"] == 10_000.0

    bars = client.copy_rates_from_pos_as_df("EURUSD", parse_timeframe("M1"), 0, 50, index_keys="time")
    assert len(bars) == 50
    assert bars.index.name == "time"
    assert str(bars.index.dtype).startswith("datetime64")
    assert bars.index.is_monotonic_increasing
    assert (bars["high"] >= bars[["open", "close"]].max(axis=1)).all()
    assert (bars["low"] <= bars[["open", "close"]].min(axis=1)).all()
    hourly = client.copy_rates_from_as_df("EURUSD", parse_timeframe("H1"), bars.index[-1].to_pydatetime(), 5)
    assert len(hourly) == 5

    tick = client.symbol_info_tick_as_df("EURUSD").iloc[0]
    specification = client.symbol_info_as_dict("EURUSD")
    assert specification["digits"] == 5
    assert tick["ask"] > tick["bid"] > 0
    assert len(client.symbols_get_as_df(group="*USD*,!*JPY*")) >= 3

    market = {
        "action": client.mt5.TRADE_ACTION_DEAL, "symbol": "EURUSD", "volume": 0.1,
        "type": client.mt5.ORDER_TYPE_BUY, "type_filling": client.mt5.ORDER_FILLING_IOC, "comment": "pdmt5",
    }  # fmt: skip
    assert client.order_check_as_dict(market)["retcode"] == 0
    opened = client.order_send_as_dict(market)
    assert opened["retcode"] == client.mt5.TRADE_RETCODE_DONE
    assert opened["request"]["comment"] == "pdmt5"

    limit = round(float(tick["bid"]) - 0.01, 5)
    placed = client.order_send_as_df(
        {"action": client.mt5.TRADE_ACTION_PENDING, "symbol": "EURUSD", "volume": 0.2, "price": limit,
         "type": client.mt5.ORDER_TYPE_BUY_LIMIT, "type_filling": client.mt5.ORDER_FILLING_RETURN}
    ).iloc[0]  # fmt: skip
    assert placed["retcode"] == client.mt5.TRADE_RETCODE_DONE
    orders = client.orders_get_as_df()
    assert list(orders["ticket"]) == [placed["order"]]

    stop = round(float(tick["bid"]) - 0.02, 5)
    client.order_send(
        {"action": client.mt5.TRADE_ACTION_SLTP, "symbol": "EURUSD", "position": opened["order"], "sl": stop}
    )
    position = client.positions_get_as_dicts(ticket=opened["order"])[0]
    assert (position["volume"], position["sl"], position["comment"]) == (0.1, stop, "pdmt5")

    client.order_send({**market, "type": client.mt5.ORDER_TYPE_SELL, "position": opened["order"]})
    assert client.positions_get_as_df().empty

    since, until = datetime.now() - timedelta(days=1), datetime.now() + timedelta(days=1)
    deals = client.history_deals_get_as_df(position=opened["order"])
    assert sorted(deals["entry"]) == [client.mt5.DEAL_ENTRY_IN, client.mt5.DEAL_ENTRY_OUT]
    everything = client.history_deals_get_as_df(date_from=since, date_to=until)
    assert round(everything["profit"].sum() + everything["commission"].sum(), 2) == client.account_info().balance
    assert len(client.history_orders_get_as_df(date_from=since, date_to=until, symbol="EURUSD")) == 2

    ticks = client.copy_ticks_from_as_df("EURUSD", since, 10, client.mt5.COPY_TICKS_ALL)
    assert 0 < len(ticks) <= 10
    assert {"bid", "ask"} <= set(ticks.columns)

    unknown = "no error"
    try:
        client.symbol_info("NOSUCH")
    except Mt5RuntimeError as error:
        unknown = str(error)
    assert "Not found" in unknown, unknown
print("done")
