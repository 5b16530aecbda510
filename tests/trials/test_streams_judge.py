"""The judge of streams sees what was left out, repeated, told to others, or told wrongly."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trials.books import CANCELED, ENTRY_INOUT, ENTRY_OUT, ENTRY_OUT_BY
from tests.trials.fakes import (
    MINE,
    NETTING,
    OTHER,
    SNAPSHOT,
    accepted,
    books,
    by_hand,
    deal,
    exit_of,
    hand,
    held,
    order,
    placing,
    position,
    result,
    socket,
    world,
)
from tests.trials.model import PENDING, Account
from tests.trials.sockets import Socket
from tests.trials.streams_judge import (
    chain_complaints,
    ends_mistold,
    executions_untold,
    gaps,
    positions_untold,
    socket_complaints,
    withdrawals_untold,
)

DELETED = {"type": "accountStatus", "seq": 5, "status": "deleted"}


@pytest.mark.parametrize(
    ("told", "is_whole"),
    [
        (socket({"type": "snapshot", "seq": 4, "positions": []}, position(5), position(6)), True),
        (socket(position(5), {"type": "heartbeat", "seq": 5}, since_seq=4), True),
        (socket(position(6), since_seq=4), False),
        (socket(position(5), position(5), since_seq=4), False),
        (socket({"type": "heartbeat", "seq": 6}, since_seq=4), False),
        (socket(DELETED, {"type": "heartbeat", "seq": 0}, since_seq=4), True),
        (socket(DELETED, {"type": "heartbeat", "seq": 5}, since_seq=4), False),
    ],
)
def test_numbers_that_are_left_out_or_repeated_are_seen(told: Socket, is_whole: bool) -> None:
    assert (gaps(told) == []) is is_whole


def test_a_socket_that_tells_of_another_accounts_ticket_is_seen() -> None:
    at_the_broker = books(orders=[order()], others=[order(8)])
    assert socket_complaints(at_the_broker, world(), [socket(position(1, 7))], has_numbers=False) == []
    assert socket_complaints(at_the_broker, world(), [socket(position(1, 8))], has_numbers=False) != []
    assert socket_complaints(at_the_broker, world(), [socket(position(1, 8), account=OTHER)], has_numbers=False) == []


def test_a_client_whose_positions_are_not_the_brokers_is_seen() -> None:
    for at_the_broker, messages, is_right in (
        ([held()], [SNAPSHOT, position(2)], True),
        ([], [SNAPSHOT, position(2)], False),
        ([], [SNAPSHOT, position(2), position(3, event="closed")], True),
        ([held()], [SNAPSHOT], False),
        ([held(volume=0.05)], [SNAPSHOT, position(2)], False),
        ([held(sl=1.1)], [SNAPSHOT, position(2)], False),
    ):
        found = chain_complaints(books(positions=at_the_broker), world(), [socket(*messages)])
        assert (found == []) is is_right


SOLD = result(3, volume=0.04, side="sell")


@pytest.mark.parametrize(
    ("messages", "is_right"),
    [
        ([SNAPSHOT, result(2), SOLD], True),
        ([SNAPSHOT, result(2)], False),  # the close is not told
        ([SNAPSHOT, SOLD], False),  # nor the order
        ([SNAPSHOT, result(2), SOLD, SOLD], False),  # twice
        ([SNAPSHOT, result(2), result(3, volume=0.1, side="sell")], False),  # a part as the whole
        ([SNAPSHOT, result(2), result(3, 8, volume=0.04, side="sell")], False),  # of another position
        ([SNAPSHOT, result(2, retcode=10008), result(2), SOLD], True),  # taken, then filled
        ([SNAPSHOT, result(2), SOLD, result(4, success=False)], True),
        ([SNAPSHOT, result(2), SNAPSHOT], True),  # told by the state
        ([], True),
    ],
)
@pytest.mark.parametrize("is_by_hand", [False, True])
def test_each_execution_is_told_once_whoever_caused_it(
    messages: list[dict[str, Any]], is_right: bool, is_by_hand: bool
) -> None:
    deals = [deal(7, time_msc=1500), exit_of(7, 0.04, time_msc=1700)]
    orders = [order(), order(107, "")]
    if is_by_hand:
        deals, orders = [by_hand(one) for one in deals], [by_hand(one) for one in orders]
    at_the_broker = books(orders=orders, deals=deals)
    assert (executions_untold(at_the_broker, world(), [socket(*messages)]) == []) is is_right


def test_what_happened_before_the_snapshot_may_be_told_after_it_and_need_not() -> None:
    at_the_broker = books(orders=[order()], deals=[deal(7, time_msc=-500)])
    assert executions_untold(at_the_broker, world(), [socket(SNAPSHOT)]) == []
    assert executions_untold(at_the_broker, world(), [socket(SNAPSHOT, result(2))]) == []
    assert executions_untold(at_the_broker, world(), [socket(SNAPSHOT, result(2), result(3))]) != []


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_a_pending_order_is_told_when_it_is_placed_and_when_it_is_filled(is_by_hand: bool) -> None:
    placed = order(type=2)
    the_world = world(placing(accepted(), orderType="limit"))
    if is_by_hand:
        placed, the_world = by_hand(placed), world(hands=[hand(action=PENDING)])
    waits, parts = [held()], [deal(7, 0.07), deal(7, 0.03)]
    for pending, deals, messages, is_right in (
        (waits, [], [result(2)], True),
        (waits, [], [], False),
        (waits, parts[:1], [result(2), result(3, volume=0.07)], True),
        (waits, parts[:1], [result(2)], False),
        ([], parts, [result(2), result(3, volume=0.07), result(4, volume=0.03)], True),
        ([], parts, [result(3)], True),  # it never showed while it waited
        ([], parts, [result(2), result(3, volume=0.07)], False),
        ([], parts, [result(2), result(3), result(4, volume=0.03)], False),
        ([], [], [], True),  # withdrawn at once
    ):
        at_the_broker = books(orders=[placed], deals=deals, pending=pending)
        found = executions_untold(at_the_broker, the_world, [socket(SNAPSHOT, *messages)])
        assert (found == []) is is_right


def test_two_positions_closed_by_one_another_are_told_once() -> None:
    legs = [
        deal(9, 0.1, position_id=7, entry=ENTRY_OUT_BY, type=1),
        deal(9, 0.1, position_id=8, entry=ENTRY_OUT_BY, type=0),
    ]
    at_the_broker = books(orders=[order(), order(8), order(9)], deals=legs)
    once = result(2, 7, side="sell")
    for messages, is_right in (([once], True), ([], False), ([once, result(3, 8)], False)):
        assert (executions_untold(at_the_broker, world(), [socket(SNAPSHOT, *messages)]) == []) is is_right


def test_on_a_netting_account_volumes_are_counted_by_symbol() -> None:
    turned = [deal(7), deal(9, 0.2, position_id=7, entry=ENTRY_INOUT, type=1), exit_of(7, type=0, entry=ENTRY_OUT)]
    at_the_broker = books(NETTING, orders=[order(), order(9), order(107, "")], deals=turned)
    told = [result(2, 7), result(3, 9, 0.2, side="sell"), result(4, 107)]
    for messages, is_right in ((told, True), (told[:2], False), (told[1:], False), ([*told, told[0]], False)):
        chain = [socket(SNAPSHOT, *messages, account=NETTING)]
        assert (executions_untold(at_the_broker, world(), chain) == []) is is_right


@pytest.mark.parametrize("account", [MINE, NETTING])
def test_a_position_that_was_never_told_of_is_seen(account: Account) -> None:
    lived_shortly = books(account, orders=[order()], deals=[deal(7), exit_of(7)])
    for messages, is_right in (
        ([SNAPSHOT, position(2), position(3, event="closed")], True),
        ([SNAPSHOT], False),
        ([SNAPSHOT, position(2, 8, symbol="GBPUSD")], False),
        ([position(2)], True),  # nobody told it where to begin
    ):
        assert (positions_untold(lived_shortly, [socket(*messages, account=account)]) == []) is is_right


def test_the_end_of_a_position_is_told_with_its_own_price() -> None:
    parts = [deal(7), exit_of(7, 0.04, price=1.2), exit_of(7, 0.06, price=1.3)]
    for price, is_right in ((1.3, True), (1.2, False), (1.1, False)):
        chain = [socket(SNAPSHOT, position(2), position(3, event="closed", currentPrice=price))]
        assert (ends_mistold(books(orders=[order()], deals=parts), chain) == []) is is_right


def test_the_end_of_a_pending_order_that_was_told_of_is_told() -> None:
    withdrawn = books(orders=[order(state=CANCELED, type=2)])
    for messages, is_right in (
        ([SNAPSHOT, result(2), result(3, success=False)], True),
        ([SNAPSHOT, result(2)], False),
        ([SNAPSHOT], True),  # it never showed
        ([SNAPSHOT, result(2), position(3), SNAPSHOT], True),
    ):
        assert (withdrawals_untold(withdrawn, [socket(*messages)]) == []) is is_right
