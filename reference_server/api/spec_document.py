"""The contract as this gateway serves it: the authored documents, narrowed to the capabilities that it claims."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import yaml
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_server.api.access import CACHING
from reference_server.api.operation import Handlers
from spec.documents import bundle_asyncapi, load_openapi, narrow

_METHODS = ("get", "put", "post", "delete", "patch", "head", "options", "trace")


class HandlersDiffer(Exception):
    """The handlers are not those of the contract: a defect of the build, found at start-up."""


@dataclass(frozen=True, slots=True)
class Contract:
    """Both documents, narrowed, with references kept."""

    openapi: dict[str, Any]
    asyncapi: dict[str, Any]


def claimed_contract(capabilities: Collection[str]) -> Contract:
    """Load the packaged documents and leave out what is not claimed; `servers` becomes the serving host itself."""
    openapi = narrow(load_openapi(), capabilities)
    openapi["servers"] = [{"url": "/", "description": "This gateway"}]
    return Contract(openapi, narrow(bundle_asyncapi(), capabilities))


def operation_ids(openapi: Mapping[str, Any]) -> frozenset[str]:
    """Return every operationId of the document."""
    return frozenset(
        item[method]["operationId"] for item in openapi["paths"].values() for method in _METHODS if method in item
    )


def check_handlers(openapi: Mapping[str, Any], handlers: Handlers) -> None:
    """Raise HandlersDiffer unless the handlers are exactly the operations of the contract."""
    expected, found = operation_ids(openapi), handlers.keys()
    if missing := sorted(expected - found):
        raise HandlersDiffer(f"operations of the contract without a handler: {', '.join(missing)}")
    if surplus := sorted(found - expected):
        raise HandlersDiffer(f"handlers without an operation in the contract: {', '.join(surplus)}")


def document_routes(contract: Contract) -> list[Route]:
    """Return the public routes that serve the documents, encoded once."""
    return [
        route
        for name, document in (("openapi", contract.openapi), ("asyncapi", contract.asyncapi))
        for route in (
            _route(f"/{name}.json", orjson.dumps(document, option=orjson.OPT_INDENT_2), "application/json"),
            _route(f"/{name}.yaml", _yaml(document), "application/yaml"),
        )
    ]


def _yaml(document: dict[str, Any]) -> bytes:
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120).encode("utf-8")


def _route(path: str, content: bytes, media_type: str) -> Route:
    async def serve(request: Request) -> Response:
        request.scope[CACHING] = True
        return Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    return Route(path, serve, methods=["GET"], name=path)
