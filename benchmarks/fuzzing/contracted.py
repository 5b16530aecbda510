"""The contract as the fuzzer needs it: operations to call, and what their answers may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs

from conformance.contract import Contract, load_contract
from conformance.schemas import first_problem
from spec.documents import JsonObject, all_capabilities, load_openapi, resolve

_METHODS: Final = ("get", "post", "delete", "put", "patch")


@dataclass(frozen=True, slots=True)
class Documented:
    """What one status of an operation may be: the schema of its body, and for errors the reasons."""

    body: jsonschema_rs.Draft4Validator | None
    reasons: frozenset[str]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an operation."""

    name: str
    place: str
    is_required: bool
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `body` is the schema of its body, None without one."""

    id: str
    method: str
    path: str
    is_public: bool
    parameters: tuple[Parameter, ...]
    body: JsonObject | None
    answers: Mapping[int, Documented]


@dataclass(frozen=True, slots=True)
class Contracted:
    """All operations, the answers that belong to none of them, the messages, and every reason with its statuses."""

    document: JsonObject
    operations: tuple[Operation, ...]
    outside: Mapping[int, Documented]
    reasons: Mapping[str, frozenset[int]]
    error: jsonschema_rs.Draft4Validator
    messages: Mapping[str, jsonschema_rs.Draft4Validator]


def read_contract() -> Contracted:
    """Compile the packaged documents with all capabilities."""
    document = load_openapi()
    contract = load_contract(all_capabilities(document))
    error = next(iter(contract.operations.values())).answers["500"].body
    assert error is not None
    operations = tuple(
        _operation(document, contract, path, item, method)
        for path, item in document["paths"].items()
        for method in _METHODS
        if method in item
    )
    responses = document["components"]["responses"].values()
    outside: dict[int, Documented] = {}
    reasons: dict[str, set[int]] = {}
    for response in responses:
        status = response["content"]["application/json"]["example"]["code"]
        for reason in response["x-reasons"]:
            reasons.setdefault(reason, set()).add(status)
        if response.get("x-outside-operations"):
            outside[status] = Documented(error, frozenset(response["x-reasons"]))
    return Contracted(
        document,
        operations,
        outside,
        {reason: frozenset(statuses) for reason, statuses in reasons.items()},
        error,
        contract.sent_by_gateway,
    )


def _operation(document: JsonObject, contract: Contract, path: str, item: JsonObject, method: str) -> Operation:
    node = item[method]
    compiled = contract.operations[node["operationId"]]
    answers: dict[int, Documented] = {}
    for status, answer in node["responses"].items():
        described = _resolved(document, answer)
        answers[int(status)] = Documented(compiled.answers[status].body, frozenset(described.get("x-reasons", ())))
    body = _resolved(document, node.get("requestBody", {})).get("content", {}).get("application/json", {}).get("schema")
    parameters = [_resolved(document, one) for one in (*item.get("parameters", ()), *node.get("parameters", ()))]
    return Operation(
        compiled.id,
        compiled.method,
        path,
        compiled.is_public,
        tuple(Parameter(one["name"], one["in"], bool(one.get("required")), one["schema"]) for one in parameters),
        body,
        answers,
    )


def _resolved(document: JsonObject, node: JsonObject) -> JsonObject:
    found: JsonObject = resolve(document, node["$ref"]) if "$ref" in node else node
    return found


def problem_of(documented: Documented, value: Any) -> str | None:
    """Tell the first thing that is wrong with an answer's body, or None."""
    return None if documented.body is None else first_problem(documented.body, value, "body")
