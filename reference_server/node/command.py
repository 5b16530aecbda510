"""`tonpo node`: flags to an agent, mistakes to one clear sentence and exit code 2."""

from __future__ import annotations

import asyncio
import os
import signal
import ssl
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from reference_server.config import ConfigError, Settings, load_settings
from reference_server.domain.nodes import is_auth_token
from reference_server.node.refusals import AgentRefused, NodeEnded
from reference_server.sentence import sentence

TOKEN_VARIABLE: Final = "TONPO_NODE_AUTH_TOKEN"  # noqa: S105 - a name
ENDED: Final = 3
"""Exit code when the gateway has ended the node."""

_FILE: Final = click.Path(path_type=Path)
_LEVELS: Final = ("debug", "info", "warning", "error", "critical")


@click.command(
    epilog="Example: tonpo node --gateway https://gateway.example --node-dir ./node --auth-token-file token.txt"
)
@click.option("--gateway", metavar="URL", required=True, help="The gateway, as its other users reach it.")
@click.option("--node-dir", metavar="DIR", type=_FILE, required=True, help="What the node keeps: its key above all.")
@click.option(
    "--auth-token-file", metavar="FILE", type=_FILE, help=f"To enrol; or {TOKEN_VARIABLE} in the environment."
)
@click.option("--terminal", type=click.Choice(("simulated", "metatrader5", "mt5linux")), help="simulated by default.")
@click.option("--simulator-config", type=_FILE, metavar="FILE", help="A simulated broker of its own, in TOML.")
@click.option("--simulator-address", metavar="ADDRESS", help="One that `tonpo simulator serve` runs.")
@click.option(
    "--terminal-template", type=_FILE, metavar="DIR", help="metatrader5: an installed terminal, to be copied."
)
@click.option("--mt5linux-endpoints", metavar="HOST:PORT", help="mt5linux: its server.")
@click.option("--config", "config_file", type=_FILE, metavar="FILE", help="Settings in TOML.")
@click.option("--tls-ca", type=_FILE, metavar="FILE", help="Authority of the gateway's certificate, in PEM.")
@click.option("--insecure-plain-http", is_flag=True, help="Take http:// also to another machine.")
@click.option("--log-level", type=click.Choice(_LEVELS), help="info by default.")
@click.option("--log-format", type=click.Choice(("auto", "json", "console")), help="JSON off a terminal, by default.")
def node(
    gateway: str,
    node_dir: Path,
    auth_token_file: Path | None,
    config_file: Path | None,
    tls_ca: Path | None,
    insecure_plain_http: bool,
    **flags: Any,
) -> None:
    """Run a terminal on this machine for one account of a gateway.

    The account's auth_token enrols this node, once; its own key in DIR is used from then on.
    """
    try:
        settings = load_settings({**flags, "data_dir": node_dir}, os.environ, config_file)
        token = _token(auth_token_file, os.environ)
        _run(settings, gateway, token, _trust(tls_ca), may_be_plain=insecure_plain_http)
    except (ConfigError, AgentRefused) as error:
        raise click.UsageError(sentence(str(error))) from error
    except NodeEnded as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(str(error), markup=False)
        raise click.exceptions.Exit(ENDED) from error


def _run(settings: Settings, url: str, token: str | None, trust: ssl.SSLContext | None, *, may_be_plain: bool) -> None:
    from reference_server.node.address import parse_gateway
    from reference_server.node.agent import Agent
    from reference_server.node.folder import owned_folder
    from reference_server.provider import node_sources
    from reference_server.telemetry import configure_logging
    from reference_server.terminals.providers.unusable import ProviderUnusable

    place = parse_gateway(url, may_be_plain=may_be_plain)
    configure_logging(settings.log_level, settings.log_format)
    try:
        sources = node_sources(settings)
    except ProviderUnusable as unusable:
        raise AgentRefused(str(unusable)) from unusable
    with owned_folder(settings.data_dir) as folder:
        if token is None and not folder.has_key():
            raise AgentRefused(
                f"No node lives in {settings.data_dir} yet: enrol one with the account's auth_token, in a file "
                f"(--auth-token-file) or in {TOKEN_VARIABLE}."
            )
        agent = Agent(place, folder, sources, token=token, trust=trust)
        with suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(_until_stopped(agent.run()))
    Console(stderr=True).print("The node has stopped.")


async def _until_stopped(running: Any) -> None:
    """Run; SIGTERM stops it as Ctrl-C does."""
    task = asyncio.ensure_future(running)
    if sys.platform != "win32":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await task


def _token(file: Path | None, environment: Mapping[str, str]) -> str | None:
    """Return the auth_token that was given. Raises AgentRefused, which never shows it."""
    if file is None:
        token = environment.get(TOKEN_VARIABLE, "").strip()
        place = f"The environment variable {TOKEN_VARIABLE}"
        if not token:
            return None
    else:
        place = f"--auth-token-file {file}"
        try:
            token = file.read_text(encoding="ascii").strip()
        except OSError as failed:
            raise AgentRefused(f"{place} cannot be read: {failed.strerror}.") from failed
        except UnicodeDecodeError:
            token = ""
    if not is_auth_token(token):
        raise AgentRefused(f"{place} holds no auth_token: POST /api/accounts gives one, 43 characters.")
    return token


def _trust(file: Path | None) -> ssl.SSLContext | None:
    """Return what certificates are verified with; None for the system's own. Raises AgentRefused."""
    if file is None:
        return None
    try:
        return ssl.create_default_context(cafile=str(file))
    except OSError as failed:
        raise AgentRefused(f"--tls-ca {file} cannot be used: {failed.strerror or failed}.") from failed
