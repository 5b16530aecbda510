"""The judge of levels knows where they may stand, and where they may not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trials.books import BY_HAND, ENTRY_INOUT
from tests.trials.fakes import MINE, NETTING, NOT_SENT, UNKNOWN, accepted, books, deal, hand, held, placing, world
from tests.trials.levels_judge import level_complaints
from tests.trials.model import MODIFY, PENDING, SLTP, Account, Sent
from tests.trials.wire import Reply

BUY_STOP, BUY_STOP_LIMIT, BUY_LIMIT = 4, 6, 2


def change(at: float, answer: Reply | None, *, account: Account = MINE, ticket: int = 7, **levels: Any) -> Sent:
    told_at = at + 0.1 if answer is not None and answer.status == 200 else None
    body = {"ticket": ticket, **levels}
    return Sent(
        f"r{at}", account, "modifyPosition", body, ticket=ticket, answers=[answer], began_at=at, told_at=told_at
    )


def is_right(one: dict[str, Any], *changes: Sent, hands: Any = ()) -> bool:
    at_the_broker = books(positions=[one], deals=[deal(7)])
    return level_complaints(at_the_broker, world(placing(accepted()), *changes, hands=list(hands)), MINE) == []


def test_what_was_accepted_last_stands() -> None:
    first, second = change(1, accepted(), sl=1.1, tp=1.3), change(2, accepted(), sl=1.2, tp=None)
    assert is_right(held())
    assert is_right(held(sl=1.1, tp=1.3), first)
    assert is_right(held(sl=1.2), first, second)
    assert not is_right(held(sl=1.1, tp=1.3), first, second)
    assert not is_right(held(), first)
    assert not is_right(held(sl=1.1, tp=1.3))
    assert is_right(held(), change(1, NOT_SENT, sl=1.1))
    assert not is_right(held(sl=1.1), change(1, NOT_SENT, sl=1.1))


def test_what_nobody_knows_may_stand_or_not_and_may_come_late() -> None:
    lost, after = change(1, UNKNOWN, sl=1.1), change(2, accepted(), sl=1.2)
    for sl in (1.2, 1.1):
        assert is_right(held(sl=sl), lost, after)
    assert not is_right(held(), lost, after)


def test_a_change_by_hand_stands_until_the_next_one() -> None:
    theirs = hand(at=2.0, action=SLTP, sl=1.15, tp=1.4)
    assert is_right(held(sl=1.15, tp=1.4), change(1, accepted(), sl=1.1), hands=[theirs])
    assert not is_right(held(sl=1.1), change(1, accepted(), sl=1.1), hands=[theirs])
    assert is_right(held(sl=1.1, tp=1.4), change(3, accepted(), sl=1.1), hands=[theirs])
    assert not is_right(held(sl=1.15, tp=1.4), change(3, accepted(), sl=1.1), hands=[theirs])
    assert is_right(held(sl=1.1, tp=1.4), change(1, UNKNOWN, sl=1.1), hands=[theirs])
    assert not is_right(held(sl=1.1), change(1, UNKNOWN, sl=1.1), hands=[theirs])


def test_an_order_into_a_netting_position_brings_its_own_levels() -> None:
    """Order 8 turned the position round in the fifth second."""
    turned = deal(8, position_id=7, entry=ENTRY_INOUT, time_msc=5000)
    for changed_at, sl, right in ((1, 0.0, True), (1, 1.1, False), (7, 1.1, True), (7, 0.0, False)):
        one = held(8, identifier=7, sl=sl)
        at_the_broker = books(NETTING, positions=[one], deals=[deal(7), turned])
        changed = change(changed_at, accepted(), account=NETTING, sl=1.1)
        assert (level_complaints(at_the_broker, world(changed), NETTING) == []) is right
    for sl in (0.0, 1.1):  # told while it was turned round
        at_the_broker = books(NETTING, positions=[held(8, identifier=7, sl=sl)], deals=[deal(7), turned])
        changed = change(4.95, accepted(), account=NETTING, sl=1.1)
        assert level_complaints(at_the_broker, world(changed), NETTING) == []


def waiting(kind: int, price: float, limit: float = 0.0, **values: Any) -> dict[str, Any]:
    return held(type=kind, price_open=price, price_stoplimit=limit, **values)


@pytest.mark.parametrize(
    ("one", "price", "right"),
    [
        (waiting(BUY_STOP_LIMIT, 1.2, 1.15), None, True),
        (waiting(BUY_LIMIT, 1.15), None, True),
        (waiting(BUY_LIMIT, 1.2), None, False),
        (waiting(BUY_STOP_LIMIT, 1.2, 1.1), None, False),
        (waiting(BUY_STOP_LIMIT, 1.25, 1.15), 1.25, True),
        (waiting(BUY_LIMIT, 1.15), 1.25, True),
        (waiting(BUY_LIMIT, 1.25), 1.25, True),  # it was reached before the change
        (waiting(BUY_STOP_LIMIT, 1.2, 1.15), 1.25, False),
    ],
)
def test_a_stop_limit_order_stands_at_its_first_price_or_at_its_second(
    one: dict[str, Any], price: float | None, right: bool
) -> None:
    placed = placing(accepted(), orderType="stopLimit", price=1.2, stopLimitPrice=1.15)
    changes = [] if price is None else [change(1, accepted(), price=price)]
    assert (level_complaints(books(pending=[one]), world(placed, *changes), MINE) == []) is right


def test_an_order_by_hand_stands_where_hands_and_requests_have_put_it() -> None:
    placed = hand(action=PENDING, price=1.2, at=0.5)
    moved = hand(action=MODIFY, price=1.3, at=2.0)
    for price, hands, changes, right in (
        (1.2, [placed], [], True),
        (1.3, [placed, moved], [], True),
        (1.2, [placed, moved], [], False),
        (1.4, [placed, moved], [change(3, accepted(), price=1.4)], True),
        (1.4, [placed, moved], [change(1, accepted(), price=1.4)], False),
    ):
        one = waiting(BUY_STOP, price, reason=BY_HAND, comment="h1")
        assert (level_complaints(books(pending=[one]), world(*changes, hands=hands), MINE) == []) is right


def test_an_order_that_was_filled_in_part_and_its_position_have_levels_of_their_own() -> None:
    placed = placing(accepted(), orderType="limit", price=1.2)
    moved, theirs = change(1, accepted(), price=1.3), hand(at=2.0, action=SLTP, sl=1.1)
    for price, sl, right in ((1.3, 1.1, True), (1.2, 1.1, False), (1.3, 0.0, False)):
        both = books(positions=[held(sl=sl)], pending=[waiting(BUY_LIMIT, price)], deals=[deal(7, 0.07)])
        assert (level_complaints(both, world(placed, moved, hands=[theirs]), MINE) == []) is right
