"""Code that others published for the genuine package runs on the simulator, unchanged.

Each package is driven by a short program through its own public functions: connecting, market and pending orders,
changing and closing them, history, bars into pandas, ticks. The programs assert what came of it and know no simulator.

mqpy sends market orders with the filling mode RETURN, which the genuine servers of most retail brokers refuse (10030),
and so does the simulator's default; it is run on an exchange account, where RETURN is right.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from reference_server.simulator import SimulatedBroker
from reference_server.simulator.pipe.address import Address
from reference_server.simulator.pipe.server import PipeServer
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


def test_an_expert_advisor_of_mqpy_trades_on_an_exchange(tmp_path: Path) -> None:
    config = tmp_path / "broker.toml"
    config.write_text("[account]\nmargin_mode = 1\n", encoding="utf-8")
    run("use_mqpy.py", "US500", TONPO_SIMULATOR_CONFIG=str(config))


def test_programs_share_a_served_broker(tmp_path: Path) -> None:
    broker = SimulatedBroker()
    server = PipeServer(broker, Address(path=str(tmp_path / "broker.sock")))
    try:
        for program in ("use_pdmt5.py", "use_pymt5adapter.py"):
            run(program, TONPO_SIMULATOR_ADDRESS=str(server.address))
    finally:
        server.close()
    assert {account.login for account in broker.accounts.values()} == {1001, 1003}
