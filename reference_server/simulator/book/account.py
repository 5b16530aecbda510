"""One trading account: its settings, its money, its positions and orders, its history."""

from dataclasses import dataclass, field

from reference_server.simulator.book.exposure import Exposure
from reference_server.simulator.book.money import rounded
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.book.settings import AccountSettings
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import AccountInfo, Struct

NETTING = CONSTANTS["ACCOUNT_MARGIN_MODE_RETAIL_NETTING"]
EXCHANGE = CONSTANTS["ACCOUNT_MARGIN_MODE_EXCHANGE"]
HEDGING = CONSTANTS["ACCOUNT_MARGIN_MODE_RETAIL_HEDGING"]
CREDIT = CONSTANTS["DEAL_TYPE_CREDIT"]
STOP_OUT_IN_MONEY = CONSTANTS["ACCOUNT_STOPOUT_MODE_MONEY"]
STOP_OUT_IN_PERCENT = CONSTANTS["ACCOUNT_STOPOUT_MODE_PERCENT"]


@dataclass(slots=True, kw_only=True)
class Account:
    """The state of an account. Money in the deposit currency.

    `enabled` False: the broker has closed the account, nobody can log in or trade. `trade_allowed` False: it can only
    be looked at. `trade_expert` False: the broker forbids algorithmic trading on it.
    """

    server: str
    login: int
    password_digest: str
    settings: AccountSettings
    margin_mode: int = HEDGING
    balance: float = 0.0
    credit: float = 0.0
    margin: float = 0.0
    floating: float = 0.0
    enabled: bool = True
    trade_allowed: bool = True
    trade_expert: bool = True
    positions: dict[int, Position] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    exposures: dict[str, Exposure] = field(default_factory=dict)
    past_orders: list[Struct] = field(default_factory=list)
    deals: list[Struct] = field(default_factory=list)
    deals_of_position: dict[int, list[Struct]] = field(default_factory=dict)

    @property
    def is_hedging(self) -> bool:
        """Whether each market order opens a position of its own."""
        return self.margin_mode == HEDGING

    @property
    def is_exchange(self) -> bool:
        """Whether every symbol is traded by exchange execution, and pending orders reserve margin."""
        return self.margin_mode == EXCHANGE

    def money(self, amount: float) -> float:
        """Round to the deposit currency's digits."""
        return rounded(amount, self.settings.currency_digits)

    @property
    def equity(self) -> float:
        """Balance, credit and floating profit."""
        return self.money(self.balance + self.credit + self.floating)

    @property
    def margin_level(self) -> float:
        """Equity in percent of the margin; 0 without margin."""
        return self.equity / self.margin * 100 if self.margin else 0.0

    def is_below(self, threshold: float) -> bool:
        """Whether the account has fallen below a threshold of its kind: margin level in percent, or equity in money."""
        if self.settings.stop_out_in_money:
            return bool(self.positions) and self.equity < threshold
        if not self.margin:
            return False
        far_above = self.balance + self.credit + self.floating > (threshold + 1) / 100 * self.margin
        return not far_above and self.margin_level < threshold

    @property
    def is_margin_call(self) -> bool:
        """Whether the margin call threshold is passed: a state, which sets nothing off."""
        return self.is_below(self.settings.margin_call_level)

    def positions_of(self, symbol: str) -> list[Position]:
        """Open positions in a symbol, oldest first."""
        exposure = self.exposures.get(symbol)
        return list(exposure.positions.values()) if exposure else []

    def position_by_identifier(self, symbol: str, identifier: int) -> Position | None:
        """The open position that an identifier belongs to; its ticket may have changed."""
        for position in self.positions_of(symbol):
            if position.identifier == identifier:
                return position
        return None

    def exposure(self, symbol: str) -> Exposure:
        """What the account has in a symbol, made when first needed."""
        found = self.exposures.get(symbol)
        if found is None:
            found = self.exposures[symbol] = Exposure(is_netting=self.margin_mode != HEDGING)
        return found

    def add_position(self, position: Position) -> None:
        """Put a new position into the book."""
        self.positions[position.ticket] = position
        self.exposure(position.symbol).positions[position.ticket] = position

    def remove_position(self, position: Position) -> None:
        """Take a position out of the book."""
        del self.positions[position.ticket]
        del self.exposure(position.symbol).positions[position.ticket]

    def remember(self, order: Order, state: int, now_ms: int) -> None:
        """End an order and put it into the history, which stays in the order of time."""
        if self.orders.pop(order.ticket, None) is not None and order.symbol in self.exposures:
            exposure = self.exposures[order.symbol]
            exposure.orders.pop(order.ticket, None)
            if order.margin:
                exposure.reserve()
        order.state = state
        if self.past_orders and self.past_orders[-1].time_done_msc > now_ms:
            now_ms = self.past_orders[-1].time_done_msc
        order.done_ms = now_ms
        self.past_orders.append(order.struct())

    def add_order(self, order: Order) -> None:
        """Put an order into the book."""
        self.orders[order.ticket] = order
        exposure = self.exposure(order.symbol)
        exposure.orders[order.ticket] = order
        if order.margin:
            exposure.reserve()

    def add_deal(self, deal: Struct) -> None:
        """Book a deal: the only thing that changes balance and credit."""
        self.deals.append(deal)
        self.deals_of_position.setdefault(deal.position_id, []).append(deal)
        if deal.type == CREDIT:
            self.credit = self.money(self.credit + deal.profit)
        else:
            self.balance = self.money(self.balance + deal.profit + deal.swap + deal.commission + deal.fee)

    def struct(self, *, read_only: bool = False) -> Struct:
        """The account as the terminal reports it; `read_only` to a terminal that logged in as investor."""
        settings = self.settings
        equity = self.equity
        mode = STOP_OUT_IN_MONEY if settings.stop_out_in_money else STOP_OUT_IN_PERCENT
        allowed = self.trade_allowed and self.enabled and not read_only
        return tuple.__new__(
            AccountInfo,
            (
                self.login, settings.trade_mode, settings.leverage, settings.limit_orders, mode, allowed,
                self.trade_expert, self.margin_mode, settings.currency_digits, settings.fifo_close, self.balance,
                self.credit, self.money(self.floating), equity, self.margin, self.money(equity - self.margin),
                self.margin_level, settings.margin_call_level, settings.stop_out_level, 0.0, 0.0, 0.0, 0.0, 0.0,
                f"Demo {self.login}", self.server, settings.currency, settings.company,
            ),
        )  # fmt: skip
