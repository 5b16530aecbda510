"""Read answers about trades: numbers exactly as they were written, tickets, and whether an order was refused."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from conformance.exchange import Exchange

__all__ = [
    "Row",
    "decimals",
    "is_accepted",
    "is_refused",
    "is_same_number",
    "net_volume",
    "number",
    "other_side",
    "ticket_of",
    "told",
]

Row = dict[str, Any]
"""One position as the gateway lists it."""


def is_refused(answer: Exchange) -> bool:
    """Say whether an answer is a refusal: an error status, or 2xx with `success` false (TONPO-ORD-180)."""
    return answer.status >= 400 or (200 <= answer.status < 300 and answer.document.get("success") is False)


def is_accepted(answer: Exchange) -> bool:
    """Say whether an answer is 2xx and no refusal."""
    return 200 <= answer.status < 300 and not is_refused(answer)


def number(value: object) -> Decimal | None:
    """Return a JSON number as the exact decimal that was written; None for anything else, true and false included."""
    return Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None


def is_same_number(first: object, second: object) -> bool:
    """Say whether two JSON numbers are the same, written as decimals: 0.3 and 0.30000000000000004 are not."""
    return number(first) is not None and number(first) == number(second)


def net_volume(rows: Iterable[Row]) -> Decimal:
    """Return the lots that are bought less those that are sold."""
    return sum(((number(row.get("volume")) or Decimal(0)) * (-1 if row.get("side") == "sell" else 1) for row in rows),
               Decimal(0))  # fmt: skip


def ticket_of(row: Row) -> int | None:
    """Return the ticket of a position, or None when it is no integer."""
    ticket = row.get("ticket")
    return ticket if isinstance(ticket, int) and not isinstance(ticket, bool) else None


def told(answer: Exchange) -> str:
    """Return the status and the start of the body of an answer, to be shown in a finding."""
    return f"HTTP {answer.status} {answer.response.body[:200].decode(errors='replace')}"


def other_side(side: str) -> str:
    """Return `sell` for `buy` and the reverse."""
    return "sell" if side == "buy" else "buy"


def decimals(value: Decimal) -> int:
    """Return how many decimals a number shows."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
