"""The FastAPI peer: open-api-mt5, in an environment of its own, on the same simulated terminal as the gateway."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

from benchmarks.child import Child, free_port
from benchmarks.gateway import LOGIN, SERVER, order_body
from benchmarks.target import HttpTarget, request_text
from reference_server.simulator.stand_in import site_folder

PEER: Final = "open-api-mt5==0.12.0"
ROOT: Final = Path(__file__).parent.parent
ENVIRONMENT: Final = ROOT / ".venv-bench"
_KEY: Final = "benchmark"
_NUMPY: Final = "numpy>=1.26,<3"
"""What the simulated terminal needs besides the standard library."""
_UNREACHABLE_URL: Final = "http://127.0.0.1:9/none"
"""The discard port: the peer asks for a calendar of economic news when it starts."""


class PeerAbsent(Exception):
    """The peer cannot be had here."""


def install_peer() -> Path:
    """Give the peer's command, installed on first use. Raises PeerAbsent."""
    folder = ENVIRONMENT / ("Scripts" if sys.platform == "win32" else "bin")
    command = folder / ("open-api-mt5.exe" if sys.platform == "win32" else "open-api-mt5")
    if command.exists():
        return command
    try:
        venv.create(ENVIRONMENT, with_pip=True)
        subprocess.run(
            [folder / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", PEER, _NUMPY],
            check=True,
            capture_output=True,
            text=True,
            timeout=300,
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise PeerAbsent(f"{PEER} could not be installed: {said[-1] if said else error}") from error
    return command


def start_peer(command: Path, folder: Path, core: int | None) -> HttpTarget:
    """Start the peer with its data in `folder`. Raises BenchmarkFailed."""
    folder.mkdir()
    port = free_port()
    config = folder / "config.json"
    account = {"account": str(LOGIN), "username": str(LOGIN), "password": "benchmark", "server": SERVER}
    config.write_text(
        json.dumps({**account, "host": "127.0.0.1", "port": port, "mode": "secure", "apiKey": _KEY}), encoding="utf-8"
    )
    child = Child(
        PEER.partition("==")[0],
        [str(command), "--config", str(config)],
        folder / "log",
        core=core,
        environment={
            "FAIR_ECONOMY_CALENDAR_URL": _UNREACHABLE_URL,
            "PYTHONPATH": str(site_folder()),
        },
        folder=folder,
    )
    try:
        child.wait_until_listening(port)
    except BaseException:
        child.stop()
        raise
    headers = {"X-apiKey": _KEY}
    return HttpTarget(
        child,
        port,
        prices=[request_text("GET", "/quotes/EURUSD", headers)],
        orders=[request_text("POST", "/orders", headers, order_body(side)) for side in ("buy", "sell")],
        order_expected='"retcode":10009',
    )
