"""A reference gateway as a child process, for as long as a block lasts."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_READY_WITHIN_SECONDS = 60.0
_STOPS_WITHIN_SECONDS = 15.0


class GatewayFailed(Exception):
    """The gateway ended, or never answered; the message holds its last words."""


@dataclass(frozen=True, slots=True)
class ServedGateway:
    """A running gateway: where it listens and where its data and its log lie."""

    url: str
    data_dir: Path
    log: Path


def tonpo_command(*arguments: str) -> list[str]:
    """Return a command line of `tonpo` in this interpreter."""
    return [sys.executable, "-m", "tonpo_spec", *arguments]


def tonpo_environment() -> dict[str, str]:
    """Return an environment in which a child finds the same packages."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


@contextmanager
def served_gateway(data_dir: Path, arguments: Sequence[str] = ()) -> Iterator[ServedGateway]:
    """Serve a gateway on a free loopback port and stop it at the end. Raises GatewayFailed."""
    port = free_port()
    log = data_dir.with_name(f"{data_dir.name}.log")
    gateway = ServedGateway(f"http://127.0.0.1:{port}", data_dir, log)
    command = tonpo_command("serve", "--port", str(port), "--data-dir", str(data_dir), *arguments)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command line
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=tonpo_environment()
        )
        try:
            _wait_until_ready(process, gateway)
            yield gateway
        finally:
            _stop(process)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(process: "subprocess.Popen[bytes]", gateway: ServedGateway) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise GatewayFailed(f"the gateway ended with {process.returncode}: {_last_words(gateway.log)}")
        try:
            with urllib.request.urlopen(f"{gateway.url}/health", timeout=2) as answer:  # noqa: S310 - always http
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise GatewayFailed(f"the gateway did not answer within {_READY_WITHIN_SECONDS:.0f} s: {_last_words(gateway.log)}")


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return " / ".join(lines[-5:]) or "it said nothing"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOPS_WITHIN_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
