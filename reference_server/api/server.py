"""How the application is served: uvicorn's settings, in one place."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from reference_server.api.connection.connections import Connections
from reference_server.api.connection.http_protocol import HttpProtocol
from reference_server.api.connection.stream_protocol import FramedProtocol
from reference_server.usecases.measures import Measures, NoMeasures
from reference_server.usecases.readiness import Drain

GRACE_SECONDS = 5
"""How long streams may take to close, and what else is left to end, once all requests are served."""

EVENTS_SECONDS = 0.5
"""How long streams stay open behind the last answer: what an order brought about is told by the next poll."""

REQUESTS_SECONDS = 60.0
"""How long running requests may take to end once the gateway is told to stop."""

HSTS_SECONDS = 31_536_000
"""A year: for so long a browser that was here over TLS comes back over TLS only."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""For TLS 1.2: forward secrecy and authenticated encryption. TLS 1.3 has no others."""

_log = logging.getLogger("tonpo.server")


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificate chain and private key, in PEM, and the oldest version that is spoken: 1.2 or 1.3."""

    certificate: Path
    key: Path
    min_version: str = "1.2"

    def check(self) -> None:
        """Raise OSError or its SSLError unless the two files can be read and belong together."""
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, password="")


class GatewayConfig(uvicorn.Config):
    """uvicorn's settings, and what the gateway's protocols need besides."""

    connections: Connections
    measures: Measures
    tls: Tls | None

    def load(self) -> None:
        """Load, and make TLS modern."""
        super().load()
        if self.ssl is not None and self.tls is not None:
            is_newest = self.tls.min_version == "1.3"
            self.ssl.minimum_version = ssl.TLSVersion.TLSv1_3 if is_newest else ssl.TLSVersion.TLSv1_2
            self.ssl.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION

    def reload_certificate(self) -> None:
        """Read the certificate's files again, for connections to come. Keeps the old one when they are not sound."""
        if self.tls is None or self.ssl is None:
            return
        try:
            self.tls.check()  # apart: a failed load would leave the context in use with half a pair
            self.ssl.load_cert_chain(self.tls.certificate, self.tls.key, password="")
        except OSError as error:
            _log.error("tls_reload_failed", extra={"certificate": str(self.tls.certificate), "error": str(error)})
        else:
            _log.info("tls_reloaded", extra={"certificate": str(self.tls.certificate)})


class GatewayServer(uvicorn.Server):
    """A server that stops at SIGINT or SIGTERM and then lets its caller close the rest.

    uvicorn's own raises the signal again once it has stopped, which would end the process before that. A stop goes in
    steps: the drain begins and everything is served for `drain_seconds`; then no connection is taken any more, running
    requests get their answers, streams are closed with 1012. A second signal ends the waiting: see `is_forced`.
    """

    def __init__(
        self,
        config: GatewayConfig,
        drain: Drain | None = None,
        *,
        drain_seconds: float = 0.0,
        requests_seconds: float = REQUESTS_SECONDS,
    ) -> None:
        super().__init__(config)
        self._config = config
        self._drain = drain or Drain()
        self._drain_seconds = drain_seconds
        self._requests_seconds = requests_seconds
        self._exit_at: float | None = None
        self.is_forced = False
        """Whether a second signal asked for the end at once."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals while serving."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        handlers: dict[signal.Signals, Callable[[int, FrameType | None], object]] = {
            signal.SIGINT: self.handle_exit,
            signal.SIGTERM: self.handle_exit,
        }
        if self._config.tls is not None and sys.platform != "win32":
            handlers[signal.SIGHUP] = lambda _number, _frame: self._config.reload_certificate()
        previous = {one: signal.signal(one, handler) for one, handler in handlers.items()}
        try:
            yield
        finally:
            for one, handler in previous.items():
                signal.signal(one, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - as all handlers of signals
        """Begin to stop; at the second signal, stop at once."""
        if self._drain.is_draining:
            self.is_forced = self.force_exit = self.should_exit = True
            return
        _log.info("draining", extra={"signal": signal.Signals(sig).name, "seconds": self._drain_seconds})
        self._drain.begin()
        self._exit_at = time.monotonic() + self._drain_seconds

    async def on_tick(self, counter: int) -> bool:
        """Tell, ten times a second, whether to stop now."""
        if self._exit_at is not None and time.monotonic() >= self._exit_at:
            self.should_exit = True
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no connection any more, let requests end, then close streams and what is left."""
        self._drain.begin()
        for server in self.servers:
            server.close()
        for connection in [*self.server_state.connections]:
            if isinstance(connection, HttpProtocol):
                connection.shutdown()
        await self._wait(HttpProtocol, self._requests_seconds)
        await self._wait(FramedProtocol, EVENTS_SECONDS)
        self._drain.stop()
        await self._wait(FramedProtocol, GRACE_SECONDS)
        await super().shutdown(sockets)

    async def _wait(self, kind: type[HttpProtocol | FramedProtocol], seconds: float) -> None:
        """Wait until no such connection is open."""
        until = time.monotonic() + seconds
        while not self.force_exit and time.monotonic() < until:
            if not any(isinstance(one, kind) for one in self.server_state.connections):
                return
            await asyncio.sleep(0.02)


def server_config(
    app: Any,
    *,
    tls: Tls | None = None,
    ws_max_message_bytes: int = 65_536,
    lifespan: bool = True,
    connections: Connections | None = None,
    measures: Measures | None = None,
) -> GatewayConfig:
    """Return uvicorn's settings for the gateway.

    Its own access log stays off, as it shows the query string and with it keys. Forwarded client addresses are not its
    concern: whom to believe is decided by `api.clients`.
    """
    config = GatewayConfig(
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
        headers=[("strict-transport-security", f"max-age={HSTS_SECONDS}")] if tls else None,
        lifespan="on" if lifespan else "off",
        timeout_graceful_shutdown=GRACE_SECONDS,
        proxy_headers=False,
        ssl_certfile=tls.certificate if tls else None,
        ssl_keyfile=tls.key if tls else None,
        ssl_ciphers=CIPHERS,
    )
    config.connections = connections or Connections()
    config.measures = measures or NoMeasures()
    config.tls = tls
    return config


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
