"""Which address a request comes from: the peer's, or what a trusted proxy says of it.

`X-Forwarded-For` and `Forwarded` (RFC 7239) can be sent by anyone: they are believed only from the proxies that the
operator named, and of what they list only the rightmost hop that is no such proxy. What stands left of it was written
by someone who is not trusted.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from starlette.types import Scope

UNKNOWN = "unknown"

_MOST_HOPS = 32
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class TrustedProxies:
    """The networks whose forwarding headers are believed."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ipaddress.ip_network(one) for one in networks)

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self._networks)

    def trusts(self, address: str) -> bool:
        """Whether this is the address of a trusted proxy."""
        parsed = _parsed(address)
        return parsed is not None and self._trusts(parsed)

    def client_of(self, scope: Scope) -> str:
        """Return the client's address: the peer's, unless a trusted proxy names another."""
        peer = peer_of(scope)
        if not self._networks or not self.trusts(peer):
            return peer
        client = peer
        for hop in reversed(_hops(scope)):
            parsed = _parsed(hop)
            if parsed is None:
                break
            client = str(parsed)
            if not self._trusts(parsed):
                break
        return client

    def _trusts(self, address: _Address) -> bool:
        return any(address in network for network in self._networks)


def peer_of(scope: Scope) -> str:
    """Return the address of whoever is at the other end of the connection."""
    client = scope.get("client")
    return client[0] if client else UNKNOWN


def _hops(scope: Scope) -> list[str]:
    """Return what the proxies wrote, nearest last: X-Forwarded-For where there is one, else Forwarded."""
    listed: dict[bytes, list[str]] = {b"x-forwarded-for": [], b"forwarded": []}
    for name, value in scope["headers"]:
        if name in listed:
            listed[name].extend(value.decode("latin-1").split(","))
    hops = listed[b"x-forwarded-for"] or [_forwarded_for(one) for one in listed[b"forwarded"]]
    return hops[-_MOST_HOPS:]


def _forwarded_for(element: str) -> str:
    for pair in element.split(";"):
        name, _, value = pair.partition("=")
        if name.strip().lower() == "for":
            return value.strip().strip('"')
    return ""


def _parsed(hop: str) -> _Address | None:
    """Read an address, also with a port, in brackets, or IPv4 within IPv6. None for `unknown` and the like."""
    text = hop.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
