"""The trading calls of the Terminal port, over anything that can send an intent and look for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from reference_server.domain.errors import OutcomeUnknown
from reference_server.domain.trading import NewOrder, OrderResult, PositionChange
from reference_server.terminals.adapter.tags import Tag
from reference_server.terminals.workers.intents import Closing, Intent, Modifying, Placing
from reference_server.terminals.workers.unsettled import Unsettled
from reference_server.usecases.ports import Clock

Perform = Callable[[Intent], Awaitable[OrderResult]]


class Trades:
    """Sends one trade after the other, each once; one whose answer is lost is looked for before the next is sent."""

    def __init__(self, clock: Clock, perform: Perform, unsettled: Unsettled) -> None:
        self._clock = clock
        self._perform = perform
        self._unsettled = unsettled
        self._turn = asyncio.Lock()

    async def place(self, order: NewOrder) -> OrderResult:
        """Place an order. Raises SymbolNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Placing(order, Tag.new(), self._clock.now_ms()))

    async def close(self, ticket: int, volume: float | None) -> OrderResult:
        """Close all (None) or part of a position. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Closing(ticket, volume, Tag.new(), self._clock.now_ms()))

    async def modify(self, change: PositionChange) -> OrderResult:
        """Change stop levels. Raises PositionNotFound, TerminalUnavailable, OutcomeUnknown."""
        return await self._run(Modifying(change, self._clock.now_ms()))

    async def _run(self, intent: Intent) -> OrderResult:
        async with self._turn:
            if self._unsettled.is_settling:
                await self._unsettled.quiet()
            try:
                result = await self._perform(intent)
            except OutcomeUnknown:
                lost = self._unsettled.lose(intent)
            else:
                self._unsettled.answered(result)
                return result
        return await self._unsettled.outcome(lost)
