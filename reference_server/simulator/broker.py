"""The broker behind the terminals: its market, its accounts, its trade server."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from threading import RLock
from typing import Any

from reference_server.simulator.book import snapshot
from reference_server.simulator.book.account import EXCHANGE, HEDGING, NETTING, Account
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.book.settings import AccountSettings
from reference_server.simulator.clock import Clock, ServerTime, SystemClock
from reference_server.simulator.faults.plan import FaultPlan
from reference_server.simulator.listing.symbols import SymbolProfile, load_symbols
from reference_server.simulator.market.market import Market
from reference_server.simulator.prices.generated import GeneratedPrices
from reference_server.simulator.prices.source import PriceSource
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.trading.execution import TradeServer
from reference_server.simulator.trading.matching import Matching
from reference_server.simulator.trading.triggers import Triggers

DEFAULT_SERVER = "TonpoSim-Demo"
REFUSED_PASSWORD = "invalid"  # noqa: S105 - a documented word that every server refuses
UNREACHABLE_PREFIX = "Unreachable"
NETTING_WORD = "Netting"
EXCHANGE_WORD = "Exchange"
INVESTOR_PREFIX = "investor"
SWAP_IN_BASE = CONSTANTS["SYMBOL_SWAP_MODE_CURRENCY_SYMBOL"]
SWITCHES = ("enabled", "trade_allowed", "trade_expert")
SETTINGS = frozenset(field.name for field in fields(AccountSettings)) - {
    "deposit", "credit", "currency", "currency_digits", "margin_mode",
}  # fmt: skip


def password_digest(server: str, login: int, password: str) -> str:
    """What is remembered of a password: people may type a real one into a demo."""
    salt = f"{server}/{login}".encode()
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=2**12, r=8, p=1, dklen=32).hex()


def is_investor_password(password: str) -> bool:
    """Whether a password lets its user look at an account, not trade."""
    return password.startswith(INVESTOR_PREFIX)


def margin_mode_of(server: str) -> int:
    """The kind of accounts that a server has, by its name."""
    if NETTING_WORD in server:
        return NETTING
    return EXCHANGE if EXCHANGE_WORD in server else HEDGING


class AuthorizationFailed(Exception):
    """The password is not the account's, or the account is closed."""


class ServerUnreachable(Exception):
    """The trade server does not answer."""


class SimulatedBroker:
    """One broker, shared by any number of `SimulatedMetaTrader5`, which take its lock for each call.

    Every server name is this broker's, except that one starting with `Unreachable` never answers; one containing
    `Netting` gives netting accounts, one containing `Exchange` exchange accounts, all others hedging accounts, unless
    the settings name a margin mode. An unknown login opens a demo account with the password given; the password
    `invalid` is always refused.

    Every account has a second password, the investor's: the word `investor` followed by the account's own password. Who
    logs in with it can look and not trade. A password that begins with that word is never an account's own.

    By default the markets never close, so that a demo works on any day; `always_open=False` follows the sessions of
    each symbol. `max_bars` is the terminals' "Max. bars in chart": no request for bars gives more.
    """

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        prices: PriceSource | None = None,
        symbols: Iterable[SymbolProfile] | None = None,
        server_time: ServerTime | None = None,
        settings: AccountSettings | None = None,
        always_open: bool = True,
        max_bars: int = 100_000,
    ) -> None:
        self.lock = RLock()
        self.clock = clock if clock is not None else SystemClock()
        self.faults = FaultPlan(self.clock, self.lock)
        self.settings = settings if settings is not None else AccountSettings()
        self.max_bars = max_bars
        self.market = Market(
            load_symbols() if symbols is None else symbols,
            prices if prices is not None else GeneratedPrices(),
            self.clock,
            server_time if server_time is not None else ServerTime(),
            always_open=always_open,
        )
        self.accounts: dict[tuple[str, int], Account] = {}
        self.ledger = Ledger(self.market)
        self._check_conversions(self.settings.currency)
        matching = Matching(self.market, self.ledger)
        self.trade_server = TradeServer(self.market, self.ledger, matching)
        self._triggers = Triggers(self.market, self.ledger, matching, self.accounts.values())

    def _check_conversions(self, into: str) -> None:
        """Raises LookupError when a symbol's profit, margin or swap cannot be converted into the deposit currency."""
        exchange = self.ledger.exchange
        for symbol in self.market.symbols.values():
            needed = {symbol.currency_profit, symbol.currency_margin}
            if symbol.swap_mode == SWAP_IN_BASE:
                needed.add(symbol.currency_base)
            for currency in needed - {into}:
                if not exchange.pairs_between(currency, into):
                    raise LookupError(f"no quote converts {currency} into {into}, which {symbol.name} needs")

    def advance(self) -> int:
        """Let everything happen that the clock has passed; returns the server's clock in milliseconds."""
        market = self.market
        before = market.utc_ms
        now_ms = market.advance()
        if market.utc_ms != before:
            self._triggers.pass_time()
        return now_ms

    def authorize(self, server: str, login: int, password: str | None) -> Account:
        """The account, opened on first use; None for a password means the remembered one.

        Raises AuthorizationFailed or ServerUnreachable.
        """
        if server.startswith(UNREACHABLE_PREFIX):
            raise ServerUnreachable(server)
        account = self.accounts.get((server, login))
        if account is not None and not account.enabled:
            raise AuthorizationFailed(str(login))
        if account is not None and password is None:
            return account
        if password is None or password == REFUSED_PASSWORD or login <= 0:
            raise AuthorizationFailed(str(login))
        own_password = password.removeprefix(INVESTOR_PREFIX)
        if own_password == REFUSED_PASSWORD:
            raise AuthorizationFailed(str(login))
        digest = password_digest(server, login, own_password)
        if account is None:
            return self._open(server, login, digest, self.settings)
        if digest != account.password_digest:
            raise AuthorizationFailed(str(login))
        return account

    def open_account(self, server: str, login: int, password: str, settings: AccountSettings) -> Account:
        """Open an account on terms of its own. Raises ValueError when there is one, or no such terms are possible."""
        with self.lock:
            if (server, login) in self.accounts:
                raise ValueError(f"there is already an account {login} on {server}")
            if login <= 0 or password == REFUSED_PASSWORD or is_investor_password(password):
                raise ValueError(f"login {login} cannot have this password: it is not an account's own")
            try:
                self._check_conversions(settings.currency)
            except LookupError as error:
                raise ValueError(str(error)) from None
            return self._open(server, login, password_digest(server, login, password), settings)

    def _open(self, server: str, login: int, digest: str, settings: AccountSettings) -> Account:
        self.advance()
        account = Account(
            server=server,
            login=login,
            password_digest=digest,
            settings=settings,
            margin_mode=margin_mode_of(server) if settings.margin_mode is None else settings.margin_mode,
            trade_allowed=settings.trade_allowed,
            trade_expert=settings.trade_expert,
        )
        self.accounts[server, login] = account
        self.ledger.deposit(account, settings.deposit, "Initial deposit")
        if settings.credit:
            self.ledger.grant(account, settings.credit, "Initial credit")
        return account

    def change_account(self, server: str, login: int, **changes: Any) -> None:
        """Change terms of an account: fields of AccountSettings, and `enabled`, `trade_allowed`, `trade_expert`.

        Raises KeyError for an account that was never opened, ValueError for a term that is unknown or cannot change.
        """
        with self.lock:
            account = self.accounts[server, login]
            for name in changes:
                if name not in SETTINGS and name not in SWITCHES:
                    raise ValueError(f"{name!r} is nothing that can be changed; {', '.join(sorted(SETTINGS))} can")
            self.advance()
            account.settings = replace(account.settings, **{k: v for k, v in changes.items() if k in SETTINGS})
            for name in SWITCHES:
                setattr(account, name, changes.get(name, getattr(account, name)))
            self.ledger.recount(account)
            self._triggers.stop_out(account)

    def pay(self, server: str, login: int, amount: float, comment: str, *, is_credit: bool = False) -> None:
        """Pay into an account, or out of it when negative; as credit or to its balance. Raises KeyError, ValueError."""
        with self.lock:
            account = self.accounts[server, login]
            if not abs(amount) < float("inf"):
                raise ValueError(f"{amount} is no amount of money")
            self.advance()
            (self.ledger.grant if is_credit else self.ledger.deposit)(account, amount, comment)
            self._triggers.stop_out(account)

    def set_price(self, symbol: str, bid: float, ask: float, *, last: float = 0.0, volume: float = 0.0) -> None:
        """Move a symbol by hand; from then on it moves in no other way. `last` is the price of a deal.

        Raises KeyError, ValueError.
        """
        with self.lock:
            self.market.set_price(symbol, bid, ask, last=last, volume=volume)

    def dump(self) -> dict[str, Any]:
        """Everything worth keeping across a restart, as JSON values: accounts, tickets, prices."""
        with self.lock:
            self.advance()
            return snapshot.dump(self.market, self.ledger, self.accounts.values())

    def dump_briefly(self) -> dict[str, Any]:
        """A dump whose `snapshot.HISTORY` holds records as they are, for who makes lists of them a few at a time.

        It takes a fraction of a dump's time, and what happens afterwards does not change it.
        """
        with self.lock:
            self.advance()
            return snapshot.dump(self.market, self.ledger, self.accounts.values(), records=list)

    def dump_changes(
        self, server: str, login: int, tickets: Iterable[int], *, past_orders: int, deals: int, told: snapshot.Told
    ) -> dict[str, Any]:
        """What became of some tickets of an account since its history had these lengths: see `snapshot.changes`.

        Raises KeyError for an account that was never opened.
        """
        with self.lock:
            account = self.accounts[server, login]
            return snapshot.changes(
                self.market, self.ledger, account, tickets, past_orders=past_orders, deals=deals, told=told
            )

    def history_lengths(self, server: str, login: int) -> tuple[int, int]:
        """How many past orders and deals an account has. Raises KeyError for one that was never opened."""
        account = self.accounts[server, login]
        return len(account.past_orders), len(account.deals)

    def load(self, state: Mapping[str, Any]) -> None:
        """Continue from a dump: what happened to prices meanwhile is played, with stops and pending orders.

        Raises ValueError when the state is no dump of this version.
        """
        with self.lock:
            accounts = snapshot.load(state, self.market, self.ledger)
            self.accounts.clear()
            self.accounts.update({(account.server, account.login): account for account in accounts})
            self._triggers.resume()
            self.advance()
