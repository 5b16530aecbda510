"""The `MetaTrader5` package of another Python, reached through the RPyC server that `mt5linux` starts there.

The far side runs one small function that makes each call and gives back plain values with `last_error`, so that nothing
is proxied: a bridge that hands out remote objects asks again for each field. Arguments travel as values and never
inside a text that is evaluated, passwords included.
"""

from __future__ import annotations

import socket
from ast import literal_eval
from types import SimpleNamespace
from typing import Any, Final, cast

import numpy as np

from reference_server.terminals.adapter.module import MetaTrader5Module
from reference_server.usecases.ports import BrokerUnreachable

RPYC: Final = "rpyc"
FAR_SIDE: Final = """
import MetaTrader5

def tonpo_call(name, arguments, keywords):
    def local(value):
        return {key: local(inner) for key, inner in value} if isinstance(value, tuple) else value

    def plain(value):
        if value is None or isinstance(value, (bool, int, float, str)):
            return ("value", value)
        if hasattr(value, "_asdict"):
            return ("record", tuple((key, plain(inner)) for key, inner in value._asdict().items()))
        if hasattr(value, "dtype"):
            return ("array", (repr(value.dtype.descr), value.tobytes()))
        return ("tuple", tuple(plain(inner) for inner in value))

    function = getattr(MetaTrader5, name)
    positional = [local(value) for value in arguments]
    named = {key: local(value) for key, value in keywords}
    answer = function(*positional, **named) if named else function(*positional)
    code, text = MetaTrader5.last_error()
    return plain(answer), int(code), str(text)
"""
"""What the far side runs. A dictionary arrives as a tuple of pairs, since only unchangeable values travel as values."""

_CONNECTING_SECONDS: Final = 10.0
_SENT: Final = (-10002, "IPC recv failed")
_NOT_CONNECTED: Final = (-10004, "No IPC connection")


class BridgedMetaTrader5:
    """Has the shape of the package. A broken connection is -10002 for the call that met it and -10004 afterwards."""

    def __init__(self, connection: Any) -> None:
        connection.execute(FAR_SIDE)
        self._connection = connection
        self._call = connection.namespace["tonpo_call"]
        self._error = (1, "Success")

    @property
    def __version__(self) -> str:
        """The far package's own."""
        return str(self._connection.eval("str(MetaTrader5.__version__)"))

    def last_error(self) -> tuple[int, str]:
        """Code and text of the call before."""
        return self._error

    def __getattr__(self, name: str) -> Any:
        """Give any other function of the package."""
        if name.startswith("_"):
            raise AttributeError(name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            return self._made(name, arguments, keywords)

        setattr(self, name, call)
        return call

    def shutdown(self) -> bool:
        """Let go of the terminal and of the bridge; always True."""
        self._made("shutdown", (), {})
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        return True

    def _made(self, name: str, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        if self._connection is None:
            self._error = _NOT_CONNECTED
            return None
        sent = tuple(_sendable(value) for value in arguments)
        named = tuple((key, _sendable(value)) for key, value in keywords.items())
        try:
            answer, code, text = self._call(name, sent, named)
        except (EOFError, OSError):
            self._connection = None
            self._error = _SENT
            return None
        self._error = (code, text)
        return _local(answer)


def bridged_module(host: str, port: int) -> MetaTrader5Module:
    """Connect to an `mt5linux` server. Raises BrokerUnreachable when nobody answers or it has no such package.

    Nothing of this process is open to the far side. A call has no time-out here: the worker's own deadline ends it.
    """
    from rpyc.core.service import ClassicClient
    from rpyc.core.stream import SocketStream
    from rpyc.utils.factory import connect_stream

    try:
        line = socket.create_connection((host, port), _CONNECTING_SECONDS)
    except OSError as failed:
        raise BrokerUnreachable(f"No mt5linux server answers at {host}:{port} ({failed}).") from failed
    line.settimeout(None)
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        connection = connect_stream(SocketStream(line), ClassicClient, {"sync_request_timeout": None})
    except (EOFError, OSError) as failed:
        line.close()
        raise BrokerUnreachable(f"What answers at {host}:{port} is no mt5linux server ({failed}).") from failed
    try:
        return cast(MetaTrader5Module, BridgedMetaTrader5(connection))
    except Exception as failed:  # whatever the far side raised while it imported the package
        connection.close()
        reason = str(failed).splitlines()[0] if str(failed) else type(failed).__name__
        raise BrokerUnreachable(
            f"The mt5linux server at {host}:{port} cannot use the package MetaTrader5: {reason}"
        ) from failed


def _sendable(value: Any) -> Any:
    """Give a value that is sent whole: a dictionary as a tuple of pairs, all else is a number, a text or None."""
    return tuple((key, _sendable(inner)) for key, inner in value.items()) if isinstance(value, dict) else value


def _local(answer: tuple[str, Any]) -> Any:
    kind, content = answer
    if kind == "record":
        return SimpleNamespace(**{key: _local(inner) for key, inner in content})
    if kind == "tuple":
        return tuple(_local(inner) for inner in content)
    if kind == "array":
        description, data = content
        return np.frombuffer(data, dtype=np.dtype(literal_eval(description)))
    return content
