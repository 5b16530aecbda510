"""The judge of the trials finds what it is there for, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.trials.books import CANCELED, ENTRY_INOUT, ENTRY_OUT, REJECTED
from tests.trials.fakes import (
    ANA,
    FILLED,
    MINE,
    NETTING,
    NOT_SENT,
    REFUSED,
    UNKNOWN,
    accepted,
    books,
    by_hand,
    closing_of,
    deal,
    exit_of,
    hand,
    order,
    placing,
    world,
)
from tests.trials.judge import complaints, daily_complaints
from tests.trials.model import REMOVE, ByHand, Sent, World
from tests.trials.wire import Reply


def judged(
    sent: list[Sent],
    mine: list[Any],
    other: list[Any] | None = None,
    deals: list[Any] | None = None,
    hands: list[ByHand] | None = None,
) -> list[str]:
    """What the judge says; a filled order has its deal."""
    account = sent[0].account if sent else MINE
    made = [] if deals is None else deals
    made = [*(deal(one.ticket) for one in mine if one.state == FILLED and one.comment), *made]
    return complaints(books(account, orders=mine, others=other, deals=made), world(*sent, hands=hands))


@pytest.mark.parametrize(
    ("sent", "mine"),
    [
        (placing(accepted()), [order()]),
        (placing(accepted(), accepted()), [order()]),
        (placing(accepted()), [order(comment="r1~^abcdefgh")]),
        (placing(REFUSED), []),
        (placing(NOT_SENT), []),
        (placing(NOT_SENT, accepted()), [order()]),
        (placing(UNKNOWN), []),
        (placing(UNKNOWN), [order()]),
        (placing(None), [order()]),
        (placing(UNKNOWN, outcome="unknown"), []),
        (placing(None, outcome="absent"), []),
        (placing(UNKNOWN, accepted(), outcome="accepted"), [order()]),
        (placing(REFUSED), [order(state=REJECTED, volume_current=0.1)]),  # nobody to trade with
        (placing(accepted(retcode=10008)), [order(state=REJECTED, volume_current=0.1)]),  # and that was told later
    ],
)
def test_what_agrees_with_the_books_is_not_complained_of(sent: Sent, mine: list[Any]) -> None:
    assert judged([sent], mine) == []


@pytest.mark.parametrize(
    ("sent", "mine", "other"),
    [
        (placing(accepted()), [], []),  # lost
        (placing(accepted()), [order(), order(8)], []),  # doubled
        (placing(UNKNOWN), [order(), order(8)], []),
        (placing(accepted()), [], [order()]),  # misrouted
        (placing(accepted()), [order(9)], []),  # another ticket
        (placing(REFUSED), [order()], []),  # refused and executed
        (placing(NOT_SENT), [order()], []),
        (placing(None, outcome="absent"), [order()], []),
        (placing(UNKNOWN, outcome="refused"), [order()], []),
        (placing(accepted(), REFUSED), [order()], []),  # both
        (placing(accepted(), accepted(8)), [order()], []),  # two answers
        (placing(accepted(), outcome="unknown"), [order()], []),  # forgotten
        (placing(accepted()), [order(), order(8, "r9")], []),  # nobody's
        (placing(accepted()), [order(state=CANCELED)], []),  # cancelled by nobody
        (placing(accepted()), [order(state=REJECTED, volume_current=0.1)], []),  # told as filled
    ],
)
def test_what_does_not_agree_is_complained_of(sent: Sent, mine: list[Any], other: list[Any]) -> None:
    assert judged([sent], mine, other) != []


@pytest.mark.parametrize(
    ("answer", "filled", "is_right"),
    [
        (accepted(volume=0.05, retcode=10010), 0.05, True),
        (accepted(volume=0.1, retcode=10009), 0.05, False),
        (accepted(volume=0.05, retcode=10009), 0.05, False),
        (accepted(volume=0.1, retcode=10010), 0.1, False),
        (accepted(volume=0.05, retcode=10010), 0.1, False),
    ],
)
def test_a_part_is_not_told_as_the_whole(answer: Reply, filled: float, is_right: bool) -> None:
    at_the_broker = books(orders=[order(volume_current=0.1 - filled)], deals=[deal(7, filled)])
    assert (complaints(at_the_broker, world(placing(answer))) == []) is is_right
    opened = [deal(7, 0.3), exit_of(7, filled)]
    at_the_broker = books(orders=[order(volume_initial=0.3)], deals=opened)
    close = closing_of(answer, volume=0.1)
    found = complaints(at_the_broker, world(placing(accepted(volume=0.3), volume=0.3), close))
    assert (found == []) is is_right


@pytest.mark.parametrize(
    ("closes", "deals", "is_right"),
    [
        ([closing_of(accepted())], [exit_of(7)], True),
        ([closing_of(UNKNOWN)], [exit_of(7)], True),
        ([closing_of(UNKNOWN)], [], True),
        ([closing_of(accepted()), closing_of(NOT_SENT, name="r3")], [exit_of(7)], True),
        ([closing_of(accepted())], [], False),
        ([closing_of(REFUSED)], [exit_of(7)], False),
        ([closing_of(accepted(volume=0.05))], [exit_of(7, 0.05), exit_of(7, 0.05)], False),
        ([], [exit_of(7)], False),
        ([closing_of(accepted())], [exit_of(7, reason=0)], False),  # somebody's by hand
        ([closing_of(UNKNOWN)], [exit_of(7, reason=0)], True),
        ([], [exit_of(7, reason=0)], True),
        ([closing_of(accepted(retcode=10008))], [], False),
    ],
)
def test_closes_are_counted_against_the_deals(closes: list[Sent], deals: list[Any], is_right: bool) -> None:
    closing_orders = [order(107, "")] if deals and deals[0].reason else []
    found = judged([placing(accepted()), *closes], [order(), *closing_orders], deals=deals)
    assert (found == []) is is_right


def test_a_close_that_was_taken_and_came_too_late_is_no_lie() -> None:
    late = order(107, "", state=REJECTED, volume_current=0.1)
    assert judged([placing(accepted()), closing_of(accepted(retcode=10008))], [order(), late]) == []
    assert judged([placing(accepted()), closing_of(accepted())], [order(), late]) != []
    assert judged([placing(accepted())], [order(), late]) != []


@pytest.mark.parametrize(
    ("sent", "mine", "hands", "is_right"),
    [
        ([], [by_hand(order(comment="h1"))], [hand()], True),
        ([], [by_hand(order(comment="h1"))], [], False),
        ([placing(UNKNOWN)], [by_hand(order())], [hand()], True),
        ([placing(accepted())], [by_hand(order())], [hand()], False),  # taken for the request
        ([placing(UNKNOWN, outcome="accepted")], [by_hand(order())], [hand()], False),
        ([placing(accepted())], [order(), by_hand(order(8))], [hand(8)], True),
        ([placing(accepted(8))], [order(), by_hand(order(8))], [hand(8)], False),  # its ticket told for the request's
        ([placing(accepted())], [order(state=CANCELED)], [hand(action=REMOVE)], False),  # a market order
        ([placing(accepted(), orderType="limit")], [order(state=CANCELED, type=2)], [hand(action=REMOVE)], True),
        ([placing(accepted(), orderType="limit")], [order(state=CANCELED, type=2)], [hand(8, action=REMOVE)], False),
    ],
)
def test_what_is_done_by_hand_is_nobodys_request(
    sent: list[Sent], mine: list[Any], hands: list[ByHand], is_right: bool
) -> None:
    assert (judged(sent, mine, hands=hands) == []) is is_right


@pytest.mark.parametrize(
    ("told", "is_right"),
    [(7, True), (8, True), (9, True), (5, False)],
)
def test_on_a_netting_account_the_position_is_told_that_an_order_went_into(told: int, is_right: bool) -> None:
    """Position 7 was made smaller by order 8 and turned round by order 9, whose ticket it has since."""
    mine = [order(comment="r0"), order(8), order(9, "r3")]
    changes = [
        deal(7),
        deal(8, 0.1, position_id=7, entry=ENTRY_OUT),
        deal(9, 0.2, position_id=7, entry=ENTRY_INOUT),
    ]
    others = [
        Sent("r0", NETTING, "placeOrder", {"volume": 0.1}, answers=[accepted()]),
        Sent("r3", NETTING, "placeOrder", {"volume": 0.2}, answers=[accepted(9, 0.2)]),
    ]
    sent = placing(accepted(told), account=NETTING)
    found = complaints(books(NETTING, orders=mine, deals=changes), world(sent, *others))
    assert (found == []) is is_right


def test_on_a_netting_account_a_close_is_found_by_any_ticket_of_the_position() -> None:
    opened, turned = placing(accepted(), account=NETTING), Sent("r3", NETTING, "placeOrder", {"volume": 0.3})
    turned.answers = [accepted(9, 0.3)]
    made = [deal(7), deal(9, 0.3, position_id=7, entry=ENTRY_INOUT)]
    orders = [order(), order(9, "r3")]
    closed = [*made, exit_of(7, 0.2)]
    close = closing_of(accepted(9, 0.2), account=NETTING, ticket=9)
    with_close = books(NETTING, orders=[*orders, order(107, "")], deals=closed)
    assert complaints(with_close, world(opened, turned, close)) == []
    assert complaints(with_close, world(opened, turned)) != []
    assert complaints(books(NETTING, orders=orders, deals=made), world(opened, turned, close)) != []


@pytest.mark.parametrize(("answer", "counted", "is_right"), [(accepted(), 1, True), (accepted(), 0, False),
                                                             (REFUSED, 1, False), (UNKNOWN, 1, True),
                                                             (UNKNOWN, 0, True), (UNKNOWN, 2, False)])  # fmt: skip
def test_the_day_is_counted(tmp_path: Path, answer: Reply, counted: int, is_right: bool) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE trades_per_day (user_id, day, trades)")
        connection.execute("INSERT INTO trades_per_day VALUES ('usr_a', '2026-01-01', ?)", (counted,))
    the_world = World([ANA], [MINE], [placing(answer)])
    assert (daily_complaints(path, the_world, [ANA]) == []) is is_right
