from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openapi_schema_validator import OAS30ReadValidator

from conformance.schemas import SchemaJudge, first_problem, to_json_schema

SCHEMAS: list[dict[str, Any]] = [
    {"type": "number", "minimum": 0, "exclusiveMinimum": True},
    {"type": "number", "maximum": 5, "exclusiveMaximum": False, "nullable": True},
    {"type": "string", "enum": ["a", "b"], "nullable": True, "example": "a"},
    {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}, "nullable": {"type": "boolean"}}},
    {"type": "array", "items": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "integer"}]}, "minItems": 1},
    {"allOf": [{"type": "object", "required": ["a"]}, {"properties": {"a": {"type": "number"}}}]},
    {"type": "object", "additionalProperties": {"type": "string", "nullable": True}},
]
NUMBERS = st.integers(-9, 9) | st.floats(-9, 9) | st.sampled_from([0.0, 1.0])
SCALARS = st.none() | st.booleans() | NUMBERS | st.sampled_from(["", "a", "n"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("anx"), inner, max_size=3)
)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@given(value=VALUES)
def test_the_translation_means_what_openapi_means(schema: dict[str, Any], value: Any) -> None:
    translated = SchemaJudge({}).compile(schema)
    assert translated.is_valid(value) == OAS30ReadValidator(schema).is_valid(value)


def test_a_property_called_like_a_keyword_is_kept() -> None:
    schema = {"type": "object", "properties": {"example": {"type": "string"}, "deprecated": {"type": "integer"}}}
    assert to_json_schema(schema)["properties"] == {"example": {"type": "string"}, "deprecated": {"type": "integer"}}


def test_a_problem_names_its_place() -> None:
    judge = SchemaJudge({"components": {"schemas": {"Row": {"type": "object", "required": ["id"]}}}})
    validator = judge.compile({"type": "array", "items": {"$ref": "#/components/schemas/Row"}})
    assert first_problem(validator, [{"id": 1}, {}], "body") == 'body[1]: "id" is a required property'
