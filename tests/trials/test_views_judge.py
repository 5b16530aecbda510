"""What REST shows is held against the books in every point that matters, and each account's is its own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.trials.fakes import ANA, BEN, MINE, books, deal, held, world
from tests.trials.model import World
from tests.trials.views_judge import isolation_complaints, view_complaints
from tests.trials.wire import Reply

POSITION = {"ticket": 7, "symbol": "EURUSD", "side": "buy", "volume": 0.1, "sl": None, "tp": 1.2}
ORDER = {
    "ticket": 8, "symbol": "EURUSD", "side": "sell", "volumeRemaining": 0.03, "price": 1.3, "stopLimitPrice": 1.25,
    "sl": None, "tp": None,
}  # fmt: skip
DEAL = {"ticket": 1007, "order": 7, "volume": 0.1, "price": 1.1}


def shows(**lists: list[Any]) -> Any:
    """REST that shows this of the account, and nothing of any other."""
    everything = {"positions": [POSITION], "orders": [ORDER], "deals": [DEAL], **lists}

    def ask(_: str, *, account: str, **__: Any) -> Reply:
        return Reply(200, everything if account == MINE.account_id else {key: [] for key in everything})

    return ask


@pytest.mark.parametrize(
    ("lists", "is_right"),
    [
        ({}, True),
        ({"positions": []}, False),
        ({"positions": [POSITION, POSITION]}, False),
        ({"positions": [POSITION | {"volume": 0.2}]}, False),
        ({"positions": [POSITION | {"side": "sell"}]}, False),
        ({"positions": [POSITION | {"tp": None}]}, False),
        ({"orders": []}, False),
        ({"orders": [ORDER | {"volumeRemaining": 0.1}]}, False),
        ({"orders": [ORDER | {"stopLimitPrice": None}]}, False),
        ({"deals": []}, False),
        ({"deals": [DEAL, DEAL | {"ticket": 1}]}, False),
    ],
)
def test_what_is_shown_is_what_the_broker_has(lists: dict[str, list[Any]], is_right: bool) -> None:
    waiting = held(8, type=7, volume_current=0.03, price_open=1.3, price_stoplimit=1.25)
    at_the_broker = books(positions=[held(tp=1.2)], pending=[waiting], deals=[deal(7, price=1.1)])
    assert (view_complaints(at_the_broker, world(), shows(**lists)) == []) is is_right


def test_whoever_is_told_of_another_users_account_is_seen() -> None:
    def ask(operation: str, *, api_key: str, **_: Any) -> Reply:
        return Reply(200 if operation == leaking and api_key == BEN.key else 404, {})

    two_users = World([ANA, BEN], [MINE])
    for leaking in ("", "listPositions", "getAccountStatus"):
        assert (isolation_complaints(books(), two_users, ask) == []) is (leaking == "")
