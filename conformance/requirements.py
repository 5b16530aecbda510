"""Read the ledger of normative requirements, `spec/requirements.yaml`."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from conformance.errors import CatalogueError
from spec.documents import REQUIREMENTS_PATH, SourceError, load_requirements

__all__ = ["Ledger", "Level", "Requirement", "load_ledger"]


class Level(StrEnum):
    """How binding a requirement is (RFC 2119)."""

    MUST = "MUST"
    SHOULD = "SHOULD"
    MAY = "MAY"


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row of the ledger. `unobservable` is the reason why it cannot be seen from outside, when it cannot."""

    id: str
    level: Level
    profile: str
    text: str
    source: str
    capability: str | None = None
    unobservable: str | None = None


@dataclass(frozen=True, slots=True)
class Ledger:
    """All requirements, by id, in the order of the document."""

    rows: dict[str, Requirement]

    def __contains__(self, identifier: object) -> bool:
        return identifier in self.rows

    def __getitem__(self, identifier: str) -> Requirement:
        return self.rows[identifier]

    def __iter__(self) -> Iterator[Requirement]:
        return iter(self.rows.values())

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def capabilities(self) -> tuple[str, ...]:
        """Return the names of the extended profile's capabilities, in order of appearance."""
        return tuple(dict.fromkeys(row.capability for row in self if row.capability))


def load_ledger(path: Path | None = None) -> Ledger:
    """Read the ledger, by default the packaged one. Raises CatalogueError naming the row that is wrong."""
    name = (path or REQUIREMENTS_PATH).name
    try:
        document = load_requirements(path)
    except SourceError as problem:
        raise CatalogueError(f"the ledger of requirements cannot be read: {problem}") from problem
    rows = document.get("requirements")
    if not isinstance(rows, list) or not rows:
        raise CatalogueError(f"{name}: expected a list of requirements")
    requirements = [_row(row, name) for row in rows]
    by_id = {requirement.id: requirement for requirement in requirements}
    if len(by_id) != len(requirements):
        raise CatalogueError(f"{name}: an id is used twice")
    return Ledger(by_id)


def _row(row: Any, name: str) -> Requirement:
    if not isinstance(row, dict) or "id" not in row:
        raise CatalogueError(f"{name}: a row is not a mapping with an id: {row!r}")
    try:
        is_observable = row["observable"] is True
        return Requirement(
            id=str(row["id"]),
            level=Level(row["level"]),
            profile=str(row["profile"]),
            text=str(row["text"]),
            source=str(row["source"]),
            capability=row.get("capability"),
            unobservable=None if is_observable else str(row["why"]),
        )
    except (KeyError, ValueError) as problem:
        raise CatalogueError(f"{name}: {row['id']}: {problem}") from problem
