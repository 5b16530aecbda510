"""X-API-Key to user. Source: Tonpo docs, "Authentication"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from starlette.types import Scope

from reference_server.domain.errors import ApiKeyInvalid, ApiKeyMissing
from reference_server.domain.user import User

Authenticate = Callable[[str], Awaitable[User]]
"""Returns the user of a key in clear. Raises ApiKeyInvalid."""

_LONGEST_KEY = 256
_KEY = "tonpo.key"


def key_of_request(scope: Scope) -> str:
    """Return the key that a request carries, read once. Raises as `clear_key` does."""
    key: str | None = scope.get(_KEY)
    if key is None:
        key = scope[_KEY] = clear_key(scope["headers"])
    return key


def clear_key(headers: Sequence[tuple[bytes, bytes]]) -> str:
    """Return the key that a request carries. Raises ApiKeyMissing, and ApiKeyInvalid for what cannot be one."""
    found = [value for name, value in headers if name == b"x-api-key"]
    if not found or not found[0].strip():
        raise ApiKeyMissing
    if len(found) > 1 or len(found[0]) > _LONGEST_KEY:
        raise ApiKeyInvalid
    try:
        return found[0].strip().decode("ascii")
    except UnicodeDecodeError:
        raise ApiKeyInvalid from None
