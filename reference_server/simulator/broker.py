"""The broker behind the terminals: its market, its accounts, its trade server."""

import hashlib
from collections.abc import Iterable, Mapping
from threading import RLock
from typing import Any

from reference_server.simulator.book import snapshot
from reference_server.simulator.book.account import HEDGING, NETTING, Account, AccountSettings
from reference_server.simulator.book.ledger import Ledger
from reference_server.simulator.clock import Clock, ServerTime, SystemClock
from reference_server.simulator.faults.plan import FaultPlan
from reference_server.simulator.market.market import Market
from reference_server.simulator.market.symbols import SymbolProfile, load_symbols
from reference_server.simulator.prices.generated import GeneratedPrices
from reference_server.simulator.prices.source import PriceSource
from reference_server.simulator.trading.execution import TradeServer
from reference_server.simulator.trading.triggers import Triggers

DEFAULT_SERVER = "TonpoSim-Demo"
REFUSED_PASSWORD = "invalid"  # noqa: S105 - a documented word that every server refuses
UNREACHABLE_PREFIX = "Unreachable"
NETTING_WORD = "Netting"


def password_digest(server: str, login: int, password: str) -> str:
    """What is remembered of a password: people may type a real one into a demo."""
    salt = f"{server}/{login}".encode()
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=2**12, r=8, p=1, dklen=32).hex()


class AuthorizationFailed(Exception):
    """The password is not the account's."""


class ServerUnreachable(Exception):
    """The trade server does not answer."""


class SimulatedBroker:
    """One broker, shared by any number of `SimulatedMetaTrader5`, which take its lock for each call.

    Every server name is this broker's, except that one starting with `Unreachable` never answers; one containing
    `Netting` gives netting accounts, all others hedging accounts. An unknown login opens a demo account with the
    password given; the password `invalid` is always refused.

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
        self._check_conversions()
        self.trade_server = TradeServer(self.market, self.ledger)
        self._triggers = Triggers(self.market, self.ledger, self.accounts.values())

    def _check_conversions(self) -> None:
        """Raises LookupError when a symbol's profit or margin cannot be converted into the deposit currency."""
        for symbol in self.market.symbols.values():
            for currency in (symbol.currency_profit, symbol.currency_margin):
                self.ledger.exchange.rate(currency, self.settings.currency, at_ask=True)

    def advance(self) -> int:
        """Let everything happen that the clock has passed; returns the server's clock in milliseconds."""
        market = self.market
        before = market.utc_ms
        now_ms = market.advance()
        if market.utc_ms != before:
            self._triggers.expire()
        return now_ms

    def authorize(self, server: str, login: int, password: str | None) -> Account:
        """The account, opened on first use; None for a password means the remembered one.

        Raises AuthorizationFailed or ServerUnreachable.
        """
        if server.startswith(UNREACHABLE_PREFIX):
            raise ServerUnreachable(server)
        account = self.accounts.get((server, login))
        if account is not None and password is None:
            return account
        if password is None or password == REFUSED_PASSWORD or login <= 0:
            raise AuthorizationFailed(str(login))
        digest = password_digest(server, login, password)
        if account is None:
            return self._open(server, login, digest)
        if digest != account.password_digest:
            raise AuthorizationFailed(str(login))
        return account

    def _open(self, server: str, login: int, digest: str) -> Account:
        self.advance()
        account = Account(
            server=server,
            login=login,
            password_digest=digest,
            settings=self.settings,
            margin_mode=NETTING if NETTING_WORD in server else HEDGING,
        )
        self.accounts[server, login] = account
        self.ledger.deposit(account, self.settings.deposit, "Initial deposit")
        return account

    def set_price(self, symbol: str, bid: float, ask: float) -> None:
        """Move a symbol by hand; from then on it moves in no other way. Raises KeyError, ValueError."""
        with self.lock:
            self.market.set_price(symbol, bid, ask)

    def dump(self) -> dict[str, Any]:
        """Everything worth keeping across a restart, as JSON values: accounts, tickets, prices."""
        with self.lock:
            self.advance()
            return snapshot.dump(self.market, self.ledger, self.accounts.values())

    def dump_changes(
        self, server: str, login: int, tickets: Iterable[int], *, past_orders: int, deals: int
    ) -> dict[str, Any]:
        """What became of some tickets of an account since its history had these lengths: see `snapshot.changes`.

        Raises KeyError for an account that was never opened.
        """
        with self.lock:
            account = self.accounts[server, login]
            return snapshot.changes(self.market, self.ledger, account, tickets, past_orders=past_orders, deals=deals)

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
