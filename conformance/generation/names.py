"""Headers whose generated values would miss their point: the account of a call, and its idempotency key."""

import itertools
import re
import secrets
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field

from conformance.contract import ACCOUNT_HEADER, Operation
from conformance.holdings import User

__all__ = ["OwnNames"]

IDEMPOTENCY_HEADER = "Idempotency-Key"

_ACCOUNT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class OwnNames:
    """Replaces values that the contract allows, and leaves those that it does not: these have to be refused.

    An invented account id would turn every request into a 404, so it becomes the id of the user's account. An invented
    idempotency key may come twice, with different bodies, and a gateway is right to refuse that: each request gets a
    key of its own, which no other run has either, since gateways keep keys longer than a run lasts.
    """

    prefix: str = field(default_factory=lambda: f"generated-{secrets.token_hex(6)}-")
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def put_into(self, headers: MutableMapping[str, str], user: User | None, operation: Operation) -> None:
        """Change the headers of a request of `user` to an operation."""
        account = user.account if user is not None else None
        if _ACCOUNT.fullmatch(headers.get(ACCOUNT_HEADER, "-")):
            is_named = ACCOUNT_HEADER in headers or (user is not None and user.has_several_accounts)
            headers.pop(ACCOUNT_HEADER, None)
            if is_named and account is not None and operation.takes_account:
                headers[ACCOUNT_HEADER] = account.id
        if _KEY.fullmatch(headers.get(IDEMPOTENCY_HEADER, "")):
            headers[IDEMPOTENCY_HEADER] = f"{self.prefix}{next(self.numbers)}"
