"""Client addresses."""

from __future__ import annotations

import ipaddress


def network_of(address: str) -> str:
    """The part of an address that tells clients apart: an IPv6 client has 64 bits of addresses to choose from."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
