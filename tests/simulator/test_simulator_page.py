"""The programs of docs/simulator.md work, by each of its ways."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reference_server.simulator.stand_in import site_folder
from tests.pages import programs_of
from tonpo_spec.served import tonpo_command, tonpo_environment

PAGE = Path(__file__).parent.parent.parent / "docs" / "simulator.md"
BOUGHT = re.compile(r"Request executed at 1\.\d+ - positions: 1\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The programs of the page in a folder."""
    for name, text in programs_of(PAGE).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_bot_runs_by_the_command(folder: Path) -> None:
    assert BOUGHT.fullmatch(run(tonpo_command("simulator", "run", "my_bot.py"), folder, tonpo_environment()))


def test_the_bot_runs_with_the_folder_on_the_path(folder: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(site_folder())}
    assert BOUGHT.fullmatch(run([sys.executable, "my_bot.py"], folder, environment))


def test_the_bots_test_suite_passes(folder: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "-c",
        os.devnull,
    ]
    assert "1 passed" in run(command, folder, tonpo_environment())
