"""Decide which operations get generated requests on a target, and give the contract values that exist there."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from conformance.contract import JSON_TYPE, Contract, Operation
from conformance.target import TargetClass, TargetConfig
from spec.documents import JsonObject, resolve

__all__ = [
    "DISPOSABLE_ONLY",
    "PAUSING",
    "Known",
    "Plan",
    "exclusion",
    "fitting",
    "planned_operations",
    "with_examples",
]

ORDERING = frozenset({"placeOrder", "closePosition", "modifyPosition", "cancelOrder", "checkOrder"})
"""What trades, or would if the gateway were wrong: a check of an order must not send it."""

DISPOSABLE_ONLY = frozenset({"rotateApiKey", "deleteAccount", "createAccount"})
"""What would take the key or the account away from others: it is done with users made for it alone."""

PAUSING = frozenset({"pauseAccount", "resumeAccount"})
USERS_PER_RUN = 25
"""More users than the generated requests to createUser make."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Which operations get generated requests, and why the others do not; `only_examples` get no invented values."""

    chosen: tuple[str, ...]
    excluded: Mapping[str, str]
    only_examples: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Values that exist on the target, for one operation."""

    parameters: Mapping[str, object]
    body: JsonObject | None = None


def planned_operations(contract: Contract, target: TargetConfig) -> tuple[Operation, ...]:
    """Return the operations that belong to the target's profile."""
    profiles = {"core": {False}, "extended": {True}, "all": {False, True}}[target.profile]
    return tuple(one for one in contract.operations.values() if (one.capability is not None) in profiles)


def exclusion(operation: Operation, target: TargetConfig, users_left: int) -> str | None:
    """Say why an operation gets no generated requests on this target, or None when it does."""
    if operation.method in ("GET", "HEAD"):
        return None
    if target.target_class is TargetClass.LIVE:
        return "it changes something, which is not done on a live target"
    if target.is_sandbox:
        if operation.id == "createUser" and users_left < USERS_PER_RUN:
            return f"the run may create only {users_left} more users"
        return None
    if operation.id in ORDERING:
        return None if target.allow_orders else "it places or changes orders, which needs --allow-orders"
    if operation.id in PAUSING:
        return None
    return "generated requests to it would leave users or accounts behind, so only sandbox targets get them"


def with_examples(contract: Contract, known: Mapping[str, Known]) -> JsonObject:
    """Return the OpenAPI document with known values as the examples of parameters and bodies, links left out."""
    document: JsonObject = orjson.loads(orjson.dumps(contract.openapi, option=orjson.OPT_NON_STR_KEYS))
    for operation in contract.operations.values():
        item = document["paths"][operation.path]
        node = item[operation.method.lower()]
        for answer in node["responses"].values():
            answer.pop("links", None)
        values = known.get(operation.id)
        if values is not None:
            _fill(document, item, node, values)
    return document


def fitting(query: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """Return the query of a valid request with what its parameters owe each other, which no schema can say.

    A cursor cannot be invented, so it is left out. A range does not end before it starts: its ends change places, and
    a start after `now_ms`, where a range without `to` ends, is left out.
    """
    fit = {name: value for name, value in query.items() if name != "cursor"}
    since, until = (_integer(fit.get(name)) for name in ("from", "to"))
    if since is None:
        return fit
    if until is None and since > now_ms:
        del fit["from"]
    elif until is not None and since > until:
        fit["from"], fit["to"] = fit["to"], fit["from"]
    return fit


def _integer(value: object) -> int | None:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() else None


def template(path: str) -> re.Pattern[str]:
    """Return a pattern of the URLs that belong to a path of the contract, with its parameters as groups."""
    return re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(path)))


def _fill(document: JsonObject, item: JsonObject, node: JsonObject, values: Known) -> None:
    own = {(one["name"], one["in"]): one for one in _parameters(document, node)}
    for one in [*_parameters(document, item), *own.values()]:
        if one["name"] in values.parameters:
            changed = {key: value for key, value in one.items() if key != "examples"}
            own[one["name"], one["in"]] = {**changed, "example": values.parameters[one["name"]]}
    if own:
        node["parameters"] = list(own.values())
    if values.body is not None and "requestBody" in node:
        body = _resolved(document, node["requestBody"])
        media = {key: value for key, value in body["content"][JSON_TYPE].items() if key != "examples"}
        node["requestBody"] = {**body, "content": {JSON_TYPE: {**media, "example": values.body}}}


def _parameters(document: JsonObject, node: JsonObject) -> list[JsonObject]:
    return [_resolved(document, one) for one in node.get("parameters", [])]


def _resolved(document: JsonObject, node: Any) -> JsonObject:
    found: JsonObject = resolve(document, node["$ref"]) if "$ref" in node else node
    return found
