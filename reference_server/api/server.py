"""How the application is served: uvicorn's settings, in one place."""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from reference_server.api.protocols import FramedProtocol, HttpProtocol

GRACE_SECONDS = 5
"""How long running requests may take to end once the gateway is told to stop."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and private key, in PEM."""

    certificate: Path
    key: Path


class GatewayServer(uvicorn.Server):
    """A server that stops at SIGINT or SIGTERM and then lets its caller close the rest.

    uvicorn's own raises the signal again once it has stopped, which would end the process before that.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while serving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {one: signal.signal(one, self.handle_exit) for one in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for one, handler in previous.items():
                signal.signal(one, handler)


def server_config(
    app: Any, *, tls: Tls | None = None, ws_max_message_bytes: int = 65_536, lifespan: bool = True
) -> uvicorn.Config:
    """Return uvicorn's settings for the gateway.

    Its own access log stays off, as it shows the query string and with it keys. Forwarded client addresses are not
    believed, since registrations are limited by client address.
    """
    return uvicorn.Config(
        app,
        http=HttpProtocol,
        loop="none" if sys.platform == "win32" else "uvloop",
        ws=FramedProtocol,
        ws_max_size=ws_max_message_bytes,
        ws_per_message_deflate=False,
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        lifespan="on" if lifespan else "off",
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=False,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
    )


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # there it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
