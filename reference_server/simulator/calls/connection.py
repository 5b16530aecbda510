"""Connecting: initialize, login, shutdown, and what terminal and account say of themselves."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, TypeVar

from reference_server.simulator.book.account import Account
from reference_server.simulator.broker import (
    DEFAULT_SERVER,
    AuthorizationFailed,
    ServerUnreachable,
    SimulatedBroker,
)
from reference_server.simulator.calls import arguments
from reference_server.simulator.calls.outcome import NO_CALL_YET, SUCCESS, Failed, invalid_argument, not_connected
from reference_server.simulator.surface.structs import Struct, TerminalInfo

BUILD = 5830
BUILD_DATE = "12 Jun 2026"
DEFAULT_LOGIN = 5_000_001
DEFAULT_PASSWORD = "demo"  # noqa: S105 - of the account that opens when none is named

Self = TypeVar("Self", bound="ConnectionCalls")
Function = Callable[..., Any]


@dataclass(slots=True)
class TerminalSwitches:
    """Buttons and options of the terminal."""

    connected: bool = True
    trade_allowed: bool = True
    tradeapi_disabled: bool = False


def positional(failure: Any) -> Callable[[Callable[Concatenate[Self, ...], Any]], Function]:
    """Make a module function that takes no keywords and returns `failure` when it fails."""

    def decorate(function: Callable[Concatenate[Self, ...], Any]) -> Function:
        name = function.__name__

        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            if keywords:
                raise TypeError(f"{name}() takes no keyword arguments")
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self, *args)
            except Failed as failed:
                self.error = failed.error
                return failure

        return call

    return decorate


def bare(failure: Any) -> Callable[[Callable[[Self], Any]], Function]:
    """Make a module function without arguments."""

    def decorate(function: Callable[[Self], Any]) -> Function:
        name = function.__name__

        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            if keywords:
                raise TypeError(f"{name}() takes no keyword arguments")
            if args:
                raise TypeError(f"{name}() takes no arguments ({len(args)} given)")
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self)
            except Failed as failed:
                self.error = failed.error
                return failure

        return call

    return decorate


def keyworded(failure: Any) -> Callable[[Callable[Concatenate[Self, ...], Any]], Function]:
    """Make a module function that takes keywords and checks its positional arguments itself."""

    def decorate(function: Callable[Concatenate[Self, ...], Any]) -> Function:
        @wraps(function)
        def call(self: Self, *args: Any, **keywords: Any) -> Any:
            self.error = SUCCESS
            try:
                with self.broker.lock:
                    return function(self, args, keywords)
            except Failed as failed:
                self.error = failed.error
                return failure
            except arguments.DateOverflow:
                raise
            except SystemError:
                self.error = (-2, "Invalid arguments")
                raise

        return call

    return decorate


class ConnectionCalls:
    """State of the connection to one terminal, and the functions that concern it."""

    def __init__(self, broker: SimulatedBroker, *, path: str = "C:\\Program Files\\TonpoSim\\terminal64.exe") -> None:
        self.broker = broker
        self.switches = TerminalSwitches()
        self.error = NO_CALL_YET
        self._path = path
        self._account: Account | None = None
        self._last: tuple[str, int] | None = None

    def _connected(self) -> Account:
        """The account, with everything brought up to date. Raises Failed when there is no connection."""
        if self._account is None:
            raise not_connected()
        if self.switches.connected:
            self.broker.advance()
        return self._account

    def _authorize(self, server: str | None, login: int, password: str | None) -> Account:
        known = self._last is not None and self._last[1] == login and server in (None, self._last[0])
        if server is None:
            server = self._last[0] if known and self._last is not None else DEFAULT_SERVER
        if password is None and not known:
            raise Failed(-6, "Terminal: Authorization failed")
        try:
            account = self.broker.authorize(server, login, password)
        except AuthorizationFailed:
            raise Failed(-6, "Terminal: Authorization failed") from None
        except ServerUnreachable:
            raise Failed(-10005, "IPC timeout") from None
        self._last = (server, login)
        return account

    @keyworded(False)
    def initialize(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Connect to the terminal; without `login`, to the account it used last or a fresh demo account."""
        self._account = None
        if len(args) > 1:
            raise Failed(-2, "Invalid number of arguments")
        if args and (not isinstance(args[0], str) or len(args[0]) > 257):
            raise Failed(-2, "Invalid 1st unnamed argument")
        if "path" in keywords:
            arguments.text(keywords["path"], "path", 257)
        login = arguments.whole(keywords.get("login", 0), "login")
        password, server = self._credentials(keywords)
        if login:
            self._account = self._authorize(server, login, password)
        elif self._last is not None:
            self._account = self._authorize(self._last[0], self._last[1], None)
        else:
            self._account = self._authorize(DEFAULT_SERVER, DEFAULT_LOGIN, DEFAULT_PASSWORD)
        return True

    @staticmethod
    def _credentials(keywords: dict[str, Any]) -> tuple[str | None, str | None]:
        longest = arguments.LONGEST_SECRET
        password = arguments.text(keywords["password"], "password", longest) if "password" in keywords else None
        server = arguments.text(keywords["server"], "server", longest) if "server" in keywords else None
        if not isinstance(keywords.get("timeout", 0), int):
            raise invalid_argument("timeout")
        arguments.bounded(keywords.get("timeout", 0), 0, 2**32 - 1)
        return password, server

    @keyworded(False)
    def login(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> bool:
        """Log in to another account; when refused, the connection and the account it had stay."""
        if len(args) > 3:
            raise Failed(-2, "Invalid number of arguments")
        for position, (value, kind) in enumerate(zip(args, (int, str, str), strict=False)):
            if not isinstance(value, kind):
                raise Failed(-2, f"Invalid {('1st', '2nd', '3rd')[position]} unnamed argument")
        given = dict(zip(("login", "password", "server"), args, strict=False)) | keywords
        login = arguments.whole(given.get("login", 0), "login")
        if not login:
            raise invalid_argument("login")
        password, server = self._credentials(given)
        if self._account is None:
            raise not_connected()
        self._account = self._authorize(server, login, password)
        return True

    @bare(True)
    def shutdown(self) -> bool:
        """Close the connection; True also when there was none."""
        self._account = None
        return True

    @bare((0, 0, ""))
    def version(self) -> tuple[int, int, str]:
        """Terminal version, build and date."""
        self._connected()
        return (500, BUILD, BUILD_DATE)

    def last_error(self, *args: Any, **keywords: Any) -> tuple[int, str]:
        """Code and text of the last call; (0, '') before the first."""
        if args or keywords:
            raise TypeError("last_error() takes no arguments")
        return self.error

    @bare(None)
    def account_info(self) -> Struct:
        """The account: its money, its settings."""
        return self._connected().struct()

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
