"""Reading one setting from what a flag, the environment or a file gives: a value, or ValueError with what would do."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

from reference_server.terminals.adapter.zones import ServerZone


def text(value: object) -> str:
    """Read a text."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text that is not empty")
    return value


def path(value: object) -> Path:
    """Read a path; ~ is the home directory."""
    return value if isinstance(value, Path) else Path(text(value)).expanduser()


def switch(value: object) -> bool:
    """Read true or false, also from words."""
    words = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
    if isinstance(value, bool):
        return value
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError("expected true or false")
    return words[value.lower()]


def whole(low: int, high: int) -> Callable[[object], int]:
    """Make a reader of whole numbers from `low` to `high`."""

    def read(value: object) -> int:
        complaint = f"expected a whole number from {low} to {high}"
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError(complaint)
        try:
            number = int(value)
        except ValueError:
            raise ValueError(complaint) from None
        if not low <= number <= high:
            raise ValueError(complaint)
        return number

    return read


def one_of(*choices: str) -> Callable[[object], str]:
    """Make a reader of one of these words."""

    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"expected {choices[0] if len(choices) == 1 else 'one of ' + ', '.join(choices)}")
        return str(value)

    return read


def networks(value: object) -> tuple[str, ...]:
    """Read addresses or networks as 10.0.0.0/8, several with commas between or as a list."""
    complaint = "expected networks such as 10.0.0.0/8, several with commas between"
    listed = [one.strip() for one in value.split(",")] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        raise ValueError(complaint)
    read: list[str] = []
    for one in listed:
        try:
            read.append(str(ipaddress.ip_network(one)))
        except ValueError as wrong:
            raise ValueError(f"{complaint}: {wrong}") from None
    return tuple(read)


def places(value: object) -> tuple[tuple[str, int], ...]:
    """Read HOST:PORT, several with commas between or as a list."""
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        raise ValueError("expected HOST:PORT, several with commas between")
    return tuple(_place(one) for one in listed)


def zones(value: object) -> tuple[tuple[str, str], ...]:
    """Read SERVER=ZONE, several with commas between or as a list: the clocks of brokers' servers."""
    complaint = "expected SERVER=ZONE, several with commas between"
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)):
        raise ValueError(complaint)
    read: list[tuple[str, str]] = []
    for one in listed:
        server, _, zone = one.strip().partition("=") if isinstance(one, str) else ("", "", "")
        if not (server and zone):
            raise ValueError(f"{complaint}, and {one!r} is none")
        ServerZone.parse(zone)
        read.append((server.strip(), zone.strip()))
    return tuple(read)


def _place(value: object) -> tuple[str, int]:
    host, _, port = value.strip().rpartition(":") if isinstance(value, str) else ("", "", "")
    if not (host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ValueError(f"expected HOST:PORT, several with commas between, and {value!r} is none")
    return host, int(port)
