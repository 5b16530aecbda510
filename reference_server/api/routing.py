"""Finds the operation of a path by lookup, in the form that connexion's routed middlewares expect.

It stands where connexion's own routing would, because that one scans every path's regular expression for each request,
names the methods of one operation only in `Allow`, redirects paths with a trailing slash, and cannot tell `%2F` in a
symbol's name from a separator. An unknown path goes on to the application beneath, as with connexion's
own. The same index tells beforehand which requests need a key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
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

    def find(self, scope: Scope) -> tuple[_Path, dict[str, str]] | None:
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


class KeyedOperations:
    """Tells which requests are for an operation that needs a key."""

    def __init__(self, openapi: Mapping[str, Any]) -> None:
        self._paths = PathIndex()
        for template, item in openapi["paths"].items():
            path = self._paths.add(template)
            for method in METHODS & item.keys():
                if item[method].get("security", openapi.get("security")):
                    path.methods[method.upper()] = {}

    def __call__(self, scope: Scope) -> bool:
        """Whether the operation that routing will find asks for a key; no operation asks for none."""
        found = self._paths.find(scope)
        return found is not None and scope["method"] in found[0].methods


class IndexedRouting(SpecMiddleware):
    """Connexion's routing middleware with an index instead of a scan."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._paths = PathIndex()

    def add_api(self, specification: Specification, *, base_path: str | None = None, **_: Any) -> None:
        """Index every operation of the document."""
        base = specification.base_path if base_path is None else base_path
        for template, item in specification["paths"].items():
            path = self._paths.add(base + template)
            for method in METHODS & item.keys():
                context = {"api_base_path": base, "operation_id": item[method]["operationId"]}
                path.methods[method.upper()] = context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Attach the operation to the scope and pass it on. Raises MethodMissing."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        found = self._paths.find(scope)
        if found is None:
            scope["path_params"] = {}
            scope.setdefault("extensions", {})[ROUTING_CONTEXT] = {}
            await self.app(scope, receive, send)
            return
        path, scope["path_params"] = found
        context = path.methods.get(scope["method"])
        if context is None:
            raise MethodMissing(scope["method"], tuple(sorted(path.methods)))
        scope.setdefault("extensions", {})[ROUTING_CONTEXT] = context
        await self.app(scope, receive, send)
