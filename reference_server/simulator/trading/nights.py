"""The server's midnight: swaps, and orders and stops that do not outlive the day."""

from collections.abc import Iterable

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.money import profit_in_profit_currency
from reference_server.simulator.book.records import Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.surface.constants import CONSTANTS

EXPIRED = CONSTANTS["ORDER_STATE_EXPIRED"]
MS_PER_DAY = 86_400_000
SUNDAY, SATURDAY, NEVER_TRIPLE = 0, 6, 7
DAYS_PER_YEAR = 360
DISABLED = CONSTANTS["SYMBOL_SWAP_MODE_DISABLED"]
POINTS = CONSTANTS["SYMBOL_SWAP_MODE_POINTS"]
IN_BASE = CONSTANTS["SYMBOL_SWAP_MODE_CURRENCY_SYMBOL"]
IN_MARGIN = CONSTANTS["SYMBOL_SWAP_MODE_CURRENCY_MARGIN"]
IN_DEPOSIT = CONSTANTS["SYMBOL_SWAP_MODE_CURRENCY_DEPOSIT"]
INTEREST_CURRENT = CONSTANTS["SYMBOL_SWAP_MODE_INTEREST_CURRENT"]
INTEREST_OPEN = CONSTANTS["SYMBOL_SWAP_MODE_INTEREST_OPEN"]
REOPEN_CURRENT = CONSTANTS["SYMBOL_SWAP_MODE_REOPEN_CURRENT"]
REOPEN_BID = CONSTANTS["SYMBOL_SWAP_MODE_REOPEN_BID"]
STAY, DAILY = CONSTANTS["SYMBOL_ORDERS_GTC"], CONSTANTS["SYMBOL_ORDERS_DAILY"]


class Nights:
    """Passes the midnights of the server's clock. `day` is the present day, counted from the epoch."""

    def __init__(self, market: Market, ledger: Ledger, accounts: Iterable[Account]) -> None:
        self._market = market
        self._ledger = ledger
        self._accounts = accounts
        self.day = market.now_ms // MS_PER_DAY

    def resume(self) -> None:
        """Begin again at the market's present moment."""
        self.day = self._market.now_ms // MS_PER_DAY

    def pass_to(self, day: int) -> None:
        """Let every night up to this day pass. A clock that went back an hour over midnight passes it once."""
        for midnight in range(self.day + 1, day + 1):
            ended = (midnight - 1 + 4) % 7  # 0 is Sunday, as in swap_rollover3days; day 0 of the epoch was a Thursday
            for account in self._accounts:
                if account.exposures:
                    self._end_daily(account, midnight * MS_PER_DAY)
                    for position in list(account.positions.values()):
                        self._roll(account, position, ended)
                    for name in list(account.exposures):
                        self._ledger.revalue(account, name)
        self.day = max(self.day, day)

    def _end_daily(self, account: Account, midnight_ms: int) -> None:
        """Where orders without an expiration last for a day only: end them, and the stops if the symbol says so."""
        for name, exposure in list(account.exposures.items()):
            mode = self._market.symbols[name].order_gtc_mode
            if mode == STAY:
                continue
            for order in list(exposure.orders.values()):
                if not order.type_time:
                    account.remember(order, EXPIRED, midnight_ms)
            if mode == DAILY:
                for position in exposure.positions.values():
                    if position.sl or position.tp:
                        position.sl = position.tp = 0.0
                        position.update_ms = self._market.now_ms

    def _roll(self, account: Account, position: Position, weekday: int) -> None:
        symbol = self._market.symbols[position.symbol]
        nights = self.nights(symbol.swap_rollover3days, weekday)
        if not nights or symbol.swap_mode == DISABLED:
            return
        if symbol.swap_mode not in (REOPEN_CURRENT, REOPEN_BID):
            position.swap = account.money(position.swap + self.swap(account, position) * nights)
            return
        quote = self._market.quotes[position.symbol]
        points = (symbol.swap_long if position.is_buy else symbol.swap_short) * nights * quote.point
        close = position.price_current
        base = quote.bid if symbol.swap_mode == REOPEN_BID else close
        opened = base - points if position.is_buy else base + points
        self._ledger.reopen(account, position, close, round(opened, symbol.digits))

    @staticmethod
    def nights(rollover: int, weekday: int) -> int:
        """How many nights the one that ends a weekday (0 is Sunday) counts for."""
        if rollover == NEVER_TRIPLE:
            return 1
        if weekday in (SUNDAY, SATURDAY) and weekday != rollover:
            return 0
        return 3 if weekday == rollover else 1

    def swap(self, account: Account, position: Position) -> float:
        """Swap of one night in the deposit currency, for the swap modes that are booked as money."""
        symbol = self._market.symbols[position.symbol]
        rate = symbol.swap_long if position.is_buy else symbol.swap_short
        mode, volume, into = symbol.swap_mode, position.volume, account.settings.currency
        exchange = self._ledger.exchange
        quote = self._market.quotes[position.symbol]
        price = quote.bid if position.is_buy else quote.ask
        if mode == IN_DEPOSIT:
            return account.money(rate * volume)
        if mode in (IN_BASE, IN_MARGIN):
            currency = symbol.currency_base if mode == IN_BASE else symbol.currency_margin
            return account.money(rate * volume * exchange.rate(currency, into, at_ask=rate < 0))
        if mode == POINTS:
            amount = profit_in_profit_currency(
                symbol, is_buy=True, volume=volume, price_open=0.0, price_close=rate * quote.point
            )
        else:
            base = price if mode == INTEREST_CURRENT else position.price_open
            amount = base * symbol.contract_size * volume * rate / 100 / DAYS_PER_YEAR
        if symbol.currency_profit != into:
            amount *= exchange.profit_rate(symbol, into, gain=amount > 0, close_price=price)
        return account.money(amount)
