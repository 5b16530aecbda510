"""`tonpo admin doctor` as an operator runs it: its exit codes, what it asks for, what it never does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from reference_server.config import Settings
from tonpo_spec.cli import tonpo

from .conftest import PASSWORD


def run(*words: object) -> Result:
    done = CliRunner().invoke(tonpo, ["admin", "doctor", *map(str, words)], prog_name="tonpo")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert "Traceback" not in done.output
    return done


def look(*words: object) -> tuple[int, dict[str, str]]:
    """Run with --json; returns the exit code and what each problem says, by its subject."""
    done = run("--json", "--port", 0, *words)
    found = json.loads(done.stdout)["findings"]
    return done.exit_code, {one["subject"]: one["says"] for one in found if one["verdict"] == "problem"}


def test_a_healthy_gateway(used: Settings) -> None:
    before = {path: path.read_bytes() for path in used.data_dir.iterdir()}
    done = run("--data-dir", used.data_dir, "--port", 0)
    assert done.exit_code == 0, done.stdout
    assert done.stdout.endswith("Nothing is wrong.\n")
    assert {path: path.read_bytes() for path in used.data_dir.iterdir()} == before


def test_broken_settings_are_a_problem(tmp_path: Path) -> None:
    broken = tmp_path / "tonpo.toml"
    broken.write_text("port = [")
    code, found = look("--config", broken)
    assert code == 1
    assert "is not TOML" in found["settings"]
    broken.write_text('database = "sqlite:///x"')
    assert "no such setting" in look("--config", broken)[1]["settings"]


def test_every_problem_of_a_gateway_is_said_in_one_run(used: Settings) -> None:
    (used.data_dir / "master_keys").write_bytes(b64encode(bytes(32)))
    (used.data_dir / "simulator.json").write_text("[")
    code, found = look("--data-dir", used.data_dir, "--host", "192.0.2.7")
    assert code == 1
    assert set(found) == {"credentials", "port", "simulator"}
    assert "cannot listen on 192.0.2.7" in found["port"]
    assert "simulator.json does not hold" in found["simulator"]


def test_a_configuration_of_the_simulator_that_is_not_there(used: Settings) -> None:
    code, found = look("--data-dir", used.data_dir, "--simulator-config", used.data_dir / "absent.toml")
    assert code == 1
    assert "absent.toml" in found["simulator"]


def test_a_configuration_of_the_simulator_with_mistakes(used: Settings) -> None:
    broken = used.data_dir / "broker.toml"
    for text, said in (("account = ", "broker.toml"), ('[account]\nleverage = "much"', "leverage")):
        broken.write_text(text)
        broken.chmod(0o600)
        assert said in look("--data-dir", used.data_dir, "--simulator-config", broken)[1]["simulator"]


def test_a_simulated_terminal_with_a_fault_is_looked_at_as_it_is_configured(used: Settings, tmp_path: Path) -> None:
    configured = tmp_path / "broker.toml"
    configured.write_text('[[faults]]\nkind = "hang"\ncall = "symbols_get"\ntimes = 0\ngil = true\n')
    (tmp_path / "password").write_text(PASSWORD)
    words = ["--simulator-config", configured, "--login", 7, "--server", "Sim", "--deadline", 2]
    code, found = look("--data-dir", used.data_dir, *words, "--password-file", tmp_path / "password")
    assert code == 1
    assert found == {"terminal": "symbols_get: no answer in 2 s"}
    assert not (used.data_dir / "simulator.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--terminal", "metatrader4"], "Invalid value for '--terminal'"),
        (["--login", "5001234"], "--login needs --server"),
        (["--login", "abc", "--server", "Sim"], "Invalid value for '--login'"),
        (["--server", "Sim"], "go with --login"),
        (["--login", "1", "--server", "Sim"], "use --password-file"),
        (["--login", "1", "--server", "Sim", "--password-file", "absent"], "cannot be read: No such file"),
        (["--login", "1", "--server", "x" * 254], "--login needs --server"),
        (["--deadline", "0"], "Invalid value for '--deadline'"),
        (["--password", "secret"], "No such option"),
    ],
)
def test_a_mistake_on_the_command_line_is_exit_code_2(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_password_file_without_a_password(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    assert run("--login", 1, "--server", "Sim", "--password-file", tmp_path / "password").exit_code == 2


def test_the_password_is_asked_for_and_not_shown(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    words = ["--data-dir", str(tmp_path / "data"), "--port", "0", "--login", "5001234", "--server", "Sim", "--json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tonpo_spec", "admin", "doctor", *words],
        stdin=terminal, stderr=terminal, stdout=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    os.close(terminal)
    with os.fdopen(controller, "r+b", buffering=0) as keyboard:
        shown = b""
        while b"Password of 5001234 at Sim" not in shown:
            shown += keyboard.read(1024)
        keyboard.write(PASSWORD.encode() + b"\n")
        printed, _ = process.communicate(timeout=60)
        found = json.loads(printed)["findings"]
    assert process.returncode == 0, printed
    assert PASSWORD.encode() not in printed + shown
    assert "login" in [one["subject"] for one in found]


def test_a_gateway_that_runs_can_be_looked_at(tmp_path: Path) -> None:
    from tonpo_spec.served import served_gateway

    with served_gateway(tmp_path / "data") as gateway:
        done = run("--data-dir", gateway.data_dir, "--port", gateway.url.rpartition(":")[2])
        assert done.exit_code == 0, done.stdout
        assert "a gateway is running on it" in done.stdout
        assert "a gateway, version" in done.stdout


def test_help_has_an_example() -> None:
    assert "Example: tonpo admin doctor" in run("--help").stdout
