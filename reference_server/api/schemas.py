"""Schemas of the contract, compiled once: OpenAPI 3.0 dialect in, plain sentences out.

Messages name the field and what it must be. They never quote a value, so that no password or key can leak into an
answer or a log, and never show the schema itself.
"""

from __future__ import annotations

from typing import Any

import jsonschema_rs

from reference_server.domain.errors import Violation

_KIND = jsonschema_rs.ValidationErrorKind
_MAX_VIOLATIONS = 20

_NAMES = {
    "null": "null",
    "boolean": "true or false",
    "object": "an object",
    "array": "an array",
    "number": "a number",
    "integer": "a whole number",
    "string": "a string",
}


class CompiledSchema:
    """A validator for one schema whose references are already resolved."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self._validator = jsonschema_rs.Draft4Validator(to_json_schema(schema), validate_formats=False, offline=True)
        self.is_valid = self._validator.is_valid

    def violations(self, value: Any, *, root: str = "") -> tuple[Violation, ...]:
        """Return what is wrong, each place once, at most 20. `root` names the value itself."""
        found: dict[str, Violation] = {}
        alternatives: dict[str, Violation] = {}
        for error in self._validator.iter_errors(value):
            violation = _violation(error, root)
            kind = alternatives if isinstance(error.kind, (_KIND.AnyOf, _KIND.OneOfNotValid)) else found
            kind.setdefault(violation.field, violation)
            if len(found) == _MAX_VIOLATIONS:
                break
        # A wrong field often makes every alternative fail too; saying so would only confuse.
        return tuple((found or alternatives).values())


def to_json_schema(schema: Any) -> Any:
    """Return the schema in JSON Schema draft 4, to which OpenAPI 3.0 adds `nullable` and annotations."""
    if isinstance(schema, list):
        return [to_json_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    result: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("example", "examples", "xml", "externalDocs", "discriminator", "nullable") or key.startswith("x-"):
            continue
        if key == "properties":
            result[key] = {name: to_json_schema(one) for name, one in value.items()}
        elif key in ("enum", "default", "required"):
            result[key] = value
        else:
            result[key] = to_json_schema(value)
    if schema.get("nullable") is True:
        return _nullable(result)
    return result


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    if "type" not in schema:
        return {"anyOf": [{"type": "null"}, schema]}
    if "enum" in schema and None not in schema["enum"]:
        schema = {**schema, "enum": [*schema["enum"], None]}
    return {**schema, "type": [schema["type"], "null"]}


def _violation(error: jsonschema_rs.ValidationError, root: str) -> Violation:
    path = [*error.instance_path]
    kind = error.kind
    message = describe(kind)
    if isinstance(kind, _KIND.Required):
        path.append(kind.property)
    elif isinstance(kind, _KIND.AdditionalProperties) and kind.unexpected:
        path.append(kind.unexpected[0][:64])
    elif isinstance(kind, (_KIND.AnyOf, _KIND.OneOfNotValid)):
        conditional = _conditional(kind.context)
        if conditional is not None:
            path.append(conditional[0])
            message = conditional[1]
    return Violation(_pointer(path) or root, message)


def _pointer(path: list[str | int]) -> str:
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in path)


def describe(kind: jsonschema_rs.ValidationErrorKind) -> str:
    """Return what a value must be, as the end of a sentence that begins with the field's name."""
    match kind:
        case _KIND.Required():
            return "is required"
        case _KIND.Type(types=types):
            return f"must be {_either([_NAMES.get(name, name) for name in types])}"
        case _KIND.Enum(options=options):
            return f"must be {_either([_literal(one) for one in options])}"
        case _KIND.Minimum(limit=limit):
            return f"must be at least {limit}"
        case _KIND.ExclusiveMinimum(limit=limit):
            return f"must be greater than {limit}"
        case _KIND.Maximum(limit=limit):
            return f"must be at most {limit}"
        case _KIND.ExclusiveMaximum(limit=limit):
            return f"must be less than {limit}"
        case _KIND.MinLength(limit=limit):
            return "must not be empty" if limit == 1 else f"must have at least {limit} characters"
        case _KIND.MaxLength(limit=limit):
            return f"must have at most {limit} characters"
        case _KIND.MinItems(limit=limit):
            return f"must have at least {_count(limit, 'item')}"
        case _KIND.MaxItems(limit=limit):
            return f"must have at most {_count(limit, 'item')}"
        case _KIND.MinProperties(limit=limit):
            return f"must have at least {_count(limit, 'field')}"
        case _KIND.Pattern(pattern=pattern):
            return f"must match the pattern {pattern}"
        case _KIND.MultipleOf(multiple_of=step):
            return f"must be a multiple of {step}"
        case _KIND.UniqueItems():
            return "must not hold the same item twice"
        case _KIND.AdditionalProperties():
            return "is not a field of this object"
        case _KIND.AnyOf(context=context):
            return _alternatives(context)
        case _KIND.OneOfNotValid(context=context):
            return _alternatives(context)
        case _:
            return "is not acceptable here"


def _conditional(context: list[list[jsonschema_rs.ValidationError]]) -> tuple[str, str] | None:
    """Return field and message where the alternatives are: another field has a certain value, or this one is there."""
    missing: list[str] = []
    unless: list[str] = []
    for error in (one for branch in context for one in branch):
        if isinstance(error.kind, _KIND.Required):
            missing.append(error.kind.property)
        elif isinstance(error.kind, _KIND.Enum):
            unless.append(f"{error.instance_path[-1]} is {_either([_literal(one) for one in error.kind.options])}")
    if len(missing) == 1 and unless and len(missing) + len(unless) == len(context):
        return missing[0], f"is required unless {_either(unless)}"
    return None


def _alternatives(context: list[list[jsonschema_rs.ValidationError]]) -> str:
    missing = [
        "/".join(error.kind.property for error in branch if isinstance(error.kind, _KIND.Required))
        for branch in context
        if branch and all(isinstance(error.kind, _KIND.Required) for error in branch)
    ]
    if missing and len(missing) == len(context):
        return f"must have {_either(missing)}"
    return "has none of the forms that are allowed here"


def _literal(value: Any) -> str:
    return "null" if value is None else str(value)


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
