"""What an account's terminal tells of the account: figures, positions, orders and their past."""

from __future__ import annotations

from collections.abc import Sequence

from reference_server.domain.account import AccountInfo
from reference_server.domain.trading import NewOrder, Order, OrderCheck, Position
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.ports import Terminal
from reference_server.usecases.supervision import Supervisor


class TradingUseCases:
    """What a user may ask an account's terminal; `requests.py` changes something there.

    Every method raises AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady, TerminalUnavailable.
    """

    def __init__(self, book: AccountBook, supervisor: Supervisor) -> None:
        self._book = book
        self._supervisor = supervisor

    async def get_account_info(self, user: User, account_id: str | None = None) -> AccountInfo:
        """Balance, equity and margin as the terminal has them now."""
        return await (await self._terminal(user, account_id)).account_info()

    async def list_positions(self, user: User, account_id: str | None = None) -> Sequence[Position]:
        """All open positions."""
        return await (await self._terminal(user, account_id)).positions()

    async def get_position(self, user: User, ticket: int, account_id: str | None = None) -> Position:
        """One open position. Raises PositionNotFound."""
        return await (await self._terminal(user, account_id)).position(ticket)

    async def list_orders(self, user: User, account_id: str | None = None) -> Sequence[Order]:
        """All pending orders."""
        return await (await self._terminal(user, account_id)).orders()

    async def get_order(self, user: User, ticket: int, account_id: str | None = None) -> Order:
        """One order, pending or past. Raises OrderNotFound."""
        return await (await self._terminal(user, account_id)).order(ticket)

    async def check_order(self, user: User, order: NewOrder, account_id: str | None = None) -> OrderCheck:
        """What would happen to an order. Nothing is sent, counted or written down. Raises SymbolNotFound."""
        return await (await self._terminal(user, account_id)).check_order(order)

    async def _terminal(self, user: User, account_id: str | None) -> Terminal:
        return self._supervisor.terminal_of(await self._book.select_account(user.user_id, account_id))
