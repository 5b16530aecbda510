"""Rules for the ledger of requirements."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from spec.documents import all_capabilities
from spec.lint.finding import Say
from spec.lint.openapi import known_capabilities
from spec.lint.project import Project
from spec.yaml_source import JsonPath, Source

_SCHEMA = Path(__file__).parent.parent / "requirements.schema.json"


def check_ledger(project: Project, source: Source, say: Say) -> None:
    """Report every row that breaks the ledger's schema, repeats an id or names an unknown capability."""
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    for error in Draft7Validator(schema).iter_errors(source.data):
        path, message = _explained(error)
        say(path, "ledger-schema", _named_row(source.data, path) + message)
    seen: set[str] = set()
    known = _capabilities(project)
    for path, row in _rows(source.data):
        identifier = row.get("id")
        if isinstance(identifier, str):
            if identifier in seen:
                say((*path, "id"), "ledger-id-unique", f"{identifier} is used twice")
            seen.add(identifier)
        capability = row.get("capability")
        if known and isinstance(capability, str) and capability not in known:
            say(
                (*path, "capability"),
                "ledger-capability",
                f"{identifier}: the contract has no capability {capability}",
            )


def _explained(error: Any) -> tuple[JsonPath, str]:
    path = tuple(error.absolute_path)
    if error.validator == "required" and "capability" in error.message:
        return path, "a requirement of the extended profile names its capability"
    if error.validator == "not" and error.validator_value == {"required": ["why"]}:
        return (*path, "why"), "only what cannot be observed says why"
    if error.validator == "not":
        return (*path, "capability"), "only a requirement of the extended profile names a capability"
    if error.validator == "required" and "why" in error.message:
        return path, "what cannot be observed says why"
    if error.validator == "pattern" and path[-1:] == ("id",):
        return path, "an id is TONPO-, two to five capitals, and a number in tens: TONPO-ORD-070"
    if error.validator == "pattern":
        return path, f"{path[-1]} is empty or malformed: {error.instance!r}"
    cause = best_match([error])
    return tuple(cause.absolute_path), cause.message.splitlines()[0][:200]


def _capabilities(project: Project) -> frozenset[str]:
    named: set[str] = set()
    for source in [*project.documents("openapi"), *project.documents("asyncapi")]:
        named |= all_capabilities(source.data)
        named.update(known_capabilities(source))
    return frozenset(named)


def _named_row(document: Any, path: JsonPath) -> str:
    if len(path) < 2 or not isinstance(path[1], int):
        return ""
    row = document["requirements"][path[1]]
    identifier = row.get("id") if isinstance(row, dict) else None
    return f"{identifier or f'row {path[1] + 1}'}: "


def _rows(document: Any) -> Iterator[tuple[JsonPath, dict[str, Any]]]:
    rows = document.get("requirements") if isinstance(document, dict) else None
    for index, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, dict):
            yield ("requirements", index), row
