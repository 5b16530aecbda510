"""Books, answers and sockets made up for tests of the judges."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.trials.books import BY_HAND, DEAL_EXPERT, ENTRY_IN, ENTRY_OUT, EXPERT, Books
from tests.trials.model import Account, ByHand, Sent, User, World
from tests.trials.sockets import Socket
from tests.trials.wire import Reply

FILLED = 4
ANA, BEN = User("ana", "usr_a", "k"), User("ben", "usr_b", "k2")
MINE, OTHER = Account(ANA, "acc_a", 1), Account(BEN, "acc_b", 2)
NETTING = Account(ANA, "acc_n", 3, is_netting=True)
BODY = {"volume": 0.1}


def accepted(ticket: int = 7, volume: float = 0.1, retcode: int = 10009) -> Reply:
    return Reply(200, {"ticket": ticket, "success": True, "volume": volume, "retcode": retcode})


REFUSED = Reply(200, {"ticket": 0, "success": False, "volume": 0.0, "retcode": 10006})
NOT_SENT = Reply(503, {"reason": "account_not_ready"})
UNKNOWN = Reply(504, {"reason": "outcome_unknown"})


def order(ticket: int = 7, comment: str = "r1", state: int = FILLED, **values: Any) -> Any:
    return SimpleNamespace(
        **{
            "ticket": ticket, "comment": comment, "reason": EXPERT, "state": state, "type": 0, "symbol": "EURUSD",
            "volume_initial": 0.1, "volume_current": 0.0, "time_setup_msc": 1000, "time_done_msc": 1500,
        }
        | values
    )  # fmt: skip


def deal(order: int, volume: float = 0.1, **values: Any) -> Any:
    return SimpleNamespace(
        **{
            "ticket": order + 1000, "order": order, "position_id": order, "entry": ENTRY_IN, "reason": DEAL_EXPERT,
            "volume": volume, "type": 0, "symbol": "EURUSD", "time_msc": 1000, "price": 1.1,
        }
        | values
    )  # fmt: skip


def exit_of(ticket: int, volume: float = 0.1, **values: Any) -> Any:
    return deal(ticket + 100, volume, **{"position_id": ticket, "entry": ENTRY_OUT, "type": 1} | values)


def held(ticket: int = 7, **values: Any) -> dict[str, Any]:
    return {
        "ticket": ticket, "identifier": ticket, "symbol": "EURUSD", "type": 0, "volume": 0.1, "sl": 0.0, "tp": 0.0,
        "comment": "r1", "reason": EXPERT,
    } | values  # fmt: skip


def placing(*answers: Reply | None, outcome: str | None = None, account: Account = MINE, **body: Any) -> Sent:
    return Sent("r1", account, "placeOrder", BODY | body, "key", answers=list(answers), outcome=outcome)


def closing_of(*answers: Reply | None, name: str = "r2", account: Account = MINE, **body: Any) -> Sent:
    body = {"ticket": 7} | body
    return Sent(name, account, "closePosition", body, "key2", ticket=body["ticket"], answers=list(answers))


def hand(ticket: int = 7, account: Account = MINE, at: float = 0.0, **request: Any) -> ByHand:
    return ByHand("h1", account, request, ticket, at)


def by_hand(order: Any) -> Any:
    order.reason = BY_HAND
    return order


def world(*sent: Sent, hands: list[ByHand] | None = None) -> World:
    return World([ANA, BEN], [MINE, OTHER, NETTING], list(sent), hands or [])


def books(
    account: Account = MINE,
    *,
    orders: list[Any] | None = None,
    deals: list[Any] | None = None,
    positions: list[Any] | None = None,
    pending: list[Any] | None = None,
    others: list[Any] | None = None,
) -> Books:
    """Those of one account; the other one has `others` as its orders."""
    everyone = (MINE, OTHER, NETTING)
    return Books(
        {one: orders or [] if one is account else others or [] if one is OTHER else [] for one in everyone},
        {one: deals or [] if one is account else [] for one in everyone},
        {one: positions or [] if one is account else [] for one in everyone},
        {one: pending or [] if one is account else [] for one in everyone},
    )


def socket(*messages: dict[str, Any], since_seq: int | None = None, account: Account = MINE) -> Socket:
    """A socket that was told this, one message a second from the first second on."""
    heard_at = [float(second) for second in range(len(messages))]
    return Socket(account, "k", since_seq, list(messages), heard_at)


SNAPSHOT: dict[str, Any] = {"type": "snapshot", "seq": 1, "positions": []}


def position(seq: int, ticket: int = 7, event: str = "opened", **values: Any) -> dict[str, Any]:
    return {
        "type": "position", "seq": seq, "ticket": ticket, "event": event, "volume": 0.1, "symbol": "EURUSD",
        "currentPrice": 1.1,
    } | values  # fmt: skip


def result(seq: int, ticket: int = 7, volume: float = 0.1, side: str = "buy", **values: Any) -> dict[str, Any]:
    return {
        "type": "orderResult", "seq": seq, "ticket": ticket, "volume": volume, "side": side, "symbol": "EURUSD",
        "success": True, "retcode": 10009,
    } | values  # fmt: skip
