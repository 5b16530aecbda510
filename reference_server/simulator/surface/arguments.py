"""Argument rules of the genuine module: what it refuses before anything is sent to the terminal."""

import math
import operator
from typing import Any

from reference_server.simulator.surface.outcome import Failed, invalid_argument, invalid_arguments

LONGEST_TEXT = 29  # UTF-16 units of a symbol name or a comment
LONGEST_GROUP = 1997
LONGEST_SECRET = 253
LONGEST_PATH = 257

_HEAP_TYPE = 1 << 9


def utf16_units(text: str) -> int:
    """Length as Windows counts it: characters outside the basic plane are two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def int32(value: int) -> int:
    """The value, if it is a signed 32-bit one. Raises OverflowError, as worded where a C long has 32 bits."""
    if not -(2**31) <= value < 2**31:
        raise OverflowError("Python int too large to convert to C long")
    return value


def uint32(value: int) -> int:
    """The value, if it is an unsigned 32-bit one. Raises OverflowError."""
    if value < 0:
        raise OverflowError("can't convert negative value to unsigned int")
    if value >= 2**32:
        raise OverflowError("Python int too large to convert to C unsigned long")
    return value


def int64(value: int) -> int:
    """The value, if it is a signed 64-bit one. Raises OverflowError."""
    if not -(2**63) <= value < 2**63:
        raise OverflowError("int too big to convert")
    return value


def uint64(value: int) -> int:
    """The value, if it is an unsigned 64-bit one. Raises OverflowError."""
    if value < 0:
        raise OverflowError("can't convert negative int to unsigned")
    if value >= 2**64:
        raise OverflowError("int too big to convert")
    return value


def symbol_name(value: Any) -> str:
    """A symbol given by position."""
    if not isinstance(value, str) or utf16_units(value) > LONGEST_TEXT:
        raise invalid_arguments()
    return value


def only_symbol(args: tuple[Any, ...]) -> str:
    """The argument of a call that takes a symbol and nothing else."""
    if len(args) == 1:
        name = args[0]
        if isinstance(name, str) and (len(name) <= LONGEST_TEXT // 2 or utf16_units(name) <= LONGEST_TEXT):
            return name
    raise invalid_arguments()


def counted(args: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """The arguments, if there are that many."""
    if len(args) != count:
        raise invalid_arguments()
    return args


def group(value: Any) -> str:
    """A group filter."""
    return text(value, "group", LONGEST_GROUP)


def ticket(value: Any, name: str) -> int:
    """An unsigned 64-bit keyword: a ticket, or a login."""
    if not isinstance(value, int):
        raise invalid_argument(name)
    try:
        return uint64(value)
    except OverflowError as error:
        raise invalid_argument(name, error) from None


def milliseconds(value: Any, name: str) -> int:
    """An unsigned 32-bit keyword."""
    if not isinstance(value, int):
        raise invalid_argument(name)
    try:
        return uint32(value)
    except OverflowError as error:
        raise invalid_argument(name, error) from None


def text(value: Any, name: str, longest: int) -> str:
    """A keyword of limited length."""
    if not isinstance(value, str) or utf16_units(value) > longest:
        raise invalid_argument(name)
    return value


def first_text(args: tuple[Any, ...], longest: int) -> str | None:
    """The only positional argument of a call that takes at most one, a text."""
    if len(args) > 1:
        raise Failed(-2, "Invalid number of arguments")
    if args and (not isinstance(args[0], str) or utf16_units(args[0]) > longest):
        raise Failed(-2, "Invalid 1st unnamed argument")
    return args[0] if args else None


def doubt(value: Any) -> Exception | None:
    """What asking for the truth of a value raises, if it does: an array of several, say. Anything else is a bool."""
    try:
        bool(value)
    except Exception as error:  # `__bool__` may raise anything
        return error
    return None


def c_int(value: Any) -> int:
    """An int of the copy functions: whatever has `__index__` passes, anything else ends in SystemError."""
    try:
        return int32(operator.index(value))
    except Exception as error:  # `__index__` may raise anything
        raise invalid_arguments(error) from None


def action(value: Any) -> int:
    """The action of the calculators: a Python int of any size."""
    if not isinstance(value, int):
        raise invalid_arguments(TypeError(f"argument 1 must be int, not {_type_name(value)}"))
    return value


def _type_name(value: Any) -> str:
    """The name of the type as C code prints it: with its module when it was written in C."""
    if value is None:
        return "None"
    kind = type(value)
    is_plain = kind.__flags__ & _HEAP_TYPE or kind.__module__ == "builtins"
    return kind.__name__ if is_plain else f"{kind.__module__}.{kind.__name__}"


def number(value: Any) -> float:
    """A number of the calculators: whatever has `__float__` or `__index__` passes, a text ends in SystemError."""
    try:
        return math.pow(value, 1.0)  # converts as C code does, where `float` would read a text
    except Exception as error:  # `__float__` may raise anything
        raise invalid_arguments(error) from None
