"""`tonpo simulator`: a broker to trade against, for bots and tests of one's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reference_server.simulator.stand_in.environment import ADDRESS, CONFIG, TOKEN

if TYPE_CHECKING:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.pipe.address import Address
    from reference_server.simulator.pipe.server import PipeServer
    from reference_server.simulator.pipe.state import KeptState

SAVE_EVERY_SECONDS = 10.0

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_DIRECTORY = click.Path(path_type=Path, file_okay=False)


@click.group(epilog="Example: tonpo simulator run my_bot.py")
def simulator() -> None:
    """A simulated MetaTrader 5 terminal and broker, in the place of the MetaTrader5 package."""


@simulator.command(epilog='Example: PYTHONPATH="$(tonpo simulator path)" python my_bot.py')
def path() -> None:
    """Print the folder to put on PYTHONPATH, so that `import MetaTrader5` finds the simulator."""
    from reference_server.simulator.stand_in.module import site_folder

    click.echo(site_folder())


@simulator.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: tonpo simulator run --config broker.toml my_bot.py --symbol EURUSD",
)
@click.option("--config", type=_FILE, metavar="FILE", help="The broker of this run, in TOML.")
@click.option("--address", metavar="ADDRESS", help="Attach to what `tonpo simulator serve` serves there.")
@click.option("-m", "is_module", is_flag=True, help="TARGET is a module, as with `python -m`.")
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def run(config: Path | None, address: str | None, is_module: bool, target: str, arguments: tuple[str, ...]) -> None:
    """Run a Python program whose `import MetaTrader5` finds the simulator; its exit code is the program's.

    TARGET is a script. Without --config or --address the program gets the default demo broker, for itself alone.
    """
    from reference_server.simulator.stand_in.module import site_folder

    if not is_module and not Path(target).is_file():
        raise click.UsageError(f"There is no script {target}. A module is run with -m.")
    environment = dict(os.environ)
    environment |= {CONFIG: str(config.resolve())} if config else {}
    environment |= {ADDRESS: address} if address else {}
    with _explained():
        _check(environment)
    folders = [str(site_folder()), *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(folders)
    command = [sys.executable, *(["-m"] if is_module else []), target, *arguments]
    if sys.platform == "win32":
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - the user's own
    os.execve(command[0], command, environment)  # noqa: S606 - the user's own program


def _check(environment: dict[str, str]) -> None:
    """Raises StandInMisconfigured, here rather than in the middle of the program's imports."""
    from reference_server.simulator.stand_in.environment import terminal_from_environment

    terminal_from_environment(environment)


@simulator.command(epilog="Example: tonpo simulator serve --socket ./broker.sock --state ./accounts")
@click.option("--socket", "socket_path", metavar="PATH", help="Listen on a Unix socket that only you may open.")
@click.option("--listen", metavar="ADDRESS", help="Listen on 127.0.0.1:PORT; 0 takes any free port.")
@click.option("--config", type=_FILE, metavar="FILE", help="The broker, in TOML; the default demo broker otherwise.")
@click.option("--state", type=_DIRECTORY, metavar="DIR", help="Keep the accounts here over restarts.")
def serve(socket_path: str | None, listen: str | None, config: Path | None, state: Path | None) -> None:
    """Serve a broker and its terminals from a process of their own.

    Programs that import the stand-in with TONPO_SIMULATOR_ADDRESS set trade with this broker: several at once, and
    again after they were killed. A port asks for the token of TONPO_SIMULATOR_TOKEN; where that is not set, one is
    made up and printed.
    """
    with _explained():
        if (socket_path is None) == (listen is None):
            raise click.UsageError("Say where to listen: --socket PATH or --listen 127.0.0.1:PORT, one of them.")
        with ExitStack() as stack:
            kept, server = _open(stack, _address(socket_path, listen), config, state)
            stop = threading.Event()
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stop.set())
            token = f" token {server.token}" if server.token else ""
            click.echo(f"listening on {server.address}{token}")
            while not stop.wait(SAVE_EVERY_SECONDS):
                if kept is not None:
                    kept.save()
    click.echo("stopped")


def _address(socket_path: str | None, listen: str | None) -> Address:
    from reference_server.simulator.pipe.address import Address, AddressUnusable, parse_address

    if socket_path is not None:
        return Address(path=socket_path)
    address = parse_address(listen or "")
    if not address.is_port:
        raise AddressUnusable(f"--listen takes 127.0.0.1:PORT; for the socket {address} use --socket")
    return address


def _open(
    stack: ExitStack, address: Address, config: Path | None, state: Path | None
) -> tuple[KeptState | None, PipeServer]:
    from reference_server.simulator.pipe.server import PipeServer
    from reference_server.simulator.pipe.state import KeptState

    broker = _broker(config)
    kept = stack.enter_context(KeptState(broker, state)) if state is not None else None
    server = PipeServer(broker, address, token=os.environ.get(TOKEN))
    stack.callback(server.close)
    return kept, server


def _broker(config: Path | None) -> SimulatedBroker:
    from reference_server.simulator.broker import SimulatedBroker

    if config is None:
        return SimulatedBroker()
    from reference_server.simulator.config import load_config

    return load_config(config).build()


@contextmanager
def _explained() -> Iterator[None]:
    """Turn what a user can get wrong into one sentence and exit code 2."""
    from reference_server.simulator.pipe.address import AddressUnusable
    from reference_server.simulator.pipe.state import StateUnusable
    from reference_server.simulator.stand_in.environment import StandInMisconfigured

    try:
        yield
    except (AddressUnusable, StandInMisconfigured, StateUnusable) as mistake:
        raise click.UsageError(f"{str(mistake)[:1].upper()}{str(mistake)[1:]}.") from None
