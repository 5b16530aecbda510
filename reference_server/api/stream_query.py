"""What the query of `/ws` says, read before the upgrade. Source: spec/asyncapi.yaml, the bindings of the channel."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Scope

from reference_server.api.keys import clear_key
from reference_server.domain.errors import ApiKeyMissing, InvalidParameter, Violation

_NUMBER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST: Final = 2**63 - 1
_LONGEST_ID: Final = 128
_MOST_FIELDS: Final = 100


@dataclass(frozen=True, slots=True)
class StreamQuery:
    """Which account a socket is for, and the number of the last account event that its client knows."""

    account_id: str | None = None
    since_seq: int | None = None


def key_of(scope: Scope) -> str:
    """Return the key of the header, else of the query. Raises ApiKeyMissing, ApiKeyInvalid."""
    try:
        return clear_key(scope["headers"])
    except ApiKeyMissing:
        for name, value in _pairs(scope):
            if name == "api_key" and value:
                return value
        raise ApiKeyMissing("Invalid or missing API key: send it in the X-API-Key header or as ?api_key=.") from None


def read_query(scope: Scope) -> StreamQuery:
    """Return what the query asks for; what the contract does not name is ignored. Raises InvalidParameter."""
    found: dict[str, str] = {}
    for name, value in _pairs(scope):
        if name in ("account_id", "since_seq"):
            if name in found:
                raise _wrong(name, "must be given once")
            found[name] = value
    account_id, since = found.get("account_id"), found.get("since_seq")
    if account_id is not None and not 0 < len(account_id) <= _LONGEST_ID:
        raise _wrong("account_id", f"must have 1 to {_LONGEST_ID} characters")
    if since is None:
        return StreamQuery(account_id)
    if not _NUMBER.fullmatch(since) or int(since) > _LARGEST:
        raise _wrong("since_seq", "must be a whole number from 0 on")
    return StreamQuery(account_id, int(since))


def _pairs(scope: Scope) -> list[tuple[str, str]]:
    query: str = scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise InvalidParameter(f"The query has more than {_MOST_FIELDS} fields.") from None


def _wrong(name: str, problem: str) -> InvalidParameter:
    return InvalidParameter(f"The parameter {name} {problem}.", violations=(Violation(name, problem),))
