"""Connecting: initialize, login, shutdown, and what terminal and account say of themselves."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from reference_server.simulator.book.account import Account
from reference_server.simulator.broker import (
    DEFAULT_SERVER,
    AuthorizationFailed,
    ServerUnreachable,
    SimulatedBroker,
    is_investor_password,
)
from reference_server.simulator.calls.functions import bare, keyworded, named, unexpected
from reference_server.simulator.surface import arguments
from reference_server.simulator.surface.outcome import NO_CALL_YET, Failed, FailedLate, invalid_argument, not_connected
from reference_server.simulator.surface.structs import Struct, TerminalInfo

BUILD = 5830
BUILD_DATE = "12 Jun 2026"
DEFAULT_LOGIN = 5_000_001
DEFAULT_PASSWORD = "demo"  # noqa: S105 - of the account that opens when none is named


@dataclass(slots=True)
class TerminalSwitches:
    """Buttons and options of the terminal."""

    connected: bool = True
    trade_allowed: bool = True
    tradeapi_disabled: bool = False


@dataclass(frozen=True, slots=True)
class LastLogin:
    """The account that a terminal used last. `is_read_only`: with the investor's password."""

    server: str
    login: int
    is_read_only: bool


class ConnectionCalls:
    """State of the connection to one terminal, and the functions that concern it."""

    def __init__(
        self,
        broker: SimulatedBroker,
        *,
        path: str = "C:\\Program Files\\TonpoSim\\terminal64.exe",
        installed: Collection[str] | None = None,
    ) -> None:
        """`path` is the terminal that `initialize` finds when it is not told one.

        `installed`: the paths of the terminals on this machine. Without it there is one at every path; an empty
        collection makes a machine without a terminal.
        """
        self.broker = broker
        self.switches = TerminalSwitches()
        self.error = NO_CALL_YET
        self._path = path
        self._installed = None if installed is None else {_normal(each) for each in installed}
        self._account: Account | None = None
        self._last: dict[str, LastLogin] = {}
        self._is_read_only = False
        self._is_broken = False

    @property
    def _broken(self) -> bool:
        """Whether the pipe to the terminal breaks in the next call that uses it: -10002 then, -10004 later."""
        return self._is_broken

    @_broken.setter
    def _broken(self, is_broken: bool) -> None:
        self._is_broken = is_broken and self._account is not None
        if self._is_broken:
            self._account = None

    def _connected(self) -> Account:
        """The account, with everything brought up to date. Raises Failed when there is no connection."""
        if self._account is None:
            raise self._no_connection()
        if self.switches.connected:
            self.broker.advance()
        return self._account

    def _no_connection(self) -> Failed:
        if not self._is_broken:
            return not_connected()
        self._is_broken = False
        return Failed(-10002, "IPC recv failed")

    def _authorize(self, server: str | None, login: int, password: str | None) -> Account:
        last = self._last.get(_normal(self._path))
        if last is not None and (last.login != login or server not in (None, last.server)):
            last = None
        if server is None:
            server = DEFAULT_SERVER if last is None else last.server
        if password is None and last is None:
            raise Failed(-6, "Terminal: Authorization failed")
        try:
            account = self.broker.authorize(server, login, password)
        except AuthorizationFailed:
            raise Failed(-6, "Terminal: Authorization failed") from None
        except ServerUnreachable:
            raise Failed(-10005, "IPC timeout") from None
        read_only = is_investor_password(password) if password is not None else last is not None and last.is_read_only
        self._last[_normal(self._path)] = LastLogin(server, login, read_only)
        self._is_read_only = read_only
        return account

    @keyworded(False)
    def initialize(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Connect to the terminal at `path`, else the last one; without `login`, to the account that it used last.

        A terminal that used none opens a fresh demo account. `timeout` is checked and of no effect, since nothing waits
        here; so is `portable`.
        """
        path = arguments.first_text(args, arguments.LONGEST_PATH)
        login, password, server = _credentials(keywords)
        if "path" in keywords:
            path = arguments.text(keywords["path"], "path", arguments.LONGEST_PATH)
        doubt = arguments.doubt(keywords.get("portable"))
        self._account = None
        self._is_broken = False
        try:
            self._path = self._found(path)
            self._account = self._open(server, login, password)
        except Failed as failed:
            failed.cause = doubt
            raise
        if doubt is not None:
            raise FailedLate(doubt)
        return True

    def _open(self, server: str | None, login: int, password: str | None) -> Account:
        if login:
            return self._authorize(server, login, password)
        last = self._last.get(_normal(self._path))
        if last is not None:
            return self._authorize(last.server, last.login, None)
        return self._authorize(DEFAULT_SERVER, DEFAULT_LOGIN, DEFAULT_PASSWORD)

    def _found(self, path: str | None) -> str:
        """The terminal to start. Raises Failed when there is none."""
        path = path.partition("\0")[0] if path else None  # C reads no further
        if not path:
            if self._installed is None or _normal(self._path) in self._installed:
                return self._path
            raise Failed(-10003, "IPC initialize failed, MetaTrader 5 x64 not found")
        if self._installed is not None and _normal(path) not in self._installed:
            raise Failed(-10003, f"IPC initialize failed, Process create failed '{path}'")
        return path

    @keyworded(False)
    def login(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Log in to another account; when refused, the connection and the account it had stay."""
        if len(args) > 3:
            raise Failed(-2, "Invalid number of arguments")
        given = {}
        for value, name, nth in zip(args, ("login", "password", "server"), ("1st", "2nd", "3rd"), strict=False):
            try:
                given[name] = _CHECKS[name](value, name)
            except Failed as failed:
                raise Failed(-2, f"Invalid {nth} unnamed argument", failed.cause) from None
        login, password, server = _credentials(given | keywords)
        if not login:
            raise invalid_argument("login")
        if self._account is None:
            raise self._no_connection()
        self._account = self._authorize(server, login, password)
        return True

    @bare(True)
    def shutdown(self) -> bool:
        """Close the connection; True also when there was none."""
        self._account = None
        self._is_broken = False
        return True

    @bare((0, 0, ""))
    def version(self) -> tuple[int, int, str]:
        """Terminal version, build and date."""
        self._connected()
        return (500, BUILD, BUILD_DATE)

    @named
    def last_error(self, *args: Any, **keywords: Any) -> tuple[int, str]:
        """Code and text of the last call; (0, '') before the first."""
        if args or keywords:
            raise unexpected("last_error", len(args), keywords)
        code, text = self.error
        return code, text

    @bare(None)
    def account_info(self) -> Struct:
        """The account: its money, its settings."""
        return self._connected().struct(read_only=self._is_read_only)

    @bare(None)
    def terminal_info(self) -> Struct:
        """The terminal: connection, switches, paths."""
        self._connected()
        switches = self.switches
        folder = self._path.rpartition("\\")[0]
        return tuple.__new__(
            TerminalInfo,
            (
                False, False, switches.connected, False, switches.trade_allowed, switches.tradeapi_disabled, False,
                False, False, False, BUILD, self.broker.max_bars, 0, 1200, 0.0, 0.0, self.broker.settings.company,
                "TonpoSim", "English", folder, folder, folder,
            ),
        )  # fmt: skip


def _normal(path: str) -> str:
    """The path as Windows compares it."""
    return path.replace("/", "\\").rstrip("\\").lower()


def _secret(value: Any, name: str) -> str:
    return arguments.text(value, name, arguments.LONGEST_SECRET)


_CHECKS: dict[str, Callable[[Any, str], Any]] = {
    "login": arguments.ticket,
    "server": _secret,
    "password": _secret,
    "timeout": arguments.milliseconds,
}
"""The checks of the keywords of `initialize` and `login`, in the order in which the genuine module makes them."""


def _credentials(keywords: dict[str, Any]) -> tuple[int, str | None, str | None]:
    """Login (0 for none), password and server. Raises Failed."""
    found = {name: check(keywords[name], name) for name, check in _CHECKS.items() if name in keywords}
    return found.get("login", 0), found.get("password"), found.get("server")
