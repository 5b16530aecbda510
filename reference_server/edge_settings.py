"""Settings of the gateway's edge and operation: proxies, limits by address, TLS, drain, metrics, pages."""

from __future__ import annotations

from dataclasses import dataclass, field

from reference_server import reading
from reference_server.setting import means


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """The part of `Settings` that is about clients in general and about looking after the process."""

    metrics_port: int = field(
        default=0,
        metadata=means(reading.whole(0, 65535), "TCP port", "off (0): figures for Prometheus have a port of their own"),
    )
    metrics_host: str = field(
        default="127.0.0.1",
        metadata=means(reading.text, "address", "metrics need no key, so they are for this machine only"),
    )
    docs_pages: bool = field(
        default=True, metadata=means(reading.switch, "switch", "/docs needs no key and shows what the contract shows")
    )
    public_requests_per_minute: int = field(
        default=600,
        metadata=means(
            reading.whole(0, 1_000_000),
            "requests that no key decides over, per minute and client address, 0 for any",
            "a probe a second, ten times over",
        ),
    )
    failed_authentications_per_minute: int = field(
        default=60,
        metadata=means(
            reading.whole(0, 1_000_000),
            "refused keys per minute and client address, 0 for any",
            "a mistake a second; then 429 in place of 401",
        ),
    )
    max_connections: int = field(
        default=10_000,
        metadata=means(reading.whole(1, 1_000_000), "connections", "each costs a file and some kilobytes"),
    )
    max_connections_per_address: int = field(
        default=1_000,
        metadata=means(
            reading.whole(1, 1_000_000), "connections per client address", "one client must not take them all"
        ),
    )
    trusted_proxies: tuple[str, ...] = field(
        default=(),
        metadata=means(
            reading.networks, "NETWORK,...", "nobody's word about the client's address is believed unless listed here"
        ),
    )
    tls_min_version: str = field(
        default="1.2",
        metadata=means(reading.one_of("1.2", "1.3"), "TLS version", "every client of the last decade has 1.2"),
    )
    drain_seconds: int = field(
        default=0,
        metadata=means(
            reading.whole(0, 3_600),
            "seconds",
            "how long a stopping gateway serves on while /health/ready says 503, for load balancers",
        ),
    )
