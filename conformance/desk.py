"""A trading account as checks use it: ask for prices, place orders, and see what became of them."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Any, Self

from conformance.context import CheckContext
from conformance.errors import CheckSignal, NotApplicable, PrerequisiteFailed
from conformance.exchange import Exchange

__all__ = [
    "Desk",
    "Quote",
    "Row",
    "is_accepted",
    "is_refused",
    "is_same_number",
    "number",
    "other_side",
    "pauses",
    "ticket_of",
    "told",
]

Row = dict[str, Any]
"""One position as the gateway lists it."""

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


def is_refused(answer: Exchange) -> bool:
    """Say whether an answer is a refusal: an error status, or 2xx with `success` false (TONPO-ORD-180)."""
    return answer.status >= 400 or (200 <= answer.status < 300 and answer.document.get("success") is False)


def is_accepted(answer: Exchange) -> bool:
    """Say whether an answer is 2xx and no refusal."""
    return 200 <= answer.status < 300 and not is_refused(answer)


def number(value: object) -> Decimal | None:
    """Return a JSON number as the exact decimal that was written; None for anything else, true and false included."""
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_same_number(first: object, second: object) -> bool:
    """Say whether two JSON numbers are the same, written as decimals: 0.3 and 0.30000000000000004 are not."""
    return number(first) is not None and number(first) == number(second)


def ticket_of(row: Row) -> int | None:
    """Return the ticket of a position, or None when it is no integer."""
    ticket = row.get("ticket")
    return ticket if isinstance(ticket, int) and not isinstance(ticket, bool) else None


def told(answer: Exchange) -> str:
    """Return the status and the start of the body of an answer, to be shown in a finding."""
    return f"HTTP {answer.status} {answer.response.body[:200].decode(errors='replace')}"


def other_side(side: str) -> str:
    """Return `sell` for `buy` and the reverse."""
    return "sell" if side == "buy" else "buy"


def pauses(run: CheckContext) -> Iterator[float]:
    """Yield the seconds to wait between looks at what may take a moment, until the target's patience is used up."""
    left = run.target.timeouts.stream_message
    for pause in PAUSES:
        if pause > left:
            return
        left -= pause
        yield pause


@dataclass(frozen=True, slots=True)
class Quote:
    """The market's prices of one symbol at one moment. `digits` counts the decimals that they show."""

    symbol: str
    bid: float
    ask: float
    digits: int

    def below(self, percent: float) -> float:
        """Return a price that far below the market."""
        return round(self.bid * (1 - percent / 100), self.digits)

    def above(self, percent: float) -> float:
        """Return a price that far above the market."""
        return round(self.ask * (1 + percent / 100), self.digits)

    def stops(self, side: str, sl: float = 3.0, tp: float = 4.0) -> dict[str, Any]:
        """Return a stop loss and a take profit for a position of that side, so many percent from the market."""
        if side == "buy":
            return {"sl": self.below(sl), "tp": self.above(tp)}
        return {"sl": self.above(sl), "tp": self.below(tp)}

    def is_at(self, price: object, wanted: float | None) -> bool:
        """Say whether a level is the wanted one, to half a unit of the last decimal; None and 0 both mean none."""
        found = number(price)
        if wanted is None:
            return price is None or found == 0
        return found is not None and abs(found - Decimal(str(wanted))) <= Decimal(10) ** -self.digits / 2

    def is_near(self, price: object, percent: float = 5.0) -> bool:
        """Say whether a price is one of this market: no symbol moves 5 % within a check."""
        found = number(price)
        return found is not None and abs(found - Decimal(str(self.ask))) <= Decimal(str(self.ask * percent / 100))


class Desk:
    """The account of `run.account`, used as `async with Desk(run) as desk`. On leaving it closes what it opened.

    Positions that were open before are left alone, and count for nothing.
    """

    def __init__(self, run: CheckContext) -> None:
        self._run = run
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

    # -- looking -------------------------------------------------------------------------------------------------------

    async def quote(self, symbol: str | None = None) -> Quote:
        """Ask for the price of a symbol. Raises CouldNotRun without one, PrerequisiteFailed for an unusable answer."""
        symbol = symbol or self._run.symbol
        answer = await self._run.call("getSymbolPrice", path={"symbol": symbol})
        if answer.status == 503:
            self._run.could_not_run(f"there is no price of {symbol} now")
        bid, ask = answer.document.get("bid"), answer.document.get("ask")
        exact = [one for one in (number(bid), number(ask)) if one is not None and one > 0]
        if answer.status != 200 or len(exact) != 2:
            raise PrerequisiteFailed(f"the price of {symbol} could not be had: {told(answer)}")
        digits = max(_decimals(one) for one in exact)
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

    async def place(self, body: dict[str, Any], *, valid: bool = True) -> Exchange:
        """Send an order, again while the broker asks for that. Raises CouldNotRun when the market is closed."""
        for _ in range(MOST_TRIES):
            self._is_stale = True
            answer = await self._run.call("placeOrder", body=body, valid=valid)
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

    async def opened(self, answer: Exchange, known: Collection[int]) -> list[Row]:
        """Wait for the positions that an accepted order opened: those whose ticket is not among `known`.

        Raises NotApplicable when it changed another position instead, as netting accounts do.
        """
        before = {ticket_of(row): row.get("volume") for row in self._latest}

        def has_moved(rows: Iterable[Row]) -> bool:
            return any(
                ticket_of(row) not in known or not is_same_number(row.get("volume"), before.get(ticket_of(row)))
                for row in rows
            )

        rows = await self.settle(has_moved)
        fresh = [row for row in rows if ticket_of(row) not in known]
        if not fresh and has_moved(rows):
            raise NotApplicable("the account nets the positions of a symbol, and this needs two at once")
        if not fresh and self._run.symbol in self._strange_symbols:
            self._run.could_not_run(f"a position in {self._run.symbol} was open before, and no other one was added")
        wanted = answer.document.get("ticket")
        return sorted(fresh, key=lambda row: ticket_of(row) != wanted)

    async def open(self, side: str = "buy", *, units: int = 1, **members: Any) -> Row:
        """Open a position that a check starts from, and return it as listed. Raises PrerequisiteFailed."""
        known = {ticket for row in self._latest if (ticket := ticket_of(row)) is not None}
        answer = await self.place(self.body(side, units=units, **members))
        if not is_accepted(answer):
            raise PrerequisiteFailed(f"the market order that this starts from was not accepted: {told(answer)}")
        fresh = await self.opened(answer, known)
        if not fresh or ticket_of(fresh[0]) is None:
            raise PrerequisiteFailed("the market order that this starts from opened no position that is listed")
        return fresh[0]

    async def close(self, body: dict[str, Any], *, valid: bool = True) -> Exchange:
        """Close a position, again while the broker asks for that."""
        return await self._repeat("closePosition", body, valid)

    async def modify(self, body: dict[str, Any], *, valid: bool = True) -> Exchange:
        """Modify a position, again while the broker asks for that."""
        return await self._repeat("modifyPosition", body, valid)

    def unknown_ticket(self) -> int:
        """Return a ticket that is not open: far above those seen, and still exact as a JSON number everywhere."""
        seen = [ticket for row in self._latest if (ticket := ticket_of(row)) is not None]
        return max([1_000_000_000, *seen, *self._strangers]) + 1_000_000_000 + self._run.random.randrange(1_000_000)

    # -- inside --------------------------------------------------------------------------------------------------------

    async def _repeat(self, operation: str, body: dict[str, Any], valid: bool) -> Exchange:
        for _ in range(MOST_TRIES):
            self._is_stale = True
            answer = await self._run.call(operation, body=body, valid=valid)
            if not is_refused(answer) or answer.document.get("retcode") not in REQUOTES:
                break
        return answer

    async def _list(self) -> list[Row]:
        answer = await self._run.call("listPositions")
        if answer.status != 200 or not isinstance(answer.document.get("positions"), list):
            raise PrerequisiteFailed(f"the positions could not be listed: {told(answer)}")
        return answer.rows("positions")

    async def _tidy(self) -> None:
        """Close what is open. Outside a sandbox only what an answer named: the rest may be somebody else's."""
        rows = await self.rows() if self._is_stale else self._latest
        for row in rows:
            ticket = ticket_of(row)
            if ticket is not None and (ticket in self._tickets or self._run.target.is_sandbox):
                await self._run.call("closePosition", body={"ticket": ticket}, valid=False)
        self._is_stale, self._latest = False, []


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
