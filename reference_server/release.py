"""Which version of the gateway this is."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def gateway_version() -> str:
    """Return the version of the installed distribution."""
    try:
        return version("tonpo-spec")
    except PackageNotFoundError:
        return "0+unknown"
