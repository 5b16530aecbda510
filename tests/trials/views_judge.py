"""What REST shows against the books, and that it shows nobody another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.trials.books import Books
from tests.trials.model import Account, World
from tests.trials.wire import Reply

Row = tuple[Any, ...]
Ask = Callable[..., Reply | None]
"""A wire."""


def view_complaints(books: Books, world: World, wire: Ask) -> list[str]:
    """What is shown of each account is what the broker has, whoever made it."""
    found = []
    for account in world.usable():
        for operation, key, shown, true in (
            ("listPositions", "positions", shown_position, [true_position(one) for one in books.positions[account]]),
            ("listOrders", "orders", shown_order, [true_order(one) for one in books.pending.get(account, ())]),
            ("listDeals", "deals", shown_deal, [true_deal(one) for one in books.deals[account]]),
        ):
            told = wire(
                operation,
                api_key=account.user.key,
                account=account.account_id,
                who=account.user.name,
                query={"limit": 1000} if key == "deals" else None,
            )
            assert told is not None
            found += _differences(f"{account.login}: {operation}", told.json[key], shown, true)
    return found


def _differences(name: str, told: list[Any], shown: Callable[[Any], Row], true: list[Row]) -> list[str]:
    told_rows = sorted(shown(one) for one in told)
    if told_rows == sorted(true):
        return []
    extra = [row for row in told_rows if row not in true]
    missing = [row for row in true if row not in told_rows]
    return [f"{name} shows {extra or 'nothing'} that is not so, and not {missing or 'anything else'}"]


def shown_position(one: dict[str, Any]) -> Row:
    """A position as REST has it."""
    return one["ticket"], one["symbol"], one["side"], one["volume"], one["sl"] or 0.0, one["tp"] or 0.0


def true_position(one: dict[str, Any]) -> Row:
    """The same of the broker's."""
    return one["ticket"], one["symbol"], _side(one["type"]), round(one["volume"], 8), one["sl"], one["tp"]


def shown_order(one: dict[str, Any]) -> Row:
    """A pending order as REST has it."""
    return (
        one["ticket"], one["symbol"], one["side"], one["volumeRemaining"], one["price"], one["stopLimitPrice"] or 0.0,
        one["sl"] or 0.0, one["tp"] or 0.0,
    )  # fmt: skip


def true_order(one: dict[str, Any]) -> Row:
    """The same of the broker's."""
    return (
        one["ticket"], one["symbol"], _side(one["type"]), round(one["volume_current"], 8), one["price_open"],
        one["price_stoplimit"], one["sl"], one["tp"],
    )  # fmt: skip


def shown_deal(one: dict[str, Any]) -> Row:
    """A deal as REST has it."""
    return one["ticket"], one["order"] or 0, one["volume"], one["price"]


def true_deal(one: Any) -> Row:
    """The same of the broker's."""
    return one.ticket, one.order, round(one.volume, 8), round(one.price, 5)


def _side(kind: int) -> str:
    return "sell" if kind % 2 else "buy"


def isolation_complaints(books: Books, world: World, ask: Ask) -> list[str]:
    """Nobody reaches an account, a ticket or a key of another."""
    found = []
    for account in world.usable():
        for user in world.users:
            if user is account.user:
                continue
            told = [
                ask("listPositions", api_key=user.key, account=account.account_id, who=user.name),
                ask("getAccountStatus", api_key=user.key, account_id=account.account_id, who=user.name),
                *(ask("getOrderRequest", api_key=user.key, who=user.name, key=key) for key in _keys(world, account)),
            ]
            own = [one for one in world.usable() if one.user is user]
            told += [
                ask(
                    "getPosition",
                    api_key=user.key,
                    account=own[0].account_id,
                    ticket=position["ticket"],
                    who=user.name,
                )
                for position in books.positions[account][:2]
                if own
            ]
            found += [
                f"{user.name} is told {one} of {account.login}" for one in told if one is None or one.status != 404
            ]
    for user in world.users:
        for dead in user.dead_keys:
            told_dead = ask("listAccounts", api_key=dead, who=f"{user.name} (dead key)")
            if told_dead is None or told_dead.status != 401:
                found.append(f"a dead key of {user.name} is answered {told_dead}")
    return found


def _keys(world: World, account: Account) -> list[str]:
    return [one.key for one in world.sent if one.account is account and one.key is not None][:3]
