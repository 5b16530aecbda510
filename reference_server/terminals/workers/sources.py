"""Where a worker process gets the module of one terminal from."""

from __future__ import annotations

import msgspec


class Hosted(msgspec.Struct, frozen=True, tag=True):
    """A terminal of the simulated broker that lives in the worker itself.

    `configuration`: file of the simulator, or None; `state_directory`: where its accounts are kept, or None.
    """

    seed: int = 1
    configuration: str | None = None
    state_directory: str | None = None


class Served(msgspec.Struct, frozen=True, tag=True):
    """A terminal of a simulated broker that is served at `address` by another process; a port wants its `token`."""

    address: str
    token: str = ""


class Installed(msgspec.Struct, frozen=True, tag=True):
    """A terminal on this machine, through the `MetaTrader5` package. `path`: its terminal64.exe."""

    path: str
    portable: bool = True
    timeout_ms: int = 60_000


class Bridged(msgspec.Struct, frozen=True, tag=True):
    """A terminal behind an `mt5linux` server, which runs where the `MetaTrader5` package does (Wine).

    `path`: of terminal64.exe as that side sees it; None for the one that the package finds there.
    """

    host: str
    port: int
    path: str | None = None
    portable: bool = False
    timeout_ms: int = 60_000


class OfNode(msgspec.Struct, frozen=True, tag=True):
    """The terminal of the account's node: what that is, the agent there tells its worker itself (`protocol.Given`)."""


OwnSource = Hosted | Served | Installed | Bridged
"""What is on the machine that a worker runs on."""

Source = OwnSource | OfNode
