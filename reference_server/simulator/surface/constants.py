"""The names of the genuine package: functions, constants, fields of the result types; read from surface.json."""

import json
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import Any


def _read() -> dict[str, Any]:
    text = resources.files(__package__).joinpath("surface.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text)
    return content


_SURFACE = _read()

CONSTANTS: Mapping[str, int] = MappingProxyType(_SURFACE["constants"])
"""Every integer constant of `MetaTrader5` 5.0.6231, by name."""

FUNCTIONS: tuple[str, ...] = tuple(_SURFACE["functions"])
"""Every function of the package, `Buy`, `Sell` and `Close` among them."""

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {name: tuple(fields) for name, fields in _SURFACE["fields"].items()}
)
"""Field names of every result type, in the package's order."""
