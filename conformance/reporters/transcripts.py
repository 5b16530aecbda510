"""The record of what went over the wire, as plain data for a report."""

from collections.abc import Collection, Sequence
from typing import Any

from conformance.curl import curl_command
from conformance.exchange import Entry, Exchange, Frame, Headers
from conformance.reporters.legible import Legible

__all__ = ["chosen_entries", "describe_entry"]

FIRST_ENTRIES = 60
LAST_ENTRIES = 120
"""How many entries at both ends of a long transcript are kept, besides those that findings cite."""

CITED_CHARACTERS = 20_000
OTHER_CHARACTERS = 2_000
"""How much of a body or a frame is kept: more of it where a finding cites the entry."""

MOST_HEADERS = 60
MOST_HEADER_CHARACTERS = 2_000


def chosen_entries(entries: Sequence[Entry], cited: Collection[int | None]) -> list[Entry]:
    """Return the entries worth keeping: both ends, each cited one and its neighbours."""
    if len(entries) <= FIRST_ENTRIES + LAST_ENTRIES:
        return list(entries)
    near = {number + step for number in cited if number is not None for step in (-1, 0, 1)}
    last = len(entries) - LAST_ENTRIES
    return [
        entry for index, entry in enumerate(entries) if index < FIRST_ENTRIES or index >= last or entry.number in near
    ]


def describe_entry(entry: Entry, *, is_cited: bool, legible: Legible) -> dict[str, Any]:
    """Return an entry as JSON-shaped data, without secrets."""
    most = CITED_CHARACTERS if is_cited else OTHER_CHARACTERS
    if isinstance(entry, Frame):
        return {
            "kind": "frame",
            "number": entry.number,
            "at_ms": round(entry.at_ms, 1),
            "connection": legible(entry.connection),
            "direction": entry.direction,
            "text": legible(entry.text, most),
        }
    return _describe_exchange(entry, most, legible)


def _describe_exchange(exchange: Exchange, most: int, legible: Legible) -> dict[str, Any]:
    request, response = exchange.request, exchange.response
    return {
        "kind": "exchange",
        "number": exchange.number,
        "at_ms": round(exchange.started_ms, 1),
        "duration_ms": round(exchange.duration_ms, 1),
        "user": legible(exchange.user),
        "operation": exchange.operation,
        "request": {
            "method": legible(request.method),
            "url": legible(request.url, MOST_HEADER_CHARACTERS),
            "headers": _headers(request.headers, legible),
            "body": None if request.body is None else _body(request.body, most, legible),
        },
        "response": {
            "status": response.status,
            "headers": _headers(response.headers, legible),
            "body": _body(response.body, most, legible),
        },
        "curl": legible(curl_command(request, legible.redactor)),
    }


def _headers(headers: Headers, legible: Legible) -> list[list[str]]:
    return [
        [legible(name, MOST_HEADER_CHARACTERS), legible(value, MOST_HEADER_CHARACTERS)]
        for name, value in headers[:MOST_HEADERS]
    ]


def _body(body: bytes, most: int, legible: Legible) -> dict[str, Any]:
    return {"bytes": len(body), "text": legible(body.decode("utf-8", "replace"), most)}
