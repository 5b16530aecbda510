"""An account's past, in pages that follow each other without a row lost or told twice."""

from __future__ import annotations

import base64
import binascii
import hmac
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar

from reference_server.domain.errors import InvalidParameter, Violation
from reference_server.domain.trading import Deal, HistoryQuery, Order
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.ports import Clock, Terminal
from reference_server.usecases.supervision import Supervisor

T = TypeVar("T", Deal, Order)
Kind = Literal["deals", "orders"]
Read = Callable[[HistoryQuery], Awaitable[Sequence[T]]]

DEFAULT_LIMIT: Final = 100
_PLACE: Final = struct.Struct(">QQ")
_SEAL_BYTES: Final = 16
_AHEAD_MS: Final = 2 * 86_400_000
"""An open end is well after now, so that what has just happened is told also where the host's clock is a day behind."""


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What a client asks for. Times in ms, UTC; `from_ms` inclusive, `to_ms` exclusive; None is open."""

    from_ms: int | None = None
    to_ms: int | None = None
    position: int | None = None
    limit: int = DEFAULT_LIMIT
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Rows, oldest first, and the cursor of the page after them, None on the last one."""

    rows: Sequence[T]
    next_cursor: str | None


class Cursors:
    """Makes and reads cursors: the place of the last row told, sealed for one account and one query."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def make(self, context: str, place: tuple[int, int]) -> str:
        """Seal time in ms and ticket of the last row."""
        packed = _PLACE.pack(*place)
        return base64.urlsafe_b64encode(packed + self._seal(context, packed)).rstrip(b"=").decode("ascii")

    def read(self, context: str, cursor: str) -> tuple[int, int]:
        """Return the place. Raises InvalidParameter for one that was not made for this account and query."""
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        packed, seal = raw[: _PLACE.size], raw[_PLACE.size :]
        if len(packed) != _PLACE.size or not hmac.compare_digest(seal, self._seal(context, packed)):
            raise InvalidParameter(
                "The parameter cursor was not made for this account and this query.",
                violations=(Violation("cursor", "must be the nextCursor of the page before, with the same query"),),
            )
        time_ms, ticket = _PLACE.unpack(packed)
        return time_ms, ticket

    def _seal(self, context: str, packed: bytes) -> bytes:
        return hmac.digest(self._secret, context.encode("utf-8") + b"|" + packed, "sha256")[:_SEAL_BYTES]


class HistoryUseCases:
    """What a user may ask of an account's past.

    Every method raises AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady, TerminalUnavailable,
    InvalidParameter (a range that ends before it starts, a foreign cursor).
    """

    def __init__(self, book: AccountBook, supervisor: Supervisor, clock: Clock, cursors: Cursors) -> None:
        self._book = book
        self._supervisor = supervisor
        self._clock = clock
        self._cursors = cursors

    async def list_deals(self, user: User, asked: HistoryFilter, account_id: str | None = None) -> Page[Deal]:
        """Deals, by the time at which they were made."""
        account = await self._book.select_account(user.user_id, account_id)
        terminal = self._supervisor.terminal_of(account)
        return await self._page("deals", account.account_id, asked, terminal.deals, lambda deal: deal.time_ms)

    async def list_orders(self, user: User, asked: HistoryFilter, account_id: str | None = None) -> Page[Order]:
        """Orders that are not pending any more, by the time at which they left the book."""
        account = await self._book.select_account(user.user_id, account_id)
        terminal: Terminal = self._supervisor.terminal_of(account)
        return await self._page(
            "orders", account.account_id, asked, terminal.past_orders, lambda order: order.done_time_ms or 0
        )

    async def _page(
        self, kind: Kind, account_id: str, asked: HistoryFilter, read: Read[T], time_of: Callable[[T], int]
    ) -> Page[T]:
        from_ms = asked.from_ms or 0
        to_ms = self._clock.now_ms() + _AHEAD_MS if asked.to_ms is None else asked.to_ms
        check_range(asked.from_ms, asked.to_ms)
        context = f"{kind}|{account_id}|{asked.from_ms}|{asked.to_ms}|{asked.position}"
        after = None if asked.cursor is None else self._cursors.read(context, asked.cursor)
        rows = await read(HistoryQuery(from_ms, to_ms, asked.limit + 1, asked.position, after))
        if len(rows) <= asked.limit:
            return Page(rows, None)
        told = rows[: asked.limit]
        return Page(told, self._cursors.make(context, (time_of(told[-1]), told[-1].ticket)))


def check_range(from_ms: int | None, to_ms: int | None) -> None:
    """Raise InvalidParameter for a range that ends before it starts."""
    if from_ms is not None and to_ms is not None and to_ms < from_ms:
        raise InvalidParameter(
            "The range ends before it starts: to must not be before from.",
            violations=(Violation("to", "must not be before from"),),
        )
