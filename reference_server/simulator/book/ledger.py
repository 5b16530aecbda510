"""How fills change an account: positions opened, reduced, reversed, and the deals that say so."""

from collections.abc import Mapping

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.exposure import position_margin
from reference_server.simulator.book.money import Exchange, profit_in_profit_currency
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct, TradeDeal

ENTRY_IN = CONSTANTS["DEAL_ENTRY_IN"]
ENTRY_OUT = CONSTANTS["DEAL_ENTRY_OUT"]
ENTRY_INOUT = CONSTANTS["DEAL_ENTRY_INOUT"]
ENTRY_OUT_BY = CONSTANTS["DEAL_ENTRY_OUT_BY"]
BALANCE = CONSTANTS["DEAL_TYPE_BALANCE"]
FILLED = CONSTANTS["ORDER_STATE_FILLED"]

FIRST_ORDER_TICKET = 2**32 + 5_032_705
FIRST_DEAL_TICKET = 2**32 + 4_032_704


class Ledger:
    """Books fills. Tickets of orders and deals are counted across the broker, in two sequences."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._quotes: Mapping[str, Quote] = market.quotes
        self.exchange = Exchange(market.quotes)
        self.next_order = FIRST_ORDER_TICKET
        self.next_deal = FIRST_DEAL_TICKET

    def order_ticket(self) -> int:
        """The next free ticket of an order."""
        ticket = self.next_order
        self.next_order += 1
        return ticket

    def deposit(self, account: Account, amount: float, comment: str) -> None:
        """Book a balance operation."""
        now = self._market.now_ms
        self._deal(
            account, (0, now // 1000, now, BALANCE, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, amount, 0.0, "", comment, "")
        )

    def _deal(self, account: Account, values: tuple[object, ...]) -> Struct:
        deal = tuple.__new__(TradeDeal, (self.next_deal, *values))
        self.next_deal += 1
        account.add_deal(deal)
        return deal

    def _trade(
        self,
        account: Account,
        order: Order,
        *,
        entry: int,
        position_id: int,
        volume: float,
        price: float,
        profit: float = 0.0,
        swap: float = 0.0,
        is_buy: bool | None = None,
        commissioned: bool = True,
    ) -> Struct:
        now = self._market.now_ms
        per_lot = self._market.symbols[order.symbol].commission_per_lot if commissioned else 0.0
        commission = -account.money(per_lot * volume) if per_lot else 0.0
        buys = order.is_buy if is_buy is None else is_buy
        return self._deal(
            account,
            (
                order.ticket, now // 1000, now, 0 if buys else 1, entry, order.magic, position_id, order.reason,
                volume, price, commission, swap, profit, 0.0, order.symbol, order.comment, "",
            ),
        )  # fmt: skip

    def fill(self, account: Account, order: Order, price: float, *, closes: Position | None = None) -> Struct:
        """Fill an order completely at a price and put it into the history; returns the deal."""
        now = self._market.now_ms
        volume = order.volume_current
        order.volume_current = 0.0
        if not account.is_hedging:
            held = account.positions_of(order.symbol)
            closes = held[0] if held else None
        if closes is None:
            deal = self._open(account, order, volume, price)
        elif closes.is_buy == order.is_buy:
            deal = self._increase(account, order, closes, volume, price)
        elif volume > closes.volume:
            deal = self._reverse(account, order, closes, volume, price)
        else:
            order.position_id = closes.identifier
            deal = self.reduce(account, order, closes, volume, price, entry=ENTRY_OUT)
        account.remember(order, FILLED, now)
        self.revalue(account, order.symbol)
        return deal

    def _open(self, account: Account, order: Order, volume: float, price: float) -> Struct:
        now = self._market.now_ms
        is_buy = order.is_buy
        symbol = self._market.symbols[order.symbol]
        rate = self.exchange.margin_rate(symbol, account.settings.currency, is_buy=is_buy, price=price)
        position = Position(
            ticket=order.ticket, identifier=order.ticket, symbol=order.symbol, is_buy=is_buy, volume=volume,
            price_open=price, time_ms=now, update_ms=now, margin_rate=rate, sl=order.sl, tp=order.tp,
            magic=order.magic, comment=order.comment,
        )  # fmt: skip
        order.position_id = position.identifier
        account.add_position(position)
        self.count(account, position, volume)
        return self._trade(account, order, entry=ENTRY_IN, position_id=position.identifier, volume=volume, price=price)

    def count(self, account: Account, position: Position, volume: float) -> None:
        """Count a volume of a position, negative to take it away, in the exposure its margin comes from."""
        symbol = self._market.symbols[position.symbol]
        margin = position_margin(symbol, position, volume, account.settings.leverage)
        account.exposure(position.symbol).add(is_buy=position.is_buy, volume=volume, margin=margin)

    def _increase(self, account: Account, order: Order, position: Position, volume: float, price: float) -> Struct:
        self.count(account, position, -position.volume)
        total = round(position.volume + volume, 8)
        symbol = self._market.symbols[order.symbol]
        rate = self.exchange.margin_rate(symbol, account.settings.currency, is_buy=position.is_buy, price=price)
        position.price_open = (position.price_open * position.volume + price * volume) / total
        position.margin_rate = (position.margin_rate * position.volume + rate * volume) / total
        position.volume = total
        position.sl, position.tp = order.sl, order.tp
        position.magic, position.comment = order.magic, order.comment
        position.update_ms = self._market.now_ms
        self.count(account, position, total)
        order.position_id = position.identifier
        return self._trade(account, order, entry=ENTRY_IN, position_id=position.identifier, volume=volume, price=price)

    def _reverse(self, account: Account, order: Order, position: Position, volume: float, price: float) -> Struct:
        profit, swap = self._realise(account, position, position.volume, price)
        self.count(account, position, -position.volume)
        account.remove_position(position)
        order.position_id = position.identifier
        remainder = round(volume - position.volume, 8)
        deal = self._trade(
            account, order, entry=ENTRY_INOUT, position_id=position.identifier, volume=volume, price=price,
            profit=profit, swap=swap,
        )  # fmt: skip
        symbol = self._market.symbols[order.symbol]
        position.ticket = order.ticket
        position.is_buy = order.is_buy
        position.volume = remainder
        position.price_open = price
        position.margin_rate = self.exchange.margin_rate(
            symbol, account.settings.currency, is_buy=order.is_buy, price=price
        )
        position.sl, position.tp = order.sl, order.tp
        position.magic, position.comment = order.magic, order.comment
        position.update_ms = self._market.now_ms
        account.add_position(position)
        self.count(account, position, remainder)
        return deal

    def _realise(self, account: Account, position: Position, volume: float, price: float) -> tuple[float, float]:
        """Profit and the share of the swap of closing a volume; the swap leaves the position."""
        profit = self.profit(account, position.symbol, position.is_buy, volume, position.price_open, price)
        swap = position.swap if volume >= position.volume else account.money(position.swap * volume / position.volume)
        position.swap = account.money(position.swap - swap)
        return profit, swap

    def reduce(
        self,
        account: Account,
        order: Order,
        position: Position,
        volume: float,
        price: float,
        *,
        entry: int,
        with_profit: bool = True,
    ) -> Struct:
        """Close a volume of a position, all or part of it; returns the deal. The order is left to the caller."""
        profit, swap = self._realise(account, position, volume, price)
        self.count(account, position, -volume)
        deal = self._trade(
            account, order, entry=entry, position_id=position.identifier, volume=volume, price=price,
            profit=profit if with_profit else 0.0, swap=swap, is_buy=not position.is_buy,
            commissioned=entry != ENTRY_OUT_BY,
        )  # fmt: skip
        if volume >= position.volume:
            account.remove_position(position)
        else:
            position.volume = round(position.volume - volume, 8)
            position.update_ms = self._market.now_ms
        return deal

    def profit(
        self, account: Account, symbol_name: str, is_buy: bool, volume: float, price_open: float, price_close: float
    ) -> float:
        """Profit in the deposit currency, rounded. Raises LookupError when no quote converts the currency."""
        symbol = self._market.symbols[symbol_name]
        amount = profit_in_profit_currency(
            symbol, is_buy=is_buy, volume=volume, price_open=price_open, price_close=price_close
        )
        currency = account.settings.currency
        if symbol.currency_profit != currency:
            amount *= self.exchange.profit_rate(symbol, currency, gain=amount > 0, close_price=price_close)
        return account.money(amount)

    def revalue(self, account: Account, symbol_name: str) -> None:
        """Bring the positions of a symbol, and with them floating profit and margin, to the present quote."""
        quote = self._quotes[symbol_name]
        exposure = account.exposures[symbol_name]
        for position in exposure.positions.values():
            position.price_current = price = quote.bid if position.is_buy else quote.ask
            position.profit = self.profit(
                account, symbol_name, position.is_buy, position.volume, position.price_open, price
            )
        account.floating = account.money(sum(p.profit + p.swap for p in account.positions.values()))
        account.margin = account.money(
            sum(exposure.margin(self._market.symbols[name]) for name, exposure in account.exposures.items())
        )
        if not exposure.positions and not exposure.orders:
            del account.exposures[symbol_name]
