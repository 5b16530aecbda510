"""`tonpo simulator control`: a served broker's faults, prices, time and accounts, from a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from reference_server.simulator.cli.mistakes import explained
from reference_server.simulator.cli.serving import CONTROL_TOKEN

if TYPE_CHECKING:
    from reference_server.simulator.control.client import ControlClient

CONTROL = "TONPO_SIMULATOR_CONTROL"


@click.group(epilog="Example: tonpo simulator control add refuse retcode=10019 times=2")
@click.option("--url", envvar=CONTROL, metavar="URL", help=f"The control port; {CONTROL} in the environment.")
@click.option("--token", envvar=CONTROL_TOKEN, metavar="TOKEN", help=f"Its token; {CONTROL_TOKEN} in the environment.")
@click.pass_context
def control(context: click.Context, url: str | None, token: str | None) -> None:
    """Drive a served broker: faults, prices, time, accounts.

    `tonpo simulator serve --control 127.0.0.1:PORT` prints the URL and the token to use. Answers are JSON.
    """
    context.obj = (url, token)


def _client(context: click.Context) -> ControlClient:
    from reference_server.simulator.control.client import ControlClient

    url, token = context.obj
    if not url or not token:
        raise click.UsageError(f"Say which control port: --url with --token, or {CONTROL} with {CONTROL_TOKEN}.")
    if not url.startswith("http://"):
        raise click.UsageError(f"The URL of a control port begins with http://, unlike {url}.")
    return ControlClient(url, token)


def _show(answer: object) -> None:
    click.echo(json.dumps(answer, indent=2))


@control.command(epilog="Example: tonpo simulator control state")
@click.pass_context
@explained
def state(context: click.Context) -> None:
    """Show time, prices, accounts and faults."""
    _show(_client(context).state())


@control.command(epilog="Example: tonpo simulator control faults")
@click.pass_context
@explained
def faults(context: click.Context) -> None:
    """List the faults that wait or are at work, oldest first."""
    _show(_client(context).faults())


@control.command(epilog="Example: tonpo simulator control add delay call=order_send ms=500 times=0")
@click.argument("kind")
@click.argument("parameters", nargs=-1, metavar="[NAME=VALUE]...")
@click.pass_context
@explained
def add(context: click.Context, kind: str, parameters: tuple[str, ...]) -> None:
    """Queue a fault and print its id.

    Every fault takes call, login, after (calls that pass first) and times (0: until it is cleared); what else it takes
    depends on its KIND.
    """
    named: dict[str, Any] = {}
    for parameter in parameters:
        name, sign, value = parameter.partition("=")
        if not sign or not name.isidentifier():
            raise click.UsageError(f"A parameter is NAME=VALUE, unlike {parameter}.")
        named[name] = _value(value)
    _show(_client(context).add_fault(kind, **named))


def _value(text: str) -> Any:
    """JSON where it is that, a text otherwise."""
    try:
        return json.loads(text)
    except ValueError:
        return text


@control.command(epilog="Example: tonpo simulator control clear 3")
@click.argument("fault_id", type=int, required=False)
@click.pass_context
@explained
def clear(context: click.Context, fault_id: int | None) -> None:
    """Take a fault away, or all of them, and print how many."""
    _show(_client(context).clear_faults(fault_id))


@control.command(epilog="Example: tonpo simulator control price EURUSD 1.0850 1.0852")
@click.argument("symbol")
@click.argument("bid", type=float)
@click.argument("ask", type=float)
@click.pass_context
@explained
def price(context: click.Context, symbol: str, bid: float, ask: float) -> None:
    """Move a symbol by hand; from then on it moves in no other way."""
    _client(context).set_price(symbol, bid, ask)


@control.command(epilog="Example: tonpo simulator control release EURUSD")
@click.argument("symbol")
@click.pass_context
@explained
def release(context: click.Context, symbol: str) -> None:
    """Let a symbol move on its own again."""
    _client(context).release_price(symbol)


@control.command(epilog="Example: tonpo simulator control advance 3600")
@click.argument("seconds", type=float)
@click.pass_context
@explained
def advance(context: click.Context, seconds: float) -> None:
    """Move a manual clock, and print where it stands."""
    _show(_client(context).advance_clock(seconds=seconds))


@control.command(epilog="Example: tonpo simulator control account TonpoSim-Demo 12345")
@click.argument("server")
@click.argument("login", type=int)
@click.pass_context
@explained
def account(context: click.Context, server: str, login: int) -> None:
    """Show one account: its money, positions, orders and permissions."""
    _show(_client(context).account(server, login))


@control.command(epilog="Example: tonpo simulator control deposit TonpoSim-Demo 12345 -- -500")
@click.argument("server")
@click.argument("login", type=int)
@click.argument("amount", type=float)
@click.option("--comment", default="", metavar="TEXT", help="The comment of the deal.")
@click.pass_context
@explained
def deposit(context: click.Context, server: str, login: int, amount: float, comment: str) -> None:
    """Pay in, or out when negative, and show the account."""
    client = _client(context)
    if amount < 0:
        _show(client.withdraw(server, login, -amount, comment))
    else:
        _show(client.deposit(server, login, amount, comment))
