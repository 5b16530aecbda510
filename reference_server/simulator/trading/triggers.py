"""What a tick sets off: pending orders, stop loss and take profit, stop-out, and what the passing of time ends."""

from collections.abc import Iterable
from operator import itemgetter

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.records import BUY, MARKET_TYPES, SELL, STOP_TYPES, Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.quotes import Quote
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.trading.levels import BUY_STOP_LIMIT, SELL_STOP, SELL_STOP_LIMIT
from reference_server.simulator.trading.limits import holds_opposite, margin_after
from reference_server.simulator.trading.liquidation import Liquidation
from reference_server.simulator.trading.matching import REJECTED, Matching
from reference_server.simulator.trading.nights import EXPIRED, MS_PER_DAY, Nights

REASON_SL = CONSTANTS["ORDER_REASON_SL"]
REASON_TP = CONSTANTS["ORDER_REASON_TP"]
BUY_LIMIT = CONSTANTS["ORDER_TYPE_BUY_LIMIT"]
SELL_LIMIT = CONSTANTS["ORDER_TYPE_SELL_LIMIT"]
TIME_DAY = CONSTANTS["ORDER_TIME_DAY"]
TIME_SPECIFIED = CONSTANTS["ORDER_TIME_SPECIFIED"]
TIME_SPECIFIED_DAY = CONSTANTS["ORDER_TIME_SPECIFIED_DAY"]
FALLING = (BUY_LIMIT, SELL_STOP, SELL_STOP_LIMIT)  # fire when the price they watch falls to theirs
CHART_BY_LAST = CONSTANTS["SYMBOL_CHART_MODE_LAST"]


class Triggers:
    """Watches the market for every account that has something in a symbol."""

    def __init__(self, market: Market, ledger: Ledger, matching: Matching, accounts: Iterable[Account]) -> None:
        self._market = market
        self._ledger = ledger
        self._matching = matching
        self._accounts = accounts
        self._nights = Nights(market, ledger, accounts)
        self._liquidation = Liquidation(market, ledger)
        self._converted: dict[tuple[str, str], frozenset[str]] = {}
        market.on_tick = self.on_tick

    def resume(self) -> None:
        """Begin again at the market's present moment, after a state was loaded."""
        self._nights.resume()

    def on_tick(self, quote: Quote) -> None:
        """Let every account react to a new price of one symbol."""
        day = self._market.now_ms // MS_PER_DAY
        if day != self._nights.day:
            self._nights.pass_to(day)
        name = quote.profile.name
        converts = name in self._ledger.exchange.pair_names
        for account in self._accounts:
            exposures = account.exposures
            if not exposures:
                continue
            exposure = exposures.get(name)
            if exposure is None:
                if not converts or not self._convert(account, name):
                    continue
            else:
                if exposure.orders:
                    for order in list(exposure.orders.values()):
                        self._order(account, order, quote)
                if exposure.positions:
                    for position in list(exposure.positions.values()):
                        if position.sl or position.tp:
                            self._stops(account, position, quote)
                if exposure.positions:
                    self._ledger.revalue(account, name)
                if converts:
                    self._convert(account, name)
            self.stop_out(account)

    def stop_out(self, account: Account) -> None:
        """Close what an account below its stop-out level can no longer afford."""
        if account.is_below(account.settings.stop_out_level):
            self._liquidation.enforce(account)

    def _convert(self, account: Account, name: str) -> bool:
        """Revalue what is converted at this symbol's quote; whether there was anything."""
        key = (name, account.settings.currency)
        converted = self._converted.get(key)
        if converted is None:
            converted = self._converted[key] = self._ledger.exchange.converted_at(*key)
        if converted.isdisjoint(account.exposures):
            return False
        for other in converted.intersection(account.exposures):
            self._ledger.revalue(account, other)
        return True

    def _expiry_ms(self, order: Order) -> int:
        """When an order's time is over, by the server's clock; 0 for never."""
        if order.type_time == TIME_DAY:
            return (order.setup_ms // MS_PER_DAY + 1) * MS_PER_DAY
        if order.type_time == TIME_SPECIFIED:
            return order.expiration * 1000
        if order.type_time == TIME_SPECIFIED_DAY and order.expiration:
            end = (order.expiration * 1000 // MS_PER_DAY + 1) * MS_PER_DAY
            symbol = self._market.symbols[order.symbol]
            if self._market.always_open or symbol.is_open(end - 1000):
                return end
            return symbol.next_open_ms(end)
        return 0

    def pass_time(self) -> None:
        """Let happen what needs no tick: midnights, and the end of orders."""
        now = self._market.now_ms
        if now // MS_PER_DAY != self._nights.day:
            self._nights.pass_to(now // MS_PER_DAY)
            for account in self._accounts:
                self.stop_out(account)
        for account in self._accounts:
            if account.orders:
                timed = [(self._expiry_ms(order), order) for order in account.orders.values() if order.type_time]
                for expiry_ms, order in sorted(timed, key=itemgetter(0)):
                    self._end(account, order, expiry_ms, now)

    def _end(self, account: Account, order: Order, expiry_ms: int, now_ms: int) -> bool:
        """End an order if its time is over; whether it was."""
        if not expiry_ms or now_ms < expiry_ms:
            return False
        account.remember(order, EXPIRED, expiry_ms)
        self._ledger.revalue(account, order.symbol)
        return True

    def _order(self, account: Account, order: Order, quote: Quote) -> None:
        if order.type_time and self._end(account, order, self._expiry_ms(order), quote.time_ms):
            return
        price = quote.ask if order.is_buy else quote.bid
        order.price_current = price
        if order.type in MARKET_TYPES:
            self._fill(account, order, quote, price)
            return
        watched = price
        if quote.profile.chart_mode == CHART_BY_LAST and quote.last > 0:
            watched = quote.last
        reached = watched <= order.price_open if order.type in FALLING else watched >= order.price_open
        if not reached:
            return
        if order.type in (BUY_STOP_LIMIT, SELL_STOP_LIMIT):
            order.type = BUY_LIMIT if order.type == BUY_STOP_LIMIT else SELL_LIMIT
            order.price_open, order.price_stoplimit = order.price_stoplimit, 0.0
            self._ledger.reserve_again(account, order)
            return
        if order.type == BUY_LIMIT:
            price = min(price, order.price_open)
        elif order.type == SELL_LIMIT:
            price = max(price, order.price_open)
        self._fill(account, order, quote, price)

    def _fill(self, account: Account, order: Order, quote: Quote, price: float) -> None:
        closes = None
        if account.is_hedging and order.position_id and order.position_id != order.ticket:
            closes = account.position_by_identifier(order.symbol, order.position_id)
        if not self._is_permitted(account, order, closes, price):
            account.remember(order, REJECTED, quote.time_ms)
            self._ledger.revalue(account, order.symbol)
            return
        if not quote.profile.liquidity:
            self._ledger.fill(account, order, price, closes=closes)
            return
        self._matching.execute(account, order, quote, price, closes=closes)
        if order.ticket in account.orders:
            if order.type in STOP_TYPES:
                order.type = BUY if order.is_buy else SELL
            self._ledger.reserve_again(account, order)

    def _is_permitted(self, account: Account, order: Order, closes: Position | None, price: float) -> bool:
        """Whether the account may have what the order opens: money, number of positions, direction."""
        if account.is_hedging and order.position_id and order.position_id != order.ticket:
            return closes is not None and order.volume_current <= closes.volume
        settings = account.settings
        if account.is_hedging:
            if settings.hedging_prohibited and holds_opposite(account, order.symbol, is_buy=order.is_buy):
                return False
        else:
            held = account.positions_of(order.symbol)
            if held and held[0].is_buy != order.is_buy and order.volume_current <= held[0].volume:
                return True
            if not held and settings.limit_positions and len(account.positions) >= settings.limit_positions:
                return False
        if order.margin:
            order.margin = 0.0
            account.exposure(order.symbol).reserve()
            self._ledger.total(account)
        symbol = self._market.symbols[order.symbol]
        volume = order.volume_current
        try:
            margin = margin_after(account, self._ledger, symbol, is_buy=order.is_buy, volume=volume, price=price)
        except LookupError:
            return False
        return margin <= account.equity

    def _stops(self, account: Account, position: Position, quote: Quote) -> None:
        sl, tp = position.sl, position.tp
        price = quote.bid if position.is_buy else quote.ask
        watched = price
        if quote.profile.chart_mode == CHART_BY_LAST and quote.last > 0:
            watched = quote.last
        if position.is_buy:
            hit_sl, hit_tp = sl and watched <= sl, tp and watched >= tp
            at_tp = max(price, tp)
        else:
            hit_sl, hit_tp = sl and watched >= sl, tp and watched <= tp
            at_tp = min(price, tp) if tp else price
        digits = quote.profile.digits
        if hit_sl:
            self._liquidation.close(account, position, price, REASON_SL, f"[sl {sl:.{digits}f}]")
        elif hit_tp:
            self._liquidation.close(account, position, at_tp, REASON_TP, f"[tp {tp:.{digits}f}]")
