"""Schemas: each one and each property is described and exemplified, and each example is valid."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError, best_match
from openapi_schema_validator import OAS30Validator, oas30_format_checker
from referencing.exceptions import Unresolvable

from spec.lint.finding import Say, where
from spec.lint.project import Project, mapping
from spec.yaml_source import JsonObject, JsonPath, Source

OPENAPI_SCHEMA_FORMAT = "application/vnd.oai.openapi;version=3.0.0"
_SCHEMA_LISTS = ("allOf", "anyOf", "oneOf")


@dataclass(frozen=True, slots=True)
class SchemaLint:
    """The checks of one schema tree within one document."""

    project: Project
    source: Source
    say: Say

    def components(self) -> None:
        """Report what is wrong with the document's shared schemas."""
        for name, schema in mapping(self.source.data, "components", "schemas").items():
            path: JsonPath = ("components", "schemas", name)
            self.described(schema, path, named=True)
            self.examples_within(schema, path)

    def described(self, schema: Any, path: JsonPath, *, named: bool, refined: frozenset[str] = frozenset()) -> None:
        """Report a schema or property without description or example.

        `named` for a shared schema; `refined` are properties that the enclosing schema describes already.
        """
        if not isinstance(schema, dict) or "$ref" in schema:
            return
        if named and not schema.get("description"):
            self.say(path, "schema-description", f"{where(path)} has no description")
        if named and "properties" not in schema and not self._exemplified(schema):
            self.say(path, "schema-example", f"{where(path)} has no example")
        for name, value in _items(schema.get("properties")):
            place = (*path, "properties", name)
            if not isinstance(value, dict) or "$ref" in value or name in refined:
                continue
            if not value.get("description"):
                self.say(place, "property-description", f"property {name} has no description")
            if not self._exemplified(value) and not _covers(schema.get("example"), name):
                self.say(place, "property-example", f"property {name} has no example")
            self.described(value, place, named=False)
        own = refined | frozenset(name for name, _ in _items(schema.get("properties")))
        for child, place in _children(schema, path):
            self.described(child, place, named=False, refined=own if place[-2] in _SCHEMA_LISTS else frozenset())

    def _exemplified(self, schema: JsonObject) -> bool:
        if "example" in schema or "examples" in schema or "$ref" in schema:
            return True
        items = schema.get("items")
        if isinstance(items, dict) and self._exemplified(items):
            return True
        if isinstance(schema.get("properties"), dict):
            return True  # its own properties are asked one by one
        return any(self._exemplified(one) for key in _SCHEMA_LISTS for one in _list(schema.get(key)))

    def examples_within(self, schema: Any, path: JsonPath) -> None:
        """Validate every `example` that a schema tree holds against the part it belongs to."""
        if not isinstance(schema, dict) or "$ref" in schema:
            return
        if "example" in schema:
            self.valid(schema["example"], path, (*path, "example"))
        for index, value in enumerate(schema["examples"] if isinstance(schema.get("examples"), list) else []):
            self.valid(value, path, (*path, "examples", index), openapi=False)
        for name, value in _items(schema.get("properties")):
            self.examples_within(value, (*path, "properties", name))
        for child, place in _children(schema, path):
            self.examples_within(child, place)

    def valid(self, value: Any, schema_path: JsonPath, value_path: JsonPath, *, openapi: bool = True) -> None:
        """Report where a value breaks the schema at a path of this document."""
        pointer = "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in schema_path)
        reference = {"$ref": f"{self.source.path.resolve().as_uri()}#{pointer}"}
        registry = self.project.registry()
        validator = (
            OAS30Validator(reference, registry=registry, format_checker=oas30_format_checker)
            if openapi
            else Draft7Validator(reference, registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)
        )
        try:
            for error in validator.iter_errors(value):
                cause = best_match([error])
                found = f"{where(tuple(cause.absolute_path))}: " if cause.absolute_path else ""
                self.say((*value_path, *cause.absolute_path), "example-invalid", found + _short(cause.message))
        except (Unresolvable, SchemaError, ValueError, TypeError) as error:
            self.say(schema_path, "schema-unusable", _short(str(error)))


def _children(schema: JsonObject, path: JsonPath) -> Iterator[tuple[Any, JsonPath]]:
    for key in ("items", "additionalProperties", "not"):
        if isinstance(schema.get(key), dict):
            yield schema[key], (*path, key)
    for key in _SCHEMA_LISTS:
        for index, one in enumerate(_list(schema.get(key))):
            yield one, (*path, key, index)


def _items(node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict):
        yield from node.items()


def _list(node: Any) -> list[Any]:
    return [one for one in node if isinstance(one, dict)] if isinstance(node, list) else []


def _covers(example: Any, name: str) -> bool:
    return isinstance(example, dict) and name in example


def _short(text: str) -> str:
    line = text.strip().splitlines()[0] if text.strip() else "is invalid"
    return line if len(line) <= 300 else f"{line[:297]}..."
