"""The root of the `tonpo` command; a subcommand is imported only when it is used."""

from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

import click


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a subcommand lives, and the line that the root's help shows for it."""

    module: str
    attribute: str
    summary: str


ENTRIES = {
    "serve": Entry("reference_server.cli", "serve", "Start the reference gateway."),
    "node": Entry("reference_server.node.command", "node", "Run a terminal of your own for one account of a gateway."),
    "admin": Entry("reference_server.admin.group", "admin", "Look after a gateway's users, plans and database."),
    "simulator": Entry(
        "reference_server.simulator.cli", "simulator", "A simulated MetaTrader 5 terminal for bots and tests."
    ),
    "conformance": Entry("conformance.cli", "conformance", "Judge a gateway at a URL."),
    "spec": Entry("spec.cli", "spec", "Lint, bundle and compare the contract documents."),
    "demo": Entry("tonpo_spec.demo", "demo", "Start a gateway and judge it, in one go."),
}


class LazyGroup(click.Group):
    """A group whose subcommands are imported when they are called; an absent one is not listed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - Click's own signature
        """Return the names of the subcommands whose module is installed."""
        return [name for name, entry in ENTRIES.items() if _is_installed(entry.module)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a subcommand."""
        entry = ENTRIES.get(cmd_name)
        if entry is None or not _is_installed(entry.module):
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the subcommands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, ENTRIES[name].summary) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find a subcommand; for an unknown one, name the closest."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in self.list_commands(ctx):
            close = get_close_matches(name, self.list_commands(ctx), n=1)
            hint = f" Did you mean '{close[0]}'?" if close else " See 'tonpo --help'."
            raise click.UsageError(f"No such command '{name}'.{hint}", ctx)
        return super().resolve_command(ctx, args)


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def _version() -> str:
    try:
        return version("tonpo-spec")
    except PackageNotFoundError:
        return "not installed"


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: tonpo conformance run https://gateway.example --profile core",
)
@click.version_option(version=_version(), prog_name="tonpo")
def tonpo() -> None:
    """The open contract of the Tonpo MetaTrader 5 gateway, a reference gateway, and a conformance suite."""


def main() -> None:
    """Run the `tonpo` command."""
    tonpo(prog_name="tonpo")
