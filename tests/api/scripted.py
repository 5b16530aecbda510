"""A terminal whose prices move only when a test says so, and a whole gateway over it."""

from __future__ import annotations

import asyncio
import itertools
import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reference_server.config import Settings, load_settings
from reference_server.domain.account import AccountInfo, Mt5Credentials
from reference_server.domain.errors import PositionNotFound, SymbolNotFound
from reference_server.domain.events import OrderSettled, PositionChanged, TerminalEvent, TickArrived
from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.trading import (
    Deal,
    HistoryQuery,
    NewOrder,
    Order,
    OrderChange,
    OrderCheck,
    OrderResult,
    OrderType,
    Position,
    PositionChange,
    TradeMark,
    TradeRequest,
)
from reference_server.usecases.ports import BeforeLeaving, Listener, LoginRefused
from tests.usecases.paper import PaperBook, specification

SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD")


def tick(symbol: str = "EURUSD", bid: float = 1.08542) -> Tick:
    return Tick(symbol, bid, 1.08556, 1.08549, 12, 1_700_000_000_000)


class ScriptedTerminal:
    """Implements the Terminal port without a market.

    `book` holds its pending orders, its past and its bars, for a test to fill; `found` is what `reconcile` answers.
    A failure in `losing` is raised after the next trade was done, once: its answer is lost.
    """

    def __init__(self, credentials: Mt5Credentials, listener: Listener) -> None:
        self.credentials = credentials
        self.listener = listener
        self.loop = asyncio.get_running_loop()
        self.watched: set[str] = set()
        self.open_positions: dict[int, Position] = {}
        self.book = PaperBook()
        self.marks: list[TradeMark | None] = []
        self.losing: BaseException | None = None
        self.found: OrderResult | None = None
        self.reconciled: list[tuple[TradeRequest, TradeMark]] = []
        self._tickets = itertools.count(1000)

    def say(self, *events: TerminalEvent) -> None:
        """Tell the gateway; called from the test's thread."""
        for event in events:
            self.loop.call_soon_threadsafe(self.listener, event)

    async def account_info(self) -> AccountInfo:
        return AccountInfo(
            int(self.credentials.login), "Demo", self.credentials.server, "USD", 100, 1e4, 0.0, 1e4, 0.0, 0.0, 1e4, 0.0,
            "hedging", "demo", True,
        )  # fmt: skip

    async def positions(self) -> Sequence[Position]:
        return tuple(self.open_positions.values())

    async def position(self, ticket: int) -> Position:
        if ticket not in self.open_positions:
            raise PositionNotFound
        return self.open_positions[ticket]

    async def place_order(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        if before_leaving is not None:
            await before_leaving()
        if order.symbol not in SYMBOLS:
            raise SymbolNotFound
        if order.volume > 100:
            return OrderResult(0, False, 10014, "Invalid volume")
        ticket = next(self._tickets)
        if order.order_type is not OrderType.MARKET:
            self.book.place(ticket, order, 1_700_000_000_000)
            return self._answered(
                OrderResult(ticket, True, 10009, None, order.price or 0.0, order.volume, ticket), mark
            )
        result = OrderResult(ticket, True, 10009, None, 1.08556, order.volume)
        position = Position(
            ticket, order.symbol, order.side, order.volume, 1.08556, 1.08542, -1.4, 0.0, 0.0, 1_700_000_000_000,
            order.sl, order.tp, order.magic, order.comment,
        )  # fmt: skip
        self.open_positions[ticket] = position
        self.listener(PositionChanged(position, "opened"))
        self.listener(OrderSettled(result, order.symbol, order.side, order.order_type))
        return self._answered(result, mark)

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        position = await self.position(ticket)
        del self.open_positions[ticket]
        return self._answered(OrderResult(ticket, True, 10009, None, 1.08542, volume or position.volume), mark)

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        await self.position(change.ticket)
        return self._answered(OrderResult(change.ticket, True, 10009), mark)

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        self.book.change(change)
        return self._answered(OrderResult(change.ticket, True, 10009, order=change.ticket), mark)

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        self.book.cancel(ticket, 1_700_000_000_000)
        return self._answered(OrderResult(ticket, True, 10009, order=ticket), mark)

    async def check_order(self, order: NewOrder) -> OrderCheck:
        await self.specification(order.symbol)
        if order.volume > 100:
            return OrderCheck(False, 10014, "Invalid volume")
        return OrderCheck(True, 0, None, 1e4, 1e4, 108.55, 9891.45, 9212.34)

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        self.reconciled.append((request, mark))
        return self.found

    async def orders(self) -> Sequence[Order]:
        return self.book.orders()

    async def order(self, ticket: int) -> Order:
        return self.book.order(ticket)

    async def deals(self, query: HistoryQuery) -> Sequence[Deal]:
        return self.book.past_deals(query)

    async def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        return self.book.past_orders(query)

    async def specification(self, symbol: str) -> SymbolSpecification:
        if symbol not in SYMBOLS:
            raise SymbolNotFound
        return specification(symbol)

    async def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        await self.specification(symbol)
        return self.book.candles(symbol, timeframe, from_ms, to_ms, limit)

    async def symbols(self) -> Sequence[str]:
        return SYMBOLS

    async def price(self, symbol: str) -> Tick:
        if symbol not in SYMBOLS:
            raise SymbolNotFound
        return tick(symbol)

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        self.watched = set(symbols)

    async def knows_symbol(self, symbol: str) -> bool:
        return symbol in SYMBOLS

    async def close(self) -> None:
        self.open_positions.clear()

    def _answered(self, result: OrderResult, mark: TradeMark | None) -> OrderResult:
        self.marks.append(mark)
        lost, self.losing = self.losing, None
        if lost is not None:
            raise lost
        return result


@dataclass
class ScriptedTerminals:
    """Opens scripted terminals; the password `invalid` is refused."""

    opened: list[ScriptedTerminal] = field(default_factory=list)

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> ScriptedTerminal:
        if credentials.password == "invalid":
            raise LoginRefused("The broker refused the credentials.")
        terminal = ScriptedTerminal(credentials, listener)
        self.opened.append(terminal)
        return terminal

    async def close(self) -> None:
        pass

    def ticks(self, symbol: str, bids: Sequence[float]) -> None:
        """Let the last terminal's price move through these bids."""
        self.opened[-1].say(*(TickArrived(tick(symbol, bid), is_quote=True) for bid in bids))


def gateway_application(data_dir: Path, terminals: Any = None, *, runtime: Any = None, **flags: Any) -> Any:
    """Return a whole gateway on a data directory."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reference_server.app import build_app

    settings = gateway_settings(data_dir, **flags)
    return build_app(settings, terminals=terminals, runtime=runtime)


def gateway_settings(data_dir: Path, **flags: Any) -> Settings:
    """Return the settings of a gateway on a data directory."""
    return load_settings({"data_dir": data_dir, "default_plan": "enterprise", "log_level": "error", **flags}, {})
