"""Where the gateway is, as its user writes it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from reference_server.domain.nodes import NODE_PATH
from reference_server.node.refusals import AgentRefused


@dataclass(frozen=True, slots=True)
class GatewayAddress:
    """A gateway's URL. `dialled` is where its nodes connect."""

    shown: str
    dialled: str
    is_secure: bool
    is_loopback: bool


def parse_gateway(url: str, *, may_be_plain: bool = False) -> GatewayAddress:
    """Read the URL that its users have for the gateway; a path in front of /api is kept. Raises AgentRefused.

    Plain HTTP is refused unless it stays on this machine: the account's password travels to the agent.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as wrong:
        raise AgentRefused(f"--gateway {url!r}: {wrong}") from wrong
    if parts.username or parts.password:
        raise AgentRefused("--gateway: a URL with a password is not taken; the node has a key of its own.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise AgentRefused(
            f"--gateway {url!r}: expected a URL such as https://gateway.example or http://localhost:8080."
        )
    is_loopback = _is_loopback(parts.hostname)
    is_secure = parts.scheme == "https"
    if not (is_secure or is_loopback or may_be_plain):
        raise AgentRefused(
            f"--gateway {url!r}: plain HTTP would show the account's password to the network. Use https, or give "
            "--insecure-plain-http where the way is safe by itself."
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port is None else f"{host}:{port}"
    path = parts.path.rstrip("/")
    shown = SplitResult(parts.scheme, place, path, "", "").geturl()
    dialled = SplitResult("wss" if is_secure else "ws", place, path + NODE_PATH, "", "").geturl()
    return GatewayAddress(shown, dialled, is_secure, is_loopback)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
