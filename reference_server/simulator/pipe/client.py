"""The simulated `MetaTrader5` module at this end of a pipe, its terminal at the other."""

from collections.abc import Callable
from functools import wraps
from threading import RLock
from typing import Any, Final, NoReturn

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.pipe.address import Address, parse_address
from reference_server.simulator.pipe.line import Broken, Line, NobodyThere, Refused
from reference_server.simulator.pipe.terminals import path_of
from reference_server.simulator.pipe.wire import Error
from reference_server.simulator.surface.outcome import Failed, FailedLate, system_error

FORWARDED: Final = (
    "account_info", "copy_rates_from", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_from",
    "copy_ticks_range", "history_deals_get", "history_deals_total", "history_orders_get", "history_orders_total",
    "initialize", "login", "market_book_add", "market_book_get", "market_book_release", "order_calc_margin",
    "order_calc_profit", "order_check", "order_send", "orders_get", "orders_total", "positions_get",
    "positions_total", "shutdown", "symbol_info", "symbol_info_tick", "symbol_select", "symbols_get",
    "symbols_total", "terminal_info", "version",
)  # fmt: skip
"""The functions that ask the terminal. `last_error` and the helpers `Buy`, `Sell` and `Close` do not."""

NOBODY_THERE: Final = (-10003, "IPC initialize failed, MetaTrader 5 x64 not found")
REFUSED: Final = (-10003, "IPC initialize failed, CreateFile failed [5]")
BUSY: Final = (-10001, "IPC send failed")
BROKE: Final = (-10002, "IPC recv failed")
REQUESTS: Final = ("order_send", "order_check")
_ATTACHED: Final[Any] = object()

Call = tuple[str, tuple[Any, ...], dict[str, Any]]


class _AtThePipe(Exception):
    """The arguments of a call are accepted and there is a connection: it is the terminal's turn."""


class RemoteMetaTrader5(SimulatedMetaTrader5):
    """The module of a process whose terminal is served elsewhere by `tonpo simulator serve`.

    Arguments are judged here, by the same code as in process; what they leave to the terminal is sent to it. A call has
    no time-out, as in the genuine package. When the pipe breaks during a call, it fails with -10002 and later ones with
    -10004, until `initialize` connects again.
    """

    def __init__(self, address: Address | str, *, token: str = "") -> None:
        """Nothing is opened before `initialize`. Raises AddressUnusable."""
        super().__init__(SimulatedBroker(symbols=()))  # its lock is used, nothing else of it
        self.address = parse_address(address) if isinstance(address, str) else address
        self._token = token
        self._turn = RLock()
        self._line: Line | None = None
        self._call_at_hand: Call = ("", (), {})
        self._pipe_failure: Failed | None = None
        self._is_asking = False

    def _connected(self) -> NoReturn:
        """Where a call would ask the terminal. Raises Failed when there is no connection."""
        if self._pipe_failure is not None:
            raise self._pipe_failure
        if self._line is None:
            super()._connected()
        raise _AtThePipe

    def _authorize(self, server: str | None, login: int, password: str | None) -> Any:  # noqa: ARG002
        """Where `initialize` and `login` ask the terminal; it gets the call as it was made. Raises Failed."""
        if self._pipe_failure is not None:
            raise self._pipe_failure
        name, args, keywords = self._call_at_hand
        if name == "initialize":
            self._connect_line(is_path_given=bool(path_of(args, keywords)))
            args, keywords = (), {**keywords, "path": self._path}
        error, answer = self._ask_terminal((name, args, keywords))
        if answer is not True:
            raise Failed(*error)
        return _ATTACHED

    def _forward(self, function: Callable[..., Any], name: str, /, *args: Any, **keywords: Any) -> Any:
        call = (name, args, keywords)
        with self._turn:
            if self._is_asking:  # a signal's handler, in the middle of another call
                return self._failing(Failed(*BUSY), function, args, keywords)
            if self._line is not None and self._line.is_inherited:
                self._hang_up()
            self._call_at_hand = call
            try:
                return function(self, *args, **keywords)
            except _AtThePipe as reached:
                return self._answered(function, call, reached.__context__)
            finally:
                if self._account is None:
                    self._hang_up()

    def _answered(self, function: Callable[..., Any], call: Call, context: BaseException | None) -> Any:
        """The terminal's answer, or the failure of a function whose pipe breaks."""
        name, args, keywords = call
        if name in REQUESTS and not args and not keywords:
            args = ({},)  # written as `order_send(**{})`, or it would not have come here
        try:
            if isinstance(context, FailedLate):  # whatever it answers, this comes of the call
                self._ask_terminal(("version", (), {}))
                raise system_error(name, context.cause) from context.cause
            self.error, answer = self._ask_terminal((name, args, keywords))
        except Failed as failed:
            return self._failing(failed, function, args, keywords)
        if isinstance(answer, SystemError):
            raise answer
        return answer

    def _failing(
        self, failed: Failed, function: Callable[..., Any], args: tuple[Any, ...], keywords: dict[str, Any]
    ) -> Any:
        """Let a function fail at the pipe: it knows itself what it returns then."""
        self._pipe_failure = failed
        try:
            return function(self, *args, **keywords)
        finally:
            self._pipe_failure = None

    def _ask_terminal(self, call: Call) -> tuple[Error, Any]:
        """Raises Failed when the pipe breaks."""
        assert self._line is not None
        self._is_asking = True
        try:
            return self._line.ask(*call)
        except Broken:
            self._account = None
            raise Failed(*BROKE) from None
        except BaseException:  # such as KeyboardInterrupt: its answer must not be taken for the next call's
            self._account = None
            raise
        finally:
            self._is_asking = False

    def _connect_line(self, *, is_path_given: bool) -> None:
        """Raises Failed when nobody serves the address, or refuses the token."""
        self._hang_up()
        try:
            self._line = Line(self.address, self._token)
        except NobodyThere:
            raise Failed(*(_not_started(self._path) if is_path_given else NOBODY_THERE)) from None
        except Refused:
            raise Failed(*REFUSED) from None

    def _hang_up(self) -> None:
        self._account = None
        if self._line is not None:
            line, self._line = self._line, None
            line.close()


def _not_started(path: str) -> Error:
    return (-10003, f"IPC initialize failed, Process create failed '{path}'")


def _forwarded(name: str) -> Callable[..., Any]:
    function = getattr(SimulatedMetaTrader5, name)

    @wraps(function)
    def call(self: RemoteMetaTrader5, *args: Any, **keywords: Any) -> Any:
        return self._forward(function, name, *args, **keywords)

    return call


for _name in FORWARDED:
    setattr(RemoteMetaTrader5, _name, _forwarded(_name))
