"""The simulated `MetaTrader5` module at this end of a pipe, its terminal at the other."""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from threading import Lock
from typing import Any, Final, NoReturn

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.outcome import Failed
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.pipe import wire
from reference_server.simulator.pipe.address import Address, parse_address

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
LETS_GO_WITHIN_SECONDS: Final = 1.0
REFUSED: Final = (-10003, "IPC initialize failed, CreateFile failed [5]")
BROKE: Final = (-10002, "IPC recv failed")


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
        self._turn = Lock()
        self._line: socket.socket | None = None
        self._owner = os.getpid()
        self._failure: Failed | None = None

    def __del__(self) -> None:
        line = vars(self).get("_line")
        if line is not None:
            line.close()

    def _connected(self) -> NoReturn:
        """Where a call would ask the terminal. Raises Failed when there is no connection."""
        if self._failure is not None:
            raise self._failure
        if self._line is None:
            super()._connected()
        raise _AtThePipe

    def _authorize(self, server: str | None, login: int, password: str | None) -> NoReturn:  # noqa: ARG002
        """Where `initialize` and `login` would ask the terminal."""
        if self._failure is not None:
            raise self._failure
        raise _AtThePipe

    def _call(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        with self._turn:
            if self._line is not None and self._owner != os.getpid():
                self._close(is_shared=True)  # the pipe belongs to the process that forked
            try:
                return function(self, *args, **keywords)
            except _AtThePipe:
                return self._ask(function, name, args, keywords)
            finally:
                if self._account is None:
                    self._close()

    def _ask(self, function: Callable[..., Any], name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        try:
            if name == "initialize":
                self._open()
            assert self._line is not None
            wire.send(self._line, wire.pack_call(name, args, keywords))
            self.error, answer = wire.unpack_reply(wire.receive(self._line, wire.LONGEST_REPLY))
        except Failed as failed:
            return self._fail(failed, function, args, keywords)
        except (OSError, EOFError, wire.Garbled):
            return self._fail(Failed(*BROKE), function, args, keywords)
        if isinstance(answer, SystemError):
            raise answer
        if name == "initialize" and answer:
            self._account = _ATTACHED
        return answer

    def _fail(self, failed: Failed, function: Callable[..., Any], args: tuple[Any, ...], keywords: Any) -> Any:
        """Let the call fail at the pipe: its own rules say what it returns then."""
        self._failure = failed
        try:
            return function(self, *args, **keywords)
        finally:
            self._failure = None
            self._close()

    def _open(self) -> None:
        """Raises Failed when nobody serves the address, or refuses the token."""
        self._close()
        try:
            line = self.address.connect()
        except OSError:
            raise Failed(*NOBODY_THERE) from None
        try:
            line.sendall(wire.hello(self._token))
            wire.receive(line, len(wire.GREETING))
        except (OSError, EOFError, wire.Garbled):
            line.close()
            raise Failed(*REFUSED) from None
        self._line, self._owner = line, os.getpid()

    def _close(self, *, is_shared: bool = False) -> None:
        """Let go of the terminal. It is free for the next connection on return, if its server is alive."""
        self._account = None
        if self._line is None:
            return
        line, self._line = self._line, None
        with suppress(OSError), line:
            if not is_shared:
                line.settimeout(LETS_GO_WITHIN_SECONDS)
                line.shutdown(socket.SHUT_WR)
                line.recv(1)


_ATTACHED: Any = object()


def _forwarded(name: str) -> Callable[..., Any]:
    function = getattr(SimulatedMetaTrader5, name)

    @wraps(function)
    def call(self: RemoteMetaTrader5, *args: Any, **keywords: Any) -> Any:
        return self._call(function, name, args, keywords)

    return call


for _name in FORWARDED:
    if hasattr(SimulatedMetaTrader5, _name):
        setattr(RemoteMetaTrader5, _name, _forwarded(_name))
