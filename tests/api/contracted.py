"""A client that holds every answer against the contract."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from reference_server.api.schemas import CompiledSchema
from spec.documents import load_openapi, resolve


@dataclass(frozen=True)
class Answer:
    """One answer that was found valid."""

    status: int
    headers: dict[str, str]
    json: Any


class Contract:
    """The authored document, as an oracle for answers."""

    def __init__(self) -> None:
        self._document = load_openapi()
        self._paths = [(path.strip("/").split("/"), item) for path, item in self._document["paths"].items()]
        self._paths.sort(key=lambda one: sum(part.startswith("{") for part in one[0]))

    def assert_valid(self, method: str, path: str, status: int, body: Any) -> None:
        item = self._item(path.partition("?")[0].strip("/").split("/"))
        operation = item[method.lower()]
        response = self._resolved(operation["responses"][str(status)])
        schema = self._inlined(response["content"]["application/json"]["schema"])
        assert CompiledSchema(schema).violations(body) == ()

    def _item(self, parts: list[str]) -> Any:
        for template, item in self._paths:
            if len(template) == len(parts) and all(
                one.startswith("{") or one == part for one, part in zip(template, parts, strict=True)
            ):
                return item
        raise LookupError(parts)

    def _resolved(self, node: Any) -> Any:
        return resolve(self._document, node["$ref"]) if "$ref" in node else node

    def _inlined(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._inlined(one) for one in node]
        if not isinstance(node, dict):
            return node
        if isinstance(node.get("$ref"), str):
            return self._inlined(resolve(self._document, node["$ref"]))
        return {key: self._inlined(value) for key, value in node.items()}


class Gateway:
    """A client that checks each answer against the contract."""

    def __init__(self, address: str, contract: Contract) -> None:
        self.address = address
        self.key: str | None = None
        self._contract = contract

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        account: str | None = None,
        idempotency: str | None = None,
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        headers = {"X-API-Key": key or self.key or ""}
        if account is not None:
            headers["X-Account-ID"] = account
        if idempotency is not None:
            headers["Idempotency-Key"] = idempotency
        content = None
        if body is not None:
            content = json.dumps(body)
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body=content, headers=headers)
            response = connection.getresponse()
            value = json.loads(response.read())
        finally:
            connection.close()
        self._contract.assert_valid(method, path, response.status, value)
        names = {name.lower(): text for name, text in response.getheaders()}
        assert names["x-request-id"]
        return Answer(response.status, names, value)


def assert_error(answer: Answer, status: int, reason: str) -> None:
    assert (answer.status, answer.json["code"], answer.json["reason"]) == (status, status, reason)
    assert answer.json["request_id"] == answer.headers["x-request-id"]
