"""The command as its users meet it: exit codes, one sentence for a mistake, never a traceback."""

import asyncio
import signal
import sys

import pytest
from aiohttp import web
from click.testing import CliRunner, Result

from conformance.cli import conformance
from tests.conformance.miniatures import HEALTH, answers_empty_object, served, silence
from tests.conformance.unusual_gateway import UnusualGateway


def invoke(*words: str) -> Result:
    return CliRunner().invoke(conformance, list(words))


async def run(*words: str) -> Result:
    return await asyncio.to_thread(invoke, "run", *words)


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wide terminal, and no secrets of whoever runs the tests."""
    monkeypatch.setenv("COLUMNS", "200")
    for name in ("TONPO_API_KEY", "TONPO_ACCOUNT", "TONPO_BAD_ACCOUNT"):
        monkeypatch.delenv(name, raising=False)


async def test_a_conformant_selection_exits_0() -> None:
    async with served(UnusualGateway().application()) as url:
        result = await run(url, "--target-class", "sandbox", "--only", "system.health-is-public")
    assert result.exit_code == 0, result.output
    assert "CONFORMANT on the checks selected (system.health-is-public)" in result.output


async def test_a_gateway_that_does_not_conform_exits_1_and_shows_how_to_see_it() -> None:
    async with served(answers_empty_object()) as url:
        result = await run(url, "--target-class", "sandbox", "--only", "system.*")
    assert result.exit_code == 1
    assert "NON-CONFORMANT" in result.output
    assert f"$ curl -sS -i {url}/health" in result.output


async def test_what_cannot_be_judged_leaves_the_verdict_open_and_exits_3() -> None:
    async with served(UnusualGateway().application()) as url:
        result = await run(url, "--only", "orders.*", "--only", "system.health-is-public")
    assert result.exit_code == 3, result.output
    assert "INCOMPLETE" in result.output
    assert "which is not done on a live target" in result.output


async def test_a_run_that_executes_nothing_exits_2() -> None:
    async with served(UnusualGateway().application()) as url:
        result = await run(url, "--only", "orders.*")
    assert result.exit_code == 2, result.output
    assert "no check was executed" in result.output


def test_a_dead_port_exits_2_with_one_sentence(unused_tcp_port: int) -> None:
    result = invoke("run", f"http://127.0.0.1:{unused_tcp_port}")
    assert result.exit_code == 2
    (line,) = result.output.strip().splitlines()
    assert line.startswith(f"Error: http://127.0.0.1:{unused_tcp_port} cannot be judged: no connection")


async def test_a_silent_target_exits_2_with_one_sentence(tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("target") / "target.toml"
    file.write_text("[timeouts]\nrequest = 0.2\n")
    async with silence() as url:
        result = await run(url, "--target", str(file))
    assert result.exit_code == 2
    assert result.output == f"Error: {url} cannot be judged: no answer to GET /health within 0.2 s\n"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run"], "url: missing"),
        (["run", "localhost:8080"], "is not an http:// or https:// URL"),
        (["run", "http://h", "--account", "x"], "accounts[0]: expected LOGIN:PASSWORD@SERVER"),
        (["run", "http://h", "--allow-orders"], "allow_orders: orders are never placed on a live target"),
        (["run", "http://h", "--target", "no-such-file.toml"], "no-such-file.toml: cannot be read"),
        (["run", "http://h", "--profile", "half"], "'half' is not one of"),
        (["list", "--only", "nothing-like-it"], "--only nothing-like-it matches no check"),
        (["explain", "TONPO-XYZ-999"], "TONPO-XYZ-999 is neither a check nor a requirement"),
    ],
)
def test_wrong_use_exits_2_and_says_what_is_wrong(words: list[str], sentence: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert sentence in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["list", "--help"], ["explain", "--help"]])
def test_help_has_an_example(words: list[str]) -> None:
    result = invoke(*words)
    assert result.exit_code == 0
    assert "Example: tonpo conformance" in result.output


def test_list_shows_checks_of_one_area() -> None:
    result = invoke("list", "--only", "system")
    assert result.exit_code == 0
    assert "system.health-" in result.output
    assert "orders." not in result.output


def test_explain_leads_from_a_check_to_its_requirements_and_back() -> None:
    assert "TONPO-AUTH-050 MUST" in invoke("explain", "system.health-is-public").output
    assert "system.health-is-public" in invoke("explain", "TONPO-SYS-010").output
    assert "Not observable from outside" in invoke("explain", "TONPO-ERR-070").output


async def test_ctrl_c_stops_cleanly() -> None:
    is_asked = asyncio.Event()

    async def health(request: web.Request) -> web.Response:
        return web.json_response(HEALTH)

    async def hang(request: web.Request) -> web.Response:
        is_asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")

    app = web.Application()
    app.router.add_get("/health", health)
    app.router.add_route("*", "/{tail:.*}", hang)
    async with served(app) as url:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from conformance.cli import conformance; conformance()",
            *("run", url, "--target-class", "sandbox", "--only", "errors", "--only", "system.health-is-public"),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        await is_asked.wait()
        process.send_signal(signal.SIGINT)
        output, _ = await process.communicate()
    assert process.returncode in (2, 3), output.decode()
    assert b"the run was interrupted" in output
    assert b"Traceback" not in output
