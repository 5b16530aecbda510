"""Turns errors into answers: the docs' `{error, code, type}` with `reason`, `request_id` and, for 400, `details`."""

from __future__ import annotations

import math
from typing import Any

import orjson

from reference_server.api.error_table import row_of
from reference_server.domain.errors import GatewayError, LimitExceeded, MethodNotAllowed

RETRY_SECONDS = 1.0
"""What 503 answers advise when the error does not know better: a lost terminal is reconnected within seconds."""

RawHeaders = list[tuple[bytes, bytes]]

REPLAYED = (b"idempotency-replayed", b"true")
"""Header of a stored answer to an earlier request with the same key."""


class MethodMissing(MethodNotAllowed):
    """A path without this method. `allowed` are the methods that it has."""

    def __init__(self, method: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not possible here: this path takes {' and '.join(allowed)}.")
        self.allowed = allowed


def error_body(error: GatewayError, request_id: str) -> dict[str, Any]:
    """Return the JSON body of an error."""
    status, kind = row_of(error)
    body: dict[str, Any] = {
        "error": error.message,
        "code": status,
        "type": kind,
        "reason": error.reason,
        "request_id": request_id,
    }
    if status == 400:
        body["details"] = [{"field": one.field, "message": one.message} for one in error.violations]
    return body


def retry_after(error: GatewayError, status: int) -> int | None:
    """Return the seconds for `Retry-After`, at least 1, or None where the header has no place."""
    if isinstance(error, LimitExceeded) or status == 503:
        seconds = RETRY_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
        return max(1, math.ceil(seconds))
    return None


def error_answer(error: GatewayError, request_id: str) -> tuple[int, RawHeaders, bytes]:
    """Return status, headers and encoded body of an error, without `X-Request-ID`."""
    body = error_body(error, request_id)
    status: int = body["code"]
    content = orjson.dumps(body)
    headers: RawHeaders = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
    seconds = retry_after(error, status)
    if seconds is not None:
        headers.append((b"retry-after", b"%d" % seconds))
    if status == 401:
        headers.append((b"www-authenticate", b'ApiKey realm="tonpo"'))
    if error.is_replayed:
        headers.append(REPLAYED)
    if isinstance(error, MethodMissing):
        headers.append((b"allow", ", ".join(error.allowed).encode("ascii")))
    return status, headers, content
