"""What a tick sets off: pending orders, stop loss and take profit, stop-out, expiry, and the nightly swap."""

from collections.abc import Iterable

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import ENTRY_OUT, FILLED, Ledger
from reference_server.simulator.book.money import margin_in_margin_currency
from reference_server.simulator.book.records import BUY, SELL, Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.trading.levels import BUY_STOP_LIMIT, SELL_STOP_LIMIT

EXPIRED = CONSTANTS["ORDER_STATE_EXPIRED"]
REJECTED = CONSTANTS["ORDER_STATE_REJECTED"]
REASON_SL = CONSTANTS["ORDER_REASON_SL"]
REASON_TP = CONSTANTS["ORDER_REASON_TP"]
REASON_STOP_OUT = CONSTANTS["ORDER_REASON_SO"]
BUY_LIMIT = CONSTANTS["ORDER_TYPE_BUY_LIMIT"]
SELL_LIMIT = CONSTANTS["ORDER_TYPE_SELL_LIMIT"]
TIME_DAY = CONSTANTS["ORDER_TIME_DAY"]
TIME_SPECIFIED = CONSTANTS["ORDER_TIME_SPECIFIED"]
TIME_SPECIFIED_DAY = CONSTANTS["ORDER_TIME_SPECIFIED_DAY"]
SWAP_POINTS = CONSTANTS["SYMBOL_SWAP_MODE_POINTS"]
SWAP_INTEREST = (CONSTANTS["SYMBOL_SWAP_MODE_INTEREST_CURRENT"], CONSTANTS["SYMBOL_SWAP_MODE_INTEREST_OPEN"])
MS_PER_DAY = 86_400_000
FALLING = (BUY_LIMIT, 5, SELL_STOP_LIMIT)  # fire when the price they watch falls to theirs: buy limit, sell stops


class Triggers:
    """Watches the market for every account that has something in a symbol."""

    def __init__(self, market: Market, ledger: Ledger, accounts: Iterable[Account]) -> None:
        self._market = market
        self._ledger = ledger
        self._accounts = accounts
        self._day = market.now_ms // MS_PER_DAY
        market.on_tick = self.on_tick

    def resume(self) -> None:
        """Begin again at the market's present moment, after a state was loaded."""
        self._day = self._market.now_ms // MS_PER_DAY

    def on_tick(self, quote: Quote) -> None:
        """Let every account react to a new price of one symbol."""
        day = self._market.now_ms // MS_PER_DAY
        if day != self._day:
            self._nights(day)
        name = quote.profile.name
        for account in self._accounts:
            exposure = account.exposures.get(name)
            if exposure is None:
                continue
            if exposure.orders:
                for order in list(exposure.orders.values()):
                    self._order(account, order, quote)
            if exposure.positions:
                for position in list(exposure.positions.values()):
                    self._stops(account, position, quote)
            if exposure.positions:
                self._ledger.revalue(account, name)
                if account.margin and account.margin_level < account.settings.stop_out_level:
                    self._stop_out(account)

    def _expiry_ms(self, order: Order) -> int:
        if order.type_time == TIME_DAY:
            return (order.setup_ms // MS_PER_DAY + 1) * MS_PER_DAY
        if order.type_time == TIME_SPECIFIED:
            return order.expiration * 1000
        if order.type_time == TIME_SPECIFIED_DAY:
            return (order.expiration * 1000 // MS_PER_DAY + 1) * MS_PER_DAY
        return 0

    def expire(self) -> None:
        """End every order whose time is over, by the server's clock."""
        now = self._market.now_ms
        for account in self._accounts:
            if account.orders:
                for order in list(account.orders.values()):
                    if order.type_time and now >= self._expiry_ms(order):
                        account.remember(order, EXPIRED, now)

    def _order(self, account: Account, order: Order, quote: Quote) -> None:
        if order.type_time and quote.time_ms >= self._expiry_ms(order):
            account.remember(order, EXPIRED, quote.time_ms)
            return
        price = quote.ask if order.is_buy else quote.bid
        order.price_current = price
        reached = price <= order.price_open if order.type in FALLING else price >= order.price_open
        if not reached:
            return
        if order.type in (BUY_STOP_LIMIT, SELL_STOP_LIMIT):
            order.type = BUY_LIMIT if order.type == BUY_STOP_LIMIT else SELL_LIMIT
            order.price_open, order.price_stoplimit = order.price_stoplimit, 0.0
            return
        if self._affordable(account, order, price):
            self._ledger.fill(account, order, price)
        else:
            account.remember(order, REJECTED, quote.time_ms)

    def _affordable(self, account: Account, order: Order, price: float) -> bool:
        if not account.is_hedging and account.positions_of(order.symbol):
            held = account.positions_of(order.symbol)[0]
            if held.is_buy != order.is_buy and order.volume_current <= held.volume:
                return True
        symbol = self._market.symbols[order.symbol]
        currency = account.settings.currency
        margin = margin_in_margin_currency(symbol, order.volume_current, price, account.settings.leverage)
        margin *= self._ledger.exchange.margin_rate(symbol, currency, is_buy=order.is_buy, price=price)
        exposure = account.exposure(order.symbol)
        added = exposure.margin_with(symbol, is_buy=order.is_buy, volume=order.volume_current, margin=margin)
        return account.margin - exposure.margin(symbol) + added <= account.equity

    def _stops(self, account: Account, position: Position, quote: Quote) -> None:
        sl, tp = position.sl, position.tp
        if not sl and not tp:
            return
        if position.is_buy:
            price = quote.bid
            hit_sl, hit_tp = sl and price <= sl, tp and price >= tp
        else:
            price = quote.ask
            hit_sl, hit_tp = sl and price >= sl, tp and price <= tp
        digits = quote.profile.digits
        if hit_sl:
            self._close(account, position, price, REASON_SL, f"[sl {sl:.{digits}f}]")
        elif hit_tp:
            self._close(account, position, price, REASON_TP, f"[tp {tp:.{digits}f}]")

    def _close(self, account: Account, position: Position, price: float, reason: int, comment: str) -> None:
        now = self._market.now_ms
        volume = position.volume
        order = Order(
            ticket=self._ledger.order_ticket(), symbol=position.symbol, type=SELL if position.is_buy else BUY,
            volume_initial=volume, volume_current=0.0, price_open=price, setup_ms=now, magic=position.magic,
            comment=comment, reason=reason, position_id=position.identifier, price_current=price,
        )  # fmt: skip
        self._ledger.reduce(account, order, position, volume, price, entry=ENTRY_OUT)
        account.remember(order, FILLED, now)
        self._ledger.revalue(account, position.symbol)

    def _stop_out(self, account: Account) -> None:
        """Close the most losing position until the margin level is back above the stop-out level."""
        while account.positions and account.margin and account.margin_level < account.settings.stop_out_level:
            worst = min(account.positions.values(), key=lambda position: position.profit + position.swap)
            comment = f"[so {account.margin_level:.2f}%]"
            self._close(account, worst, worst.price_current, REASON_STOP_OUT, comment)

    def _nights(self, day: int) -> None:
        for midnight in range(self._day + 1, day + 1):
            ended = (midnight - 1 + 4) % 7  # 0 is Sunday, as in swap_rollover3days; day 0 of the epoch was a Thursday
            for account in self._accounts:
                for position in account.positions.values():
                    position.swap = account.money(position.swap + self.swap(account, position, ended))
                for name in list(account.exposures):
                    self._ledger.revalue(account, name)
        self._day = day

    def swap(self, account: Account, position: Position, weekday: int) -> float:
        """Swap of one night that ends a weekday (0 is Sunday), in the deposit currency."""
        symbol = self._market.symbols[position.symbol]
        if weekday in (0, 6) and symbol.swap_rollover3days < 7:
            return 0.0
        rate = symbol.swap_long if position.is_buy else symbol.swap_short
        nights = 3 if weekday == symbol.swap_rollover3days else 1
        quote = self._market.quotes[position.symbol]
        price = quote.bid if position.is_buy else quote.ask
        if symbol.swap_mode == SWAP_POINTS:
            amount = rate * quote.point * symbol.contract_size * position.volume
        elif symbol.swap_mode in SWAP_INTEREST:
            base = price if symbol.swap_mode == SWAP_INTEREST[0] else position.price_open
            amount = base * symbol.contract_size * position.volume * rate / 100 / 360
        else:
            return 0.0
        currency = account.settings.currency
        if symbol.currency_profit != currency:
            amount *= self._ledger.exchange.profit_rate(symbol, currency, gain=amount > 0, close_price=price)
        return account.money(account.money(amount) * nights)
