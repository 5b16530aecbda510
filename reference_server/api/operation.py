"""What a handler is given and what it gives back: the seam between the pipeline and the use cases."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from reference_server.domain.errors import ApiKeyMissing
from reference_server.domain.user import User

Json = dict[str, Any]
RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Answer:
    """A JSON object with headers of its own."""

    document: Json
    headers: RawHeaders = ()


class Call(msgspec.Struct):
    """One request, already authenticated, limited and validated.

    `body` is the JSON object sent, or {} where none is needed; `parameters` hold path, query and header values by the
    names of the contract; `client` is the caller's address.
    """

    user: User | None
    parameters: Json
    body: Json
    client: str

    @property
    def caller(self) -> User:
        """The user of an operation that needs a key."""
        if self.user is None:
            raise ApiKeyMissing
        return self.user

    @property
    def account_id(self) -> str | None:
        """The account that the call names, None for the user's only one."""
        found: str | None = self.parameters.get("X-Account-ID")
        return found


Handler = Callable[[Call], Awaitable[Json | Answer | bytes]]
"""Calls one use case and shapes its result; bytes are encoded already. The contract gives the status of the answer."""

Handlers = Mapping[str, Handler]
"""By operationId."""
