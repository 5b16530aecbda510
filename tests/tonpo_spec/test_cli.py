import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tonpo_spec import cli
from tonpo_spec.cli import ENTRIES, Entry, tonpo

ROOT = Path(__file__).parent.parent.parent


def run(*arguments: str) -> Result:
    return CliRunner().invoke(tonpo, arguments, prog_name="tonpo")


def test_help_lists_the_subcommands() -> None:
    result = run("--help")
    assert result.exit_code == 0
    for name in ENTRIES:
        assert f"\n  {name} " in result.output


def test_help_imports_no_subcommand() -> None:
    code = (
        "import sys; from tonpo_spec.cli import tonpo; tonpo(['--help'], standalone_mode=False);"
        "print([name for name in sys.modules if name.split('.')[0] in {'connexion', 'sqlalchemy', 'schemathesis',"
        "'reference_server.cli', 'conformance.cli', 'spec.cli'}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_is_told() -> None:
    assert run("--version").output.startswith("tonpo, version ")


@pytest.mark.parametrize(("typed", "meant"), [("conformanc", "conformance"), ("sreve", "serve"), ("sepc", "spec")])
def test_an_unknown_command_exits_2_and_names_the_closest(typed: str, meant: str) -> None:
    result = run(typed)
    assert result.exit_code == 2
    assert f"No such command '{typed}'. Did you mean '{meant}'?" in result.output


def test_a_far_off_command_points_to_the_help() -> None:
    result = run("zzzzzz")
    assert result.exit_code == 2
    assert "See 'tonpo --help'." in result.output


def test_an_absent_subcommand_is_not_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = Entry("no_such_package.cli", "absent", "Not there.")
    monkeypatch.setattr(cli, "ENTRIES", {**ENTRIES, "absent": absent})
    assert "absent" not in run("--help").output
    assert run("absent").exit_code == 2


@pytest.mark.parametrize("name", ENTRIES)
def test_every_subcommand_has_help(name: str) -> None:
    result = run(name, "--help")
    assert result.exit_code == 0, result.output
    assert "Usage: tonpo" in result.output
