"""Terminals that share the event loop: for modules whose calls take microseconds, as the simulated terminal's do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from typing import Final

from reference_server.domain.account import AccountInfo
from reference_server.domain.errors import TerminalUnavailable
from reference_server.domain.events import TerminalEvent
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
    TradeMark,
    TradeRequest,
)
from reference_server.terminals.adapter.adapter import MetaTraderAdapter
from reference_server.terminals.polling.poller import Poller
from reference_server.terminals.workers.intents import Intent
from reference_server.terminals.workers.trades import Trades
from reference_server.terminals.workers.unsettled import Unsettled
from reference_server.usecases.ports import BeforeLeaving, Listener

POLL_INTERVAL_SECONDS: Final = 0.05
_IDLE_FACTOR: Final = 5
"""A terminal with nothing watched and an empty book is asked five times less often; a call wakes it at once."""
_AFTER_DEFECT_SECONDS: Final = 1.0
_SHORTEST_INTERVAL_SECONDS: Final = 0.005
"""Between two polls of a busy terminal: a poll costs as much as half a trade, so that one tells of several."""

_log = logging.getLogger(__name__)


class InlineTerminal:
    """Implements the Terminal port by calling the adapter directly, with one task that polls.

    The adapter must be logged in. The poller is woken by each trade, so that its events follow at once. `on_trade` is
    called with what a trade brought about before it is answered, `on_closed` once when the terminal has been closed.
    `unsettled` are the account's trades without an answer; without them the terminal keeps its own.
    """

    def __init__(
        self,
        adapter: MetaTraderAdapter,
        listener: Listener,
        *,
        poll_interval_seconds: float = POLL_INTERVAL_SECONDS,
        on_trade: Callable[[OrderResult], None] | None = None,
        on_closed: Callable[[InlineTerminal], None] | None = None,
        unsettled: Unsettled | None = None,
    ) -> None:
        self._adapter = adapter
        self._listener = listener
        self._interval = poll_interval_seconds
        self._on_trade = on_trade
        self._on_closed = on_closed
        self._poller = Poller(adapter)
        self._poller.begin()
        self._wake = asyncio.Event()
        self._is_closed = False
        self._owns_unsettled = unsettled is None
        self._unsettled = unsettled or Unsettled(adapter.clock)
        self._trades = Trades(adapter.clock, self._perform, self._unsettled)
        self._unsettled.attach(self._look)
        self._task = asyncio.get_running_loop().create_task(self._poll(), name="terminal-poll")

    async def account_info(self) -> AccountInfo:
        """Read the account's figures."""
        return self._adapter.account_info()

    async def positions(self) -> Sequence[Position]:
        """Read all open positions."""
        return self._adapter.positions()

    async def position(self, ticket: int) -> Position:
        """Read one open position. Raises PositionNotFound."""
        return self._adapter.position(ticket)

    async def place_order(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        """Place an order. Raises SymbolNotFound, OutcomeUnknown."""
        return await self._trades.place(order, mark, before_leaving)

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, OutcomeUnknown."""
        return await self._trades.close_position(ticket, volume, mark)

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        """Change stop levels. Raises PositionNotFound, OutcomeUnknown."""
        return await self._trades.modify(change, mark)

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        """Change a pending order. Raises OrderNotFound, OutcomeUnknown."""
        return await self._trades.change_order(change, mark)

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        """Cancel a pending order. Raises OrderNotFound, OutcomeUnknown."""
        return await self._trades.cancel(ticket, mark)

    async def check_order(self, order: NewOrder) -> OrderCheck:
        """See what would happen to an order; nothing is sent. Raises SymbolNotFound."""
        return self._adapter.check_order(order)

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        """Wait for what is found of a trade whose answer was lost, None without a trace."""
        return await self._trades.reconcile(request, mark)

    async def orders(self) -> Sequence[Order]:
        """Read all pending orders, oldest first."""
        return self._adapter.orders()

    async def order(self, ticket: int) -> Order:
        """Read one order, pending or past. Raises OrderNotFound."""
        return self._adapter.order(ticket)

    async def deals(self, query: HistoryQuery) -> Sequence[Deal]:
        """Read deals and balance operations."""
        return self._adapter.deals(query)

    async def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        """Read orders that are done, by the time at which they were."""
        return self._adapter.past_orders(query)

    def perform(self, intent: Intent, on_send: Callable[[], None] | None = None) -> OrderResult:
        """Send a trade once, and look for nothing: for a caller that reconciles by itself.

        `on_send` is called immediately before each request leaves.
        """
        self._wake.set()
        if on_send is not None:
            self._adapter.on_send = on_send
        result = intent.perform(self._adapter)
        if self._on_trade is not None and result.success:
            self._on_trade(result)
        return result

    def look(self, intent: Intent) -> OrderResult | None:
        """Look once for a trade whose answer was lost: None without a trace. Raises OutcomeUnknown if ambiguous."""
        self._wake.set()
        return intent.look(self._adapter)

    async def symbols(self) -> Sequence[str]:
        """All symbols that the broker lists."""
        return self._adapter.symbols()

    async def price(self, symbol: str) -> Tick:
        """Read the newest tick. Raises SymbolNotFound, PriceUnavailable."""
        return self._adapter.price(symbol)

    async def specification(self, symbol: str) -> SymbolSpecification:
        """Read what a trader must know of a symbol. Raises SymbolNotFound."""
        return self._adapter.specification(symbol)

    async def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        """Read bars, oldest first. Raises SymbolNotFound, PriceUnavailable."""
        return self._adapter.candles(symbol, timeframe, from_ms, to_ms, limit)

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        """Replace what market data is told. A terminal that is gone says so by an event."""
        try:
            self._poller.watch(symbols, candles)
        except TerminalUnavailable as lost:
            _log.info("market data cannot be watched now: %s", lost)
        self._wake.set()

    async def knows_symbol(self, symbol: str) -> bool:
        """Whether the broker has this symbol."""
        return self._adapter.knows_symbol(symbol)

    async def close(self) -> None:
        """Stop polling and log out. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._trades.close()
        self._unsettled.detach(self._look)
        if self._owns_unsettled:
            await self._unsettled.close()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._adapter.shutdown()
        if self._on_closed is not None:
            self._on_closed(self)

    async def _perform(self, intent: Intent) -> OrderResult:
        return self.perform(intent)

    async def _look(self, intent: Intent) -> OrderResult | None:
        return self.look(intent)

    def _events(self) -> list[TerminalEvent]:
        return self._poller.poll()

    async def _poll(self) -> None:
        """Poll until cancelled; a defect in one poll is logged and does not end the account's events."""
        loop = asyncio.get_running_loop()
        while True:
            interval = self._interval * (_IDLE_FACTOR if self._poller.is_idle else 1)
            self._wake.clear()
            not_before = loop.time() + min(interval, _SHORTEST_INTERVAL_SECONDS)
            try:
                for event in self._events():
                    self._listener(event)
            except Exception:
                _log.exception("a poll of the terminal failed")
                interval = _AFTER_DEFECT_SECONDS
            timer = loop.call_later(interval, self._wake.set)
            try:
                await self._wake.wait()
            finally:
                timer.cancel()
            if (rest := not_before - loop.time()) > 0:
                await asyncio.sleep(rest)
