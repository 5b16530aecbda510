"""`tonpo simulator run`."""

import os
import subprocess
import sys
from pathlib import Path

import click

from reference_server.simulator.cli.mistakes import explained
from reference_server.simulator.stand_in.environment import ADDRESS, CONFIG


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="Example: tonpo simulator run --config broker.toml my_bot.py --symbol EURUSD",
)
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="The broker of this run, in TOML.")
@click.option("--address", metavar="ADDRESS", help="Attach to the broker that `tonpo simulator serve` serves there.")
@click.option("-m", "is_module", is_flag=True, help="TARGET is a module, as with `python -m`.")
@click.argument("target")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@explained
def run(config: Path | None, address: str | None, is_module: bool, target: str, arguments: tuple[str, ...]) -> None:
    """Run a Python program whose `import MetaTrader5` finds the simulator.

    TARGET is a script. It runs in this Python, with its own arguments; the exit code is the program's. Without --config
    or --address it gets the default demo broker, for itself alone.
    """
    from reference_server.simulator.stand_in.environment import terminal_from_environment
    from reference_server.simulator.stand_in.module import site_folder

    if not is_module and not Path(target).is_file():
        raise click.UsageError(f"There is no script {target}. A module is run with -m.")
    environment = dict(os.environ)
    if config is not None:
        environment[CONFIG] = str(config.resolve())
    if address is not None:
        environment[ADDRESS] = address
    terminal_from_environment(environment)  # a mistake is better told here than amid the program's imports
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(site_folder()), environment.get("PYTHONPATH"))))
    command = [sys.executable, *(["-m"] if is_module else []), target, *arguments]
    if sys.platform == "win32":
        sys.exit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603 - the user's program
    os.execve(command[0], command, environment)  # noqa: S606 - the user's program
