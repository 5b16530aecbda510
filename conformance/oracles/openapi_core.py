"""The second opinion: judge an exchange with openapi-core, which shares no code with the first oracle's validator."""

from typing import Any
from urllib.parse import urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.templating.paths.exceptions import PathError
from werkzeug.datastructures import Headers

from conformance.exchange import Exchange
from spec.documents import JsonObject

__all__ = ["OpenApiCoreOracle"]


class _Request:
    """An exchange's request in the shape that openapi-core asks for."""

    def __init__(self, exchange: Exchange) -> None:
        parts = urlsplit(exchange.request.url)
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        self.full_url_pattern = self.host_url + parts.path
        self.method = exchange.request.method.lower()
        self.body = exchange.request.body
        self.content_type = "application/json"
        self.parameters = RequestParameters()


class _Response:
    """An exchange's answer in the shape that openapi-core asks for."""

    def __init__(self, exchange: Exchange) -> None:
        self.status_code = exchange.status
        self.headers = Headers(list(exchange.response.headers))
        self.content_type = exchange.response.content_type
        self.data = exchange.response.body


class OpenApiCoreOracle:
    """Judge answers against an OpenAPI document for the gateway at `base_url`."""

    def __init__(self, document: JsonObject, base_url: str) -> None:
        served = {**document, "servers": [{"url": base_url.rstrip("/") or "/"}]}
        config = Config(spec_validator_cls=None)  # type: ignore[arg-type] # none: the document is linted already
        self._api = OpenAPI.from_dict(served, config)

    def problem(self, exchange: Exchange) -> str | None:
        """Return the first thing about an answer that the document does not allow, or None."""
        request: Any = _Request(exchange)
        response: Any = _Response(exchange)
        try:
            found = next(iter(self._api.response_validator.iter_errors(request, response)), None)
        except PathError as problem:
            return str(problem)
        if found is None:
            return None
        details = getattr(found.__cause__, "schema_errors", None)
        if details:
            first = next(iter(details))
            place = ".".join(str(part) for part in first.absolute_path)
            return f"{place or 'body'}: {first.message}"[:300]
        return str(found)[:300]
