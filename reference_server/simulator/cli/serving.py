"""`tonpo simulator serve`."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reference_server.simulator.cli.mistakes import explained
from reference_server.simulator.stand_in.environment import TOKEN

if TYPE_CHECKING:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.config import ControlSettings
    from reference_server.simulator.pipe.address import Address
    from reference_server.simulator.pipe.state import KeptState

CONTROL_TOKEN = "TONPO_SIMULATOR_CONTROL_TOKEN"  # noqa: S105 - a variable's name
SAVE_EVERY_SECONDS = 10.0

_PATH = click.Path(path_type=Path)


@click.command(epilog="Example: tonpo simulator serve --socket ./broker.sock --state ./accounts")
@click.option("--socket", "socket_path", metavar="PATH", help="Listen on a Unix socket that only you may open.")
@click.option("--listen", metavar="ADDRESS", help="Listen on 127.0.0.1:PORT; 0 takes any free port.")
@click.option("--config", type=_PATH, metavar="FILE", help="The broker, in TOML; the default demo broker otherwise.")
@click.option("--state", type=_PATH, metavar="DIR", help="Keep the accounts here over restarts.")
@click.option("--control", metavar="ADDRESS", help="Open the control port on 127.0.0.1:PORT.")
@explained
def serve(
    socket_path: str | None, listen: str | None, config: Path | None, state: Path | None, control: str | None
) -> None:
    """Serve a broker and its terminals from a process of their own.

    Programs that import the stand-in with TONPO_SIMULATOR_ADDRESS set trade with this broker: several at once, and
    again after they were killed. A port asks for the token of TONPO_SIMULATOR_TOKEN, the control port for that of
    TONPO_SIMULATOR_CONTROL_TOKEN; one that is not set is made up and printed.
    """
    from reference_server.simulator.pipe.server import PipeServer
    from reference_server.simulator.pipe.state import KeptState

    if (socket_path is None) == (listen is None):
        raise click.UsageError("Say where to listen: --socket PATH or --listen 127.0.0.1:PORT, one of them.")
    address = _address(socket_path, listen)
    broker, settings = _broker(config)
    stop = threading.Event()
    with ExitStack() as stack:
        kept = stack.enter_context(KeptState(broker, state)) if state is not None else None
        server = PipeServer(broker, address, token=os.environ.get(TOKEN))
        stack.callback(server.close)
        if control is not None or settings is not None:
            from reference_server.simulator.control import start_control

            place = control or (settings.listen if settings is not None else "")
            token = os.environ.get(CONTROL_TOKEN) or (settings.token if settings is not None else None)
            port = start_control(broker, place, token)
            stack.callback(port.close)
            click.echo(f"control port {port.url} token {port.token}")
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        click.echo(f"listening on {server.address}{f' token {server.token}' if server.token else ''}")
        while not stop.wait(SAVE_EVERY_SECONDS):
            if kept is not None:
                _save(kept)


def _save(kept: KeptState) -> None:
    """A disk that is full is no reason to take the broker away from those who trade with it."""
    from reference_server.simulator.pipe.state import StateUnusable

    try:
        kept.save_changes()
    except StateUnusable as unusable:
        click.echo(f"not saved: {unusable}", err=True)


def _address(socket_path: str | None, listen: str | None) -> Address:
    from reference_server.simulator.pipe.address import Address, AddressUnusable, parse_address

    if socket_path is not None:
        return Address(path=socket_path)
    address = parse_address(listen or "")
    if not address.is_port:
        raise AddressUnusable(f"--listen takes 127.0.0.1:PORT; for the socket {address} use --socket")
    return address


def _broker(config: Path | None) -> tuple[SimulatedBroker, ControlSettings | None]:
    from reference_server.simulator.broker import SimulatedBroker

    if config is None:
        return SimulatedBroker(), None
    from reference_server.simulator.config import load_config

    settings = load_config(config)
    return settings.build(), settings.control
