"""Rules for the OpenAPI document."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from openapi_spec_validator import OpenAPIV30SpecValidator

from spec.lint.finding import Say
from spec.lint.project import Project, mapping
from spec.lint.schemas import SchemaLint
from spec.yaml_source import JsonObject, JsonPath, Source

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def check_standard(source: Source, say: Say) -> None:
    """Report what openapi-spec-validator says; references must be sound."""
    try:
        for error in OpenAPIV30SpecValidator(source.data, base_uri=source.path.resolve().as_uri()).iter_errors():
            path = tuple(getattr(error, "absolute_path", None) or ())
            say(path, "openapi-standard", str(getattr(error, "message", error)).splitlines()[0][:300])
    except Exception as error:  # a document broken in a way that the validator itself does not survive
        say(
            (),
            "openapi-standard",
            f"the validator gives up: {type(error).__name__}: {str(error)[:150]}",
        )


@dataclass(frozen=True, slots=True)
class OpenApiLint:
    """The house rules for one OpenAPI document."""

    project: Project
    source: Source
    say: Say

    def run(self) -> None:
        """Report every broken rule."""
        document = self.source.data
        schemas = SchemaLint(self.project, self.source, self.say)
        schemas.components()
        for place, operation in self.operations():
            self._operation(place, operation)
        ids = Counter(str(one.get("operationId")) for _, one in self.operations() if "operationId" in one)
        for place, operation in self.operations():
            if ids[str(operation.get("operationId"))] > 1:
                self.say((*place, "operationId"), "operation-id-unique", f"{operation['operationId']} is used twice")
        for place, parameter in self._parameters():
            self._parameter(place, parameter, schemas)
        for place, media in _media_types(document, ()):
            self._media_type(place, media, schemas)
        self._reasons_used()
        self._capabilities_known(document, ())

    def operations(self) -> Iterator[tuple[JsonPath, JsonObject]]:
        """Yield each operation with its place."""
        for path, item in mapping(self.source.data, "paths").items():
            for method in METHODS:
                if isinstance(item, dict) and isinstance(item.get(method), dict):
                    yield ("paths", path, method), item[method]

    def reasons(self) -> list[str]:
        """Return the reasons that the Error schema allows."""
        return known_values(mapping(self.source.data, "components", "schemas", "Error", "properties", "reason"))

    def _operation(self, path: JsonPath, operation: JsonObject) -> None:
        name = operation.get("operationId") or f"{str(path[2]).upper()} {path[1]}"
        for key, rule in (("operationId", "operation-id"), ("summary", "operation-summary")):
            if not operation.get(key):
                self.say(path, rule, f"{name} has no {key}")
        if not operation.get("description"):
            self.say(path, "operation-description", f"{name} has no description")
        if not operation.get("x-source") and not operation.get("x-assumption"):
            self.say(path, "operation-source", f"{name} has neither x-source nor x-assumption")
        for status, response in mapping(operation, "responses").items():
            if str(status)[:1] in {"4", "5"} and isinstance(response, dict):
                self._error_response((*path, "responses", status), response, f"{name} {status}")

    def _error_response(self, path: JsonPath, response: JsonObject, name: str) -> None:
        resolved = self.project.resolved(self.source, response)
        schema = mapping(resolved, "content", "application/json", "schema")
        if not str(schema.get("$ref", "")).endswith("/schemas/Error"):
            self.say(path, "error-schema", f"{name} does not answer with the Error schema")
        reasons = response.get("x-reasons", resolved.get("x-reasons"))
        if not isinstance(reasons, list) or not reasons:
            self.say(path, "error-reasons", f"{name} lists no x-reasons")
            return
        for reason in reasons:
            if self.reasons() and reason not in self.reasons():
                self.say(path, "error-reason-unknown", f"{name}: {reason} is not a reason of the Error schema")

    def _reasons_used(self) -> None:
        used = {
            str(reason)
            for source in list(self.project.sources.values())
            for reasons in _values_of("x-reasons", source.data)
            if isinstance(reasons, list)
            for reason in reasons
        }
        place = ("components", "schemas", "Error", "properties", "reason")
        for reason in self.reasons():
            if reason not in used:
                self.say(place, "error-reason-unused", f"no response lists the reason {reason}")

    def _parameters(self) -> Iterator[tuple[JsonPath, JsonObject]]:
        document = self.source.data
        for kind in ("parameters", "headers"):
            for name, value in mapping(document, "components", kind).items():
                if isinstance(value, dict):
                    yield ("components", kind, name), value
        for path, item in mapping(document, "paths").items():
            places: list[tuple[JsonPath, Any]] = [(("paths", path), item)]
            places += [(("paths", path, method), item.get(method)) for method in METHODS if isinstance(item, dict)]
            for place, holder in places:
                for index, value in enumerate(holder.get("parameters", []) if isinstance(holder, dict) else []):
                    if isinstance(value, dict) and "$ref" not in value:
                        yield (*place, "parameters", index), value

    def _parameter(self, path: JsonPath, parameter: JsonObject, schemas: SchemaLint) -> None:
        name = parameter.get("name", path[-1])
        if not parameter.get("description"):
            self.say(path, "parameter-description", f"{name} has no description")
        schema = self.project.resolved(self.source, parameter.get("schema", {}))
        if "example" not in parameter and not parameter.get("examples") and "example" not in schema:
            self.say(path, "parameter-example", f"{name} has no example")
        schemas.examples_within(parameter.get("schema"), (*path, "schema"))
        for value, place in _examples(parameter, path):
            schemas.valid(value, (*path, "schema"), place)

    def _media_type(self, path: JsonPath, media: JsonObject, schemas: SchemaLint) -> None:
        if "schema" not in media:
            return
        schemas.described(media["schema"], (*path, "schema"), named=False)
        schemas.examples_within(media["schema"], (*path, "schema"))
        for value, place in _examples(media, path):
            schemas.valid(value, (*path, "schema"), place)

    def _capabilities_known(self, node: Any, path: JsonPath) -> None:
        known = known_capabilities(self.source)
        for place, names in _capabilities(node, path):
            for name in names:
                if known and name not in known:
                    self.say(place, "capability-unknown", f"{name} is not among the capabilities that Health names")


def known_values(schema: JsonObject) -> list[str]:
    """Return the values that a schema lists, closed (`enum`) or open (`x-known-values`)."""
    values = schema.get("enum") or schema.get("x-known-values") or []
    return [str(value) for value in values if value is not None] if isinstance(values, list) else []


def known_capabilities(source: Source) -> list[str]:
    """Return the capability names that the Health schema lists."""
    schema = mapping(source.data, "components", "schemas", "Health", "properties", "capabilities")
    return known_values(mapping(schema, "items")) or known_values(schema)


def _capabilities(node: Any, path: JsonPath) -> Iterator[tuple[JsonPath, list[str]]]:
    if isinstance(node, dict):
        named = node.get("x-capability")
        if isinstance(named, str | list):
            yield (*path, "x-capability"), [named] if isinstance(named, str) else [str(one) for one in named]
        if isinstance(node.get("x-capability-values"), dict):
            values = [str(value) for value in node["x-capability-values"].values()]
            yield (*path, "x-capability-values"), values
        for key, value in node.items():
            yield from _capabilities(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _capabilities(value, (*path, index))


def _values_of(key: str, node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        for value in node.values():
            yield from _values_of(key, value)
    elif isinstance(node, list):
        for value in node:
            yield from _values_of(key, value)


def _media_types(node: Any, path: JsonPath) -> Iterator[tuple[JsonPath, JsonObject]]:
    if isinstance(node, dict):
        content = node.get("content")
        if isinstance(content, dict):
            for name, media in content.items():
                if isinstance(media, dict):
                    yield (*path, "content", name), media
        for key, value in node.items():
            if key not in {"example", "examples", "schemas"}:
                yield from _media_types(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _media_types(value, (*path, index))


def _examples(holder: JsonObject, path: JsonPath) -> Iterator[tuple[Any, JsonPath]]:
    if "example" in holder:
        yield holder["example"], (*path, "example")
    for name, example in mapping(holder, "examples").items():
        if isinstance(example, dict) and "value" in example:
            yield example["value"], (*path, "examples", name, "value")
