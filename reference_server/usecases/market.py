"""Market data on request."""

from __future__ import annotations

from collections.abc import Sequence

from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.history import check_range
from reference_server.usecases.ports import Terminal
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
        return await (await self._terminal(user, account_id)).symbols()

    async def get_symbol_price(
        self, user: User, symbol: str, account_id: str | None = None
    ) -> tuple[Tick, SymbolSpecification]:
        """The latest tick, and what a trader must know of the symbol. Raises SymbolNotFound, PriceUnavailable.

        Source: Tonpo docs, "GET /api/symbols/{symbol}"; design, capability `symbol-specification`.
        """
        terminal = await self._terminal(user, account_id)
        return await terminal.price(symbol), await terminal.specification(symbol)

    async def list_candles(
        self,
        user: User,
        symbol: str,
        timeframe: Timeframe,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 500,
        account_id: str | None = None,
    ) -> Sequence[Candle]:
        """Bars that open within the range (ms, UTC; `to_ms` exclusive), oldest first; of more than `limit` the newest.

        Raises SymbolNotFound, PriceUnavailable, InvalidParameter.
        """
        check_range(from_ms, to_ms)
        return await (await self._terminal(user, account_id)).candles(symbol, timeframe, from_ms, to_ms, limit)

    async def _terminal(self, user: User, account_id: str | None) -> Terminal:
        return self._supervisor.terminal_of(await self._book.select_account(user.user_id, account_id))
