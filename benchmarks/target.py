"""A server that is measured: its process, its port, and the requests that it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.child import Child

PRICE_EXPECTED = '"bid":'


@dataclass(frozen=True, slots=True)
class HttpTarget:
    """One server. Each list of requests is sent in turn; `order_expected` is in the answer to a good order."""

    child: Child
    port: int
    prices: list[str] = field(repr=False)
    orders: list[str] = field(repr=False)
    order_expected: str


def request_text(method: str, path: str, headers: Mapping[str, str], body: str = "") -> str:
    """Compose a request whole, as it is sent."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", body])
