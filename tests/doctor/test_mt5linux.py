"""Terminals behind rpyc's classic server, which is what `python -m mt5linux` runs; a simulated one is behind it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from reference_server.doctor.command import doctor
from reference_server.doctor.mt5linux import examine_exposure
from tonpo_spec.served import free_port

ROOT = Path(__file__).parent.parent.parent
PACKAGE = """
from reference_server.simulator.module import SimulatedMetaTrader5
terminal = SimulatedMetaTrader5()
terminal.switches.trade_allowed = {trade_allowed}
__version__ = "5.0.6231"
def __getattr__(name):
    return getattr(terminal, name)
"""
SERVER = [sys.executable, "-c", "from rpyc.cli.rpyc_classic import ClassicServer; ClassicServer.run()"]

Serve = Callable[..., Any]
Found = list[dict[str, Any]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """Run a server whose `MetaTrader5` is a simulated terminal, or whatever the text says; gives its port."""

    @contextmanager
    def serving(package: str = PACKAGE.format(trade_allowed=True)) -> Iterator[int]:
        port = free_port()
        folder = tmp_path / f"far-side-{port}"
        folder.mkdir()
        (folder / "MetaTrader5.py").write_text(package)
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}
        process = subprocess.Popen(
            [*SERVER, "--host", "127.0.0.1", "--port", str(port)], env=environment, stderr=subprocess.DEVNULL
        )
        try:
            until = time.monotonic() + 60
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None
                    assert time.monotonic() < until, "the server did not start"
                    time.sleep(0.05)
            yield port
        finally:
            process.kill()
            process.wait()

    return serving


def look(folder: Path, endpoints: str, *words: str) -> Found:
    password = folder / "password"
    password.write_text("correct horse\n")
    done = CliRunner().invoke(
        doctor,
        [
            "--json", "--data-dir", str(folder / "data"), "--port", "0", "--terminal", "mt5linux",
            *(["--mt5linux-endpoints", endpoints] if endpoints else []), *words,
        ],
    )  # fmt: skip
    told = json.loads(done.stdout)
    assert done.exit_code == (0 if told["healthy"] else 1)
    return list(told["findings"])


def logging_in(folder: Path) -> list[str]:
    return ["--login", "5001234", "--server", "Sim-Demo", "--password-file", str(folder / "password")]


def said(findings: Found, verdict: str) -> dict[str, str]:
    return {one["subject"]: one["says"] for one in findings if one["verdict"] == verdict}


def test_a_server_that_answers(serve: Serve, tmp_path: Path) -> None:
    with serve() as port:
        found = look(tmp_path, f"127.0.0.1:{port}", *logging_in(tmp_path))
    assert not said(found, "problem")
    fine = said(found, "ok")
    assert fine[f"127.0.0.1:{port}"] == "answers, with MetaTrader5 5.0.6231"
    assert fine["order check"] == "buying 0.01 lots of EURUSD would be taken (nothing was sent)"


def test_auto_trading_that_is_off(serve: Serve, tmp_path: Path) -> None:
    with serve(PACKAGE.format(trade_allowed=False)) as port:
        found = look(tmp_path, f"127.0.0.1:{port}", *logging_in(tmp_path))
    assert said(found, "problem")["terminal"] == "AutoTrading is off: every order is refused (10027)"


def test_each_server_is_looked_at_and_the_first_that_answers_is_logged_in(serve: Serve, tmp_path: Path) -> None:
    closed = free_port()
    with serve() as port, serve("raise ImportError('DLL load failed')") as broken:
        endpoints = f"127.0.0.1:{closed},127.0.0.1:{broken},127.0.0.1:{port}"
        found = look(tmp_path, endpoints, *logging_in(tmp_path))
    wrong = said(found, "problem")
    assert set(wrong) == {f"127.0.0.1:{closed}", f"127.0.0.1:{broken}"}
    assert f"No mt5linux server answers at 127.0.0.1:{closed}" in wrong[f"127.0.0.1:{closed}"]
    assert "DLL load failed" in wrong[f"127.0.0.1:{broken}"]
    assert "login" in said(found, "ok")


def test_something_else_that_listens_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        found = look(tmp_path, place, "--deadline", "1")
    assert said(found, "problem")[place] == "no answer in 1 s"


def test_no_server_is_named(tmp_path: Path) -> None:
    found = look(tmp_path, "")
    assert "mt5linux_endpoints is empty" in said(found, "problem")["mt5linux"]


def test_a_server_on_another_machine_is_warned_of(serve: Serve, tmp_path: Path) -> None:
    assert [finding.verdict.value for finding in examine_exposure("192.0.2.9", 18812)] == ["warning"]
    with serve() as port:
        assert list(examine_exposure("127.0.0.1", port)) == []
    found = look(tmp_path, "192.0.2.9:18812", "--deadline", "1")
    assert "192.0.2.9:18812" in said(found, "warning")


def test_a_server_that_listens_everywhere_is_warned_of() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pointed:
        pointed.connect(("192.0.2.1", 9))
        own = str(pointed.getsockname()[0])
    with socket.create_server(("0.0.0.0", 0)) as everywhere:
        found = list(examine_exposure("127.0.0.1", everywhere.getsockname()[1]))
    assert [finding.says for finding in found] == (
        [] if own.startswith("127.") else [f"listens on {own} as well, where other machines can reach it"]
    )
