"""The stream's numbers, states and limits over real sockets, with a whole gateway behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from reference_server.domain.events import OrderSettled
from reference_server.domain.trading import OrderResult, Side

from .scripted import ScriptedTerminals, gateway_application
from .test_stream import Stream, Trader, trading

UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}  # fmt: skip


def settled(ticket: int) -> OrderSettled:
    return OrderSettled(OrderResult(ticket, True, 10009), "EURUSD", Side.BUY, None)


class Served:
    """A gateway with quick heartbeats, and its terminals."""

    def __init__(self, address: str, terminals: ScriptedTerminals) -> None:
        self.address = address
        self.terminals = terminals

    def settle(self, *tickets: int) -> None:
        """Let orders of the last account be settled."""
        self.terminals.opened[-1].say(*map(settled, tickets))


@pytest.fixture(scope="module")
def served(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    terminals = ScriptedTerminals()
    with serve(gateway_application(tmp_path_factory.mktemp("resume"), terminals, ws_heartbeat_ms=100)) as address:
        yield Served(address, terminals)


@pytest.fixture
async def trader(served: Served) -> AsyncIterator[Trader]:
    async with trading(f"http://{served.address}") as trader:
        yield trader


async def refusal(trader: Trader, query: dict[str, str]) -> tuple[int, Any]:
    headers = {**UPGRADE, "X-API-Key": trader.key}
    async with trader.http.get(f"{trader.base}/ws", headers=headers, params=query) as answer:
        return answer.status, (await answer.json())["reason"]


async def test_the_state_is_told_first_and_events_follow_it_by_number(served: Served, trader: Trader) -> None:
    async with trader.stream() as stream:
        state = await stream.hear("snapshot")
        assert state["status"] == "active"
        assert state["account"]["balance"] == 10_000.0
        assert (state["positions"], state["orders"], state["paused"]) == ([], [], False)
        served.settle(1, 2)
        for ahead, ticket in enumerate((1, 2), 1):
            event = await stream.hear("orderResult")
            assert (event["ticket"], event["seq"]) == (ticket, state["seq"] + ahead)


async def test_a_client_that_comes_back_gets_what_it_missed(served: Served, trader: Trader) -> None:
    async with trader.stream() as stream:
        served.settle(1)
        last = (await stream.hear("orderResult"))["seq"]
    served.settle(2, 3)
    async with trader.stream(since_seq=str(last)) as stream:
        served.settle(4)
        heard = [await stream.hear("orderResult") for _ in range(3)]
        assert [one["seq"] for one in heard] == [last + 1, last + 2, last + 3]
        assert [one["ticket"] for one in heard] == [2, 3, 4]


async def test_a_number_that_the_gateway_does_not_know_brings_the_state(trader: Trader) -> None:
    for since in ("0", str(2**63 - 1)):
        async with trader.stream(since_seq=since) as stream:
            message = await stream.socket.receive_json()
            assert message["type"] == "snapshot"


@pytest.mark.parametrize(
    "query", [{"since_seq": one} for one in ("", "-1", "x", "1.5", str(2**63), "１")] + [{"account_id": ""}]
)
async def test_a_bad_query_is_answered_400_before_the_upgrade(trader: Trader, query: dict[str, str]) -> None:
    assert await refusal(trader, query) == (400, "invalid_parameter")


async def test_a_parameter_given_twice_is_answered_400(trader: Trader) -> None:
    headers = {**UPGRADE, "X-API-Key": trader.key}
    async with trader.http.get(f"{trader.base}/ws?since_seq=1&since_seq=2", headers=headers) as answer:
        assert answer.status == 400


async def test_an_account_of_nobody_of_another_or_deleted_is_answered_404_before_the_upgrade(
    served: Served, trader: Trader
) -> None:
    mine = (await trader.call("GET", "/api/accounts"))["accounts"][0]["account_id"]
    async with trading(f"http://{served.address}") as other:
        for account_id in (mine, "acc_unknown"):
            assert await refusal(other, {"account_id": account_id}) == (404, "account_not_found")
    await trader.call("DELETE", f"/api/accounts/{mine}")
    assert await refusal(trader, {"account_id": mine}) == (404, "account_not_found")


async def test_the_account_of_a_socket_can_be_chosen_and_must_be_among_several(served: Served, trader: Trader) -> None:
    second = await trader.open_account()
    async with trader.stream() as unbound, trader.stream(account_id=second) as bound:
        assert (await bound.hear("snapshot"))["account_id"] == second
        await unbound.say(type="subscribe", symbols=["EURUSD"], request_id="s")
        error = await unbound.hear("error")
        assert (error["reason"], error["code"], error["request_id"]) == ("account_ambiguous", 409, "s")
        await bound.say(type="subscribe", symbols=["EURUSD"])
        assert (await bound.hear("subscribed"))["symbols"] == ["EURUSD"]
        await trader.call("POST", f"/api/accounts/{second}/pause")
        for stream in (unbound, bound):
            status = await stream.hear("accountStatus")
            assert (status["account_id"], status["status"], status["paused"]) == (second, "active", True)


async def test_a_refused_account_is_told_as_such(trader: Trader) -> None:
    refused = await trader.open_account("invalid")
    async with trader.stream(account_id=refused) as stream:
        state = await stream.hear("snapshot")
        assert (state["status"], "account" in state, "positions" in state) == ("login_failed", False, False)
        await trader.call("DELETE", f"/api/accounts/{refused}")
        assert (await stream.hear("accountStatus"))["status"] == "deleted"


async def test_a_silent_socket_hears_heartbeats_with_the_last_number(served: Served, trader: Trader) -> None:
    async with trader.stream() as stream:
        served.settle(1)
        last = (await stream.hear("orderResult"))["seq"]
        for _ in range(3):
            beat = await stream.hear("heartbeat")
            assert beat["seq"] == last
            assert beat["time"] > 1_700_000_000_000


async def test_a_client_that_says_too_much_is_refused_and_one_that_goes_on_is_cut_off(
    serve: Any, tmp_path: Path
) -> None:
    application = gateway_application(tmp_path, ScriptedTerminals(), ws_messages_per_second=5)
    with serve(application) as address:
        async with trading(f"http://{address}") as trader:
            async with trader.stream() as stream:
                for number in range(30):
                    await stream.say(type="ping", request_id=str(number))
                answers = [await stream.hear() for _ in range(30)]
                assert [one["request_id"] for one in answers] == [str(number) for number in range(30)]
                served = [one for one in answers if one["type"] == "pong"]
                assert 10 <= len(served) < 30
                assert {one["reason"] for one in answers if one["type"] == "error"} == {"request_rate"}
            async with trader.stream() as stream:
                await flooded(stream)
                assert await stream.closed() == 4429


async def flooded(stream: Stream) -> None:
    try:
        for _ in range(1_000):
            await stream.say(type="ping")
    except (aiohttp.ClientError, OSError):  # it was cut off already
        await asyncio.sleep(0)
