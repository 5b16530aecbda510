"""What the use cases need from the outside, as Protocols named for their role.

Implementations live in `terminals/`, `storage/`, `security/`; only `app.py` knows which ones are used.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from reference_server.domain.account import Account, AccountInfo, AccountState, Mt5Credentials
from reference_server.domain.audit import AuditAction, AuditEntry
from reference_server.domain.events import TerminalEvent
from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.requests import Claim, TradeRecord
from reference_server.domain.trading import (
    Deal,
    HistoryQuery,
    NewOrder,
    Order,
    OrderChange,
    OrderCheck,
    OrderResult,
    Position,
    PositionChange,
    TradeMark,
    TradeRequest,
)
from reference_server.domain.user import User

Listener = Callable[[TerminalEvent], None]
"""Called on the event loop, in order; must not block."""


Entropy = Callable[[int], bytes]
"""Gives that many unpredictable bytes: `secrets.token_bytes` outside tests."""


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step back, for deadlines and limits."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on this clock."""
        ...


class LoginRefused(Exception):
    """The broker refused the credentials; trying again cannot help."""


class BrokerUnreachable(Exception):
    """The broker or the terminal did not answer; trying again may help."""


BeforeLeaving = Callable[[], Awaitable[object]]
"""Asked when an order has waited for its turn and is to be sent now; what it raises keeps the order from leaving."""


class Terminal(Protocol):
    """One MetaTrader 5 terminal, logged in to one account.

    Every call raises TerminalUnavailable when the terminal cannot be reached and nothing was done, and the trading
    calls raise OutcomeUnknown when the request left and no answer came. `mark` is what a trade is found again by; the
    terminal makes its own where none is given.
    """

    async def account_info(self) -> AccountInfo: ...

    async def positions(self) -> Sequence[Position]: ...

    async def position(self, ticket: int) -> Position:
        """Raises PositionNotFound."""
        ...

    async def place_order(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        """Raises SymbolNotFound, and what `before_leaving` raises: then nothing was done."""
        ...

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        """Close all (volume None) or part. Raises PositionNotFound."""
        ...

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        """Raises PositionNotFound."""
        ...

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        """Raises OrderNotFound when no pending order has this ticket."""
        ...

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        """Raises OrderNotFound when no pending order has this ticket."""
        ...

    async def check_order(self, order: NewOrder) -> OrderCheck:
        """What would happen to an order; nothing is sent to the market. Raises SymbolNotFound."""
        ...

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        """Look for a trade whose answer was lost, in this life of the gateway or an earlier one.

        Waits until it is found, or until there is no more use in looking: None. Other trades of the account wait while
        it may still show up. Raises TerminalUnavailable when the terminal is closed meanwhile.
        """
        ...

    async def orders(self) -> Sequence[Order]:
        """Pending orders, oldest first."""
        ...

    async def order(self, ticket: int) -> Order:
        """One order, pending or past. Raises OrderNotFound."""
        ...

    async def deals(self, query: HistoryQuery) -> Sequence[Deal]: ...

    async def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        """Orders that are not pending any more, by the time at which they left the book."""
        ...

    async def symbols(self) -> Sequence[str]: ...

    async def price(self, symbol: str) -> Tick:
        """The latest tick. Raises SymbolNotFound, PriceUnavailable."""
        ...

    async def specification(self, symbol: str) -> SymbolSpecification:
        """Raises SymbolNotFound."""
        ...

    async def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        """Bars that open at `from_ms` or later and before `to_ms` (now, if None), oldest first.

        At most `limit`, the newest of the range; the last may be incomplete. Raises SymbolNotFound, PriceUnavailable.
        """
        ...

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        """Set (replace) what market data the listener is told of; account events come always."""
        ...

    async def knows_symbol(self, symbol: str) -> bool: ...

    async def close(self) -> None:
        """Log out and free everything. Safe to call twice."""
        ...


class Terminals(Protocol):
    """Starts terminals: one provider of MetaTrader 5."""

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> Terminal:
        """Start a terminal and log in. Raises LoginRefused, BrokerUnreachable."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A new API key: the only moment at which it is known in clear."""

    clear: str
    digest: bytes
    last_four: str
    pepper_id: str
    """Names the pepper of the digest."""


class ApiKeys(Protocol):
    """Mints keys and computes their keyed digests."""

    def mint(self) -> MintedKey: ...

    def digests(self, clear: str) -> tuple[bytes, ...]:
        """The digests to look up, most likely first; none when the text cannot be a key (form or checksum)."""
        ...


class Vault(Protocol):
    """Seals MT5 credentials at rest (AES-256-GCM)."""

    def seal(self, account_id: str, credentials: Mt5Credentials) -> bytes: ...

    def open(self, account_id: str, sealed: bytes) -> Mt5Credentials:
        """Raises ValueError when the text was not sealed for this account by a key of the ring."""
        ...


class Users(Protocol):
    """Stored users and the digest of each user's one key. A change and its entry in the audit log are one."""

    async def add(self, user: User, key: MintedKey, *, entry: AuditEntry | None = None) -> None: ...

    async def by_key_digests(self, digests: Sequence[bytes]) -> User | None:
        """The user whose key has one of these digests; a key has only one of them."""
        ...

    async def replace_key(self, user_id: str, key: MintedKey, *, entry: AuditEntry | None = None) -> None:
        """The old digest stops working in the same transaction."""
        ...


Seal = Callable[[], bytes]
"""Seals an account's credentials at the moment at which they are stored, by a key that is in the ring then."""


class Accounts(Protocol):
    """Stored accounts and their sealed credentials. A change and its entry in the audit log are one."""

    async def add(
        self,
        account: Account,
        seal: Seal,
        *,
        limit: int | None,
        token_digest: bytes | None = None,
        entry: AuditEntry | None = None,
    ) -> None:
        """Store in one transaction with the count of the user's counting accounts. Raises AccountLimitReached."""
        ...

    async def of_user(self, user_id: str) -> Sequence[Account]:
        """All, oldest first, deleted ones included."""
        ...

    async def save(self, account: Account, *, expected: AccountState, entry: AuditEntry | None = None) -> bool:
        """Store state, paused and last_error if the stored state is still `expected`; tell whether it was.

        `deleted` erases the sealed credentials, token and node in the same statement: no crash leaves them behind.
        """
        ...

    async def sealed_credentials(self, account_id: str) -> bytes | None: ...

    async def to_connect(self) -> Sequence[Account]:
        """Every account that ought to have a terminal, for start-up."""
        ...


@dataclass(frozen=True, slots=True)
class OperatorChange:
    """One thing that an operator did. `sequence` grows with time and is never given twice."""

    sequence: int
    action: AuditAction
    subject: str


class Audit(Protocol):
    """The append-only audit log."""

    async def add(self, entry: AuditEntry) -> None: ...

    async def latest(self) -> int:
        """The sequence of the last entry, 0 when there was never one."""
        ...

    async def operator_changes(self, after: int) -> Sequence[OperatorChange]:
        """What the operator did after this sequence, oldest first."""
        ...

    async def purge(self, *, before_ms: int, failures: int) -> None:
        """Remove what is older, and all but the newest `failures` failed authentications."""
        ...


class StreamPositions(Protocol):
    """How far the numbers of each account's stream were given out, over all lives of the gateway."""

    def reserve(self, account_id: str, count: int) -> int:
        """Store durably that `count` further numbers may be used, and return the last one that may have been before.

        The caller uses the numbers above it, `count` of them; the next call, also of another process, returns at least
        the last of these. 0 for an account without any. Synchronous, once for many events: no event may overtake the
        reservation of its number. Raises whatever keeps it from being stored.
        """
        ...


class Journal(Protocol):
    """Trading requests, written down before they are sent, and how many of them count against a user's day."""

    async def claim(self, record: TradeRecord, *, daily_limit: int | None) -> Claim:
        """Write a request down before it is sent; durable when this returns.

        Where the user has an earlier request with the same key that is kept (24 hours, and for as long as it is open),
        that one is returned and nothing is written; one that was not sent is taken up again if its fingerprint is the
        same. `daily_limit`: most trades of `counted_day`. Raises DailyTradeLimitExceeded, StorageUnavailable.
        """
        ...

    def settle(self, record: TradeRecord) -> None:
        """Note what became of a request, at once for `by_key`, on disk soon; what was not accepted is uncounted."""
        ...

    def by_key(self, user_id: str, key: str) -> TradeRecord | None:
        """The user's request with this key, if it is kept. Raises StorageUnavailable."""
        ...

    def open_requests(self) -> Sequence[TradeRecord]:
        """Every request of which it is not known what became of it, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class RateDecision:
    """Outcome of one hit. `reset_seconds`: refused, until the next is served; allowed, until the limit is whole."""

    allowed: bool
    remaining: int
    reset_seconds: float


class RateLimiter(Protocol):
    """Requests per minute, by key of any kind (user id, client address)."""

    def hit(self, key: str, per_minute: int) -> RateDecision: ...
