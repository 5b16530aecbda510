"""The request of `order_send` and `order_check`: which fields, and which values, the genuine module accepts."""

from collections.abc import Callable
from typing import Any

from reference_server.simulator.surface.arguments import LONGEST_TEXT, int64, text, uint32, uint64
from reference_server.simulator.surface.constants import FIELDS
from reference_server.simulator.surface.outcome import Failed, invalid_argument, invalid_arguments
from reference_server.simulator.surface.structs import Struct, TradeRequest

FLOAT_FIELDS = frozenset(("volume", "price", "stoplimit", "sl", "tp"))
TEXT_FIELDS = frozenset(("symbol", "comment"))
WIDE_FIELDS = frozenset(("magic", "order", "deviation", "position", "position_by"))


def trade_request(args: tuple[Any, ...], keywords: dict[str, Any]) -> Struct:
    """The request given as one dict, or as keywords. Unknown keys are ignored."""
    if args:
        if keywords:
            raise Failed(-2, "Unnamed arguments not allowed")
        if len(args) != 1:
            raise Failed(-2, "Invalid number of arguments")
        if not isinstance(args[0], dict):
            raise invalid_arguments()
        source = args[0]
    elif keywords:
        source = keywords
    else:
        raise Failed(-2, "Invalid number of arguments")
    get = source.get
    values = [
        default if (value := get(name, _ABSENT)) is _ABSENT else check(value)
        for name, default, check in _REQUEST_FIELDS
    ]
    return tuple.__new__(TradeRequest, values)


def _float_field(name: str) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        if value.__class__ is float:
            return value
        if not isinstance(value, float):
            raise invalid_argument(name)
        return float(value)

    return check


def _text_field(name: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value.__class__ is str and len(value) <= LONGEST_TEXT // 2:
            return value
        found = text(value, name, LONGEST_TEXT)
        return found if found.__class__ is str else str.__str__(found)

    return check


def _int_field(name: str) -> Callable[[Any], int]:
    bounded = uint64 if name in WIDE_FIELDS else int64 if name == "expiration" else uint32

    def check(value: Any) -> int:
        if value.__class__ is int and 0 <= value < 2**32:
            return value
        if not isinstance(value, int):
            raise invalid_argument(name)
        try:
            return bounded(int(value))
        except OverflowError as error:
            raise invalid_argument(name, error) from None

    return check


def _field(name: str) -> tuple[str, Any, Callable[[Any], Any]]:
    if name in FLOAT_FIELDS:
        return name, 0.0, _float_field(name)
    if name in TEXT_FIELDS:
        return name, "", _text_field(name)
    return name, 0, _int_field(name)


_REQUEST_FIELDS = tuple(_field(name) for name in FIELDS["TradeRequest"])
_ABSENT = object()
