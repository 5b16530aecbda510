"""Argument rules of the genuine module: what it refuses before anything is sent to the terminal."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from reference_server.simulator.calls.outcome import Failed, invalid_argument, invalid_arguments
from reference_server.simulator.surface.constants import FIELDS
from reference_server.simulator.surface.structs import Struct, TradeRequest

LONGEST_TEXT = 29  # UTF-16 units of a symbol name or a comment
LONGEST_GROUP = 1997
LONGEST_SECRET = 253

FLOAT_FIELDS = frozenset(("volume", "price", "stoplimit", "sl", "tp"))
TEXT_FIELDS = frozenset(("symbol", "comment"))
WIDE_FIELDS = frozenset(("magic", "order", "deviation", "position", "position_by"))


def utf16_units(text: str) -> int:
    """Length as Windows counts it: characters outside the basic plane are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


class DateOverflow(SystemError):
    """A date that the genuine module only finds too large after it has begun the call: `last_error` stays."""


def _overflow(message: str, kind: type[SystemError] = SystemError) -> SystemError:
    error = kind("<built-in function> returned a result with an exception set")
    error.__cause__ = OverflowError(message)
    return error


def bounded(value: int, low: int, high: int) -> int:
    """The value itself. Raises SystemError, as the genuine module does, when the C type cannot hold it."""
    if not low <= value <= high:
        raise _overflow("Python int too large to convert to C long" if value > high else "can't convert negative int")
    return value


def symbol_name(args: tuple[Any, ...], *, most: int = 1) -> str:
    """The first positional argument of a call that takes a symbol and up to `most` arguments."""
    if not 1 <= len(args) <= most or not isinstance(args[0], str) or utf16_units(args[0]) > LONGEST_TEXT:
        raise invalid_arguments()
    return args[0]


def exactly(args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """The arguments, if there are that many and the first is a symbol."""
    if len(args) != count:
        raise invalid_arguments()
    symbol_name(args[:1])
    return args


def group(value: Any) -> str:
    """A group filter."""
    if not isinstance(value, str) or utf16_units(value) > LONGEST_GROUP:
        raise invalid_argument("group")
    return value


def whole(value: Any, name: str) -> int:
    """An unsigned 64-bit keyword."""
    if not isinstance(value, int):
        raise invalid_argument(name)
    return bounded(value, 0, 2**64 - 1)


def text(value: Any, name: str, longest: int) -> str:
    """A keyword of limited length."""
    if not isinstance(value, str) or utf16_units(value) > longest:
        raise invalid_argument(name)
    return value


def seconds(value: Any) -> int:
    """A date: epoch seconds, or a datetime (a naive one in the machine's zone). Sub-second parts are lost."""
    if isinstance(value, datetime):
        return int(value.timestamp())
    if isinstance(value, float):
        return int(value)
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise _overflow("Python int too large to convert to C long", DateOverflow)
        return value
    raise invalid_arguments()


def c_int(value: Any) -> int:
    """An int positional of the copy and calc functions: numpy integers pass, floats and texts are a SystemError."""
    if isinstance(value, int):
        return bounded(value, -(2**31), 2**31 - 1)
    try:
        return bounded(value.__index__(), -(2**31), 2**31 - 1)
    except AttributeError:
        error = SystemError("<built-in function> returned a result with an exception set")
        error.__cause__ = TypeError(f"an integer is required (got type {type(value).__name__})")
        raise error from error.__cause__


def number(value: Any) -> float:
    """A numeric positional of the calc functions."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise invalid_arguments() from None


def matches(name: str, pattern: str) -> bool:
    """Whether a group filter selects a name: parts by comma or blank, `*` anywhere, `!` excludes at once."""
    included = False
    for part in pattern.replace(",", " ").split():
        if part.startswith("!"):
            if _wild(name, part[1:]):
                return False
        elif _wild(name, part):
            included = True
    return included


def _wild(name: str, pattern: str) -> bool:
    pieces = pattern.split("*")
    if len(pieces) == 1:
        return name == pattern
    if not name.startswith(pieces[0]):
        return False
    at = len(pieces[0])
    for piece in pieces[1:-1]:
        found = name.find(piece, at)
        if found < 0:
            return False
        at = found + len(piece)
    return len(name) - at >= len(pieces[-1]) and name.endswith(pieces[-1])


def select(names: Iterable[str], pattern: str) -> set[str]:
    """The names a group filter selects."""
    return {name for name in names if matches(name, pattern)}


def _float_field(name: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if not isinstance(value, float):
            raise invalid_argument(name)
        return float(value)

    return check


def _text_field(name: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        return text(value, name, LONGEST_TEXT)

    return check


def _int_field(name: str) -> Callable[[Any], int]:
    low, high = 0, 2**64 - 1 if name in WIDE_FIELDS else 2**32 - 1
    if name == "expiration":
        low, high = -(2**63), 2**63 - 1

    def check(value: Any) -> int:
        if value.__class__ is not int:
            if not isinstance(value, int):
                raise invalid_argument(name)
            value = int(value)
        return value if low <= value <= high else bounded(value, low, high)

    return check


def _field(name: str) -> tuple[str, Any, Callable[[Any], Any]]:
    if name in FLOAT_FIELDS:
        return name, 0.0, _float_field(name)
    if name in TEXT_FIELDS:
        return name, "", _text_field(name)
    return name, 0, _int_field(name)


_REQUEST_FIELDS = tuple(_field(name) for name in FIELDS["TradeRequest"])
_ABSENT = object()


def trade_request(args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
    """The request of `order_send` and `order_check`: one dict, or keywords. Unknown keys are ignored."""
    if keywords:
        if args:
            raise Failed(-2, "Unnamed arguments not allowed")
        source = keywords
    elif len(args) != 1:
        raise Failed(-2, "Invalid number of arguments")
    elif not isinstance(args[0], dict):
        raise invalid_arguments()
    else:
        source = args[0]
    get = source.get
    values = []
    for name, default, check in _REQUEST_FIELDS:
        value = get(name, _ABSENT)
        values.append(default if value is _ABSENT else check(value))
    return tuple.__new__(TradeRequest, values)
