"""Finds the operation of a path by lookup, in the form that connexion's routed middlewares expect.

It stands where connexion's own routing would, because that one scans every path's regular expression for each request,
names the methods of one operation only in `Allow`, redirects paths with a trailing slash, and cannot tell `%2F` in a
symbol's name from a separator. An unknown path goes on to the application beneath, as with connexion's
own. The same index tells beforehand which requests need a key.
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import unquote

from connexion.http_facts import METHODS
from connexion.middleware.abstract import ROUTING_CONTEXT, SpecMiddleware
from connexion.spec import Specification
from starlette.types import ASGIApp, Receive, Scope, Send

from reference_server.api.errors import MethodMissing


@dataclass(slots=True)
class _Path:
    """One path template: its segments (None for a parameter), and the routing context of each method."""

    segments: tuple[str | None, ...]
    names: tuple[str, ...]
    methods: dict[str, dict[str, Any]] = field(default_factory=dict)


_Found = tuple[_Path, dict[str, str]]
_NONE: Final[dict[str, Any]] = {}
_FOUND: Final = "tonpo.found"


class PathIndex:
    """Path templates, found by the path of a request."""

    def __init__(self) -> None:
        self._fixed: dict[str, _Path] = {}
        self._last: dict[str, _Path] = {}  # by what stands before the last segment, where only that one is a parameter
        self._templates: dict[int, list[_Path]] = {}

    def add(self, template: str) -> _Path:
        """Add a template, or return the one that is there."""
        parts = template.split("/")[1:]
        names = tuple(part[1:-1] for part in parts if part.startswith("{"))
        if not names:
            return self._fixed.setdefault(template, _Path((), ()))
        path = _Path(tuple(None if part.startswith("{") else part for part in parts), names)
        self._templates.setdefault(len(parts), []).append(path)
        if len(names) == 1 and path.segments[-1] is None:
            self._last[template.rpartition("/")[0]] = path
        return path

    def find(self, scope: Scope) -> _Found | None:
        """Return the template of a request's path with the values of its parameters, None for an unknown path."""
        fixed = self._fixed.get(scope["path"])
        if fixed is not None:
            return fixed, {}
        raw = scope.get("raw_path") or b""
        if b"%" in raw:
            parts = [unquote(part) for part in raw.decode("latin-1").split("/")[1:]]
        else:
            before, _, last = scope["path"].rpartition("/")
            found = self._last.get(before)
            if found is not None and last:
                return found, {found.names[0]: last}
            parts = scope["path"].split("/")[1:]
        for path in self._templates.get(len(parts), ()):
            values = []
            for segment, part in zip(path.segments, parts, strict=True):
                if segment is None:
                    values.append(part)
                elif segment != part:
                    break
            else:
                if all(values):
                    return path, dict(zip(path.names, values, strict=True))
        return None


class Routes:
    """The operations of the contract, by the path and method of a request."""

    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._paths = PathIndex()
        self._keyed: set[str] = set()
        for template, item in openapi["paths"].items():
            path = self._paths.add(template)
            for method in METHODS & item.keys():
                operation_id = item[method]["operationId"]
                path.methods[method.upper()] = {"api_base_path": "", "operation_id": operation_id}
                if item[method].get("security", openapi.get("security")):
                    self._keyed.add(operation_id)

    def find(self, scope: Scope) -> _Found | None:
        """Return the path of a request with the values of its parameters, None for an unknown one; looked up once."""
        if _FOUND not in scope:
            scope[_FOUND] = self._paths.find(scope)
        found: _Found | None = scope[_FOUND]
        return found

    def need_key(self, scope: Scope) -> bool:
        """Whether a request is for an operation that asks for a key; none asks for none."""
        found = self.find(scope)
        context = None if found is None else found[0].methods.get(scope["method"])
        return context is not None and context["operation_id"] in self._keyed


class IndexedRouting(SpecMiddleware):
    """Connexion's routing middleware with an index instead of a scan."""

    def __init__(self, app: ASGIApp, *, routes: Routes) -> None:
        self.app = app
        self._routes = routes

    def add_api(self, specification: Specification, **options: Any) -> None:
        """The routes are there already: the layers before connexion ask them, too, and connexion adds late."""

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Coroutine[Any, Any, None]:
        """Attach the operation to the scope and pass it on. Raises MethodMissing."""
        found = self._routes.find(scope)
        if found is None:
            scope["path_params"], context = {}, {}
        else:
            path, scope["path_params"] = found
            context = path.methods.get(scope["method"], _NONE)
            if context is _NONE:
                raise MethodMissing(scope["method"], tuple(sorted(path.methods)))
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
        return cast(Coroutine[Any, Any, None], self.app(scope, receive, send))
