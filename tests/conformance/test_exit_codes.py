"""What the command says and with which code it ends when it was used wrongly or nothing could be judged."""

import asyncio
import os
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conformance.serving import served
from tests.conformance.unusual_gateway import UnusualGateway

ROOT = Path(__file__).parents[2]


async def conformance(*arguments: str) -> tuple[int | None, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "tonpo_spec", "conformance", "run", *arguments),
        cwd=ROOT,
        stdout=PIPE,
        stderr=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Return the URL of a port that is taken and does not listen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


async def test_a_dead_port_is_one_sentence_and_2(dead_url: str) -> None:
    code, output, errors = await conformance(dead_url, "--target-class", "sandbox")
    assert (code, output) == (2, "")
    assert errors.splitlines() == [f"Error: {dead_url} cannot be judged: no connection (Connection refused)"]


async def test_a_selection_without_a_match_is_2() -> None:
    async with served(UnusualGateway().application()) as url:
        code, _, errors = await conformance(url, "--only", "orderz*")
    assert code == 2
    assert len(errors.splitlines()) == 1
    assert "--only orderz* matches no check" in errors


async def test_a_malformed_account_is_2_and_its_password_is_not_repeated(dead_url: str) -> None:
    code, output, errors = await conformance(dead_url, "--account", "12345:hunter2-secret")
    assert (code, output) == (2, "")
    assert len(errors.splitlines()) == 1
    assert "LOGIN:PASSWORD@SERVER" in errors
    assert "hunter2" not in errors


async def test_a_run_in_which_nothing_is_executed_is_2() -> None:
    async with served(UnusualGateway().application()) as url:
        code, _, _ = await conformance(url, "--target-class", "live", "--only", "orders*")
    assert code == 2


async def test_a_green_selection_is_0() -> None:
    async with served(UnusualGateway().application()) as url:
        code, output, errors = await conformance(url, "--target-class", "live", "--only", "system.health-is-public")
    assert (code, errors) == (0, ""), output
    assert "CONFORMANT" in output
