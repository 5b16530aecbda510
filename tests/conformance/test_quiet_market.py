"""A market that stands still is no fault of the gateway: what needs a moving price could not run."""

import asyncio

import pytest

from conformance.outcomes import Status
from tests.conformance.test_faults import judged, result_of
from tests.conformance.unusual_gateway import Owner, Socket, UnusualGateway


class QuietMarket(UnusualGateway):
    async def feed(self, owner: Owner, socket: Socket) -> None:
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    "check",
    ["ticks.subscribed-symbols-tick", "ticks.only-subscribed-symbols", "ticks.changed-prices-yield-quotes",
     "stream.unsubscribe-ends-market-data"],
)  # fmt: skip
async def test_checks_of_moving_prices_could_not_run(check: str) -> None:
    result = result_of(await judged(QuietMarket(), check), check)
    assert result.status is Status.COULD_NOT_RUN
    assert result.reason is not None
    assert "--symbol" in result.reason
    assert not result.findings


async def test_checks_of_the_protocol_need_no_moving_price() -> None:
    report = await judged(QuietMarket(), "stream.ping-is-answered", "stream.subscription-is-confirmed")
    assert {one.status for one in report.results} == {Status.PASS}
