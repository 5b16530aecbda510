"""Market data on request."""

from __future__ import annotations

from collections.abc import Sequence

from reference_server.domain.market import Tick
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.supervision import Supervisor


class MarketUseCases:
    """What a user may ask of the market that an account sees.

    Every method raises AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady, TerminalUnavailable.
    """

    def __init__(self, book: AccountBook, supervisor: Supervisor) -> None:
        self._book = book
        self._supervisor = supervisor

    async def list_symbols(self, user: User, account_id: str | None = None) -> Sequence[str]:
        """Every symbol of the account. Source: Tonpo docs, "GET /api/symbols"."""
        account = await self._book.select_account(user.user_id, account_id)
        return await self._supervisor.terminal_of(account).symbols()

    async def get_symbol_price(self, user: User, symbol: str, account_id: str | None = None) -> Tick:
        """The latest tick. Raises SymbolNotFound, PriceUnavailable. Source: Tonpo docs, "GET /api/symbols/{symbol}"."""
        account = await self._book.select_account(user.user_id, account_id)
        return await self._supervisor.terminal_of(account).price(symbol)
