"""The judge of the trials finds what it is there for, and nothing else."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.trials.judge import CANCELED, DEAL_EXPERT, ENTRY_OUT, EXPERT, Books, complaints, daily_complaints
from tests.trials.model import Account, Sent, User, World
from tests.trials.sockets import Socket
from tests.trials.streams_judge import chain_complaints, gaps, socket_complaints
from tests.trials.wire import Reply

FILLED = 4
ANA, BEN = User("ana", "usr_a", "k"), User("ben", "usr_b", "k")
MINE, OTHER = Account(ANA, "acc_a", 1), Account(BEN, "acc_b", 2)
BODY = {"volume": 0.1}


def accepted(ticket: int = 7, volume: float = 0.1) -> Reply:
    return Reply(200, {"ticket": ticket, "success": True, "volume": volume})


REFUSED = Reply(200, {"ticket": 0, "success": False, "volume": 0.0})
NOT_SENT = Reply(503, {"reason": "account_not_ready"})
UNKNOWN = Reply(504, {"reason": "outcome_unknown"})


def order(ticket: int = 7, comment: str = "r1", state: int = FILLED) -> Any:
    return SimpleNamespace(ticket=ticket, comment=comment, reason=EXPERT, state=state)


def exit_of(ticket: int, volume: float) -> Any:
    return SimpleNamespace(position_id=ticket, entry=ENTRY_OUT, reason=DEAL_EXPERT, volume=volume, order=ticket + 100)


def placing(*answers: Reply | None, outcome: str | None = None) -> Sent:
    return Sent("r1", MINE, "placeOrder", BODY, "key", answers=list(answers), outcome=outcome)


def closing_of(*answers: Reply | None, name: str = "r2") -> Sent:
    return Sent(name, MINE, "closePosition", {"ticket": 7}, "key2", ticket=7, answers=list(answers))


def judged(sent: list[Sent], mine: list[Any], other: list[Any] | None = None, deals: list[Any] | None = None) -> Any:
    world = World([ANA, BEN], [MINE, OTHER], sent)
    books = Books({MINE: mine, OTHER: other or []}, {MINE: deals or [], OTHER: []}, {MINE: [], OTHER: []})
    return complaints(books, world)


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
    ],
)
def test_what_does_not_agree_is_complained_of(sent: Sent, mine: list[Any], other: list[Any]) -> None:
    assert judged([sent], mine, other) != []


@pytest.mark.parametrize(
    ("closes", "deals", "is_right"),
    [
        ([closing_of(accepted())], [exit_of(7, 0.1)], True),
        ([closing_of(UNKNOWN)], [exit_of(7, 0.1)], True),
        ([closing_of(UNKNOWN)], [], True),
        ([closing_of(accepted()), closing_of(NOT_SENT, name="r3")], [exit_of(7, 0.1)], True),
        ([closing_of(accepted())], [], False),
        ([closing_of(REFUSED)], [exit_of(7, 0.1)], False),
        ([closing_of(accepted(volume=0.05))], [exit_of(7, 0.05), exit_of(7, 0.05)], False),
        ([], [exit_of(7, 0.1)], False),
    ],
)
def test_closes_are_counted_against_the_deals(closes: list[Sent], deals: list[Any], is_right: bool) -> None:
    closing_orders = [order(107, "")] if deals else []
    found = judged([placing(accepted()), *closes], [order(), *closing_orders], deals=deals)
    assert (found == []) is is_right


@pytest.mark.parametrize(("answer", "counted", "is_right"), [(accepted(), 1, True), (accepted(), 0, False),
                                                             (REFUSED, 1, False), (UNKNOWN, 1, True),
                                                             (UNKNOWN, 0, True), (UNKNOWN, 2, False)])  # fmt: skip
def test_the_day_is_counted(tmp_path: Path, answer: Reply, counted: int, is_right: bool) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE trades_per_day (user_id, day, trades)")
        connection.execute("INSERT INTO trades_per_day VALUES ('usr_a', '2026-01-01', ?)", (counted,))
    world = World([ANA], [MINE], [placing(answer)])
    assert (daily_complaints(path, world, [ANA]) == []) is is_right


def socket(*messages: dict[str, Any], since_seq: int | None = None) -> Socket:
    return Socket(MINE, "k", since_seq, list(messages))


def position(seq: int, ticket: int = 7, event: str = "opened") -> dict[str, Any]:
    return {"type": "position", "seq": seq, "ticket": ticket, "event": event, "volume": 0.1}


@pytest.mark.parametrize(
    ("told", "is_whole"),
    [
        (socket({"type": "snapshot", "seq": 4, "positions": []}, position(5), position(6)), True),
        (socket(position(5), {"type": "heartbeat", "seq": 5}, since_seq=4), True),
        (socket(position(6), since_seq=4), False),
        (socket(position(5), position(5), since_seq=4), False),
        (socket({"type": "heartbeat", "seq": 6}, since_seq=4), False),
    ],
)
def test_numbers_that_are_left_out_or_repeated_are_seen(told: Socket, is_whole: bool) -> None:
    assert (gaps(told) == []) is is_whole


def test_a_socket_that_tells_of_another_accounts_ticket_is_seen() -> None:
    books = Books({MINE: [order()], OTHER: [order(8)]}, {}, {MINE: [], OTHER: []})
    world = World([ANA, BEN], [MINE, OTHER])
    assert socket_complaints(books, world, [socket(position(1, 7))], has_numbers=False) == []
    assert socket_complaints(books, world, [socket(position(1, 8))], has_numbers=False) != []


def test_a_client_whose_positions_are_not_the_brokers_is_seen() -> None:
    held = {"ticket": 7, "volume": 0.1, "sl": 0.0, "tp": 0.0}
    beginning = {"type": "snapshot", "seq": 1, "positions": []}
    for at_the_broker, messages, is_right in (
        ([held], [beginning, position(2)], True),
        ([], [beginning, position(2)], False),
        ([], [beginning, position(2), position(3, event="closed")], True),
        ([held], [beginning], False),
    ):
        books = Books({}, {}, {MINE: at_the_broker})
        assert (chain_complaints(books, [socket(*messages)]) == []) is is_right
