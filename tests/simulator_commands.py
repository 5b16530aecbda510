"""Trying the `tonpo simulator` commands of a page."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.pages import programs_of
from tonpo_spec.served import tonpo_command, tonpo_environment

PAGE = Path(__file__).parent.parent / "docs" / "simulator.md"
SOCKET = "./broker.sock"


def check_simulator_command(words: list[str], folder: Path) -> None:
    """Run one in a folder that has the programs of docs/simulator.md, beside a served broker where it wants one."""
    for name, text in programs_of(PAGE).items():
        (folder / name).write_text(text, encoding="utf-8")
    match words[1:]:
        case ["serve", *_]:
            with _served(words, folder) as lines:
                assert lines[-1].startswith("listening on ")
        case ["control", *_]:
            with _served(["simulator", "serve", "--socket", SOCKET, "--control", "127.0.0.1:0"], folder) as lines:
                _, _, url, _, token = lines[0].split(" ")
                _run(words, folder, TONPO_SIMULATOR_CONTROL=url, TONPO_SIMULATOR_CONTROL_TOKEN=token)
        case ["run", "--address", address, *_]:
            assert address == SOCKET
            with _served(["simulator", "serve", "--socket", SOCKET], folder):
                _run(words, folder)
        case _:
            _run(words, folder)


def _run(words: list[str], folder: Path, **environment: str) -> None:
    done = subprocess.run(
        tonpo_command(*words), cwd=folder, env={**tonpo_environment(), **environment}, capture_output=True, text=True,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@contextmanager
def _served(words: list[str], folder: Path) -> Iterator[list[str]]:
    """A served broker, and the lines it says until it listens."""
    environment = {**tonpo_environment(), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(tonpo_command(*words), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as run:
        try:
            assert run.stdout is not None
            lines: list[str] = []
            for line in run.stdout:
                lines.append(line.strip())
                if line.startswith("listening on "):
                    break
            assert lines, "the broker said nothing"
            yield lines
        finally:
            run.terminate()
    assert run.returncode == 0
