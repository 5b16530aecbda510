"""Trading requests on their way: written down, sent once, and answered again when they are repeated with their key.

Here, and nowhere else, is decided what happens when requests meet:

* The same key again, in flight: 409. With another body, operation or account: 409. With the same: the first answer.
* A request that the gateway refused before it left (its account paused, its symbol unknown, its terminal away) leaves
  its key free for the same request.
* What is sent for one account goes to its terminal one after the other (`terminals/workers/trades.py`). Of two closes
  of one position, or a close and a stop, the later finds no position: 404, and nothing is traded.
* A caller who leaves does not stop what was written down: it is sent, and its outcome is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import msgspec

from reference_server.domain.account import Account
from reference_server.domain.errors import (
    AccountPaused,
    DailyTradeLimitExceeded,
    GatewayError,
    IdempotencyKeyInFlight,
    IdempotencyKeyReused,
    NotPending,
    OrderNotFound,
    OutcomeUnknown,
    PositionNotFound,
    RequestNotFound,
)
from reference_server.domain.requests import Outcome, TradeRecord
from reference_server.domain.trading import (
    KEEP,
    Keep,
    NewOrder,
    OrderCancellation,
    OrderChange,
    OrderResult,
    PositionChange,
    PositionClose,
    TradeMark,
    TradeRequest,
)
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.completion import Completions
from reference_server.usecases.observation import TradeWatch
from reference_server.usecases.ports import BeforeLeaving, Clock, Entropy, Journal, Terminal
from reference_server.usecases.reconciliation import Reconciler
from reference_server.usecases.supervision import Supervisor

_DAY_MS = 86_400_000
_TAG_BYTES = 6
_NO_LEVELS = "No open position and no pending order has this ticket."

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LevelChange:
    """New levels of an open position or, by its ticket, of a pending order, which alone has a `price` to move.

    KEEP leaves a level, None removes it.
    """

    ticket: int
    price: float | Keep = KEEP
    sl: float | Keep | None = KEEP
    tp: float | Keep | None = KEEP


@dataclass(frozen=True, slots=True)
class Repeatable:
    """What makes a request one that can be repeated: the client's key, and a digest of operation and body."""

    key: str
    fingerprint: bytes


class Traded(msgspec.Struct, frozen=True):
    """The broker's answer. `is_replay`: it was given before, to an earlier request with the same key."""

    result: OrderResult
    is_replay: bool = False


class TradeRequests:
    """Sends every trading request of every user."""

    def __init__(
        self,
        book: AccountBook,
        supervisor: Supervisor,
        journal: Journal,
        reconciler: Reconciler,
        clock: Clock,
        entropy: Entropy,
        watch: TradeWatch | None = None,
    ) -> None:
        self._watch = watch or TradeWatch()
        self._book = book
        self._supervisor = supervisor
        self._journal = journal
        self._reconciler = reconciler
        self._clock = clock
        self._entropy = entropy
        self._completions = Completions()

    async def send(
        self,
        user: User,
        operation: str,
        request: TradeRequest | LevelChange,
        *,
        account_id: str | None = None,
        repeatable: Repeatable | None = None,
    ) -> Traded:
        """Send a request, unless its key shows that it was sent before. `operation`: its operationId.

        Raises AccountNotFound, AccountAmbiguous, AccountLoginFailed, AccountNotReady, AccountPaused (new orders),
        DailyTradeLimitExceeded (new orders), IdempotencyKeyReused, IdempotencyKeyInFlight, PositionNotFound,
        OrderNotFound, NotPending, SymbolNotFound, TerminalUnavailable, StorageUnavailable: nothing was done.
        Raises OutcomeUnknown.
        """
        if repeatable is not None:
            earlier = self._journal.by_key(user.user_id, repeatable.key)
            if earlier is not None and not _may_be_sent_again(earlier, operation, repeatable, account_id):
                return _repeated(earlier, operation, repeatable, account_id)
        account, terminal = await self._usable(user, account_id, request)
        if isinstance(request, LevelChange):
            request = await _addressed(request, terminal)
        record = self._record(user, account, operation, request, repeatable)
        return await self._completions.run(self._send_claimed(user, record, repeatable, account_id))

    def outcome_of(self, user: User, key: str) -> TradeRecord:
        """The user's request with this key. Raises RequestNotFound, StorageUnavailable."""
        record = self._journal.by_key(user.user_id, key)
        if record is None:
            raise RequestNotFound
        return record

    async def close(self) -> None:
        """Wait for requests that were begun, so that none is cut between its claim and its outcome."""
        await self._completions.close()

    async def _usable(
        self, user: User, account_id: str | None, request: TradeRequest | LevelChange
    ) -> tuple[Account, Terminal]:
        account = await self._book.select_account(user.user_id, account_id)
        if account.paused and isinstance(request, NewOrder):
            raise AccountPaused
        return account, self._supervisor.terminal_of(account)

    def _record(
        self, user: User, account: Account, operation: str, request: TradeRequest, repeatable: Repeatable | None
    ) -> TradeRecord:
        now_ms = self._clock.now_ms()
        day = None
        if user.plan.trades_per_day is not None and isinstance(request, NewOrder):
            day = datetime.fromtimestamp(now_ms // 1000, UTC).date().isoformat()
        return TradeRecord(
            user_id=user.user_id,
            account_id=account.account_id,
            operation=operation,
            request=request,
            mark=TradeMark(int.from_bytes(self._entropy(_TAG_BYTES), "big"), now_ms),
            key=None if repeatable is None else repeatable.key,
            fingerprint=b"" if repeatable is None else repeatable.fingerprint,
            counted_day=day,
        )

    async def _send_claimed(
        self, user: User, record: TradeRecord, repeatable: Repeatable | None, account_id: str | None
    ) -> Traded:
        """Write down, then send. The account is looked at again in between, and once more when an order has waited for
        its turn: whoever was told meanwhile that it is paused or deleted must not see it trade."""
        clock = self._clock
        began = clock.monotonic()
        try:
            claim = await self._journal.claim(record, daily_limit=user.plan.trades_per_day)
        except DailyTradeLimitExceeded:
            raise _limit_reached(user, record.mark.since_ms) from None
        if not claim.is_new:
            assert repeatable is not None
            return _repeated(claim.record, record.operation, repeatable, account_id)
        record = claim.record
        written = clock.monotonic()
        self._watch.measures.journal_written(written - began)
        try:
            _, terminal = await self._usable(user, record.account_id, record.request)
        except BaseException as refused:
            self._settle(record.settled(Outcome.NOT_SENT), written, getattr(refused, "reason", ""))
            raise
        may_leave = partial(self._usable, user, record.account_id, record.request)
        try:
            result = await _sent(terminal, record, may_leave)
        except OutcomeUnknown:
            self._settle(lost := record.settled(Outcome.UNKNOWN), written)
            self._reconciler.lost(lost, terminal)
            raise
        except GatewayError as refused:  # before it left
            self._settle(record.settled(Outcome.NOT_SENT), written, refused.reason)
            if isinstance(refused, OrderNotFound) and isinstance(record.request, OrderChange):
                raise PositionNotFound(_NO_LEVELS) from refused  # it left the book a moment ago
            raise
        self._settle(record.answered(result), written)
        return Traded(result)

    def _settle(self, record: TradeRecord, since: float, reason: str = "") -> None:
        self._journal.settle(record)
        self._watch.ended(record, self._clock.monotonic() - since, reason)


async def _addressed(change: LevelChange, terminal: Terminal) -> TradeRequest:
    """Tell whose levels are meant. Raises PositionNotFound, NotPending for the price of an open position."""
    try:
        await terminal.position(change.ticket)
    except PositionNotFound:
        if any(pending.ticket == change.ticket for pending in await terminal.orders()):
            return OrderChange(change.ticket, price=change.price, sl=change.sl, tp=change.tp)
        raise PositionNotFound(_NO_LEVELS) from None
    if change.price is not KEEP:
        raise NotPending
    return PositionChange(change.ticket, sl=change.sl, tp=change.tp)


async def _sent(terminal: Terminal, record: TradeRecord, may_leave: BeforeLeaving) -> OrderResult:
    """Return the terminal's answer. Raises OutcomeUnknown for a defect: the request may have left before it."""
    try:
        return await _call(terminal, record.request, record.mark, may_leave)
    except GatewayError:
        raise
    except Exception as defect:
        _log.exception("a trade ended in a defect; whether the broker executed it is not known")
        raise OutcomeUnknown from defect


def _call(
    terminal: Terminal, request: TradeRequest, mark: TradeMark, may_leave: BeforeLeaving
) -> Awaitable[OrderResult]:
    match request:
        case NewOrder():
            return terminal.place_order(request, mark, may_leave)
        case PositionClose():
            return terminal.close_position(request.ticket, request.volume, mark)
        case PositionChange():
            return terminal.modify_position(request, mark)
        case OrderChange():
            return terminal.modify_order(request, mark)
        case OrderCancellation():
            return terminal.cancel_order(request.ticket, mark)


def _is_same(earlier: TradeRecord, operation: str, repeatable: Repeatable, account_id: str | None) -> bool:
    return (
        earlier.operation == operation
        and earlier.fingerprint == repeatable.fingerprint
        and account_id in (None, earlier.account_id)
    )


def _may_be_sent_again(earlier: TradeRecord, operation: str, repeatable: Repeatable, account_id: str | None) -> bool:
    return earlier.outcome is Outcome.NOT_SENT and _is_same(earlier, operation, repeatable, account_id)


def _repeated(earlier: TradeRecord, operation: str, repeatable: Repeatable, account_id: str | None) -> Traded:
    """The answer to a key that was used before. Raises IdempotencyKeyReused, IdempotencyKeyInFlight, OutcomeUnknown."""
    if not _is_same(earlier, operation, repeatable, account_id):
        raise IdempotencyKeyReused
    if earlier.result is not None:
        return Traded(earlier.result, is_replay=True)
    if earlier.outcome is Outcome.UNKNOWN:
        unknown = OutcomeUnknown()
        unknown.is_replayed = True
        raise unknown
    raise IdempotencyKeyInFlight


def _limit_reached(user: User, now_ms: int) -> DailyTradeLimitExceeded:
    return DailyTradeLimitExceeded(
        f"The plan's {user.plan.trades_per_day} trades for today are used up: the next UTC day brings new ones.",
        retry_after_seconds=max(1.0, (_DAY_MS - now_ms % _DAY_MS) / 1000),
    )
