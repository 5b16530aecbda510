"""Where a served broker listens: a Unix socket, or a port of this machine alone."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path

_PORT = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")


class AddressUnusable(ValueError):
    """The address is neither a socket's path nor a loopback port, or cannot be opened."""


@dataclass(frozen=True, slots=True)
class Address:
    """A Unix socket's `path`, or a loopback `host` with its `port`."""

    path: str = ""
    host: str = ""
    port: int = 0

    def __str__(self) -> str:
        if self.path:
            return self.path
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_port(self) -> bool:
        """Whether anybody on this machine could connect, so that a token is asked for."""
        return not self.path

    def connect(self) -> socket.socket:
        """Open a connection. Raises OSError."""
        if self.path:
            if not hasattr(socket, "AF_UNIX"):
                raise OSError("this system has no Unix sockets")
            line = socket.socket(socket.AF_UNIX)
            try:
                line.connect(self.path)
            except OSError:
                line.close()
                raise
            return line
        line = socket.create_connection((self.host, self.port))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return line

    def listen(self) -> socket.socket:
        """Open a listener; a socket file that nobody serves any more is replaced. Raises AddressUnusable."""
        try:
            return self._listen_on_path() if self.path else self._listen_on_port()
        except OSError as error:
            raise AddressUnusable(f"cannot listen on {self}: {error.strerror or error}") from None

    def _listen_on_port(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        return socket.create_server((self.host, self.port), family=family)

    def _listen_on_path(self) -> socket.socket:
        if not hasattr(socket, "AF_UNIX"):
            raise AddressUnusable("this system has no Unix sockets: listen on 127.0.0.1:PORT")
        path = Path(self.path)
        if path.is_socket() and not self._is_served():
            path.unlink()
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(self.path)
            path.chmod(0o600)
            listener.listen()
        except OSError:
            listener.close()
            raise
        return listener

    def _is_served(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True


def parse_address(text: str) -> Address:
    """Read `127.0.0.1:PORT`, `[::1]:PORT`, `unix:PATH` or a path with a slash in it. Raises AddressUnusable."""
    if text.startswith("unix:") and len(text) > len("unix:"):
        return Address(path=text.removeprefix("unix:"))
    if "/" in text:
        return Address(path=text)
    found = _PORT.fullmatch(text)
    if found is None:
        raise AddressUnusable(f"{text!r} is no address: 127.0.0.1:PORT, or the path of a Unix socket with a / in it")
    host = "127.0.0.1" if found["host"] == "localhost" else found["host"].strip("[]")
    port = int(found["port"])
    if port > 65535:
        raise AddressUnusable(f"{port} is no port: the last one is 65535")
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise AddressUnusable(f"{host} is not this machine alone: only 127.0.0.1, [::1] or a Unix socket is allowed")
    return Address(host=host, port=port)
