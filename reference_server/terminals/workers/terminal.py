"""Terminals in a process of their own, behind the port that the use cases know."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from reference_server.domain.account import AccountInfo, Mt5Credentials
from reference_server.domain.errors import (
    GatewayError,
    OrderNotFound,
    OutcomeUnknown,
    PositionNotFound,
    TerminalUnavailable,
)
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
from reference_server.terminals.adapter.specifications import SPECIFICATION_SECONDS
from reference_server.terminals.workers.calls import Kind
from reference_server.terminals.workers.intents import Intent
from reference_server.terminals.workers.process import WorkerProcess
from reference_server.terminals.workers.protocol import (
    Bars,
    Call,
    Check,
    Close,
    Look,
    Open,
    Past,
    Read,
    Trade,
    Watch,
)
from reference_server.terminals.workers.sources import Source
from reference_server.terminals.workers.trades import Trades
from reference_server.terminals.workers.unsettled import Unsettled
from reference_server.usecases.completion import Completions
from reference_server.usecases.ports import BeforeLeaving, Clock, Listener

T = TypeVar("T")
_TICKETS: Final = range(1, 2**64)
"""A ticket beyond is none, and no message could carry it."""

_log = logging.getLogger(__name__)


class WorkerTerminal:
    """Implements the Terminal port over a seat in a worker process; `on_closed` frees the process, or the seat."""

    def __init__(
        self,
        process: WorkerProcess,
        seat: int,
        clock: Clock,
        unsettled: Unsettled,
        on_closed: Callable[[WorkerTerminal], Awaitable[None]],
    ) -> None:
        self._process = process
        self._seat = seat
        self._on_closed = on_closed
        self._unsettled = unsettled
        self._clock = clock
        self._specifications: dict[str, tuple[float, SymbolSpecification]] = {}
        self._trades = Trades(clock, self._perform, unsettled)
        self._completions = Completions()
        self._is_closed = False

    async def open(
        self,
        account_id: str,
        credentials: Mt5Credentials,
        source: Source,
        listener: Listener,
        poll_interval_seconds: float,
        server_zone: str | None = None,
    ) -> None:
        """Start the terminal and log in. Raises LoginRefused, BrokerUnreachable, TerminalUnavailable."""
        self._process.hide(credentials.password)
        self._process.listen(self._seat, listener)
        await self._process.call(
            Kind.OPEN,
            lambda number: Open(
                number,
                self._seat,
                account_id,
                credentials,
                source,
                poll_interval_seconds,
                self._unsettled.remembered(),
                server_zone,
            ),
        )
        self._unsettled.attach(self._look)

    async def account_info(self) -> AccountInfo:
        """Read the account's figures."""
        return await self._read(AccountInfo, "account_info")

    async def positions(self) -> Sequence[Position]:
        """Read all open positions."""
        return await self._read(list[Position], "positions")

    async def position(self, ticket: int) -> Position:
        """Read one open position. Raises PositionNotFound."""
        return await self._read(Position, "position", _known(ticket, PositionNotFound))

    async def place_order(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        """Place an order, also when its caller leaves meanwhile. Raises SymbolNotFound, OutcomeUnknown."""
        return await self._completions.run(self._trades.place(order, mark, before_leaving))

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, OutcomeUnknown."""
        _known(ticket, PositionNotFound)
        return await self._completions.run(self._trades.close_position(ticket, volume, mark))

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        """Change stop levels. Raises PositionNotFound, OutcomeUnknown."""
        _known(change.ticket, PositionNotFound)
        return await self._completions.run(self._trades.modify(change, mark))

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        """Change a pending order. Raises OrderNotFound, OutcomeUnknown."""
        _known(change.ticket, OrderNotFound)
        return await self._completions.run(self._trades.change_order(change, mark))

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        """Cancel a pending order. Raises OrderNotFound, OutcomeUnknown."""
        return await self._completions.run(self._trades.cancel(_known(ticket, OrderNotFound), mark))

    async def check_order(self, order: NewOrder) -> OrderCheck:
        """See what would happen to an order; nothing is sent. Raises SymbolNotFound."""
        return await self._asked(OrderCheck, lambda number: Check(number, self._seat, order))

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        """Wait for what is found of a trade whose answer was lost, None without a trace."""
        return await self._trades.reconcile(request, mark)

    async def orders(self) -> Sequence[Order]:
        """Read all pending orders, oldest first."""
        return await self._read(list[Order], "orders")

    async def order(self, ticket: int) -> Order:
        """Read one order, pending or past. Raises OrderNotFound."""
        return await self._read(Order, "order", _known(ticket, OrderNotFound))

    async def deals(self, query: HistoryQuery) -> Sequence[Deal]:
        """Read deals and balance operations."""
        if query.position is not None and query.position not in _TICKETS:
            return []
        return await self._asked(list[Deal], lambda number: Past(number, self._seat, "deals", query))

    async def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        """Read orders that are done, by the time at which they were."""
        if query.position is not None and query.position not in _TICKETS:
            return []
        return await self._asked(list[Order], lambda number: Past(number, self._seat, "past_orders", query))

    async def symbols(self) -> Sequence[str]:
        """All symbols that the broker lists."""
        return await self._read(list[str], "symbols")

    async def price(self, symbol: str) -> Tick:
        """Read the newest tick. Raises SymbolNotFound, PriceUnavailable."""
        return await self._read(Tick, "price", symbol)

    async def specification(self, symbol: str) -> SymbolSpecification:
        """Read what a trader must know of a symbol, kept here for a moment. Raises SymbolNotFound."""
        now = self._clock.monotonic()
        kept = self._specifications.get(symbol)
        if kept is not None and now < kept[0]:
            return kept[1]
        read: SymbolSpecification = await self._read(SymbolSpecification, "specification", symbol)
        self._specifications[symbol] = (now + SPECIFICATION_SECONDS, read)
        return read

    async def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        """Read bars, oldest first. Raises SymbolNotFound, PriceUnavailable."""
        return await self._asked(
            list[Candle], lambda number: Bars(number, self._seat, symbol, timeframe, from_ms, to_ms, limit)
        )

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        """Replace what market data is told."""
        self._process.tell(Watch(self._seat, tuple(symbols), tuple(candles)))

    async def knows_symbol(self, symbol: str) -> bool:
        """Whether the broker has this symbol."""
        return await self._read(bool, "knows_symbol", symbol)

    async def close(self) -> None:
        """Log out and free everything; the call that runs comes to its end first. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        self._trades.close()
        self._unsettled.detach(self._look)
        self._process.leave(self._seat)
        try:
            await self._process.call(Kind.CLOSE, lambda number: Close(number, self._seat))
        except TerminalUnavailable as gone:
            _log.debug("the terminal was gone before it was closed: %s", gone)
        finally:
            await self._on_closed(self)

    async def abandon(self) -> None:
        """Free everything without waiting for a call that runs: for a terminal that did not open."""
        self._is_closed = True
        self._trades.close()
        self._unsettled.detach(self._look)
        self._process.leave(self._seat)
        self._process.tell(Close(0, self._seat))
        await self._on_closed(self)

    async def _read(self, kind: type[T] | Any, call: Any, *arguments: int | str) -> T:
        return await self._asked(kind, partial(Read, seat=self._seat, call=call, arguments=arguments))

    async def _asked(self, kind: type[T] | Any, message: Callable[[int], Call]) -> T:
        value = await self._process.call(Kind.READ, message)
        try:
            result: T = msgspec.msgpack.decode(value, type=kind)
        except msgspec.DecodeError as broken:
            self._process.kill(f"its answer is none: {broken}")
            raise TerminalUnavailable from broken
        return result

    async def _perform(self, intent: Intent) -> OrderResult:
        value = await self._process.call(Kind.TRADE, lambda number: Trade(number, self._seat, intent))
        try:
            return msgspec.msgpack.decode(value, type=OrderResult)
        except msgspec.DecodeError as broken:  # it was carried out, in words that are not understood
            self._process.kill(f"its answer is none: {broken}")
            raise OutcomeUnknown from broken

    async def _look(self, intent: Intent) -> OrderResult | None:
        value = await self._process.call(Kind.READ, lambda number: Look(number, self._seat, intent))
        return msgspec.msgpack.decode(value, type=OrderResult | None)


def _known(ticket: int, absent: type[GatewayError]) -> int:
    if ticket not in _TICKETS:
        raise absent
    return ticket
