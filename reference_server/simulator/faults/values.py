"""What the fields of a fault may hold: one check per kind of value, used by Python callers and JSON alike."""

from collections.abc import Callable
from dataclasses import field
from typing import Any

from reference_server.simulator.surface.arguments import LONGEST_TEXT, utf16_units

Check = Callable[[Any], Any]
LONGEST_MS = 86_400_000


class FaultInvalid(ValueError):
    """A fault cannot be as it was described. `key` names what is wrong with it."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def checked(check: Check, **options: Any) -> Any:
    """A dataclass field whose value is checked when the fault is made."""
    return field(metadata={"check": check}, **options)


def whole(low: int, high: int, unit: str = "") -> Check:
    """An integer within bounds, both included."""

    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"a whole number{unit} from {low} to {high}")
        return value

    return check


def milliseconds(low: int = 0) -> Check:
    """A duration of at most a day."""
    return whole(low, LONGEST_MS, " of milliseconds")


def optional(check: Check) -> Check:
    """The same, or nothing."""
    return lambda value: None if value is None else check(value)


def boolean(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def fraction(value: Any) -> float:
    """A share between 0 and 1, neither included."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1:
        raise ValueError("a number above 0 and below 1")
    return float(value)


def one_of(*words: str) -> Check:
    """One of some words."""

    def check(value: Any) -> str:
        if value not in words:
            raise ValueError(" or ".join(f'"{word}"' for word in words))
        return str(value)

    return check


def several_of(*words: str) -> Check:
    """A list of some of these words, at least one."""

    def check(value: Any) -> tuple[str, ...]:
        listed = isinstance(value, list | tuple)
        if not listed or not value or not all(isinstance(word, str) and word in words for word in value):
            raise ValueError("a list of at least one of " + ", ".join(f'"{word}"' for word in words))
        return tuple(word for word in words if word in value)

    return check


def comment(value: Any) -> str:
    """A comment as long as the terminal can hold."""
    if not isinstance(value, str) or utf16_units(value) > LONGEST_TEXT:
        raise ValueError(f"a text of at most {LONGEST_TEXT} characters (UTF-16 units)")
    return value


def text(value: Any) -> str:
    """Any text."""
    if not isinstance(value, str):
        raise ValueError("a text")
    return value
