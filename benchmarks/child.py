"""Child processes: servers on one core, the load generator on another, where the system can pin them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

START_SECONDS: Final = 30.0
_LOG_TAIL_BYTES: Final = 1_500


class BenchmarkFailed(Exception):
    """A measurement that means nothing: a server that did not start, an answer that was wrong."""


def cores() -> tuple[int | None, int | None]:
    """Give the core for the servers and the one for the load generator; None where they cannot be told apart."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


def free_port() -> int:
    """Find a TCP port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def python_module(module: str, *arguments: str) -> list[str]:
    """Compose the command that runs a module with this interpreter."""
    return [sys.executable, "-m", module, *arguments]


class Child:
    """One process. What it says besides its answers goes to the file `log`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        core: int | None,
        answers: bool = False,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        """Start it. With `answers` its standard output is read line by line as JSON."""
        self.name = name
        self._log = log
        with log.open("ab") as sink:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if answers else sink,
                stderr=sink,
                env={**os.environ, **(environment or {})},
                cwd=folder,
                text=True,
            )
        if core is not None:
            os.sched_setaffinity(self._process.pid, {core})

    @property
    def pid(self) -> int:
        """The process's number."""
        return self._process.pid

    def tell(self, message: Mapping[str, Any]) -> None:
        """Write one line to the process. Raises BenchmarkFailed when it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self.failure("has ended early") from None

    def hear(self) -> dict[str, Any]:
        """Read one answer. Raises BenchmarkFailed when there is none or it reports a failure."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise self.failure("has ended early")
        answer: dict[str, Any] = json.loads(line)
        if "failed" in answer:
            raise BenchmarkFailed(f"{self.name}: {answer['failed']}")
        return answer

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Write one line and read the answer to it. Raises BenchmarkFailed."""
        self.tell(message)
        return self.hear()

    def wait_until_listening(self, port: int) -> None:
        """Wait for a server. Raises BenchmarkFailed when it ends or takes longer than 30 seconds."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise self.failure(f"has ended with exit code {self._process.returncode}")
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise self.failure("does not listen")

    def cpu_seconds(self) -> float | None:
        """Tell how much processor time the process has used; None where the system does not say."""
        try:
            text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii")
        except OSError:
            return None
        user, system = text.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        """End the process and wait until it has."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def failure(self, what: str) -> BenchmarkFailed:
        """Compose an error with the end of the process's log."""
        tail = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", "replace").strip()
        return BenchmarkFailed(f"{self.name} {what}." + (f" It said last:\n{tail}" if tail else ""))
