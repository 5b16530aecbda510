"""Trading on the chosen account."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime

from reference_server.domain.account import Account, AccountInfo
from reference_server.domain.errors import AccountPaused, DailyTradeLimitExceeded, GatewayError, OutcomeUnknown
from reference_server.domain.trading import NewOrder, OrderResult, Position, PositionChange
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.completion import Completions
from reference_server.usecases.ports import Clock, Terminal, TradeCounter
from reference_server.usecases.supervision import Supervisor

_DAY_MS = 86_400_000

_log = logging.getLogger(__name__)


class TradingUseCases:
    """What a user may do on an account's terminal.

    Every method raises AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady, TerminalUnavailable.
    """

    def __init__(self, book: AccountBook, supervisor: Supervisor, counter: TradeCounter, clock: Clock) -> None:
        self._book = book
        self._supervisor = supervisor
        self._counter = counter
        self._clock = clock
        self._completions = Completions()

    async def get_account_info(self, user: User, account_id: str | None = None) -> AccountInfo:
        """Balance, equity and margin as the terminal has them now."""
        return await (await self._terminal(user, account_id)).account_info()

    async def list_positions(self, user: User, account_id: str | None = None) -> Sequence[Position]:
        """All open positions."""
        return await (await self._terminal(user, account_id)).positions()

    async def get_position(self, user: User, ticket: int, account_id: str | None = None) -> Position:
        """One open position. Raises PositionNotFound."""
        return await (await self._terminal(user, account_id)).position(ticket)

    async def place_order(self, user: User, order: NewOrder, account_id: str | None = None) -> OrderResult:
        """Send a new order, counted against the plan's trades of the UTC day when the broker accepts it.

        Raises AccountPaused, DailyTradeLimitExceeded, SymbolNotFound, OutcomeUnknown.
        Source: Tonpo docs, "POST /api/orders" and "Rate Limits".
        """
        account, terminal = await self._tradable(user, account_id)
        limit = user.plan.trades_per_day
        if limit is None:
            return await _sent(terminal.place_order(order))
        return await self._completions.run(self._place_counted(user, account.account_id, order, limit))

    async def close_position(
        self, user: User, ticket: int, volume: float | None = None, account_id: str | None = None
    ) -> OrderResult:
        """Close all (volume None) or part of a position; never refused for quota or pause.

        Raises PositionNotFound, OutcomeUnknown. Source: Tonpo docs, "POST /api/orders/close".
        """
        return await _sent((await self._terminal(user, account_id)).close_position(ticket, volume))

    async def modify_position(self, user: User, change: PositionChange, account_id: str | None = None) -> OrderResult:
        """Set or remove the stop levels of a position; never refused for quota or pause.

        Raises PositionNotFound, OutcomeUnknown. Source: Tonpo docs, "POST /api/orders/modify".
        """
        return await _sent((await self._terminal(user, account_id)).modify_position(change))

    async def close(self) -> None:
        """Wait for orders that were begun, so that none is cut between its count and its outcome."""
        await self._completions.close()

    async def _terminal(self, user: User, account_id: str | None) -> Terminal:
        return self._supervisor.terminal_of(await self._book.select_account(user.user_id, account_id))

    async def _tradable(self, user: User, account_id: str | None) -> tuple[Account, Terminal]:
        account = await self._book.select_account(user.user_id, account_id)
        if account.paused:
            raise AccountPaused
        return account, self._supervisor.terminal_of(account)

    async def _place_counted(self, user: User, account_id: str, order: NewOrder, limit: int) -> OrderResult:
        """Count before sending, so that orders sent at the same time cannot pass the limit together.

        The account is looked at again once the count is stored: whoever was told meanwhile that it is paused or deleted
        must not see it trade, and its terminal may have been replaced.
        """
        now_ms = self._clock.now_ms()
        day = datetime.fromtimestamp(now_ms // 1000, UTC).date().isoformat()
        if not await self._counter.take(user.user_id, day, limit):
            raise DailyTradeLimitExceeded(
                f"The plan's {limit} trades for today are used up: the next UTC day brings new ones.",
                retry_after_seconds=max(1.0, (_DAY_MS - now_ms % _DAY_MS) / 1000),
            )
        try:
            _, terminal = await self._tradable(user, account_id)
            result = await _sent(terminal.place_order(order))
        except OutcomeUnknown:  # it may have been executed: it counts
            raise
        except GatewayError:  # refused before it left
            await self._give_back(user, day)
            raise
        if not result.success:
            await self._give_back(user, day)
        return result

    async def _give_back(self, user: User, day: str) -> None:
        try:
            await self._counter.give_back(user.user_id, day)
        except Exception:  # what became of the order matters more to the client than one trade too many in the count
            _log.exception("a trade of %s that did not happen stays counted", user.user_id)


async def _sent(trade: Awaitable[OrderResult]) -> OrderResult:
    """Return the terminal's answer. Raises OutcomeUnknown for a defect: the request may have left before it."""
    try:
        return await trade
    except GatewayError:
        raise
    except Exception as defect:
        _log.exception("a trade ended in a defect; whether the broker executed it is not known")
        raise OutcomeUnknown from defect
