"""A real server for tests: uvicorn in a thread, on a free loopback port; and what generated tests have in common."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
import uvicorn
from hypothesis import HealthCheck, settings

# How fast a machine is at the moment is no fact about the code.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")

ServeApp = Callable[..., AbstractContextManager[str]]


class _Server(uvicorn.Server):
    """Tells when it has started."""

    def __init__(self, config: uvicorn.Config, ready: threading.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()


@contextmanager
def served(app: Any, *, protocol: type[asyncio.Protocol] | None = None, **options: Any) -> Iterator[str]:
    """Serve an ASGI application; gives `host:port`, and stops the server at the end.

    `protocol`: what speaks HTTP, in place of the gateway's own.
    """
    from reference_server.api.server import listen, server_config  # half a second that most tests need not wait

    listener = listen("127.0.0.1", 0)
    host, port = listener.getsockname()[:2]
    ready = threading.Event()
    config = server_config(app, **options)
    if protocol is not None:
        config.http = protocol
    server = _Server(config, ready)
    failed: list[BaseException] = []

    def main() -> None:
        try:
            server.run(sockets=[listener])
        except BaseException as error:
            failed.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=main, name="served gateway")
    thread.start()
    try:
        assert ready.wait(30), "the server did not start in time"
        if failed or not server.started:
            raise RuntimeError("the server did not start") from (failed[0] if failed else None)
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
        assert not thread.is_alive(), "the server did not stop"
    if failed:
        raise RuntimeError("the server failed") from failed[0]


@pytest.fixture(scope="session")
def serve() -> ServeApp:
    """The context manager that serves an application."""
    return served
