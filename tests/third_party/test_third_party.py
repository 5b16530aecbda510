"""Code that others published for the genuine package runs on the simulator, unchanged.

Each package is driven by a short program through its own public functions: connecting, market and pending orders,
changing and closing them, history, bars into pandas, ticks. The programs assert what came of it and know no simulator.

mqpy sends market orders with the filling mode RETURN, which the genuine servers of most retail brokers refuse (10030),
and so does the simulator's default; it is run on a symbol with exchange execution, where RETURN is right.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import resources
from pathlib import Path

import pytest

from reference_server.simulator import market
from reference_server.simulator.stand_in import site_folder

HERE = Path(__file__).parent
PACKAGES = Path(sys.prefix) / "third_party"


def run(program: str, *arguments: str, **environment: str) -> None:
    """Run a program with the published packages and the stand-in on its path, and nothing else of this project."""
    assert PACKAGES.is_dir(), "the published packages are not installed: `make tests` does it"
    path = os.pathsep.join((str(site_folder()), str(PACKAGES)))
    done = subprocess.run(
        [sys.executable, str(HERE / program), *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.endswith("done\n")


def test_pdmt5_turns_bars_orders_and_history_into_pandas() -> None:
    run("use_pdmt5.py")


def test_the_client_of_metatrader_mcp_server_trades(tmp_path: Path) -> None:
    """It wants the file of a terminal to be there."""
    terminal = tmp_path / "terminal64.exe"
    terminal.touch()
    run("use_metatrader_client.py", str(terminal))


def test_pymt5adapter_trades_with_orders_as_objects() -> None:
    run("use_pymt5adapter.py")


EXCHANGE, RETURN_ALONE = 3, 0


@pytest.fixture
def exchange(tmp_path: Path) -> Path:
    """A configuration with one symbol, US500 as an exchange lists it."""
    listed = json.loads(resources.files(market).joinpath("symbols.json").read_text(encoding="utf-8"))["symbols"]
    (profile,) = (symbol for symbol in listed if symbol["name"] == "US500")
    changed = {**profile, "execution_mode": EXCHANGE, "filling_mode": RETURN_ALONE}
    (tmp_path / "exchange.json").write_text(json.dumps({"symbols": [changed]}), encoding="utf-8")
    config = tmp_path / "broker.toml"
    config.write_text('[symbols]\nfile = "exchange.json"\n', encoding="utf-8")
    return config


def test_an_expert_advisor_of_mqpy_trades_on_an_exchange(exchange: Path) -> None:
    run("use_mqpy.py", "US500", TONPO_SIMULATOR_CONFIG=str(exchange))
