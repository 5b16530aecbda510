"""The trading calls of the Terminal port, over anything that can send an intent and look for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from reference_server.domain.errors import OutcomeUnknown, TerminalUnavailable
from reference_server.domain.trading import (
    NewOrder,
    OrderChange,
    OrderResult,
    PositionChange,
    TradeMark,
    TradeRequest,
)
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.workers.intents import (
    Cancelling,
    Changing,
    Closing,
    Intent,
    Modifying,
    Placing,
    earlier,
)
from reference_server.terminals.workers.unsettled import Unsettled
from reference_server.usecases.ports import BeforeLeaving, Clock

Perform = Callable[[Intent], Awaitable[OrderResult]]


class Trades:
    """Sends one trade after the other, each once; one whose answer is lost is looked for before the next is sent.

    One that has waited for its turn for too long is not sent: nobody wants a market order minutes later.
    A trade without a mark gets a tag of its own where one can travel.
    """

    def __init__(self, clock: Clock, perform: Perform, unsettled: Unsettled) -> None:
        self._clock = clock
        self._perform = perform
        self._unsettled = unsettled
        self._turn = asyncio.Lock()
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def place(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        """Place an order. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown, what `before_leaving` raises."""
        return await self._run(Placing(order, _tag_of(mark) or Tag.new(), self._since_ms(mark)), before_leaving)

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Closing(ticket, volume, _tag_of(mark) or Tag.new(), self._since_ms(mark)))

    async def modify(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        """Change stop levels. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Modifying(change, _tag_of(mark), self._since_ms(mark)))

    async def change_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        """Change a pending order. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Changing(change, _tag_of(mark), self._since_ms(mark)))

    async def cancel(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        """Cancel a pending order. Raises OrderNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Cancelling(ticket, _tag_of(mark), self._since_ms(mark)))

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        """Wait for what is found of a trade with this mark; None when the watch is over without a trace.

        Raises TerminalUnavailable when the terminal is closed meanwhile, or could not be looked at.
        """
        if self._closed.done():
            raise TerminalUnavailable
        found = self._unsettled.found(earlier(request, mark), Tag(mark.tag))
        waiting: set[asyncio.Future[Any]] = {found, self._closed}
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if not found.done():
            raise TerminalUnavailable("The terminal was closed while a trade was looked for: ask again.")
        return found.result()

    def close(self) -> None:
        """Tell those who wait for what is found that this terminal is gone. Safe to call twice."""
        if not self._closed.done():
            self._closed.set_result(None)

    async def _run(self, intent: Intent, before_leaving: BeforeLeaving | None = None) -> OrderResult:
        give_up_at = self._unsettled.give_up_at()
        async with self._turn:
            await self._unsettled.quiet(give_up_at)
            if self._closed.done():
                raise TerminalUnavailable
            if before_leaving is not None:
                await before_leaving()
            try:
                result = await self._perform(intent)
            except OutcomeUnknown:
                lost = self._unsettled.lose(intent)
            else:
                self._unsettled.answered(result)
                return result
        return await self._unsettled.outcome(lost)

    def _since_ms(self, mark: TradeMark | None) -> int:
        return self._clock.now_ms() if mark is None else mark.since_ms


def _tag_of(mark: TradeMark | None) -> Tag | None:
    return None if mark is None else Tag(mark.tag)
