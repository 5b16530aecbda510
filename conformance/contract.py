"""Both spec documents, narrowed to what the gateway claims and compiled into validators."""

import functools
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

import jsonschema_rs

from conformance.errors import ContractUnusable, HarnessFault
from conformance.exchange import Exchange
from conformance.schemas import SchemaJudge, first_problem
from spec.documents import JsonObject, bundle_asyncapi, load_openapi, narrow, resolve

__all__ = ["ACCOUNT_HEADER", "Contract", "Operation", "Problem", "load_contract"]

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options")
JSON_TYPE = "application/json"
ACCOUNT_HEADER = "X-Account-ID"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the contract says about one status of an operation. `body` is None when the answer has no JSON body."""

    required_headers: tuple[str, ...]
    headers: Mapping[str, jsonschema_rs.Draft4Validator]
    body: jsonschema_rs.Draft4Validator | None
    media_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something about an answer that the contract does not allow."""

    kind: Literal["status", "header", "body"]
    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the OpenAPI document. `answers` is keyed by status, as text.

    `takes_account`: `X-Account-ID` may select the account that it is for.
    """

    id: str
    method: str
    path: str
    capability: str | None
    is_public: bool
    is_optional: bool
    takes_account: bool
    body: jsonschema_rs.Draft4Validator | None
    body_is_required: bool
    answers: Mapping[str, Answer]

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the encoded path with its parameters filled in. Raises HarnessFault when one is missing."""

        def fill(match: re.Match[str]) -> str:
            if match[1] not in parameters:
                raise HarnessFault(f"{self.id} needs the path parameter {match[1]}")
            return quote(str(parameters[match[1]]), safe="")

        return re.sub(r"\{(\w+)\}", fill, self.path)

    def answer_for(self, status: int) -> Answer | None:
        """Return what the contract says about a status; None when it documents no such answer."""
        return self.answers.get(str(status)) or self.answers.get(f"{status // 100}XX") or self.answers.get("default")


@dataclass(frozen=True, slots=True)
class Contract:
    """What the two documents promise. The documents are kept for tools that read them whole."""

    openapi: JsonObject
    asyncapi: JsonObject
    operations: Mapping[str, Operation]
    sent_by_gateway: Mapping[str, jsonschema_rs.Draft4Validator]
    sent_by_client: Mapping[str, jsonschema_rs.Draft4Validator]

    def operation(self, identifier: str) -> Operation:
        """Return an operation by its operationId. Raises HarnessFault for one that the contract does not hold."""
        try:
            return self.operations[identifier]
        except KeyError:
            raise HarnessFault(f"the contract has no operation {identifier}") from None

    def request_problem(self, operation: Operation, body: Any) -> str | None:
        """Return what is wrong with a request body, or None; a missing body is None."""
        if body is None:
            return "the body is missing" if operation.body_is_required else None
        if operation.body is None:
            return "the operation takes no body"
        return first_problem(operation.body, body, "body")

    def response_problem(self, exchange: Exchange) -> Problem | None:
        """Return the first thing about an operation's answer that the contract does not allow, or None."""
        if exchange.operation is None:
            return None
        answer = self.operation(exchange.operation).answer_for(exchange.status)
        if answer is None:
            return Problem("status", f"the contract documents no status {exchange.status} for {exchange.operation}")
        body = _body_problem(answer, exchange)
        if body is not None:
            return Problem("body", body)
        for name in answer.required_headers:
            if exchange.header(name) is None:
                return Problem("header", f"the header {name} is missing")
        for name, validator in answer.headers.items():
            value = exchange.header(name)
            problem = first_problem(validator, _header_value(value), name) if value is not None else None
            if problem is not None:
                return Problem("header", f"header {problem}")
        return None

    def incoming_message_problem(self, message: Any) -> str | None:
        """Return what is wrong with a message from the gateway, or None."""
        return _message_problem(message, self.sent_by_gateway, "the gateway")

    def outgoing_message_problem(self, message: Any) -> str | None:
        """Return what is wrong with a message from the client, or None."""
        return _message_problem(message, self.sent_by_client, "a client")


def load_contract(
    capabilities: Collection[str] = (), *, openapi: JsonObject | None = None, asyncapi: JsonObject | None = None
) -> Contract:
    """Compile the packaged documents, or the given ones, narrowed to `capabilities`. Raises ContractUnusable.

    The packaged ones are compiled once in a process for each set of capabilities; nobody may change a contract.
    """
    if openapi is None and asyncapi is None:
        return _packaged(frozenset(capabilities))
    return _compiled(capabilities, openapi, asyncapi)


@functools.lru_cache(maxsize=16)
def _packaged(capabilities: frozenset[str]) -> Contract:
    return _compiled(capabilities, None, None)


def _compiled(capabilities: Collection[str], openapi: JsonObject | None, asyncapi: JsonObject | None) -> Contract:
    try:
        openapi = narrow(openapi if openapi is not None else load_openapi(), capabilities)
        asyncapi = narrow(asyncapi if asyncapi is not None else bundle_asyncapi(), capabilities)
        operations = _operations(openapi)
        sent, received = _messages(asyncapi)
    except (LookupError, TypeError, ValueError, OSError, AttributeError) as problem:
        raise ContractUnusable(f"the spec documents cannot be compiled: {problem}") from problem
    return Contract(openapi, asyncapi, operations, sent, received)


def _operations(document: JsonObject) -> dict[str, Operation]:
    judge = SchemaJudge(document)
    found: dict[str, Operation] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                operation = _operation(document, judge, path, method, item)
                found[operation.id] = operation
    return found


def _operation(document: JsonObject, judge: SchemaJudge, path: str, method: str, item: JsonObject) -> Operation:
    node = item[method]
    body = _resolved(document, node.get("requestBody", {}))
    schema = body.get("content", {}).get(JSON_TYPE, {}).get("schema")
    security = node.get("security", document.get("security", []))
    return Operation(
        id=node["operationId"],
        method=method.upper(),
        path=path,
        capability=node.get("x-capability"),
        is_public=not security or {} in security,
        is_optional=bool(node.get("x-optional", False)),
        takes_account=any(
            _resolved(document, one)["name"] == ACCOUNT_HEADER
            for one in (*item.get("parameters", []), *node.get("parameters", []))
        ),
        body=judge.compile(schema) if schema is not None else None,
        body_is_required=bool(body.get("required", False)),
        answers={
            str(status): _answer(document, judge, _resolved(document, answer))
            for status, answer in node["responses"].items()
        },
    )


def _answer(document: JsonObject, judge: SchemaJudge, node: JsonObject) -> Answer:
    headers = {name: _resolved(document, one) for name, one in node.get("headers", {}).items()}
    content = node.get("content", {})
    schema = content.get(JSON_TYPE, {}).get("schema")
    return Answer(
        required_headers=tuple(name for name, one in headers.items() if one.get("required", False)),
        headers={name: judge.compile(one["schema"]) for name, one in headers.items() if "schema" in one},
        body=judge.compile(schema) if schema is not None else None,
        media_types=tuple(content),
    )


def _messages(
    document: JsonObject,
) -> tuple[dict[str, jsonschema_rs.Draft4Validator], dict[str, jsonschema_rs.Draft4Validator]]:
    """Return validators by message type: what the gateway sends (replies included), and what it receives."""
    judge = SchemaJudge(document)
    sent: dict[str, jsonschema_rs.Draft4Validator] = {}
    received: dict[str, jsonschema_rs.Draft4Validator] = {}
    for operation in document["operations"].values():
        target = sent if operation["action"] == "send" else received
        named = [(target, one) for one in operation.get("messages", [])]
        named += [(sent, one) for one in operation.get("reply", {}).get("messages", [])]
        for into, reference in named:
            message = _resolved(document, reference)
            payload = message["payload"]
            schema = payload["schema"] if "schemaFormat" in payload else payload
            for kind in _types(document, schema):
                into[kind] = judge.compile(schema)
    return sent, received


def _types(document: JsonObject, schema: JsonObject) -> list[str]:
    """Return the values that `type` may have in a message."""
    schema = _resolved(document, schema)
    kind = _resolved(document, schema.get("properties", {}).get("type", {}))
    if "const" in kind:
        return [kind["const"]]
    if "enum" in kind:
        return list(kind["enum"])
    return [kind for part in schema.get("allOf", []) for kind in _types(document, part)]


def _resolved(document: JsonObject, node: JsonObject) -> JsonObject:
    found: JsonObject = resolve(document, node["$ref"]) if "$ref" in node else node
    return found


def _body_problem(answer: Answer, exchange: Exchange) -> str | None:
    if not answer.media_types:
        return None
    if exchange.response.content_type not in answer.media_types:
        found = exchange.header("Content-Type") or "none"
        return f"Content-Type is {found}, not {' or '.join(answer.media_types)}"
    if exchange.response.content_type != JSON_TYPE:
        return None
    if exchange.json is None and exchange.response.body.strip() != b"null":
        return "the body is not JSON"
    return first_problem(answer.body, exchange.json, "body") if answer.body is not None else None


def _message_problem(message: Any, known: Mapping[str, jsonschema_rs.Draft4Validator], sender: str) -> str | None:
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        return "a message is an object with a text field called type"
    validator = known.get(message["type"])
    if validator is None:
        return f"{sender} does not send messages of type {message['type']!r}"
    return first_problem(validator, message, message["type"])


def _header_value(text: str) -> int | float | str:
    for read in (int, float):
        try:
            return read(text)
        except ValueError:
            continue
    return text
