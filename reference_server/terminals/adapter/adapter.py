"""The one adapter: drives a module shaped like the `MetaTrader5` package, and nothing else.

Synchronous, as the package is: who may block and for how long is decided by whoever calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from reference_server.domain.account import AccountInfo, Mt5Credentials
from reference_server.domain.errors import PriceUnavailable, SymbolNotFound
from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.trading import (
    Deal,
    HistoryQuery,
    NewOrder,
    Order,
    OrderChange,
    OrderCheck,
    OrderResult,
    Position,
    PositionChange,
)
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.candles import Candles
from reference_server.terminals.adapter.checks import OrderChecks
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import MARGIN_MODE_HEDGING
from reference_server.terminals.adapter.dispatch import Dispatch, Rehearsal
from reference_server.terminals.adapter.history import History
from reference_server.terminals.adapter.login import log_in
from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.terminals.adapter.order_outcomes import OrderOutcomes
from reference_server.terminals.adapter.patience import Patience
from reference_server.terminals.adapter.pending import PendingOrders
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.reconciliation import Reconciliation
from reference_server.terminals.adapter.settlements import Settlements
from reference_server.terminals.adapter.specifications import Specifications
from reference_server.terminals.adapter.symbols import Symbols
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.adapter.trading import Trading
from reference_server.terminals.adapter.zones import ServerZone
from reference_server.usecases.ports import Clock

_SYMBOLS_AT_LOGIN: Final = 20


class MetaTraderAdapter:
    """One terminal, logged in to one account.

    `server_zones`: the clock of a server, by its name, where it is not to be found out. `pause` waits for so many
    seconds (`time.sleep`) for what a terminal shows late; without it nothing waits, as an event loop needs it.
    """

    def __init__(
        self,
        module: MetaTrader5Module,
        clock: Clock,
        *,
        server_zones: Mapping[str, ServerZone] | None = None,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        patience = Patience(pause)
        self.clock = clock
        self.connection = Connection(module)
        self.symbol_book = Symbols(self.connection, clock, patience)
        self.broker_clock = BrokerClock()
        self.position_book = Positions(self.connection, self.symbol_book, self.broker_clock, clock, patience)
        self.settlements = Settlements()
        self._module = module
        self._server_zones = server_zones or {}
        self._dispatch = Dispatch(self.connection, self.symbol_book, self.price)
        self._pending = PendingOrders(
            self.connection, self.symbol_book, self.broker_clock, self._dispatch, clock, patience
        )
        self._order_outcomes = OrderOutcomes(self.connection, self.symbol_book, self.broker_clock, self._pending)
        self._history = History(self.connection, self.symbol_book, self.broker_clock, self.position_book, self._pending)
        self._candles = Candles(self.connection, self.symbol_book, self.broker_clock, clock, patience)
        self._specifications = Specifications(self.symbol_book, self._candles, self.broker_clock, clock)
        self._checks = OrderChecks(
            self.connection,
            self.symbol_book,
            self._specifications,
            self.position_book,
            self.broker_clock,
            clock,
            Rehearsal(self.connection, self.symbol_book, self.price),
        )
        self._reconciliation = Reconciliation(
            self.connection, clock, self.broker_clock, self.symbol_book, self.position_book, self.settlements
        )
        self._trading = Trading(
            self._dispatch,
            self.symbol_book,
            self.position_book,
            self.settlements,
            self._reconciliation,
            self._pending,
            self.broker_clock,
        )

    @property
    def on_send(self) -> Callable[[], None]:
        """Called immediately before each `order_send`: until then nothing can have happened at the broker."""
        return self._dispatch.on_send

    @on_send.setter
    def on_send(self, notice: Callable[[], None]) -> None:
        self._dispatch.on_send = notice

    def login(self, credentials: Mt5Credentials, **terminal: Any) -> AccountInfo:
        """Connect and log in. `terminal`: `path`, `portable`, `timeout` as `initialize` takes them.

        Raises LoginRefused, BrokerUnreachable.
        """
        account = log_in(self.connection, credentials, terminal)
        self.broker_clock.use(self._server_zones.get(credentials.server))
        self.position_book.money_digits = account.currency_digits
        self.position_book.is_hedging = account.margin_mode == MARGIN_MODE_HEDGING
        self._reconciliation.begin()
        self._look_at_the_clock()
        return shapes.account_info(account)

    def shutdown(self) -> None:
        """Let go of the terminal. Safe to call twice."""
        with suppress(OSError, EOFError):
            self._module.shutdown()

    def account_info(self) -> AccountInfo:
        """Read the account's figures."""
        return shapes.account_info(self.connection.answer(self._module.account_info(), "account_info"))

    def positions(self) -> Sequence[Position]:
        """Read all open positions."""
        return [self.position_book.shape(record) for record in self.position_book.records()]

    def position(self, ticket: int) -> Position:
        """Read one open position. Raises PositionNotFound."""
        return self.position_book.shape(self.position_book.record(ticket))

    def symbols(self) -> Sequence[str]:
        """All symbols that the broker lists."""
        return self.symbol_book.names()

    def knows_symbol(self, symbol: str) -> bool:
        """Whether the broker has this symbol."""
        try:
            self.symbol_book.rules(symbol)
        except SymbolNotFound:
            return False
        return True

    def price(self, symbol: str) -> Tick:
        """Read the newest tick. Raises SymbolNotFound, PriceUnavailable."""
        record = self.symbol_book.newest_tick(symbol)
        digits = self.symbol_book.digits(symbol)
        if record is None:
            raise PriceUnavailable(f"{symbol} has no price yet: try again.", retry_after_seconds=1)
        time_ms = self.broker_clock.to_utc_ms(record.time_msc)
        return shapes.tick(symbol, record.bid, record.ask, record.last, record.volume, time_ms, digits=digits)

    def place_order(self, order: NewOrder, *, tag: Tag | None = None) -> OrderResult:
        """Place a market or pending order. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown.

        The volume goes to the broker as it is: a wrong one is refused there and never rounded into another.
        """
        return self._trading.place_order(order, tag)

    def close_position(self, ticket: int, volume: float | None = None, *, tag: Tag | None = None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return self._trading.close_position(ticket, volume, tag)

    def modify_position(self, change: PositionChange) -> OrderResult:
        """Change stop levels, keeping what is KEEP. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return self._trading.modify_position(change)

    def orders(self) -> Sequence[Order]:
        """Read all pending orders, oldest first."""
        return self._pending.all()

    def order(self, ticket: int) -> Order:
        """Read one order, pending or past. Raises OrderNotFound."""
        return self._pending.one(ticket)

    def modify_order(self, change: OrderChange) -> OrderResult:
        """Change a pending order, keeping what is KEEP. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return self._pending.modify(change)

    def cancel_order(self, ticket: int) -> OrderResult:
        """Cancel a pending order. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return self._pending.cancel(ticket)

    def check_order(self, order: NewOrder) -> OrderCheck:
        """See what would happen to an order; nothing is sent. Raises SymbolNotFound, TerminalUnavailable."""
        return self._checks.check(order)

    def deals(self, query: HistoryQuery) -> Sequence[Deal]:
        """Read deals and balance operations. Raises TerminalUnavailable."""
        return self._history.deals(query)

    def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        """Read orders that are done, by the time at which they were. Raises TerminalUnavailable."""
        return self._history.past_orders(query)

    def specification(self, symbol: str) -> SymbolSpecification:
        """Read what a trader must know of a symbol. Raises SymbolNotFound, TerminalUnavailable.

        It is at most two seconds old. Sessions are derived from bars, since the package does not tell them.
        """
        return self._specifications.of(symbol)

    def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        """Read bars, oldest first. Raises SymbolNotFound, PriceUnavailable, TerminalUnavailable."""
        return self._candles.read(symbol, timeframe, from_ms, to_ms, limit)

    def remember(self, orders: Iterable[int], since_ms: int) -> None:
        """Learn the tickets of all orders of this account that were answered between `since_ms` (UTC) and the login.

        Without them, a lost order that could carry no tag and was sent before the login stays unknown: what looks
        like it might be the order of another request.
        """
        self._reconciliation.remember(orders, since_ms)

    def find_order(
        self, order: NewOrder, tag: Tag | None, since_ms: int, *, is_earlier: bool = False
    ) -> OrderResult | None:
        """Look once what became of an order sent after `since_ms` (UTC) whose answer was lost; None: no trace now.

        Raises OutcomeUnknown when it cannot be told which order it became, TerminalUnavailable when it cannot be seen.
        `is_earlier`: a gateway sent it that is gone; without a tag its order cannot be told from others of that time.
        """
        return self._reconciliation.find_order(order, tag, since_ms, is_earlier=is_earlier)

    def find_close(
        self, ticket: int, volume: float | None, tag: Tag | None, since_ms: int, *, is_earlier: bool = False
    ) -> OrderResult | None:
        """As `find_order`, for `close_position`."""
        return self._reconciliation.find_close(ticket, volume, tag, since_ms, is_earlier=is_earlier)

    def find_modification(self, change: PositionChange) -> OrderResult | None:
        """See whether a position has the levels of a `modify_position` whose answer was lost; None: not now.

        Sending it again does no harm. Raises TerminalUnavailable.
        """
        return self._reconciliation.find_modification(change)

    def find_order_change(self, change: OrderChange) -> OrderResult | None:
        """See whether a pending order has the terms of a `modify_order` whose answer was lost; None: not now.

        Raises TerminalUnavailable.
        """
        return self._order_outcomes.find_change(change)

    def find_cancellation(self, ticket: int) -> OrderResult | None:
        """See whether an order was cancelled by a `cancel_order` whose answer was lost; None: not now.

        Raises TerminalUnavailable.
        """
        return self._order_outcomes.find_cancellation(ticket)

    def _look_at_the_clock(self) -> None:
        """Guess the server's clock from the newest of some symbols' ticks."""
        ticks = [self._module.symbol_info_tick(name) for name in self.symbol_book.lively(_SYMBOLS_AT_LOGIN)]
        newest = max((record.time_msc for record in ticks if record is not None), default=0)
        if newest:
            self.broker_clock.hint(newest, self.clock.now_ms())
