"""What travels through the pipe: framed messages of plain values.

Each message is its length in four bytes and one `marshal` value without code or references: of what the standard
library offers it alone keeps every value of the module's as it is (integers of 64 bits and more, lone surrogates, NaN)
and, unlike pickle, runs nothing when read. It is read only from a peer that has proved who it is: by the permissions of
the Unix socket, or by the token sent before the first message.
"""

import marshal
import socket
import struct
from datetime import datetime
from functools import lru_cache
from operator import index
from typing import Any, Final

import numpy as np

from reference_server.simulator.surface.constants import FIELDS
from reference_server.simulator.surface.structs import STRUCTS, OrderCheckResult, OrderSendResult, Struct, TradeRequest

GREETING: Final = b"TONPOSIM1"
LONGEST_TOKEN: Final = 64
HELLO_BYTES: Final = len(GREETING) + LONGEST_TOKEN
LONGEST_REQUEST: Final = 1 << 20
LONGEST_REPLY: Final = 1 << 30

_FORMAT: Final = 2  # the last one without references between values
_LENGTH: Final = struct.Struct("<I")
_PLAIN, _STRUCT, _STRUCTS, _ARRAY, _RAISED = range(5)
_CAUSES: Final = {kind.__name__: kind for kind in (OverflowError, TypeError, ValueError, OSError, AttributeError)}
_INDEX: Final = {kind: index for index, kind in enumerate(STRUCTS)}
_WITH_REQUEST: Final = frozenset((_INDEX[OrderSendResult], _INDEX[OrderCheckResult]))

_AT_ONCE: Final = 1 << 18
_GONE: Final = "the other end of the pipe is gone"
_PLAIN_TYPES: Final = frozenset((int, float, str, bool))
_ABSENT: Final = object()

Error = tuple[int, str]


class Garbled(Exception):
    """The other end sent something that is no message of this protocol."""


def hello(token: str) -> bytes:
    """The first bytes of a client: the protocol's name and the token."""
    return GREETING + token.encode().ljust(LONGEST_TOKEN, b"\0")


def send(line: socket.socket, message: bytes) -> None:
    """Send one framed message. Raises OSError."""
    line.sendall(_LENGTH.pack(len(message)) + message)


def receive(line: socket.socket, longest: int) -> bytes:
    """Wait for one framed message, the only one on its way: a client waits for each answer.

    Raises EOFError when the other end is gone, Garbled, OSError.
    """
    received = line.recv(_AT_ONCE)
    if len(received) < _LENGTH.size:
        if not received:
            raise EOFError(_GONE)
        received += receive_exactly(line, _LENGTH.size - len(received))
    (length,) = _LENGTH.unpack_from(received)
    if length > longest:
        raise Garbled(f"a message of {length} bytes; the longest is {longest}")
    missing = length + _LENGTH.size - len(received)
    if missing < 0:
        raise Garbled("more than one message at once")
    return received[_LENGTH.size :] + receive_exactly(line, missing) if missing else received[_LENGTH.size :]


def receive_exactly(line: socket.socket, count: int) -> bytes:
    """Wait for that many bytes. Raises EOFError when the other end is gone, OSError."""
    received = bytearray()
    while len(received) < count:
        part = line.recv(min(count - len(received), _AT_ONCE))
        if not part:
            raise EOFError(_GONE)
        received += part
    return bytes(received)


def pack_call(name: str, args: tuple[Any, ...], keywords: dict[str, Any]) -> bytes:
    """A call whose arguments the module's rules have accepted, with every value reduced to what it stands for."""
    plain_keywords = {key: _plain(value) for key, value in keywords.items()}
    return marshal.dumps((name, tuple(map(_plain_argument, args)), plain_keywords), _FORMAT)


def unpack_call(message: bytes) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """Read a call. Raises Garbled."""
    try:
        name, args, keywords = marshal.loads(message)  # noqa: S302 - see the module's docstring
    except (ValueError, EOFError, TypeError) as error:
        raise Garbled(str(error)) from None
    if not (isinstance(name, str) and isinstance(args, tuple) and isinstance(keywords, dict)):
        raise Garbled("not a call")
    return name, args, keywords


def _plain_argument(value: Any) -> Any:
    if isinstance(value, dict):  # a trade request: other keys are ignored, whatever they hold
        given = ((name, value.get(name, _ABSENT)) for name in FIELDS["TradeRequest"])
        return {name: _plain(item) for name, item in given if item is not _ABSENT}
    return _plain(value)


def _plain(value: Any) -> Any:
    """The exact built-in value for a subclass, a date or a numpy number; the truth of anything else."""
    if value is None or value.__class__ in _PLAIN_TYPES:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, datetime):
        return float(int(value.timestamp()))
    for exact in (index, float):
        try:
            return exact(value)
        except (TypeError, ValueError):
            continue
    try:
        return bool(value)
    except Exception:  # anything may refuse to be true or false; who asks that has asked before
        return True


def pack_reply(error: Error, value: Any) -> bytes:
    """An answer, with what `last_error` says after it. Raises ValueError for a value that the module never gives."""
    return marshal.dumps((error[0], error[1], *_packed(value)), _FORMAT)


def pack_error(error: Error, raised: SystemError) -> bytes:
    """A call that raised, as the genuine module does for numbers that its C types cannot hold."""
    cause = raised.__cause__
    named = "" if cause is None else type(cause).__name__
    return marshal.dumps((error[0], error[1], _RAISED, named, (str(raised), str(cause))), _FORMAT)


def _packed(value: Any) -> tuple[Any, ...]:
    if isinstance(value, Struct):
        return _STRUCT, _INDEX[type(value)], _values(value)
    if isinstance(value, np.ndarray):
        return _ARRAY, tuple((name, value.dtype[name].str) for name in value.dtype.names or ()), value.tobytes()
    if value and isinstance(value, tuple) and isinstance(value[0], Struct):
        return _STRUCTS, _INDEX[type(value[0])], tuple(map(_values, value))
    return _PLAIN, 0, value


def _values(record: Struct) -> tuple[Any, ...]:
    """The fields; only the last can be a record itself, the request of a trade's answer."""
    if isinstance(record[-1], Struct):
        return (*record[:-1], tuple(record[-1]))
    return tuple(record)


def unpack_reply(message: bytes) -> tuple[Error, Any]:
    """Read an answer: the error and the value, as the module in process would have given them.

    The value is a SystemError where the call raised one. Raises Garbled.
    """
    try:
        code, text, form, kind, content = marshal.loads(message)  # noqa: S302 - see the module's docstring
    except (ValueError, EOFError, TypeError) as error:
        raise Garbled(str(error)) from None
    return (code, text), _unpacked(form, kind, content)


def _unpacked(form: int, kind: Any, content: Any) -> Any:
    if form == _STRUCT:
        return _record(kind, content)
    if form == _STRUCTS:
        return tuple(_record(kind, values) for values in content)
    if form == _RAISED:
        raised = SystemError(content[0])
        raised.__cause__ = _CAUSES[kind](content[1]) if kind in _CAUSES else None
        return raised
    if form == _ARRAY:
        return np.frombuffer(content, _dtype(kind))
    return content


def _record(kind: int, values: tuple[Any, ...]) -> Struct:
    if kind in _WITH_REQUEST:
        values = (*values[:-1], tuple.__new__(TradeRequest, values[-1]))
    return tuple.__new__(STRUCTS[kind], values)


@lru_cache(maxsize=8)
def _dtype(fields: tuple[tuple[str, str], ...]) -> np.dtype[np.void]:
    return np.dtype(list(fields))
