"""The published Python client 1.0.6 works against the reference gateway, from a folder of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tonpo_spec.served import ServedGateway

CLIENT = Path(sys.prefix) / "published"
SCRIPT = Path(__file__).with_name("quick_start.py")


def test_the_documentations_quick_start_runs_unchanged(gateway: ServedGateway) -> None:
    assert CLIENT.is_dir(), "the published client is not installed: `make tests` does it"
    port = gateway.url.rpartition(":")[2]
    run = subprocess.run(
        [sys.executable, str(SCRIPT), port],
        env={**os.environ, "PYTHONPATH": str(CLIENT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    said = run.stdout
    assert "API key: sk_live_" in said
    assert "Account ID: acc_" in said
    assert "Balance: 10000.0 USD" in said
    assert re.search(r"Order ticket: [1-9]\d* success=True error=None", said), said
    assert re.findall(r"Accepted: (\w+)", said) == ["True"] * 7, said
    assert "Left: 0.05 1.082 1.096" in said
    assert "Closed: True" in said
    assert re.search(r"Tick: EURUSD 1\.\d+ 1\.\d+", said)
