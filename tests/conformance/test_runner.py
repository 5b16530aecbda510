"""Whole runs against gateways that are wrong in every answer, silent, or fine: verdicts, deadlines and cleaning up."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from aiohttp import web

from conformance.errors import TargetUnreachable
from conformance.outcomes import Status, Verdict
from conformance.report import exit_code
from conformance.target import Budgets, Timeouts
from tests.conformance.serving import Handler, answering, judged, result_of, served, with_status
from tests.conformance.unusual_gateway import Owner, UnusualGateway

SHORT = Timeouts(connect=1.0, request=0.3, stream_message=0.3, account_active=0.5, check=2.0)
ROOT = Path(__file__).parents[2]


async def obliging(request: web.Request) -> web.StreamResponse:
    """Answer 200 and `{}` to everything, also on the stream."""
    if request.headers.get("Upgrade", "").lower() != "websocket":
        return web.json_response({})
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for _ in socket:
        await socket.send_str("{}")
    return socket


async def broken(request: web.Request) -> web.StreamResponse:
    return web.json_response({"error": "oops", "code": 500, "type": "server_error"}, status=500)


async def not_json(request: web.Request) -> web.StreamResponse:
    return web.Response(text="<h1>Welcome to nginx</h1>", content_type="text/html")


class Roomy(UnusualGateway):
    """Has a plan without limits, so that nobody has to wait."""

    async def me(self, owner: Owner, request: web.Request) -> dict[str, object]:
        return {"user_id": f"U{owner.number}", "plan": "Enterprise"}

    def count_request(self, owner: Owner) -> None:
        owner.trades = 0


class Busy(Roomy):
    """Says when it has been asked for a few orders."""

    def __init__(self) -> None:
        super().__init__()
        self.is_busy = asyncio.Event()
        self.orders = 0

    async def order(self, owner: Owner, request: web.Request) -> object:
        self.orders += 1
        if self.orders == 5:
            self.is_busy.set()
        return await super().order(owner, request)


@pytest.mark.parametrize("handler", [obliging, broken, not_json], ids=lambda one: one.__name__)
async def test_a_gateway_that_is_wrong_everywhere_is_red_in_every_area(handler: Handler) -> None:
    report = await judged(answering(handler), timeouts=SHORT)
    failing = {one.area for one in report.results if one.status is Status.FAIL}
    judged_areas = {one.area for one in report.results} - {"cleanup", "contract"}
    assert judged_areas - failing == set()
    assert report.verdict is Verdict.NON_CONFORMANT
    assert exit_code(report) == 1
    assert with_status(report, Status.ERROR) == {}


async def test_a_silent_gateway_is_timed_out_check_by_check() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        if request.path != "/health":
            await asyncio.Event().wait()
        return web.json_response({"status": "ok", "version": "1", "connections": {}})

    async with asyncio.timeout(60):
        report = await judged(answering(silent), "system*", "users*", "authentication*", "schema*", timeouts=SHORT)
    assert report.counts[Status.FAIL] > 3
    assert exit_code(report) == 1
    assert result_of(report, "schema.createUser.not_a_server_error").status is Status.FAIL


async def test_a_gateway_that_says_nothing_at_all_cannot_be_judged() -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(TargetUnreachable, match=r"no answer to GET /health within 0\.3 s"):
        await judged(answering(silent), timeouts=SHORT)


async def test_what_a_run_creates_is_gone_after_it() -> None:
    gateway = Roomy()
    report = await judged(gateway.application(), "orders*", "positions*", "schema.placeOrder.*")
    assert left_behind(gateway) == ([], [])
    assert result_of(report, "cleanup.residue").status is Status.PASS


async def test_what_an_interrupted_run_created_is_gone_after_it() -> None:
    gateway = Busy()
    async with served(gateway.application()) as url:
        command = ["-m", "tonpo_spec", "conformance", "run", url, "--target-class", "sandbox", "--only", "schema*"]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, stdout=PIPE, stderr=PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        async with asyncio.timeout(60):
            await gateway.is_busy.wait()
            process.send_signal(signal.SIGINT)
            output, errors = await process.communicate()
    assert process.returncode in (1, 3), output.decode() + errors.decode()
    assert "interrupted" in output.decode()
    assert b"Traceback" not in errors
    assert left_behind(gateway) == ([], [])


async def test_the_budget_of_requests_ends_the_generated_ones() -> None:
    budgets = Budgets(requests=40, replay_seconds=0.0)
    report = await judged(Roomy().application(), "schema*", budgets=budgets)
    assert report.requests <= 60
    assert any("budget of 40 requests" in reason for reason in with_status(report, Status.COULD_NOT_RUN).values())


def left_behind(gateway: UnusualGateway) -> tuple[list[str], list[int]]:
    """Return the accounts that are not deleted, and the positions that are still open on any."""
    terminals = [one for owner in gateway.owners.values() for one in owner.terminals.values()]
    accounts = [one.id for one in terminals if one.state not in ("deleted", "login_failed")]
    return accounts, [ticket for one in terminals for ticket in one.broker.open]
