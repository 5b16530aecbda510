"""What a run leaves behind on a gateway with extended capabilities: nothing, on any account of a user."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from conformance.book import Book
from conformance.catalogue import check
from conformance.checks.idempotency_steps import fresh_key, keyed
from conformance.context import CheckContext
from conformance.contract import ACCOUNT_HEADER
from conformance.outcomes import Status
from conformance.target import TargetClass
from tests.conformance.extended_broker import ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.miniatures import served
from tests.conformance.test_safety import ORDER, catalogue_of, judged, result_of
from tests.conformance.unusual_gateway import Owner, Terminal

RESTING = {**ORDER, "orderType": "limit", "price": 1.0}


def with_key(gateway: ExtendedGateway, *accounts: str) -> dict[str, Terminal]:
    terminals = {name: Terminal(name, "1", "active", broker=ExtendedBroker()) for name in accounts}
    gateway.owners["a-key"] = Owner(1, "a-key", terminals=terminals)
    return terminals


def theirs(terminal: Terminal) -> int:
    """Rest an order that somebody else placed."""
    return terminal.broker.place(RESTING)


@check(id="x.rests", title="", requirements=["TONPO-PEND-010"], effects="order", needs=["account"], trades=2)
async def rests(run: CheckContext) -> None:
    for body in (RESTING, ORDER):
        answer = await run.call("placeOrder", body=body)
        run.expect(answer.document.get("success") is True, "TONPO-PEND-010", "refused")


@check(id="x.second", title="", requirements=["TONPO-SEL-010"], effects="order", needs=["two_accounts"], trades=2)
async def second(run: CheckContext) -> None:
    for body in (RESTING, ORDER):
        answer = await run.call("placeOrder", body=body, headers=((ACCOUNT_HEADER, run.two_accounts[1].id),))
        run.expect(answer.document.get("success") is True, "TONPO-SEL-010", "refused")


@pytest.mark.parametrize("one", [rests, second], ids=lambda one: one.id)
async def test_pending_orders_and_positions_of_the_run_are_removed_and_those_of_others_stay(
    one: Any, tmp_path: Path
) -> None:
    gateway = ExtendedGateway()
    async with served(gateway.application()) as url:
        terminals = with_key(gateway, "first", "second")
        tickets = {name: theirs(terminal) for name, terminal in terminals.items()}
        report = await judged(
            url,
            catalogue_of(one),
            tmp_path / "journal.jsonl",
            profile="extended",
            target_class=TargetClass.DEMO,
            allow_orders=True,
            api_keys=("a-key",),
        )
    assert result_of(report, one.id).status is Status.PASS
    assert result_of(report, "cleanup.residue").reason == "1 orders, 1 positions"
    left = {name: (list(terminal.broker.pending), terminal.broker.open) for name, terminal in terminals.items()}
    assert left == {name: ([ticket], {}) for name, ticket in tickets.items()}
    events = [orjson.loads(line) for line in (tmp_path / "journal.jsonl").read_bytes().splitlines()]
    named = [line.get("account_id") for line in events if line["event"].startswith("opened-")]
    assert named == ["first" if one is rests else "second"] * 2


async def test_an_order_that_cannot_be_cancelled_is_told() -> None:
    class Keeping(ExtendedBroker):
        def cancel(self, ticket: int) -> None:
            return

    class Clinging(ExtendedGateway):
        broker_class = Keeping

    async with served(Clinging().application()) as url:
        report = await judged(url, catalogue_of(rests), profile="extended")
    residue = result_of(report, "cleanup.residue")
    assert residue.status is Status.WARN
    assert "order 7000000001 of user 1" in residue.findings[0].message


async def test_an_account_made_for_a_check_of_two_is_deleted() -> None:
    gateway = ExtendedGateway()
    async with served(gateway.application()) as url:
        terminals = with_key(gateway, "first")
        report = await judged(url, catalogue_of(second), profile="extended", api_keys=("a-key",))
    assert result_of(report, "x.second").status is Status.PASS
    states = {name: one.state for name, one in gateway.owners["a-key"].terminals.items()}
    assert len(states) == 2
    assert states.pop("first") == "active"
    assert set(states.values()) == {"deleted"}
    assert terminals["first"].broker.open == {}


async def test_a_plan_with_one_account_leaves_checks_of_two_undone() -> None:
    class Small(ExtendedGateway):
        accounts_allowed = 1

    async with served(Small().application()) as url:
        report = await judged(url, catalogue_of(second), profile="extended")
    result = result_of(report, "x.second")
    assert (result.status, result.findings) == (Status.COULD_NOT_RUN, ())
    assert "allows only one account" in (result.reason or "")


async def test_a_replayed_order_is_counted_once() -> None:
    @check(id="x.replays", title="", requirements=["TONPO-IDEM-010"], effects="order", needs=["disposable_account"])
    async def replays(run: CheckContext) -> None:
        headers = keyed(fresh_key("test"))
        for _ in range(3):
            await run.call("placeOrder", body=ORDER, headers=headers)
        run.expect(run.disposable_user.trades_used == 1, "TONPO-IDEM-010", "counted more than once")

    async with served(ExtendedGateway().application()) as url:
        report = await judged(url, catalogue_of(replays), profile="extended")
    assert result_of(report, "x.replays").status is Status.PASS
    assert result_of(report, "cleanup.residue").status is Status.PASS


async def test_a_book_cancels_what_it_placed_and_leaves_what_was_there() -> None:
    @check(id="x.book", title="", requirements=["TONPO-PEND-010"], effects="order", needs=["account"], trades=2)
    async def keeps(run: CheckContext) -> None:
        async with Book(run) as book:
            quote = await book.quote()
            row = await book.rest(book.resting(quote, "buy", "limit"))
            run.expect(await book.orders() == [row], "TONPO-PEND-010", "other orders are seen")

    gateway = ExtendedGateway()
    async with served(gateway.application()) as url:
        terminals = with_key(gateway, "first")
        ticket = theirs(terminals["first"])
        report = await judged(url, catalogue_of(keeps), profile="extended", api_keys=("a-key",))
    assert result_of(report, "x.book").status is Status.PASS
    assert list(terminals["first"].broker.pending) == [ticket]
