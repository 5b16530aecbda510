"""Where Prometheus reads the figures: `GET /metrics` on a port of its own, without a key, without anything else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.types import Receive, Scope, Send

from reference_server.api.server import listen
from reference_server.metrics import Counts, GatewayCollector, rendered

LAG_INTERVAL_SECONDS = 0.25

CountAccounts = Callable[[], Awaitable[Mapping[str, int]]]
"""Returns how many accounts there are in each state."""


class MetricsUnusable(Exception):
    """The port for metrics cannot be listened on. The message says which and why."""


class MetricsPage:
    """The ASGI application."""

    def __init__(self, registry: CollectorRegistry, collector: GatewayCollector, accounts: CountAccounts) -> None:
        self._registry = registry
        self._collector = collector
        self._accounts = accounts

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        status, kind, content = 404, "text/plain; charset=utf-8", b"The metrics of this gateway are at /metrics.\n"
        if scope["path"] == "/metrics":
            with suppress(
                Exception
            ):  # storage that does not answer must not hide everything else: the last counts stay
                async with asyncio.timeout(1.0):
                    self._collector.accounts = await self._accounts()
            status, kind, content = 200, CONTENT_TYPE_LATEST, rendered(self._registry)
        headers = [(b"content-type", kind.encode("ascii")), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})


class _Beside(uvicorn.Server):
    """A server beside the gateway's own, which leaves the signals to that one."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving_metrics(page: MetricsPage, counts: Counts, host: str, port: int) -> AsyncIterator[int]:
    """Serve the page and measure how late the event loop is; gives the port. Raises MetricsUnusable."""
    try:
        listener = listen(host, port)
    except (OSError, UnicodeError) as error:
        raise MetricsUnusable(f"metrics_port: cannot listen on {host} port {port}: {error}") from error
    config = uvicorn.Config(
        page, lifespan="off", access_log=False, log_config=None, server_header=False, ws="none", proxy_headers=False,
        timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = _Beside(config)
    serving = asyncio.ensure_future(server.serve(sockets=[listener]))
    measuring = asyncio.ensure_future(_measure_lag(counts))
    try:
        yield int(listener.getsockname()[1])
    finally:
        measuring.cancel()
        server.should_exit = True
        await asyncio.wait({serving, measuring})
        listener.close()


async def _measure_lag(counts: Counts) -> None:
    while True:
        due = time.perf_counter() + LAG_INTERVAL_SECONDS
        await asyncio.sleep(LAG_INTERVAL_SECONDS)
        counts.lag.add(max(0.0, time.perf_counter() - due))
