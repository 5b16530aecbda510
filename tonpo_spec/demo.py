"""`tonpo demo`: a gateway, judged over real HTTP and a real WebSocket as a user would."""

import subprocess
import sys
import tempfile
from pathlib import Path

import click

from tonpo_spec.served import GatewayFailed, ServedGateway, served_gateway, tonpo_command, tonpo_environment

ACCOUNTS = [f"{login}:demo-password@Demo-Server" for login in range(50010001, 50010056)]
BAD_ACCOUNT = "50054321:invalid@Demo-Server"


class _NothingJudged(click.ClickException):
    """The gateway could not be started."""

    exit_code = 2


@click.command(name="demo")
@click.option(
    "--report",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("report"),
    show_default=True,
    help="Folder for report.html, report.json and junit.xml.",
)
def demo(report: Path) -> None:
    """Start the reference gateway on a free port, judge it, and stop it.

    Exits as 'tonpo conformance run' does: 0 conformant, 1 not conformant, 3 incomplete, 2 when nothing could be judged.

    \b
    Example:
      tonpo demo --report report
    """
    with tempfile.TemporaryDirectory(prefix="tonpo-demo-") as folder:
        try:
            click.echo("Starting a gateway with a simulated terminal ...")
            with served_gateway(Path(folder) / "data", ["--default-plan", "free"]) as gateway:
                click.echo(f"It listens on {gateway.url}.")
                code = _judge(gateway, report)
        except GatewayFailed as error:
            raise _NothingJudged(str(error)) from error
    click.echo("The gateway is stopped.")
    sys.exit(code)


def _judge(gateway: ServedGateway, report: Path) -> int:
    command = ["conformance", "run", gateway.url, "--profile", "all", "--target-class", "sandbox"]
    command += ["--bad-account", BAD_ACCOUNT, "--report", str(report)]
    command += [word for account in ACCOUNTS for word in ("--account", account)]
    # As an operator would: two users without limits for the suite, while new users get the small plan that it uses up.
    command += [word for _ in range(2) for word in ("--api-key", _create_user(gateway, "enterprise"))]
    return subprocess.run(tonpo_command(*command), env=tonpo_environment(), check=False).returncode  # noqa: S603


def _create_user(gateway: ServedGateway, plan: str) -> str:
    """Create a user of a plan and return its key, the last word of what `tonpo admin users create` prints."""
    command = tonpo_command("admin", "users", "create", "--plan", plan, "--data-dir", str(gateway.data_dir))
    run = subprocess.run(command, env=tonpo_environment(), check=False, capture_output=True, text=True)  # noqa: S603
    words = [word for word in run.stdout.split() if word.startswith("sk_live_")]
    if run.returncode != 0 or not words:
        raise GatewayFailed(f"no {plan} user could be created: {run.stderr.strip() or run.stdout.strip()}")
    return words[-1]
