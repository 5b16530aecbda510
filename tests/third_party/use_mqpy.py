"""mqpy: ticks, rates and an expert advisor's trades as classes. Its argument is a symbol that takes RETURN orders."""

import sys

import MetaTrader5 as mt5  # noqa: N813 - as everybody imports it
from mqpy.book import Book
from mqpy.rates import Rates
from mqpy.tick import Tick
from mqpy.trade import Trade

trade = Trade(
    expert_name="an expert", version="1", symbol=sys.argv[1], magic_number=567, lot=1.0, stop_loss=250.0,
    emergency_stop_loss=300.0, take_profit=250.0, emergency_take_profit=300.0,
    start_time="0:00", finishing_time="23:59", ending_time="23:59",
)  # fmt: skip
tick = Tick(trade.symbol)
assert tick.ask > tick.bid > 0
rates = Rates(trade.symbol, mt5.TIMEFRAME_M1, 0, 10)
assert len(rates.close) == 10
assert max(rates.high) >= max(rates.close)
book = Book(trade.symbol)
assert book.release()

trade.open_buy_position("mqpy")
(position,) = mt5.positions_get(symbol=trade.symbol)
assert (position.type, position.volume, position.magic, position.comment) == (mt5.POSITION_TYPE_BUY, 1.0, 567, "mqpy")
assert position.tp > position.price_open > position.sl
trade.stop_and_gain()
assert mt5.positions_total() == 1
trade.close_position("closed")
assert mt5.positions_total() == 0
deals = mt5.history_deals_get(position=position.identifier)
assert [deal.entry for deal in deals] == [mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT]
print("done")
