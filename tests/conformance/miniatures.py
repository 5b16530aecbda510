"""Tiny gateways, each odd in one way, against which the suite itself is tested."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web
from aiohttp.test_utils import TestServer

HEALTH = {"status": "ok", "version": "1", "connections": {"websocket": 0}}


def answers_empty_object() -> web.Application:
    """Answers 200 `{}` to everything."""
    return _always(lambda: web.json_response({}))


def answers_500() -> web.Application:
    """Answers 500 without a body to everything."""
    return _always(lambda: web.Response(status=500))


def answers_pages() -> web.Application:
    """Answers a page for people to everything, as a proxy in front of nothing does."""
    return _always(lambda: web.Response(text="<h1>It works!</h1>", content_type="text/html"))


def answers_half_json() -> web.Application:
    """Says JSON, and breaks off in the middle of it."""
    return _always(lambda: web.Response(text='{"status": "ok", "ver', content_type="application/json"))


def answers_arrays() -> web.Application:
    """Answers JSON of the wrong shape to everything."""
    return _always(lambda: web.json_response([None, 1, {"a": []}]))


def hangs_after_health() -> web.Application:
    """Is healthy, and never answers anything else."""
    app = web.Application()
    app.router.add_get("/health", _healthy)
    app.router.add_route("*", "/{tail:.*}", _never)
    return app


def drops_connections() -> web.Application:
    """Is healthy, and hangs up on every other request."""
    app = web.Application()
    app.router.add_get("/health", _healthy)
    app.router.add_route("*", "/{tail:.*}", _hang_up)
    return app


def forgets_its_version_at_first() -> web.Application:
    """Lacks the version in the second health that it gives, and only there."""
    numbers = itertools.count(1)

    async def health(request: web.Request) -> web.Response:
        body = {name: one for name, one in HEALTH.items() if name != "version" or next(numbers) != 2}
        return web.json_response(body)

    app = web.Application()
    app.router.add_get("/health", health)
    return app


def claims_what_it_lacks() -> web.Application:
    """Claims the history of orders; all it has is health and users."""

    async def health(request: web.Request) -> web.Response:
        return web.json_response({**HEALTH, "capabilities": ["history"]})

    async def create_user(request: web.Request) -> web.Response:
        return web.json_response({"user_id": "usr_1", "api_key": "sk_live_of_the_liar"}, status=201)

    async def me(request: web.Request) -> web.Response:
        return web.json_response({"user_id": "usr_1", "plan": "enterprise"})

    async def missing(request: web.Request) -> web.Response:
        body = {"error": "no such path", "code": 404, "type": "not_found", "reason": "path_not_found"}
        return web.json_response(body, status=404)

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_post("/api/users", create_user)
    app.router.add_get("/api/users/me", me)
    app.router.add_route("*", "/{tail:.*}", missing)
    return app


@asynccontextmanager
async def served(app: web.Application) -> AsyncIterator[str]:
    """Serve an application on a free port and give its URL."""
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    try:
        yield str(server.make_url("")).rstrip("/")
    finally:
        await server.close()


@asynccontextmanager
async def silence() -> AsyncIterator[str]:
    """Accept connections and never say a word."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await reader.read()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def _always(answer: object) -> web.Application:
    async def handle(request: web.Request) -> web.Response:
        assert callable(answer)
        response: web.Response = answer()
        return response

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    return app


async def _healthy(request: web.Request) -> web.Response:
    return web.json_response(HEALTH)


async def _never(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError("unreachable")


async def _hang_up(request: web.Request) -> web.Response:
    assert request.transport is not None
    request.transport.close()
    return web.Response()
