"""Serving a broker's terminals: one connection is one process with a terminal of its own."""

import hmac
import logging
import secrets
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Final

from reference_server.simulator.broker import SimulatedBroker
from reference_server.simulator.module import SimulatedMetaTrader5
from reference_server.simulator.pipe import wire
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.client import FORWARDED

HELLO_WITHIN_SECONDS: Final = 5.0
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
        self._lines: set[socket.socket] = set()
        self._lock = Lock()
        self._is_open = True
        self._thread = Thread(target=self._accept, name=f"listener of {self.address}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and end every connection: calls under way fail at the other end with -10002."""
        with self._lock:
            self._is_open = False
            lines = list(self._lines)
        _end(self._listener)
        for line in lines:
            _end(line)
        self._thread.join()
        if self.address.path:
            Path(self.address.path).unlink(missing_ok=True)

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if not self._is_open:
                    line.close()
                    return
                self._lines.add(line)
            Thread(target=self._serve, args=(line,), name="a terminal", daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            if self._is_welcome(line):
                _Session(line, self.broker).run()
        except (OSError, EOFError):
            pass
        except wire.Garbled as garbled:
            _log.warning("a client of the simulator was cut off: %s", garbled)
        except Exception:
            _log.exception("a terminal of the simulator crashed")
        finally:
            with self._lock:
                self._lines.discard(line)
            line.close()

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

    def __init__(self, line: socket.socket, broker: SimulatedBroker) -> None:
        self._line = line
        self._terminal = SimulatedMetaTrader5(broker)
        self.process_id = _process_at_the_other_end(line)

    def run(self) -> None:
        while True:
            name, args, keywords = wire.unpack_call(wire.receive(self._line, wire.LONGEST_REQUEST))
            if name not in _FUNCTIONS:
                raise wire.Garbled(f"there is no function {name!r}")
            function: Callable[..., Any] = getattr(self._terminal, name)
            answer = function(*args, **keywords)
            wire.send(self._line, wire.pack_reply(self._terminal.error, answer))


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
