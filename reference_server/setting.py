"""What one setting is: how its text is read, its unit, and why its default is what it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a setting is: how its text is read (raises ValueError), its unit, why the default is what it is."""

    read: Callable[[object], object]
    unit: str
    reason: str
    is_secret: bool = False


def means(
    read: Callable[[object], object], unit: str, reason: str, *, is_secret: bool = False
) -> Mapping[str, Meaning]:
    """Return the metadata of a field of settings."""
    return {"meaning": Meaning(read, unit, reason, is_secret)}
