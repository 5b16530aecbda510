"""`tonpo serve`: flags to settings, mistakes to one clear sentence and exit code 2."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from reference_server.commands import FILE, PLAN, explained, placed
from reference_server.config import Settings, load_settings

if TYPE_CHECKING:
    import socket

    from reference_server.api.server import Tls

_TERMINALS = ("simulated", "metatrader5", "mt5linux", "none")
_PROCESSES = ("inline", "shared", "per_account")
_LEVELS = ("debug", "info", "warning", "error", "critical")


@click.command(epilog="Example: tonpo serve --port 8080 --data-dir ./data --default-plan pro")
@click.option("--host", metavar="ADDRESS", help="Where to listen; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="8080 by default; 0 takes any free one.")
@placed
@click.option("--terminal", type=click.Choice(_TERMINALS), help="Whose terminals are used; simulated by default.")
@click.option("--simulator-config", type=FILE, metavar="FILE", help="Simulated broker in TOML.")
@click.option("--simulator-process", type=click.Choice(_PROCESSES), help="Where it runs; inline by default.")
@click.option("--simulator-address", metavar="ADDRESS", help="One that `tonpo simulator serve` runs.")
@click.option("--terminal-template", type=FILE, metavar="DIR", help="metatrader5: an installed terminal, to be copied.")
@click.option("--mt5linux-endpoints", metavar="HOST:PORT,...", help="mt5linux: its servers, one for each account.")
@click.option("--default-plan", type=PLAN, help="Plan of new users; free by default.")
@click.option("--tls-cert", type=FILE, metavar="FILE", help="Certificate chain in PEM; serves HTTPS and WSS.")
@click.option("--tls-key", type=FILE, metavar="FILE", help="Private key in PEM.")
@click.option("--drain-seconds", type=int, metavar="SECONDS", help="Serve on after a stop signal; 0 by default.")
@click.option("--metrics-port", type=int, metavar="PORT", help="Figures for Prometheus at /metrics; off by default.")
@click.option("--log-level", type=click.Choice(_LEVELS), help="info by default.")
@click.option("--log-format", type=click.Choice(("auto", "json", "console")), help="JSON off a terminal, by default.")
def serve(config_file: Path | None, **flags: Any) -> None:
    """Start the reference gateway.

    Every flag can also be given in the environment (--data-dir is TONPO_DATA_DIR) or in the file of --config.
    """
    with explained():
        settings = load_settings(flags, os.environ, config_file)
        tls = _tls(settings)
        listener = _listener(settings)
        try:
            _run(settings, listener, tls)
        finally:
            listener.close()


def _run(settings: Settings, listener: socket.socket, tls: Tls | None) -> None:
    from reference_server.telemetry import configure_logging

    configure_logging(settings.log_level, settings.log_format)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # connexion imports what its own dependencies have deprecated
        from reference_server.api.server import GatewayServer, server_config
        from reference_server.app import open_gateway
        from reference_server.domain.errors import StorageUnavailable
        from reference_server.memory import calm_collector
        from reference_server.metrics_endpoint import MetricsUnusable
        from reference_server.runtime import longest_request_seconds, runtime_of
        from reference_server.storage.journal_file import JournalUnusable
        from reference_server.terminals.providers.simulator_state import SimulatorStateUnusable
        from reference_server.terminals.providers.unusable import ProviderUnusable

    async def run() -> None:
        runtime = runtime_of(settings)
        async with open_gateway(settings, runtime=runtime) as gateway:
            config = server_config(
                gateway,
                tls=tls,
                ws_max_message_bytes=settings.ws_max_message_bytes,
                lifespan=False,
                connections=runtime.connections,
                measures=runtime.measures,
            )
            calm_collector()
            _welcome(settings, listener.getsockname()[1])
            server = GatewayServer(
                config,
                runtime.drain,
                drain_seconds=settings.drain_seconds,
                requests_seconds=longest_request_seconds(settings),
            )
            await server.serve(sockets=[listener])
            if server.is_forced:
                _end_at_once()

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run())
    except (ProviderUnusable, SimulatorStateUnusable, JournalUnusable, StorageUnavailable, MetricsUnusable) as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        pass  # a second Ctrl-C while closing: what is stored is safe at any moment
    Console(stderr=True).print("The gateway has stopped.")


def _end_at_once() -> None:
    """End the process without closing anything, as a crash would: what is stored is safe at any moment."""
    Console(stderr=True).print("The gateway was stopped at once.")
    logging.shutdown()
    os._exit(1)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.new_event_loop


def _welcome(settings: Settings, port: int) -> None:
    scheme = "https" if settings.tls_cert else "http"
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(settings.host, settings.host)  # noqa: S104 - for display
    url = f"{scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}"
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold]Tonpo reference gateway[/bold] at [bold cyan]{url}[/bold cyan]  (Ctrl-C stops it)")
    console.print(f"  stream    {url.replace('http', 'ws', 1)}/ws")
    console.print(f"  contract  {url}/openapi.yaml and {url}/asyncapi.yaml")
    console.print(f"  data      {settings.data_dir}")
    console.print(f"  terminal  {settings.terminal}")
    if settings.registration_open:
        console.print(f"  a key     curl -X POST {url}/api/users", markup=False)
    else:
        console.print(f"  a key     tonpo admin users create --data-dir {settings.data_dir}", markup=False)


def _tls(settings: Settings) -> Tls | None:
    if settings.tls_cert is None or settings.tls_key is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reference_server.api.server import Tls

    tls = Tls(settings.tls_cert, settings.tls_key, settings.tls_min_version)
    try:
        tls.check()
    except ssl.SSLError as error:
        raise click.UsageError(
            f"The certificate {settings.tls_cert} and the key {settings.tls_key} cannot be used: "
            f"{error.reason or error}. Both must be PEM files that belong together, the key without a password."
        ) from error
    except OSError as error:
        raise click.UsageError(f"The TLS files cannot be read: {error.strerror}.") from error
    return tls


def _listener(settings: Settings) -> socket.socket:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from reference_server.api.server import listen

    try:
        return listen(settings.host, settings.port)
    except (OSError, UnicodeError) as error:  # the latter for what cannot be the name of a host
        problem = (error.strerror or error) if isinstance(error, OSError) else "this is no name of a host"
        raise click.UsageError(
            f"Cannot listen on {settings.host} port {settings.port}: {problem}. "
            "Choose another with --host and --port; --port 0 takes any free one."
        ) from error
