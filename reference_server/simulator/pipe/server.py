"""Serving a broker's terminals: one connection is one process with a terminal of its own."""

import hmac
import logging
import os
import secrets
import signal
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, Final

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.calls.connection import ConnectionCalls
from reference_server.simulator.faults.connection import CLIENT
from reference_server.simulator.faults.waiter import RealWaiter
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.pipe import wire
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.client import FORWARDED
from reference_server.simulator.pipe.terminals import Terminals, path_of

HELLO_WITHIN_SECONDS: Final = 5.0
PAUSE_SECONDS: Final = 0.1
_CREDENTIALS: Final = struct.Struct("3i")
_FUNCTIONS: Final = frozenset(FORWARDED)

_log = logging.getLogger(__name__)


class PipeServer:
    """Listens at an address; each connection gets a thread and a terminal on the one broker.

    A call that hangs holds up its own connection only.
    """

    def __init__(self, broker: SimulatedBroker, address: Address, *, token: str | None = None) -> None:
        """Start to listen. Without a `token` a port makes one up. Raises AddressUnusable."""
        self.broker = broker
        self._listener = address.listen()
        self.address = address
        if address.is_port:
            self.address = Address(host=address.host, port=self._listener.getsockname()[1])
        self.token = (token or secrets.token_hex(16)) if address.is_port else ""
        self._terminals = Terminals(broker)
        self._sessions: dict[socket.socket, _Session] = {}
        self._lock = Lock()
        broker.faults.waiter = _ServedWaiter()
        broker.faults.on_crash = self._crash
        self._is_open = True
        self._closing = Event()
        self._thread = Thread(target=self._accept, name=f"listener of {self.address}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end every connection: calls under way fail at the other end with -10002."""
        with self._lock:
            self._is_open = False
            lines = list(self._sessions)
        self._closing.set()
        with suppress(OSError):
            self.address.connect().close()  # wakes the listener, where its end does not
        _end(self._listener)
        self._thread.join()
        for line in lines:
            _end(line)
        if self.address.path:
            Path(self.address.path).unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError as error:
                if not self._is_open:
                    return
                _log.warning("a client of the simulator could not be taken: %s", error)
                self._closing.wait(PAUSE_SECONDS)
                continue
            with self._lock:
                if not self._is_open:
                    line.close()
                    return
                session = self._sessions[line] = _Session(line, self._terminals)
            Thread(target=self._serve, args=(session, line), name="a terminal", daemon=True).start()

    def _serve(self, session: "_Session", line: socket.socket) -> None:
        try:
            if self._is_welcome(line):
                session.run()
        except (OSError, EOFError):
            pass
        except wire.Garbled as garbled:
            _log.warning("a client of the simulator was cut off: %s", garbled)
        except Exception:
            _log.exception("a terminal of the simulator crashed")
        finally:
            with self._lock:
                self._sessions.pop(line, None)
            line.close()

    def _crash(self, which: str, terminal: ConnectionCalls) -> None:
        """Kill the process that makes a call; a terminal's own crash is the break of its pipe."""
        if which != CLIENT:
            return
        with self._lock:
            session = next((each for each in self._sessions.values() if each.terminal is terminal), None)
        if session is not None:
            session.kill_client()

    def _is_welcome(self, line: socket.socket) -> bool:
        line.settimeout(HELLO_WITHIN_SECONDS)
        said = wire.receive_exactly(line, wire.HELLO_BYTES)
        line.settimeout(None)
        if not hmac.compare_digest(said, wire.hello(self.token)):
            _log.warning("a client of the simulator was refused: it gave another token, or speaks another protocol")
            return False
        if self.address.is_port:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire.send(line, wire.GREETING)
        return True


class _Session:
    """One connection: the calls of one process, answered one after the other by a terminal of its own."""

    def __init__(self, line: socket.socket, terminals: Terminals) -> None:
        self.terminal: SimulatedMetaTrader5 | None = None
        self._line = line
        self._terminals = terminals

    def run(self) -> None:
        """Answer until the other end is gone. Raises OSError, EOFError, Garbled."""
        message = wire.receive(self._line, wire.LONGEST_REQUEST)
        name, args, keywords = wire.unpack_call(message)
        if name != "initialize":
            raise wire.Garbled(f"the first call is {name!r}, not initialize")
        path = path_of(args, keywords)
        self.terminal = terminal = self._terminals.take(path)
        try:
            while True:
                self._answer(terminal, message)
                message = wire.receive(self._line, wire.LONGEST_REQUEST)
        finally:
            self._terminals.give_back(path, terminal)

    def _answer(self, terminal: SimulatedMetaTrader5, message: bytes) -> None:
        name, args, keywords = wire.unpack_call(message)
        if name not in _FUNCTIONS:
            raise wire.Garbled(f"there is no function {name!r}")
        function: Callable[..., Any] = getattr(terminal, name)
        try:
            answer = function(*args, **keywords)
            reply = wire.pack_reply(terminal.error, answer)
        except SystemError as raised:
            reply = wire.pack_error(terminal.error, raised)
        wire.send(self._line, reply)

    def kill_client(self) -> None:
        """Kill the process at the other end where the system tells which it is; cut its connection otherwise."""
        process_id = _process_at_the_other_end(self._line)
        if process_id is None or process_id == os.getpid():
            _log.warning("the client cannot be killed, as its process is not known: its connection is cut instead")
            _end(self._line)
        else:
            os.kill(process_id, signal.SIGKILL)


class _ServedWaiter(RealWaiter):
    """Waits without the interpreter's lock: a served terminal that hangs leaves the others alone."""

    def delay(self, milliseconds: int, *, gil: bool) -> None:  # noqa: ARG002 - it is not held
        """Let this much time pass."""
        super().delay(milliseconds, gil=False)

    def hang(self, cleared: Event, *, gil: bool) -> None:  # noqa: ARG002 - it is not held
        """Return when the fault is cleared."""
        super().hang(cleared, gil=False)


def _process_at_the_other_end(line: socket.socket) -> int | None:
    """The client's process id, where the system tells it: on a Unix socket of Linux."""
    if not hasattr(socket, "SO_PEERCRED") or line.family != socket.AF_UNIX:
        return None
    found = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    process_id: int = _CREDENTIALS.unpack(found)[0]
    return process_id


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)
    line.close()
