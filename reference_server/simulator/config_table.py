"""Reading one table of a configuration file: every key has a type, and no key is left unread."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

Kind = TypeVar("Kind", str, int, float, bool)

FIRST_YEAR, LAST_YEAR = 1973, 2037  # two years of past bars; MetaTrader 5 is asked for seconds of 31 bits
_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


class ConfigError(ValueError):
    """A configuration file of the simulator cannot be used. The text names the file, the table and the key."""


class Table:
    """One table of the file. Take every key that it may have, then call `finish`."""

    def __init__(self, path: Path, name: str, content: Any) -> None:
        self._path = path
        self._name = name
        if not isinstance(content, Mapping):
            raise self.error("", f"must be a table, [{name}]")
        self._left = dict(content)
        self._known: list[str] = []

    def error(self, key: str, reason: str) -> ConfigError:
        """The error that names this table and a key of it."""
        return ConfigError(f"{self._path}: {f'[{self._name}] {key}'.strip()}: {reason}")

    def take(self, key: str, kind: type[Kind], default: Kind) -> Kind:
        """The value of a key, or the default. Raises ConfigError for a value of another type."""
        value = self._taken(key)
        return default if value is None else self._typed(key, kind, value)

    def take_or_none(self, key: str, kind: type[Kind]) -> Kind | None:
        """The value of a key, or None without one."""
        value = self._taken(key)
        return None if value is None else self._typed(key, kind, value)

    def take_word(self, key: str, *words: str) -> str:
        """One of some words, by default the first."""
        value = self._taken(key)
        if value is None:
            return words[0]
        if value not in words:
            raise self.error(key, f"must be one of {', '.join(words)}, not {value!r}")
        return str(value)

    def take_file(self, key: str) -> Path | None:
        """A file that exists, seen from the folder of the configuration."""
        text = self.take_or_none(key, str)
        if text is None:
            return None
        path = self._path.parent / text
        if not path.is_file():
            raise self.error(key, f"there is no file {path}")
        return path

    def take_moment(self, key: str, *words: str) -> int | str | None:
        """A date and time with its zone as UTC milliseconds, or one of some words, or None without the key."""
        value = self._taken(key)
        if value is None or (isinstance(value, str) and value in words):
            return value
        if not isinstance(value, datetime) or value.tzinfo is None:
            others = "".join(f' or "{word}"' for word in words)
            raise self.error(key, f"must be a date and time with a zone, such as 2026-06-01T08:00:00Z{others}")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise self.error(key, f"must be in the years {FIRST_YEAR} to {LAST_YEAR}, not {value.year}")
        return round(value.astimezone(UTC).timestamp() * 1000)

    def needs(self, key: str, value: object) -> None:
        """Raises ConfigError when a key that cannot be left out was."""
        if value is None:
            raise self.error(key, "is missing")

    def refuse(self, *keys: str, because: str) -> None:
        """Raises ConfigError for a key that has no meaning beside another one's value."""
        for key in keys:
            if key in self._left:
                raise self.error(key, because)

    def finish(self) -> None:
        """Raises ConfigError for a key that was not taken."""
        for key in self._left:
            raise self.error(key, f"there is no such key; there are {', '.join(self._known)}")

    def _taken(self, key: str) -> Any:
        self._known.append(key)
        return self._left.pop(key, None)

    def _typed(self, key: str, kind: type[Kind], value: Any) -> Kind:
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or (isinstance(value, float) and not isfinite(value)):
            raise self.error(key, f"must be {_WORDS[kind]}, not {value!r}")
        typed: Kind = value
        return typed
