"""The client's end of a pipe."""

import os
import socket
from contextlib import suppress
from typing import Any, Final

from reference_server.simulator.pipe import wire
from reference_server.simulator.pipe.address import Address

LETS_GO_WITHIN_SECONDS: Final = 1.0


class NobodyThere(Exception):
    """Nothing listens at the address."""


class Refused(Exception):
    """What listens there does not take the token, or speaks another protocol."""


class Broken(Exception):
    """The other end is gone, or makes no sense."""


class Line:
    """A connection to a served broker, used by one thread at a time of the process that opened it."""

    def __init__(self, address: Address, token: str) -> None:
        """Raises NobodyThere, Refused."""
        try:
            self._socket = address.connect()
        except OSError:
            raise NobodyThere(str(address)) from None
        self._owner = os.getpid()
        try:
            self._socket.sendall(wire.hello(token))
            wire.receive(self._socket, len(wire.GREETING))
        except (OSError, EOFError, wire.Garbled):
            self._socket.close()
            raise Refused(str(address)) from None

    def __del__(self) -> None:
        line: socket.socket | None = getattr(self, "_socket", None)
        if line is not None:
            line.close()

    @property
    def is_inherited(self) -> bool:
        """Whether another process opened it, from which this one was forked."""
        return self._owner != os.getpid()

    def ask(self, name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[wire.Error, Any]:
        """Make a call at the other end and wait for its answer, however long it takes. Raises Broken."""
        try:
            wire.send(self._socket, wire.pack_call(name, args, keywords))
            return wire.unpack_reply(wire.receive(self._socket, wire.LONGEST_REPLY))
        except (OSError, EOFError, wire.Garbled) as error:
            raise Broken(str(error)) from None

    def close(self) -> None:
        """Let go of the terminal. It is free for the next connection on return, if its server is alive."""
        with suppress(OSError), self._socket as line:
            if not self.is_inherited:
                line.settimeout(LETS_GO_WITHIN_SECONDS)
                line.shutdown(socket.SHUT_WR)
                line.recv(1)
