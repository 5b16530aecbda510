"""One trading account: its settings, its money, its positions and orders, its history."""

from dataclasses import dataclass, field

from reference_server.simulator.book.exposure import Exposure
from reference_server.simulator.book.money import rounded
from reference_server.simulator.book.records import Order, Position
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import AccountInfo, Struct

NETTING = CONSTANTS["ACCOUNT_MARGIN_MODE_RETAIL_NETTING"]
HEDGING = CONSTANTS["ACCOUNT_MARGIN_MODE_RETAIL_HEDGING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """What the broker grants every new account."""

    deposit: float = 10_000.0
    currency: str = "USD"
    currency_digits: int = 2
    leverage: int = 100
    limit_orders: int = 200
    margin_call_level: float = 100.0
    stop_out_level: float = 50.0
    company: str = "Tonpo simulated broker"


@dataclass(slots=True, kw_only=True)
class Account:
    """The state of an account. Money in the deposit currency."""

    server: str
    login: int
    password_digest: str
    settings: AccountSettings
    margin_mode: int = HEDGING
    balance: float = 0.0
    credit: float = 0.0
    margin: float = 0.0
    floating: float = 0.0
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

    def positions_of(self, symbol: str) -> list[Position]:
        """Open positions in a symbol, oldest first."""
        exposure = self.exposures.get(symbol)
        return list(exposure.positions.values()) if exposure else []

    def exposure(self, symbol: str) -> Exposure:
        """What the account has in a symbol, made when first needed."""
        found = self.exposures.get(symbol)
        if found is None:
            found = self.exposures[symbol] = Exposure()
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
        """End an order and put it into the history."""
        self.orders.pop(order.ticket, None)
        exposure = self.exposures.get(order.symbol)
        if exposure is not None:
            exposure.orders.pop(order.ticket, None)
        order.state = state
        order.done_ms = now_ms
        self.past_orders.append(order.struct())

    def add_order(self, order: Order) -> None:
        """Put a pending order into the book."""
        self.orders[order.ticket] = order
        self.exposure(order.symbol).orders[order.ticket] = order

    def add_deal(self, deal: Struct) -> None:
        """Book a deal: the only thing that changes the balance."""
        self.deals.append(deal)
        self.deals_of_position.setdefault(deal.position_id, []).append(deal)
        self.balance = self.money(self.balance + deal.profit + deal.swap + deal.commission + deal.fee)

    def struct(self) -> Struct:
        """The account as the terminal reports it."""
        settings = self.settings
        equity = self.equity
        return tuple.__new__(
            AccountInfo,
            (
                self.login, 0, settings.leverage, settings.limit_orders, 0, self.trade_allowed, self.trade_expert,
                self.margin_mode, settings.currency_digits, False, self.balance, self.credit, self.money(self.floating),
                equity, self.margin, self.money(equity - self.margin), self.margin_level, settings.margin_call_level,
                settings.stop_out_level, 0.0, 0.0, 0.0, 0.0, 0.0, f"Demo {self.login}", self.server, settings.currency,
                settings.company,
            ),
        )  # fmt: skip
