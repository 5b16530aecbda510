"""Keep secrets out of everything that a run prints or writes."""

import json
import re
from html import escape
from urllib.parse import quote, quote_plus

__all__ = ["Redactor"]

SHORTEST_REPLACED = 4
"""A shorter secret would be found inside innocent text; it is only hidden where a field name announces it."""

PUBLIC = frozenset({"invalid"})
"""The password that a sandbox's broker always refuses: no secret, and a word of many errors."""

_ANNOUNCED = re.compile(r'("(?:mt5Password|mt5_password|password|api_key|auth_token)"\s*:\s*")((?:[^"\\]|\\.)*)(")')
_KEY_SHAPED = re.compile(r"sk_(?:live|test)_[A-Za-z0-9_]{8,}")


class Redactor:
    """Replace known secrets by names such as `$TONPO_API_KEY`, and whatever looks like a secret by `***`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._pattern: re.Pattern[str] | None = None
        self._lookup: dict[str, str] = {}

    def register(self, secret: str, name: str) -> None:
        """Hide `secret` behind `$name` from now on; the first name given to a secret stays."""
        if not secret or secret in self._names:
            return
        self._names[secret] = f"${name}"
        if len(secret) < SHORTEST_REPLACED or secret in PUBLIC:
            return
        for shape in _shapes(secret):
            self._lookup.setdefault(shape, f"${name}")
        longest_first = sorted(self._lookup, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    @property
    def names(self) -> tuple[str, ...]:
        """Return the placeholders in use, such as `$TONPO_API_KEY`."""
        return tuple(dict.fromkeys(self._names.values()))

    def secrets(self, name: str) -> list[str]:
        """Return the secrets whose placeholder starts with `name`."""
        return [secret for secret, placeholder in self._names.items() if placeholder.startswith(f"${name}")]

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        if self._pattern is not None:
            text = self._pattern.sub(lambda match: self._lookup[match.group()], text)
        text = _ANNOUNCED.sub(self._hide_field, text)
        return _KEY_SHAPED.sub("***", text)

    def _hide_field(self, match: re.Match[str]) -> str:
        before, value, after = match.groups()
        if not value or value.startswith("$"):
            return match.group()
        return f"{before}{self._names.get(value, '***')}{after}"


def _shapes(secret: str) -> set[str]:
    """Return how a secret looks in plain text, JSON, a URL, a form, HTML and a Python literal."""
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        escape(secret),
        repr(secret)[1:-1],
    }
