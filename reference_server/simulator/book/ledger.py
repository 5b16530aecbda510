"""How fills change an account: positions opened, reduced, reversed, and the deals that say so."""

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.money import lots
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.book.valuation import Valuation
from reference_server.simulator.listing.symbols import SymbolProfile
from reference_server.simulator.market.market import Market
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import Struct, TradeDeal

ENTRY_IN = CONSTANTS["DEAL_ENTRY_IN"]
ENTRY_OUT = CONSTANTS["DEAL_ENTRY_OUT"]
ENTRY_INOUT = CONSTANTS["DEAL_ENTRY_INOUT"]
ENTRY_OUT_BY = CONSTANTS["DEAL_ENTRY_OUT_BY"]
BALANCE = CONSTANTS["DEAL_TYPE_BALANCE"]
CREDIT = CONSTANTS["DEAL_TYPE_CREDIT"]
FILLED = CONSTANTS["ORDER_STATE_FILLED"]
PARTIAL = CONSTANTS["ORDER_STATE_PARTIAL"]
REASON_ROLLOVER = CONSTANTS["DEAL_REASON_ROLLOVER"]

FIRST_ORDER_TICKET = 2**32 + 5_032_705
FIRST_DEAL_TICKET = 2**32 + 4_032_704


class Ledger(Valuation):
    """Books fills. Tickets of orders and deals are counted across the broker, in two sequences."""

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self.next_order = FIRST_ORDER_TICKET
        self.next_deal = FIRST_DEAL_TICKET

    def order_ticket(self) -> int:
        """The next free ticket of an order."""
        ticket = self.next_order
        self.next_order += 1
        return ticket

    def deposit(self, account: Account, amount: float, comment: str) -> None:
        """Book a balance operation; a negative amount is a withdrawal."""
        self._operation(account, BALANCE, amount, comment)

    def grant(self, account: Account, amount: float, comment: str) -> None:
        """Book a credit operation; a negative amount takes credit back."""
        self._operation(account, CREDIT, amount, comment)

    def _operation(self, account: Account, kind: int, amount: float, comment: str) -> None:
        now = self._market.now_ms
        money = account.money(amount)
        self._deal(account, (0, now // 1000, now, kind, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, money, 0.0, "", comment, ""))

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
        opening: float = 0.0,
        profit: float = 0.0,
        swap: float = 0.0,
        is_buy: bool | None = None,
    ) -> Struct:
        now = self._market.now_ms
        symbol = self._market.symbols[order.symbol]
        commission = 0.0
        if (symbol.commission_per_lot or symbol.commission_percent) and order.reason != REASON_ROLLOVER:
            commission = self._commission(account, symbol, entry, volume, opening, price)
        buys = order.is_buy if is_buy is None else is_buy
        return self._deal(
            account,
            (
                order.ticket, now // 1000, now, 0 if buys else 1, entry, order.magic, position_id, order.reason,
                volume, price, commission, swap, profit, 0.0, order.symbol, order.comment, "",
            ),
        )  # fmt: skip

    def _commission(
        self, account: Account, symbol: SymbolProfile, entry: int, volume: float, opening: float, price: float
    ) -> float:
        """What a deal costs, as a negative amount; closing one position by another is free."""
        if entry == ENTRY_OUT_BY:
            return 0.0
        charged = opening if symbol.commission_entry_only else volume
        amount = symbol.commission_per_lot * charged
        if symbol.commission_percent:
            value = symbol.commission_percent / 100 * charged * symbol.contract_size * price
            currency = account.settings.currency
            amount += value * self.exchange.profit_rate(symbol, currency, gain=False, close_price=price)
        return -account.money(amount) if amount else 0.0

    def fill(
        self,
        account: Account,
        order: Order,
        price: float,
        *,
        closes: Position | None = None,
        volume: float | None = None,
    ) -> Struct:
        """Fill an order at a price, completely or in part; returns the deal. A filled order goes into the history.

        On a netting account the position in the symbol is changed; on a hedging account `closes`, else the position
        that an earlier part of the order opened, else a new one.
        """
        now = self._market.now_ms
        if volume is None:
            volume = order.volume_current
        order.volume_current = left = lots(order.volume_current - volume)
        if not account.is_hedging:
            held = account.positions_of(order.symbol)
            closes = held[0] if held else None
        elif closes is None and order.position_id:
            closes = account.position_by_identifier(order.symbol, order.position_id)
        if closes is None:
            deal = self._open(account, order, volume, price)
        elif closes.is_buy == order.is_buy:
            deal = self._increase(account, order, closes, volume, price)
        elif volume > closes.volume:
            deal = self._reverse(account, order, closes, volume, price)
        else:
            order.position_id = closes.identifier
            deal = self.reduce(account, order, closes, volume, price, entry=ENTRY_OUT)
        if left:
            order.state = PARTIAL
            if order.margin:
                order.margin *= left / (left + volume)
                account.exposure(order.symbol).reserve()
        else:
            account.remember(order, FILLED, now)
        self.revalue(account, order.symbol)
        return deal

    def _margin_rate(self, account: Account, order: Order, price: float) -> float:
        symbol = self._market.symbols[order.symbol]
        return self.exchange.margin_rate(symbol, account.settings.currency, is_buy=order.is_buy, price=price)

    def _open(self, account: Account, order: Order, volume: float, price: float) -> Struct:
        now = self._market.now_ms
        is_buy = order.is_buy
        position = Position(
            ticket=order.ticket, identifier=order.ticket, symbol=order.symbol, is_buy=is_buy, volume=volume,
            price_open=price, time_ms=now, update_ms=now, margin_rate=self._margin_rate(account, order, price),
            sl=order.sl, tp=order.tp, magic=order.magic, comment=order.comment, reason=order.reason,
        )  # fmt: skip
        order.position_id = position.identifier
        account.add_position(position)
        self.count(account, position, volume)
        return self._trade(
            account, order, entry=ENTRY_IN, position_id=position.identifier, volume=volume, price=price, opening=volume
        )

    def _increase(self, account: Account, order: Order, position: Position, volume: float, price: float) -> Struct:
        self.count(account, position, -position.volume)
        total = lots(position.volume + volume)
        rate = self._margin_rate(account, order, price)
        position.price_open = (position.price_open * position.volume + price * volume) / total
        position.margin_rate = (position.margin_rate * position.volume + rate * volume) / total
        position.volume = total
        if not account.is_hedging:
            position.sl, position.tp = order.sl, order.tp
            position.magic, position.comment = order.magic, order.comment
        position.update_ms = self._market.now_ms
        self.count(account, position, total)
        order.position_id = position.identifier
        return self._trade(
            account, order, entry=ENTRY_IN, position_id=position.identifier, volume=volume, price=price, opening=volume
        )

    def _reverse(self, account: Account, order: Order, position: Position, volume: float, price: float) -> Struct:
        profit, swap = self._realise(account, position, position.volume, price)
        self.count(account, position, -position.volume)
        account.remove_position(position)
        order.position_id = position.identifier
        remainder = lots(volume - position.volume)
        deal = self._trade(
            account, order, entry=ENTRY_INOUT, position_id=position.identifier, volume=volume, price=price,
            opening=remainder, profit=profit, swap=swap,
        )  # fmt: skip
        position.ticket = order.ticket
        position.is_buy = order.is_buy
        position.volume = remainder
        position.price_open = price
        position.margin_rate = self._margin_rate(account, order, price)
        position.sl, position.tp = order.sl, order.tp
        position.magic, position.comment = order.magic, order.comment
        position.update_ms = self._market.now_ms
        account.add_position(position)
        self.count(account, position, remainder)
        return deal

    def reopen(self, account: Account, position: Position, close_price: float, open_price: float) -> None:
        """Close a position and open it again at another price, as a swap; its identifier stays, its ticket changes."""
        now, volume = self._market.now_ms, position.volume
        profit, swap = self._realise(account, position, volume, close_price)
        self.count(account, position, -volume)
        account.remove_position(position)
        for entry, price in ((ENTRY_OUT, close_price), (ENTRY_IN, open_price)):
            closing = entry == ENTRY_OUT
            order = Order(
                ticket=self.order_ticket(), symbol=position.symbol, type=int(position.is_buy == closing),
                volume_initial=volume, volume_current=0.0, price_open=price, setup_ms=now, magic=position.magic,
                comment=position.comment, reason=REASON_ROLLOVER, position_id=position.identifier, price_current=price,
            )  # fmt: skip
            self._trade(
                account, order, entry=entry, position_id=position.identifier, volume=volume, price=price,
                profit=profit if closing else 0.0, swap=swap if closing else 0.0,
            )  # fmt: skip
            account.remember(order, FILLED, now)
        position.ticket = order.ticket
        position.price_open = open_price
        position.margin_rate = self._margin_rate(account, order, open_price)
        position.update_ms = now
        account.add_position(position)
        self.count(account, position, volume)

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
        )  # fmt: skip
        if volume >= position.volume:
            account.remove_position(position)
        else:
            position.volume = lots(position.volume - volume)
            position.update_ms = self._market.now_ms
        return deal
