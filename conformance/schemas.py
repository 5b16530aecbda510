"""Translate OpenAPI 3.0 schemas into JSON Schema draft 4, which fast validators understand.

Draft 4 is what OpenAPI 3.0 builds on: bounds are exclusive by a flag, and 1.0 is no integer.
"""

from typing import Any

import jsonschema_rs

__all__ = ["SchemaJudge", "to_json_schema"]

_NOT_JSON_SCHEMA = {"example", "examples", "discriminator", "xml", "externalDocs", "deprecated", "nullable"}
_NAMED = {"properties", "patternProperties", "definitions"}
_LITERAL = {"enum", "const", "default", "required"}

LONGEST_PROBLEM = 300


def to_json_schema(schema: Any) -> Any:
    """Return the draft 4 meaning of an OpenAPI 3.0 schema: `nullable` is translated.

    Source: OpenAPI 3.0.3, "nullable": it adds null to the `type` beside it, and to nothing else, such as an `enum`.
    """
    if isinstance(schema, list):
        return [to_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NOT_JSON_SCHEMA or key.startswith("x-"):
            continue
        if key in _NAMED and isinstance(value, dict):
            result[key] = {name: to_json_schema(one) for name, one in value.items()}
        elif key in _LITERAL:
            result[key] = value
        else:
            result[key] = to_json_schema(value)
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        result["type"] = [schema["type"], "null"]
    return result


class SchemaJudge:
    """Validators for the schemas of one document, whose `#/components/schemas` they may refer to."""

    def __init__(self, document: dict[str, Any]) -> None:
        schemas = document.get("components", {}).get("schemas", {})
        self._components = {"schemas": {name: to_json_schema(one) for name, one in schemas.items()}}

    def compile(self, schema: dict[str, Any]) -> jsonschema_rs.Draft4Validator:
        """Return a validator for `schema`. Raises ValueError when the schema or a reference in it is broken."""
        root = {"allOf": [to_json_schema(schema)], "components": self._components}
        return jsonschema_rs.Draft4Validator(root, validate_formats=True)


def first_problem(validator: jsonschema_rs.Draft4Validator, value: Any, at: str) -> str | None:
    """Return the first thing that is wrong with `value`, with its place below `at`, or None."""
    for problem in validator.iter_errors(value):
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in problem.instance_path)
        text = problem.message
        return f"{at}{place}: {text if len(text) <= LONGEST_PROBLEM else text[:LONGEST_PROBLEM] + '…'}"
    return None
