"""The documentation as pages: an index, the REST contract and the stream's, offline and without a foreign host.

What a page may load is said by its Content-Security-Policy: nothing but what it needs from this gateway, no script in
the page itself. Files are read once, when the routes are made; their addresses hold their digests, so that browsers may
keep them.
"""

from __future__ import annotations

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from reference_server.api.access import CACHING

_VENDORED = ("swagger-ui-bundle.js", "swagger-ui.css")
_OWN = ("site.css", "rest.css", "rest.js", "stream.css", "stream.js", "icon.svg")
_PAGES = {"/docs": "index.html", "/docs/rest": "rest.html", "/docs/stream": "stream.html"}
_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}

_NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
_POLICIES = {
    "index.html": f"{_NOTHING}style-src 'self'; img-src 'self'",
    # swagger-ui sets styles from its script, and has its icons in its style sheet
    "rest.html": (
        f"{_NOTHING}script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
    ),
    "stream.html": f"{_NOTHING}script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'",
}
_PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_FILE_HEADERS = {"Cache-Control": "public, max-age=31536000, immutable", "Referrer-Policy": "no-referrer"}


def page_routes() -> list[Route]:
    """Return the public routes of the pages and of what they load."""
    site = files("reference_server.api") / "site"
    contents = {name: (site / name).read_bytes() for name in _OWN}
    contents |= {name: (site / "vendor" / name).read_bytes() for name in _VENDORED}
    places = {
        name: f"/docs/files/{hashlib.sha256(content).hexdigest()[:12]}-{name}" for name, content in contents.items()
    }
    routes = [_route(path, _page(site / name, places), name, _page_headers(name)) for path, name in _PAGES.items()]
    routes += [_route(places[name], content, name, _FILE_HEADERS) for name, content in contents.items()]
    return routes


def _page(file: Traversable, places: dict[str, str]) -> bytes:
    """Return the page with `{{name}}` replaced by the file's address."""
    text = file.read_text(encoding="utf-8")
    for name, place in places.items():
        text = text.replace(f"{{{{{name}}}}}", place)
    return text.encode("utf-8")


def _page_headers(name: str) -> dict[str, str]:
    return {**_PAGE_HEADERS, "Content-Security-Policy": _POLICIES[name]}


def _route(path: str, content: bytes, name: str, headers: dict[str, str]) -> Route:
    media_type = _TYPES[name.rpartition(".")[2]]

    async def serve(request: Request) -> Response:
        request.scope[CACHING] = True
        return Response(content, media_type=media_type, headers=headers)

    return Route(path, serve, methods=["GET"], name=path)
