"""Positions that the server closes: by stop loss, take profit and stop-out."""

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.ledger import ENTRY_OUT, FILLED, Ledger
from reference_server.simulator.book.records import BUY, SELL, Order, Position
from reference_server.simulator.market.market import Market
from reference_server.simulator.surface.constants import CONSTANTS

CANCELED = CONSTANTS["ORDER_STATE_CANCELED"]
REASON_STOP_OUT = CONSTANTS["ORDER_REASON_SO"]
LONGEST_COMMENT = 31


class Liquidation:
    """Closes positions without being asked."""

    def __init__(self, market: Market, ledger: Ledger) -> None:
        self._market = market
        self._ledger = ledger

    def close(self, account: Account, position: Position, price: float, reason: int, comment: str) -> None:
        """Close a position whole, by an order of the server's own."""
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

    def enforce(self, account: Account) -> None:
        """Take from the account what it can no longer afford, until it is back above its stop-out level.

        First go the pending orders that hold margin, the greatest first; then, one by one, the position that loses
        most. Books that are fully hedged come last, since closing one side of them raises nothing. A symbol whose
        session is closed cannot be closed.
        """
        level = account.settings.stop_out_level
        while account.is_below(level):
            holding = max(account.orders.values(), key=lambda order: order.margin, default=None)
            if holding is not None and holding.margin:
                account.remember(holding, CANCELED, self._market.now_ms)
                self._ledger.revalue(account, holding.symbol)
                continue
            worst = self._most_losing(account)
            if worst is None:
                return
            self.close(account, worst, worst.price_current, REASON_STOP_OUT, self._comment(account))

    def _most_losing(self, account: Account) -> Position | None:
        symbols = self._market.symbols
        closable = [held for held in account.positions.values() if self._market.is_open(symbols[held.symbol])]
        return min(
            closable,
            key=lambda held: (account.exposures[held.symbol].is_covered, held.profit + held.swap),
            default=None,
        )

    @staticmethod
    def _comment(account: Account) -> str:
        digits = account.settings.currency_digits
        money = f"{account.equity:.{digits}f}/{account.margin:.{digits}f}"
        level = "" if account.settings.stop_out_in_money else f"{account.margin_level:.2f}%/"
        return f"[so {level}{money}]"[:LONGEST_COMMENT]
