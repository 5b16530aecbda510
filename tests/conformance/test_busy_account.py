"""An account that others trade on as well: a history of many pages is no fault of the gateway."""

from typing import Any

from aiohttp import web

from conformance.outcomes import Status
from tests.conformance.knowing_broker import Entry, KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway, Query
from tests.conformance.test_faults import judged, result_of
from tests.conformance.unusual_gateway import Owner

OTHERS = 90


class BusyAccount(KnowingGateway):
    shown = 0
    """How often a list held what others did."""

    async def me(self, owner: Owner, request: web.Request) -> Any:
        return {**await super().me(owner, request), "limits": {"requests_per_minute": 100_000}}

    def count_request(self, owner: Owner) -> None:
        pass

    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        own = super().selected(broker, asked)
        _, what, since, until, position = asked
        trades = [one for one in broker.past("deals") if one.row["type"] != "balance"]
        if what != "deals" or position is not None or not trades:
            return own
        first = trades[0]
        if not since <= first.time_ms < (until or 2**63):
            return own
        tickets = range(first.row["ticket"] + 10_000, first.row["ticket"] + 10_000 + OTHERS)
        others = [Entry(first.time_ms, one, {**first.row, "ticket": one, "position": one + 1_000}) for one in tickets]
        self.shown += 1
        return sorted([*own, *others], key=lambda one: (one.time_ms, one.row["ticket"]))


async def test_many_pages_that_bring_something_new_are_followed_to_their_end() -> None:
    gateway = BusyAccount()
    result = result_of(await judged(gateway, "history.pages"), "history.pages")
    assert gateway.shown
    assert result.status is Status.PASS, f"{result.reason}: {result.findings}"
