"""The group, and its smallest command."""

import click

from reference_server.simulator.cli.controlling import control
from reference_server.simulator.cli.market import record, symbols
from reference_server.simulator.cli.running import run
from reference_server.simulator.cli.serving import serve


@click.group(epilog="Example: tonpo simulator run my_bot.py")
def simulator() -> None:
    """A simulated MetaTrader 5 terminal and broker, in the place of the MetaTrader5 package."""


@simulator.command(epilog='Example: PYTHONPATH="$(tonpo simulator path)" python my_bot.py')
def path() -> None:
    """Print the folder to put on PYTHONPATH, so that `import MetaTrader5` finds the simulator."""
    from reference_server.simulator.stand_in.module import site_folder

    click.echo(site_folder())


for _command in (run, serve, control, symbols, record):
    simulator.add_command(_command)
