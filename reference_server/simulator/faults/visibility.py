"""The terminal shows what happened only some time later."""

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reference_server.simulator.book.account import Account
from reference_server.simulator.faults import values
from reference_server.simulator.faults.effect import Effect
from reference_server.simulator.faults.fault import ORDER_SEND, Fault
from reference_server.simulator.faults.values import checked

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

POSITIONS, ORDERS, HISTORY, DEALS = "positions", "orders", "history", "deals"


@dataclass(slots=True, kw_only=True)
class LateView(Effect):
    """Parts of an account as they were before an order."""

    server: str
    login: int
    parts: dict[str, object]

    def view_of(self, account: Account) -> Account | None:
        """The account with those parts as they were."""
        if (account.server, account.login) != (self.server, self.login):
            return None
        view = copy(account)
        for name, value in self.parts.items():
            setattr(view, name, value)
        return view


@dataclass(frozen=True, slots=True, kw_only=True)
class LateVisibility(Fault):
    """What an order does is shown `ms` of the broker's clock later.

    `what` names the parts that are late: "positions", "orders" (active ones), "history" (of orders), "deals". Until
    then every terminal of the account shows these parts as they were before the order, prices and profits included.
    `account_info` and the other parts are up to date.
    """

    kind: ClassVar[str] = "late_visibility"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))

    ms: int = checked(values.milliseconds(1))
    what: tuple[str, ...] = checked(
        values.several_of(POSITIONS, ORDERS, HISTORY, DEALS), default=(POSITIONS, ORDERS, HISTORY, DEALS)
    )

    def begin(self, visit: "Visit") -> None:
        """Remember the account as it is."""
        account = visit.account
        if account is None:
            return
        parts: dict[str, object] = {}
        if POSITIONS in self.what:
            parts["positions"] = {ticket: copy(position) for ticket, position in account.positions.items()}
        if ORDERS in self.what:
            parts["orders"] = {ticket: copy(order) for ticket, order in account.orders.items()}
        if HISTORY in self.what:
            parts["past_orders"] = list(account.past_orders)
        if DEALS in self.what:
            parts["deals"] = list(account.deals)
            parts["deals_of_position"] = {ticket: list(deals) for ticket, deals in account.deals_of_position.items()}
        until_ms = visit.broker.clock.now_ms() + self.ms
        visit.plan.leave(
            LateView(
                entry_id=visit.entry.id, until_ms=until_ms, server=account.server, login=account.login, parts=parts
            )
        )
