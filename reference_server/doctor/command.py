"""`tonpo admin doctor`: its flags, where the password comes from, its exit codes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    from reference_server.doctor.inquiry import Login

_FILE: Final = click.Path(path_type=Path)
_TERMINALS: Final = ("simulated", "metatrader5", "mt5linux", "none")
_PROCESSES: Final = ("inline", "shared", "per_account")
_LARGEST_LOGIN: Final = 2**63 - 1
_LONGEST_SERVER: Final = 253
"""Of what the package accepts, as for the password."""


@click.command(epilog="Example: tonpo admin doctor --data-dir ./data --login 5001234 --server Broker-Demo")
@click.option("--config", "config_file", type=_FILE, metavar="FILE", help="Settings in TOML.")
@click.option("--data-dir", type=_FILE, metavar="DIR", help="Database and secrets; var/tonpo by default.")
@click.option("--database-url", metavar="URL", help="sqlite:///FILE; DIR/tonpo.db by default.")
@click.option("--host", metavar="ADDRESS", help="Where the gateway is to listen; 127.0.0.1 by default.")
@click.option("--port", type=click.IntRange(0, 65535), metavar="PORT", help="8080 by default.")
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="Certificate chain in PEM.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Private key in PEM.")
@click.option(
    "--terminal",
    type=click.Choice(_TERMINALS),
    help="What plays the MetaTrader 5 terminal.",
)
@click.option("--simulator-config", type=_FILE, metavar="FILE", help="Simulated broker in TOML.")
@click.option("--simulator-process", type=click.Choice(_PROCESSES), help="Where it runs; inline by default.")
@click.option("--simulator-address", metavar="ADDRESS", help="One that `tonpo simulator serve` runs.")
@click.option("--terminal-template", type=_FILE, metavar="DIR", help="metatrader5: an installed terminal.")
@click.option("--mt5linux-endpoints", metavar="HOST:PORT,...", help="mt5linux: its servers.")
@click.option("--login", type=click.IntRange(1, _LARGEST_LOGIN), metavar="LOGIN", help="Log in to this account.")
@click.option("--server", metavar="SERVER", help="The account's trade server; needed with --login.")
@click.option("--password-file", type=_FILE, metavar="FILE", help="Holds the password, instead of asking for it.")
@click.option(
    "--deadline", type=click.FloatRange(1, 600), default=30.0, show_default=True, metavar="SECONDS",
    help="How long the terminal may take for one answer; four times as long to log in.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def doctor(
    config_file: Path | None,
    login: int | None,
    server: str | None,
    password_file: Path | None,
    deadline: float,
    as_json: bool,
    **flags: Any,
) -> None:
    """Look at the set-up of a gateway and its terminals; say what is wrong and what to do about it.

    Changes nothing and sends no order. With --login it also logs in, as the gateway would, and looks at the terminal's
    switches, the account, its symbols, prices and clock; the password is asked for. Exit code 0: nothing is wrong; 1:
    there is a problem; 2: a mistake on the command line.
    """
    credentials = _credentials(login, server, password_file)
    from rich.console import Console

    from reference_server.doctor import report
    from reference_server.doctor.examination import Examination, Sources
    from reference_server.doctor.finding import is_healthy
    from reference_server.doctor.probe import Probe

    examination = Examination(Sources(flags, os.environ, config_file), credentials, Probe(deadline))
    found = list(examination.findings())
    if as_json:
        click.echo(report.as_json(found))
    else:
        report.print_list(found, Console(highlight=False))
    if not is_healthy(found):
        sys.exit(1)


def _credentials(login: int | None, server: str | None, password_file: Path | None) -> Login | None:
    """Combine what belongs together. Raises click.UsageError."""
    if login is None:
        if server is not None or password_file is not None:
            raise click.UsageError("--server and --password-file go with --login.")
        return None
    if not server or len(server) > _LONGEST_SERVER:
        raise click.UsageError("--login needs --server: the name of the account's trade server.")
    from reference_server.doctor.inquiry import Login

    password = _asked_password(login, server) if password_file is None else _password_in(password_file)
    if not password:
        raise click.UsageError("The password is empty.")
    return Login(login, server, password)


def _asked_password(login: int, server: str) -> str:
    if not sys.stdin.isatty():
        raise click.UsageError("There is no terminal to ask for the password on: use --password-file.")
    return str(click.prompt(f"Password of {login} at {server}", hide_input=True, err=True))


def _password_in(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST_SERVER + 2).partition("\n")[0].rstrip("\r")
    except OSError as error:
        raise click.UsageError(f"The password file {path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"The password file {path} is not text.") from error
