"""Fakes of the ports, and a gateway's middle built over them."""

from __future__ import annotations

import asyncio
import hashlib
import heapq
import itertools
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import TypeVar

import msgspec

from reference_server.domain.account import LEGAL_MOVES, Account, AccountInfo, AccountState, Mt5Credentials
from reference_server.domain.audit import AuditEntry
from reference_server.domain.errors import (
    AccountLimitReached,
    DailyTradeLimitExceeded,
    GatewayError,
    PositionNotFound,
    SymbolNotFound,
)
from reference_server.domain.events import (
    AccountChanged,
    AccountEvent,
    ConnectionChanged,
    OrderSettled,
    PositionChanged,
    Snapshot,
    StatusChanged,
)
from reference_server.domain.market import Candle, SymbolSpecification, Tick, Timeframe
from reference_server.domain.plans import PLANS, Plan
from reference_server.domain.requests import Claim, Outcome, TradeRecord
from reference_server.domain.trading import (
    Deal,
    HistoryQuery,
    NewOrder,
    Order,
    OrderCancellation,
    OrderChange,
    OrderCheck,
    OrderResult,
    OrderType,
    Position,
    PositionChange,
    PositionClose,
    Side,
    TradeMark,
    TradeRequest,
)
from reference_server.domain.user import User
from reference_server.usecases.account_book import AccountBook
from reference_server.usecases.accounts import AccountUseCases
from reference_server.usecases.auditing import Auditor
from reference_server.usecases.feeds import Feeds
from reference_server.usecases.health import HealthUseCases
from reference_server.usecases.history import Cursors, HistoryUseCases
from reference_server.usecases.introductions import Introductions
from reference_server.usecases.market import MarketUseCases
from reference_server.usecases.observation import TradeWatch
from reference_server.usecases.ports import (
    BeforeLeaving,
    BrokerUnreachable,
    Listener,
    LoginRefused,
    MintedKey,
    RateDecision,
    Seal,
)
from reference_server.usecases.pulse import Pulse
from reference_server.usecases.readiness import Drain, Readiness
from reference_server.usecases.reconciliation import Reconciler
from reference_server.usecases.requests import TradeRequests
from reference_server.usecases.session import Session, SessionLimits
from reference_server.usecases.streams import Streams
from reference_server.usecases.supervision import Supervisor
from reference_server.usecases.trading import TradingUseCases
from reference_server.usecases.users import Registration, UserUseCases
from tests.usecases.paper import PaperBook, specification

T = TypeVar("T")
ROUNDS = 60
SYMBOLS = ("EURUSD", "GBPUSD", "XAUUSD")
CREDENTIALS = Mt5Credentials("12345678", "secret", "ICMarkets-Demo")


async def settle() -> None:
    """Let everything run that can run without time passing."""
    for _ in range(ROUNDS):
        await asyncio.sleep(0)


class ManualClock:
    """Moves only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def now_ms(self) -> int:
        return int(self.seconds * 1000)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._order), future))
        await future

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its own time."""
        until = self.seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= until:
            self.seconds, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
                await settle()
        self.seconds = until


class FakeTerminal:
    """A terminal that does as it is told, and remembers what it was asked.

    `answer` is given to every trade; a success also changes `book`. `queue` holds up new orders before they leave,
    `hold` trades once they are noted. `sent`
    has every trade with its mark, `placed` the new orders of it. `found` is what `reconcile` answers, after `seek`.
    """

    def __init__(self, account_id: str, listener: Listener) -> None:
        self.account_id = account_id
        self.tell = listener
        self.closed = 0
        self.watched: list[tuple[Collection[str], Collection[tuple[str, Timeframe]]]] = []
        self.sent: list[tuple[TradeRequest, TradeMark | None]] = []
        self.symbol_questions: list[str] = []
        self.answer: OrderResult | BaseException = OrderResult(1, True, 10009, price=1.1, volume=0.1)
        self.open_positions: dict[int, Position] = {}
        self.queue: asyncio.Event | None = None
        self.hold: asyncio.Event | None = None
        self.book = PaperBook()
        self.checked: list[NewOrder] = []
        self.check: OrderCheck | BaseException = OrderCheck(True, 0, margin=110.0, free_margin=9890.0)
        self.reconciled: list[tuple[TradeRequest, TradeMark]] = []
        self.found: OrderResult | BaseException | None = None
        self.seek: asyncio.Event | None = None
        self.specifications = {symbol: specification(symbol) for symbol in SYMBOLS}
        self.specification_questions: list[str] = []

    @property
    def placed(self) -> list[NewOrder]:
        return [request for request, _ in self.sent if isinstance(request, NewOrder)]

    @property
    def marks(self) -> list[TradeMark | None]:
        return [mark for _, mark in self.sent]

    async def account_info(self) -> AccountInfo:
        return account_info()

    async def positions(self) -> Sequence[Position]:
        return tuple(self.open_positions.values())

    async def position(self, ticket: int) -> Position:
        if ticket not in self.open_positions:
            raise PositionNotFound
        return self.open_positions[ticket]

    async def place_order(
        self, order: NewOrder, mark: TradeMark | None = None, before_leaving: BeforeLeaving | None = None
    ) -> OrderResult:
        if self.queue is not None:
            await self.queue.wait()
        if before_leaving is not None:
            await before_leaving()
        result = await self._trade(order, mark)
        if result.success and order.order_type is not OrderType.MARKET:
            self.book.place(result.ticket, order, 1_700_000_000_000)
        return result

    async def close_position(self, ticket: int, volume: float | None, mark: TradeMark | None = None) -> OrderResult:
        await self.position(ticket)
        return await self._trade(PositionClose(ticket, volume), mark)

    async def modify_position(self, change: PositionChange, mark: TradeMark | None = None) -> OrderResult:
        await self.position(change.ticket)
        return await self._trade(change, mark)

    async def modify_order(self, change: OrderChange, mark: TradeMark | None = None) -> OrderResult:
        self.book.waiting(change.ticket)
        result = await self._trade(change, mark)
        if result.success:
            self.book.change(change)
        return result

    async def cancel_order(self, ticket: int, mark: TradeMark | None = None) -> OrderResult:
        self.book.waiting(ticket)
        result = await self._trade(OrderCancellation(ticket), mark)
        if result.success:
            self.book.cancel(ticket, 1_700_000_000_000)
        return result

    async def check_order(self, order: NewOrder) -> OrderCheck:
        self.checked.append(order)
        await self.specification(order.symbol)
        return _given(self.check)

    async def reconcile(self, request: TradeRequest, mark: TradeMark) -> OrderResult | None:
        self.reconciled.append((request, mark))
        if self.seek is not None:
            await self.seek.wait()
        return None if self.found is None else _given(self.found)

    async def orders(self) -> Sequence[Order]:
        return self.book.orders()

    async def order(self, ticket: int) -> Order:
        return self.book.order(ticket)

    async def deals(self, query: HistoryQuery) -> Sequence[Deal]:
        return self.book.past_deals(query)

    async def past_orders(self, query: HistoryQuery) -> Sequence[Order]:
        return self.book.past_orders(query)

    async def symbols(self) -> Sequence[str]:
        return SYMBOLS

    async def price(self, symbol: str) -> Tick:
        return tick(symbol)

    async def specification(self, symbol: str) -> SymbolSpecification:
        self.specification_questions.append(symbol)
        if symbol not in self.specifications:
            raise SymbolNotFound
        return self.specifications[symbol]

    async def candles(
        self, symbol: str, timeframe: Timeframe, from_ms: int | None, to_ms: int | None, limit: int
    ) -> Sequence[Candle]:
        await self.specification(symbol)
        return self.book.candles(symbol, timeframe, from_ms, to_ms, limit)

    def watch(self, symbols: Collection[str], candles: Collection[tuple[str, Timeframe]]) -> None:
        self.watched.append((symbols, candles))

    async def knows_symbol(self, symbol: str) -> bool:
        self.symbol_questions.append(symbol)
        await asyncio.sleep(0)
        return symbol in SYMBOLS

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1

    async def _trade(self, request: TradeRequest, mark: TradeMark | None) -> OrderResult:
        self.sent.append((request, mark))
        if self.hold is not None:
            await self.hold.wait()
        return _given(self.answer)


def _given(answer: T | BaseException) -> T:
    if isinstance(answer, BaseException):
        raise answer
    return answer


class FakeTerminals:
    """A provider whose next openings are decided by the test. With `hold` set, an opening waits for it."""

    def __init__(self) -> None:
        self.opened: list[FakeTerminal] = []
        self.attempts = 0
        self.failure: Exception | None = None
        self.hold: asyncio.Event | None = None
        self.found: OrderResult | None = None
        """What the next terminals find of lost trades."""
        self.closed = False

    @property
    def running(self) -> list[FakeTerminal]:
        return [terminal for terminal in self.opened if not terminal.closed]

    def of(self, account_id: str) -> FakeTerminal:
        return [terminal for terminal in self.opened if terminal.account_id == account_id][-1]

    async def open(self, account_id: str, credentials: Mt5Credentials, listener: Listener) -> FakeTerminal:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        if credentials.password == "invalid":
            raise LoginRefused("Invalid account")
        if credentials.server.startswith("Unreachable"):
            raise BrokerUnreachable("No connection")
        terminal = FakeTerminal(account_id, listener)
        terminal.found = self.found
        self.opened.append(terminal)
        return terminal

    async def close(self) -> None:
        self.closed = True


class FakeVault:
    """Seals by keeping the credentials beside the account they belong to."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Mt5Credentials] = {}

    def seal(self, account_id: str, credentials: Mt5Credentials) -> bytes:
        sealed = account_id.encode()
        self._kept[sealed] = credentials
        return sealed

    def open(self, account_id: str, sealed: bytes) -> Mt5Credentials:
        if sealed != account_id.encode() or sealed not in self._kept:
            raise ValueError("not sealed for this account")
        return self._kept[sealed]


class FakeAccounts:
    """Stored accounts; asserts that no illegal move is ever stored."""

    def __init__(self) -> None:
        self.rows: dict[str, Account] = {}
        self.sealed: dict[str, bytes] = {}
        self.history: list[Account] = []
        self.entries: list[AuditEntry] = []
        self.tokens: dict[str, bytes | None] = {}
        self.queries = 0
        self.conflict_once: Account | None = None

    async def add(
        self,
        account: Account,
        seal: Seal,
        *,
        limit: int | None,
        token_digest: bytes | None = None,
        entry: AuditEntry | None = None,
    ) -> None:
        await asyncio.sleep(0)
        counting = [row for row in self.rows.values() if row.user_id == account.user_id and row.counts]
        if limit is not None and len(counting) >= limit:
            raise AccountLimitReached
        self.rows[account.account_id] = account
        self.sealed[account.account_id] = seal()
        self.tokens[account.account_id] = token_digest
        self._note(entry)
        self.history.append(account)

    async def of_user(self, user_id: str) -> Sequence[Account]:
        self.queries += 1
        await asyncio.sleep(0)
        return [row for row in self.rows.values() if row.user_id == user_id]

    async def save(self, account: Account, *, expected: AccountState, entry: AuditEntry | None = None) -> bool:
        await asyncio.sleep(0)
        if self.conflict_once is not None:
            self.rows[self.conflict_once.account_id], self.conflict_once = self.conflict_once, None
        before = self.rows[account.account_id]
        if before.state is not expected:
            return False
        assert account.state is before.state or account.state in LEGAL_MOVES[before.state]
        await asyncio.sleep(0)
        self.rows[account.account_id] = account
        self.history.append(account)
        self._note(entry)
        if account.state is AccountState.DELETED:
            self.sealed.pop(account.account_id, None)
        return True

    async def sealed_credentials(self, account_id: str) -> bytes | None:
        await asyncio.sleep(0)
        return self.sealed.get(account_id)

    async def to_connect(self) -> Sequence[Account]:
        return [row for row in self.rows.values() if row.counts]

    def _note(self, entry: AuditEntry | None) -> None:
        if entry is not None:
            self.entries.append(entry)

    def states(self, account_id: str) -> list[AccountState]:
        """Every state stored for the account, in order, repeats left out."""
        states = [row.state for row in self.history if row.account_id == account_id]
        return [state for state, _ in itertools.groupby(states)]


class FakeUsers:
    """Stored users."""

    def __init__(self) -> None:
        self.rows: dict[bytes, User] = {}
        self.entries: list[AuditEntry] = []
        self.queries = 0
        self.hold: asyncio.Event | None = None

    async def add(self, user: User, key: MintedKey, *, entry: AuditEntry | None = None) -> None:
        self.rows[key.digest] = user
        if entry is not None:
            self.entries.append(entry)

    async def by_key_digests(self, digests: Sequence[bytes]) -> User | None:
        self.queries += 1
        user = next((self.rows[digest] for digest in digests if digest in self.rows), None)
        if self.hold is not None:
            await self.hold.wait()
        return user

    async def replace_key(self, user_id: str, key: MintedKey, *, entry: AuditEntry | None = None) -> None:
        old = next(digest for digest, user in self.rows.items() if user.user_id == user_id)
        self.rows[key.digest] = self.rows.pop(old)
        if entry is not None:
            self.entries.append(entry)

    async def set_plan(self, user_id: str, plan: Plan) -> None:
        for digest, user in self.rows.items():
            if user.user_id == user_id:
                self.rows[digest] = replace(user, plan=plan)


class FakeKeys:
    """Keys are `key-1`, `key-2`, …"""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def mint(self) -> MintedKey:
        clear = f"key-{next(self._numbers)}"
        return MintedKey(clear, hashlib.sha256(clear.encode()).digest(), clear[-4:], "pepper")

    def digests(self, clear: str) -> tuple[bytes, ...]:
        return (hashlib.sha256(clear.encode()).digest(),) if clear.startswith("key-") else ()


class FakeLimiter:
    """Counts hits per key and never forgets them."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}

    def hit(self, key: str, per_minute: int) -> RateDecision:
        self.hits[key] = self.hits.get(key, 0) + 1
        return RateDecision(self.hits[key] <= per_minute, max(0, per_minute - self.hits[key]), 12.5)


class FakeJournal:
    """Requests in memory. `meanwhile` happens while one is being written down; with `failure` set nothing is."""

    def __init__(self) -> None:
        self.records: dict[int, TradeRecord] = {}
        self.counts: dict[tuple[str, str], int] = {}
        self.failure: GatewayError | None = None
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def claim(self, record: TradeRecord, *, daily_limit: int | None) -> Claim:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        earlier = None if record.key is None else self.by_key(record.user_id, record.key)
        if earlier is not None:
            if earlier.outcome is not Outcome.NOT_SENT or earlier.fingerprint != record.fingerprint:
                return Claim(earlier, is_new=False)
            del self.records[earlier.number]
        if record.counted_day is not None and daily_limit is not None:
            day = (record.user_id, record.counted_day)
            if self.counts.get(day, 0) >= daily_limit:
                raise DailyTradeLimitExceeded
            self.counts[day] = self.counts.get(day, 0) + 1
        written = msgspec.structs.replace(record, number=len(self.records) + 1)
        self.records[written.number] = written
        if self.meanwhile is not None:
            await self.meanwhile()
        return Claim(written, is_new=True)

    def settle(self, record: TradeRecord) -> None:
        assert self.records[record.number].outcome.is_open, "what is known does not change"
        self.records[record.number] = record
        if record.counted_day is not None and record.outcome in (Outcome.REFUSED, Outcome.NOT_SENT):
            self.counts[record.user_id, record.counted_day] -= 1

    def by_key(self, user_id: str, key: str) -> TradeRecord | None:
        found = [one for one in self.records.values() if (one.user_id, one.key) == (user_id, key)]
        return found[-1] if found else None

    def open_requests(self) -> Sequence[TradeRecord]:
        for record in list(self.records.values()):
            if record.outcome is Outcome.IN_FLIGHT:
                self.records[record.number] = record.settled(Outcome.UNKNOWN)
        return [one for one in self.records.values() if one.outcome.is_open]

    @property
    def outcomes(self) -> list[Outcome]:
        """What became of each request, in their order."""
        return [one.outcome for one in self.records.values()]


class FakeEncoder:
    """Readable bytes, and a count of encodings; `failure` keeps states from being encoded."""

    def __init__(self) -> None:
        self.encoded = 0
        self.failure: Exception | None = None

    def tick(self, tick: Tick) -> bytes:
        self.encoded += 1
        return f"tick {tick.symbol} {tick.bid:g}".encode()

    def quote(self, tick: Tick) -> bytes:
        self.encoded += 1
        return f"quote {tick.symbol} {tick.bid:g}".encode()

    def candle(self, candle: Candle) -> bytes:
        self.encoded += 1
        return f"candle {candle.symbol} {candle.timeframe}".encode()

    def event(self, event: AccountEvent, seq: int) -> bytes:
        self.encoded += 1
        match event:
            case PositionChanged(position=position, change=change):
                text = f"position {position.ticket} {change}"
            case OrderSettled(result=result):
                text = f"orderResult {result.ticket}"
            case AccountChanged(info=info):
                text = f"account {info.balance:g}"
            case StatusChanged(account=account):
                text = f"accountStatus {account.state}{' paused' if account.paused else ''}"
        return f"#{seq} {text}".encode()

    def snapshot(self, snapshot: Snapshot) -> bytes:
        if self.failure is not None:
            raise self.failure
        figures = snapshot.figures
        known = "" if figures is None else f" {len(figures.positions)} positions {len(figures.orders)} orders"
        return f"#{snapshot.seq} snapshot {snapshot.account.state}{known}".encode()

    def heartbeat(self, now_ms: int, seq: int) -> bytes:
        return f"#{seq} heartbeat {now_ms}".encode()


class FakePositions:
    """Numbers of streams that outlive a gateway; `failure` keeps the next from being reserved."""

    def __init__(self) -> None:
        self.reserved: dict[str, int] = {}
        self.calls = 0
        self.failure: Exception | None = None

    def reserve(self, account_id: str, count: int) -> int:
        if self.failure is not None:
            raise self.failure
        self.calls += 1
        last = self.reserved.get(account_id, 0)
        self.reserved[account_id] = last + count
        return last


class FakeStorage:
    """Takes small writes unless told otherwise."""

    def __init__(self) -> None:
        self.probes = 0
        self.failure: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def probe(self) -> None:
        self.probes += 1
        await self.free.wait()
        if self.failure is not None:
            raise self.failure


@dataclass
class Gateway:
    """The middle of a gateway over fakes."""

    clock: ManualClock = field(default_factory=ManualClock)
    accounts: FakeAccounts = field(default_factory=FakeAccounts)
    users: FakeUsers = field(default_factory=FakeUsers)
    terminals: FakeTerminals = field(default_factory=FakeTerminals)
    vault: FakeVault = field(default_factory=FakeVault)
    journal: FakeJournal = field(default_factory=FakeJournal)
    limiter: FakeLimiter = field(default_factory=FakeLimiter)
    encoder: FakeEncoder = field(default_factory=FakeEncoder)
    positions: FakePositions = field(default_factory=FakePositions)
    registration: Registration = field(default_factory=lambda: Registration(PLANS["free"]))
    limits: SessionLimits = field(default_factory=SessionLimits)
    random: Random = field(default_factory=lambda: Random(7))
    watch: TradeWatch = field(default_factory=TradeWatch)
    storage: FakeStorage = field(default_factory=FakeStorage)
    drain: Drain = field(default_factory=Drain)

    def __post_init__(self) -> None:
        entropy = self.random.randbytes
        self.book = AccountBook(self.accounts, Auditor(self.clock))
        self.introductions = Introductions(self.clock)
        self.feeds = Feeds(self.encoder, self.positions, self.introductions)
        self.supervisor = Supervisor(
            self.book, self.accounts, self.vault, self.terminals, self.feeds, self.clock, Random(7)
        )
        self.streams = Streams(self.book, self.supervisor, self.feeds, self.clock, limits=self.limits)
        self.pulse = Pulse(self.streams.sessions, self.encoder, self.clock)
        self.user_cases = UserUseCases(self.users, FakeKeys(), self.limiter, self.clock, entropy, self.registration)
        self.account_cases = AccountUseCases(self.book, self.supervisor, self.vault, self.clock, entropy)
        self.reconciler = Reconciler(self.journal, self.watch)
        self.supervisor.on_ready.append(self.reconciler.terminal_ready)
        self.requests = TradeRequests(
            self.book, self.supervisor, self.journal, self.reconciler, self.clock, entropy, self.watch
        )
        self.trading = TradingUseCases(self.book, self.supervisor)
        self.history = HistoryUseCases(self.book, self.supervisor, self.clock, Cursors(b"secret"))
        self.market = MarketUseCases(self.book, self.supervisor)
        self.health = HealthUseCases(
            self.supervisor,
            self.streams,
            version="1.2.3",
            readiness=Readiness(self.storage.probe, self.drain, self.clock),
        )

    async def active_account(self, user: User, credentials: Mt5Credentials = CREDENTIALS) -> Account:
        """Provision an account and let it connect."""
        account, _ = await self.account_cases.create_account(user, credentials)
        await settle()
        return self.accounts.rows[account.account_id]

    async def socket(self, user: User, account_id: str | None = None) -> Session:
        """Open a session and take what it is told first."""
        session = await self.streams.open_session(user, account_id)
        await settle()
        session.outbox.take_now()
        return session

    def state(self, account: Account) -> AccountState:
        """The stored state."""
        return self.accounts.rows[account.account_id].state

    async def restarted(self) -> Gateway:
        """A new process over the same storage; the old one is stopped without storing anything."""
        await self.reconciler.close()
        await self.supervisor.stop()
        await self.book.close()
        return Gateway(
            self.clock,
            self.accounts,
            self.users,
            vault=self.vault,
            journal=self.journal,
            random=self.random,
            positions=self.positions,
        )


def make_user(plan: str = "pro", user_id: str = "usr_1") -> User:
    return User(user_id, PLANS[plan], 0)


def tick(symbol: str = "EURUSD", bid: float = 1.1) -> Tick:
    return Tick(symbol, bid, bid + 0.0002, bid + 0.0001, 1, 1_700_000_000_000)


def candle(symbol: str = "EURUSD", timeframe: Timeframe = Timeframe.M1) -> Candle:
    return Candle(symbol, timeframe, 1_700_000_000_000, 1.1, 1.2, 1.0, 1.15, 9, True)


def position(ticket: int = 5, symbol: str = "EURUSD") -> Position:
    return Position(ticket, symbol, Side.BUY, 0.1, 1.1, 1.1, 0.0, 0.0, 0.0, 1_700_000_000_000)


def account_info(balance: float = 10_000.0) -> AccountInfo:
    return AccountInfo(
        12345678, "Trader", "ICMarkets-Demo", "USD", 100, balance, 0.0, balance, 0.0, 0.0, balance, 0.0,
        "hedging", "demo", True,
    )  # fmt: skip


def settled(ticket: int) -> OrderSettled:
    return OrderSettled(OrderResult(ticket, True, 10009), "EURUSD", Side.BUY, OrderType.MARKET)


LOST = ConnectionChanged(connected=False, detail="No connection to the broker")
BACK = ConnectionChanged(connected=True)
DEAD = ConnectionChanged(connected=False, alive=False, detail="The terminal ended")
