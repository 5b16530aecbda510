"""Addresses of clients: which part of one tells clients apart."""

from __future__ import annotations

import ipaddress


def client_network(address: str) -> str:
    """Return the part of an address that tells clients apart: an IPv6 client has 64 bits of addresses to choose from.

    What is no address, such as `unknown`, stays what it is.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))
