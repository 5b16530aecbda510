"""Reading a request's JSON body strictly: every key is known, and of the right kind."""

import json
import math
from typing import Any

from aiohttp import web

from reference_server.simulator.control.errors import Refused, invalid


def _no_constant(name: str) -> float:
    raise invalid(f"the body has {name}, which is no JSON number")


class Body:
    """A JSON object whose keys are taken one by one. Each raises Refused and says what would do."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    @classmethod
    async def of(cls, request: web.Request) -> "Body":
        """The body of a request; none at all is an empty object."""
        text = await request.text()
        if not text.strip():
            return cls({})
        try:
            values = json.loads(text, parse_constant=_no_constant)
        except (ValueError, RecursionError) as error:
            raise invalid(f"the body is no JSON: {error}") from None
        if not isinstance(values, dict):
            raise invalid("the body must be a JSON object")
        return cls(values)

    def take(self, key: str) -> Any:
        """Any value, or None when it is absent."""
        return self._values.pop(key, None)

    def everything(self) -> dict[str, Any]:
        """All that is left."""
        values, self._values = self._values, {}
        return values

    def number(self, key: str, *, default: float | None = None) -> float:
        """A finite number."""
        value = self._values.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not _is_finite(value):
            raise self._wrong(key, "a number", value)
        return float(value)

    def whole(self, key: str, low: int, high: int, *, default: int | None = None) -> int:
        """A whole number within bounds, both included."""
        value = self._values.pop(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self._wrong(key, f"a whole number from {low} to {high}", value)
        return value

    def text(self, key: str, *, default: str | None = None) -> str:
        """A text."""
        value = self._values.pop(key, default)
        if not isinstance(value, str):
            raise self._wrong(key, "a text", value)
        return value

    def has(self, key: str) -> bool:
        """Whether the key is given, and not null."""
        return self._values.get(key) is not None

    def end(self, *known: str) -> None:
        """Refuse what is left."""
        for key in self._values:
            raise invalid(f'"{key}" is no key here; there is {", ".join(known) or "none"}')

    @staticmethod
    def _wrong(key: str, wanted: str, value: object) -> Refused:
        if value is None:
            return invalid(f'"{key}" is missing: {wanted}')
        return invalid(f'"{key}" must be {wanted}, not {json.dumps(value)[:100]}')


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:
        return False
