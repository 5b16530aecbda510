"""A small contract and handlers that only show what reached them, to test the pipeline without a gateway behind it."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.routing import Route

from reference_server.api.compiled import Pipeline
from reference_server.api.failures import Failures
from reference_server.api.http import gateway_app, operations_app
from reference_server.api.limits import Limits
from reference_server.api.operation import Call, Json
from reference_server.api.websocket import UpgradeNeeded
from reference_server.domain.errors import ApiKeyInvalid
from reference_server.domain.plans import PLANS
from reference_server.domain.user import User
from reference_server.usecases.ports import RateDecision

MAX_BODY = 4096
KEY = "a-good-key"

_OBJECT = {"type": "object"}
_ANSWER = {"description": "The answer.", "content": {"application/json": {"schema": _OBJECT}}}
_ORDER = {
    "type": "object",
    "required": ["symbol", "side", "orderType", "volume"],
    "anyOf": [
        {"type": "object", "properties": {"orderType": {"type": "string", "enum": ["market"]}}},
        {"type": "object", "required": ["price"]},
    ],
    "properties": {
        "symbol": {"type": "string", "minLength": 1},
        "side": {"type": "string", "enum": ["buy", "sell"]},
        "orderType": {"type": "string", "enum": ["market", "limit"]},
        "volume": {"type": "number", "minimum": 0, "exclusiveMinimum": True},
        "price": {"type": "number"},
        "sl": {"type": "number", "nullable": True, "minimum": 0},
        "password": {"type": "string", "maxLength": 5},
    },
}


def _operation(name: str, *, status: str = "200", public: bool = False, **more: Any) -> Json:
    operation: Json = {"operationId": name, "responses": {status: _ANSWER}, **more}
    if public:
        operation["security"] = []
    return operation


def _body(schema: Json, *, required: bool) -> Json:
    return {"required": required, "content": {"application/json": {"schema": schema}}}


SMALL_CONTRACT: Json = {
    "openapi": "3.0.3",
    "info": {"title": "Small", "version": "1"},
    "security": [{"ApiKey": []}],
    "components": {
        "securitySchemes": {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}},
        "schemas": {"Order": _ORDER},
    },
    "paths": {
        "/health": {"get": _operation("getHealth", public=True)},
        "/fails": {"get": _operation("fails", public=True)},
        "/nothing": {"post": _operation("nothing", public=True, requestBody=_body(_OBJECT, required=False))},
        "/things": {
            "get": _operation("listThings"),
            "post": _operation(
                "createThing",
                status="201",
                requestBody=_body({"$ref": "#/components/schemas/Order"}, required=True),
            ),
        },
        "/things/{ticket}": {
            "parameters": [
                {"name": "ticket", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 1}}
            ],
            "get": _operation(
                "getThing",
                parameters=[
                    {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 10}},
                    {"name": "deep", "in": "query", "schema": {"type": "boolean"}},
                    {"name": "X-Mode", "in": "header", "schema": {"type": "string", "enum": ["a", "b"]}},
                ],
            ),
        },
        "/symbols/{symbol}": {
            "get": _operation(
                "getSymbol",
                public=True,
                parameters=[{"name": "symbol", "in": "path", "required": True, "schema": {"type": "string"}}],
            )
        },
    },
}


class OneMinute:
    """A limiter that allows so many hits and never forgets."""

    def __init__(self) -> None:
        self.hits: dict[str, int] = {}

    def hit(self, key: str, per_minute: int) -> RateDecision:
        self.hits[key] = self.hits.get(key, 0) + 1
        return RateDecision(self.hits[key] <= per_minute, max(0, per_minute - self.hits[key]), 0.2)


@dataclass
class Small:
    """The small gateway: its application and what happened in it."""

    app: Any
    calls: list[Call] = field(default_factory=list)
    defects: list[BaseException] = field(default_factory=list)
    limiter: OneMinute = field(default_factory=OneMinute)
    takes_seconds: float = 0.0
    began: threading.Event = field(default_factory=threading.Event)
    """Set once an operation is called."""


def small_gateway() -> Small:
    """Build the pipeline over the small contract."""
    small = Small(None)

    async def show(call: Call) -> Json:
        small.calls.append(call)
        small.began.set()
        if small.takes_seconds:
            await asyncio.sleep(small.takes_seconds)
        return {"parameters": call.parameters, "body": call.body, "user": call.user and call.user.user_id}

    async def fail(_call: Call) -> Json:
        raise ZeroDivisionError("a defect")

    async def authenticate(key: str) -> User:
        plans = {KEY: "enterprise", "a-free-key": "free"}
        if key not in plans:
            raise ApiKeyInvalid
        return User(f"usr_{plans[key]}", PLANS[plans[key]], 0)

    names = ("getHealth", "nothing", "listThings", "createThing", "getThing", "getSymbol")
    failures = Failures(lambda error, _request_id: small.defects.append(error))
    pipeline = Pipeline(
        authenticate,
        lambda _key: None,
        Limits(small.limiter),
        {**dict.fromkeys(names, show), "fails": fail},
        MAX_BODY,
        32,
    )
    operations = operations_app(SMALL_CONTRACT, pipeline, failures, [Route("/ws", UpgradeNeeded())])
    small.app = gateway_app(operations, [], failures)
    return small


@dataclass(frozen=True)
class Answer:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """Sends requests over a real socket, exactly as given."""

    def __init__(self, address: str) -> None:
        self.address = address

    def __call__(
        self, method: str, path: str, *, body: Any = None, headers: dict[str, str] | None = None, key: str | None = KEY
    ) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=10)
        sent = dict(headers or {})
        if key is not None:
            sent.setdefault("X-API-Key", key)
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body=body, headers=sent)
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())
        finally:
            connection.close()

    def json(self, text: str | bytes, path: str = "/things") -> Answer:
        """Post this text as JSON."""
        content = text.encode() if isinstance(text, str) else text
        return self("POST", path, body=content, headers={"Content-Type": "application/json"})


@pytest.fixture(scope="module")
def small(serve: Any) -> Iterator[tuple[Small, Client]]:
    gateway = small_gateway()
    with serve(gateway.app) as address:
        yield gateway, Client(address)


@pytest.fixture
def client(small: tuple[Small, Client]) -> Client:
    return small[1]


@pytest.fixture
def gateway(small: tuple[Small, Client]) -> Small:
    small[0].calls.clear()
    small[0].began.clear()
    small[0].defects.clear()
    small[0].takes_seconds = 0.0
    return small[0]
