"""A trading account as checks use it: ask for prices, place orders, and see what became of them."""

from collections.abc import Callable, Collection, Iterator
from types import TracebackType
from typing import Any, Self

import orjson

from conformance.context import CheckContext
from conformance.contract import ACCOUNT_HEADER
from conformance.errors import CheckSignal, NotApplicable, PrerequisiteFailed
from conformance.exchange import Exchange, Headers
from conformance.holdings import Account, User
from conformance.quote import Quote
from conformance.reading import Row, decimals, is_accepted, is_refused, net_volume, number, ticket_of, told

__all__ = ["CLOSED_MARKET", "Desk", "pauses"]

PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 4.0)
"""Seconds between two looks at the positions: about ten in all, and few enough requests for 60 a minute."""

REQUOTES = frozenset({10004, 10020, 10021})
"""MT5 return codes by which a broker asks to send the same order again: the price moved, or there was none."""

CLOSED_MARKET = {
    10017: "trading is disabled for this symbol or account",
    10018: "the market is closed",
    10019: "the account has not enough money",
    10026: "the broker disabled automated trading",
    10027: "the terminal disabled automated trading",
}
"""MT5 return codes of refusals that say nothing about the gateway."""

MOST_TRIES = 3


def pauses(run: CheckContext) -> Iterator[float]:
    """Yield the seconds to wait between looks at what may take a moment, until the target's patience is used up."""
    left = run.target.timeouts.stream_message
    for pause in PAUSES:
        if pause > left:
            return
        left -= pause
        yield pause


class Desk:
    """The account of `run.account`, used as `async with Desk(run) as desk`. On leaving it closes what it opened.

    Positions that were open before are left alone, and count for nothing. With `user` it is that user's account, with
    `account` the one that is named in each call.
    """

    def __init__(self, run: CheckContext, *, user: User | None = None, account: Account | None = None) -> None:
        self._run = run
        self._user = user
        self._selection: Headers = () if account is None else ((ACCOUNT_HEADER, account.id),)
        self._strangers: frozenset[int] = frozenset()
        self._strange_symbols: frozenset[str] = frozenset()
        self._latest: list[Row] = []
        self._is_stale = False
        self._tickets: set[int] = set()

    async def __aenter__(self) -> Self:
        rows = await self._list()
        self._strangers = frozenset(filter(None, map(ticket_of, rows)))
        self._strange_symbols = frozenset(str(row.get("symbol")) for row in rows)
        self._latest = []
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if problem is not None and not isinstance(problem, CheckSignal):
            return
        try:
            await self._tidy()
        except CheckSignal:
            return

    async def call(self, operation: str, *, headers: Headers = (), **members: Any) -> Exchange:
        """Call an operation for the account of this desk."""
        return await self._run.call(operation, user=self._user, headers=(*self._selection, *headers), **members)

    # -- looking -------------------------------------------------------------------------------------------------------

    async def quote(self, symbol: str | None = None) -> Quote:
        """Ask for the price of a symbol. Raises CouldNotRun without one, PrerequisiteFailed for an unusable answer."""
        symbol = symbol or self._run.symbol
        answer = await self.call("getSymbolPrice", path={"symbol": symbol})
        if answer.status == 503:
            self._run.could_not_run(f"there is no price of {symbol} now")
        bid, ask = answer.document.get("bid"), answer.document.get("ask")
        exact = [one for one in (number(bid), number(ask)) if one is not None and one > 0]
        if answer.status != 200 or len(exact) != 2:
            raise PrerequisiteFailed(f"the price of {symbol} could not be had: {told(answer)}")
        digits = max(decimals(one) for one in exact)
        return Quote(symbol, float(exact[0]), float(exact[1]), digits)

    async def rows(self) -> list[Row]:
        """List the positions that were opened since the desk was entered. Raises PrerequisiteFailed."""
        self._latest = [row for row in await self._list() if ticket_of(row) not in self._strangers]
        self._is_stale = False
        return self._latest

    async def row(self, ticket: int | None) -> Row | None:
        """Look at one position now; None when it is not open."""
        return next((row for row in await self.rows() if ticket_of(row) == ticket), None)

    async def settle(self, is_settled: Callable[[list[Row]], bool]) -> list[Row]:
        """Look until the positions are as wanted or the target's patience ends; return the last ones seen."""
        rows = await self.rows()
        for pause in pauses(self._run):
            if is_settled(rows):
                break
            await self._run.pause(pause)
            rows = await self.rows()
        return rows

    async def settle_gone(self, ticket: int | None) -> list[Row]:
        """Look until a ticket is no longer open; return the last positions seen."""
        return await self.settle(lambda rows: all(ticket_of(row) != ticket for row in rows))

    # -- trading -------------------------------------------------------------------------------------------------------

    def body(self, side: str, kind: str = "market", *, units: int = 1, **members: Any) -> dict[str, Any]:
        """Return the body of an order for `units` times the test volume. Raises CouldNotRun above the most allowed."""
        target = self._run.target
        if not target.is_sandbox and target.volume * units > target.max_volume:
            self._run.could_not_run(f"{target.volume * units} lots are above max_volume, {target.max_volume}")
        return {
            "symbol": self._run.symbol,
            "side": side,
            "orderType": kind,
            "volume": self._run.volumes(units),
            **members,
        }

    async def place(self, body: dict[str, Any], *, valid: bool = True, headers: Headers = ()) -> Exchange:
        """Send an order, again while the broker asks for that. Raises CouldNotRun when the market is closed.

        With headers it is sent once: they may hold an idempotency key, under which a requote would only come back.
        """
        for _ in range(1 if headers else MOST_TRIES):
            self._is_stale = True
            answer = await self.call("placeOrder", body=body, valid=valid, headers=headers)
            retcode = answer.document.get("retcode")
            if not is_refused(answer):
                ticket = ticket_of(answer.document)
                if ticket:
                    self._tickets.add(ticket)
                return answer
            if retcode in CLOSED_MARKET:
                self._run.could_not_run(CLOSED_MARKET[retcode])
            if retcode not in REQUOTES:
                return answer
        return answer

    async def opened(self, answer: Exchange, known: Collection[int] = ()) -> list[Row]:
        """Wait for the positions that an accepted order opened: those whose ticket is not among `known`.

        Raises NotApplicable when it was set off against another position instead, as netting accounts do.
        """
        before = self._latest
        tickets = {ticket_of(row): row.get("volume") for row in before}

        def has_moved(rows: list[Row]) -> bool:
            now = {ticket_of(row): row.get("volume") for row in rows}
            return any(ticket not in known for ticket in now) or now != tickets

        rows = await self.settle(has_moved)
        self._refuse_netting(answer, before, rows)
        fresh = [row for row in rows if ticket_of(row) not in known]
        wanted = answer.document.get("ticket")
        return sorted(fresh, key=lambda row: ticket_of(row) != wanted)

    def _refuse_netting(self, answer: Exchange, before: list[Row], rows: list[Row]) -> None:
        """Tell a netting account by its one position, which holds what was open before together with the order."""
        order = orjson.loads(answer.request.body or b"{}")
        if not before and order.get("symbol") in self._strange_symbols and not rows:
            self._run.could_not_run(f"a position in {order['symbol']} was open before, and no other one was added")
        mine = [[row for row in some if row.get("symbol") == order.get("symbol")] for some in (before, rows)]
        if mine[0] and len(mine[1]) <= 1 and net_volume([*mine[0], order]) == net_volume(mine[1]):
            raise NotApplicable("the account nets the positions of a symbol, and this needs two at once")

    async def open(self, side: str = "buy", *, units: int = 1, **members: Any) -> Row:
        """Open a position that a check starts from, and return it as listed. Raises PrerequisiteFailed."""
        known = {ticket for row in self._latest if (ticket := ticket_of(row)) is not None}
        answer = await self.place(self.body(side, units=units, **members))
        if not is_accepted(answer):
            raise PrerequisiteFailed(f"the market order that this starts from was not accepted: {told(answer)}")
        fresh = await self.opened(answer, known)
        if not fresh or (ticket_of(fresh[0]) or 0) <= 0:
            raise PrerequisiteFailed("the market order that this starts from opened no position that is listed")
        return fresh[0]

    async def close(self, body: dict[str, Any], *, valid: bool = True, headers: Headers = ()) -> Exchange:
        """Close a position, again while the broker asks for that; with headers only once."""
        return await self._repeat("closePosition", body, valid, headers)

    async def modify(self, body: dict[str, Any], *, valid: bool = True, headers: Headers = ()) -> Exchange:
        """Modify a position, again while the broker asks for that; with headers only once."""
        return await self._repeat("modifyPosition", body, valid, headers)

    def unknown_ticket(self) -> int:
        """Return a ticket that is not open: far above those seen, and still exact as a JSON number everywhere."""
        seen = [ticket for row in self._latest if (ticket := ticket_of(row)) is not None]
        return max([1_000_000_000, *seen, *self._strangers]) + 1_000_000_000 + self._run.random.randrange(1_000_000)

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _repeat(self, operation: str, body: dict[str, Any], valid: bool, headers: Headers) -> Exchange:
        for _ in range(1 if headers else MOST_TRIES):
            self._is_stale = True
            answer = await self.call(operation, body=body, valid=valid, headers=headers)
            if not is_refused(answer) or answer.document.get("retcode") not in REQUOTES:
                break
        return answer

    async def _list(self) -> list[Row]:
        answer = await self.call("listPositions")
        if answer.status != 200 or not isinstance(answer.document.get("positions"), list):
            raise PrerequisiteFailed(f"the positions could not be listed: {told(answer)}")
        return answer.rows("positions")

    async def _tidy(self) -> None:
        """Close what is open. Outside a sandbox only what an answer named: the rest may be somebody else's."""
        rows = await self.rows() if self._is_stale else self._latest
        for row in rows:
            ticket = ticket_of(row)
            if ticket is not None and (ticket in self._tickets or self._run.target.is_sandbox):
                await self.call("closePosition", body={"ticket": ticket}, valid=False)
        self._is_stale, self._latest = False, []
