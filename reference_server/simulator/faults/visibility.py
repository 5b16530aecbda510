"""The terminal shows what happened only some time later, and past prices only in part at first."""

from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from reference_server.simulator.book.account import Account
from reference_server.simulator.faults import values
from reference_server.simulator.faults.effect import Effect
from reference_server.simulator.faults.fault import ANY_CALL, ORDER_SEND, Fault, call_name
from reference_server.simulator.faults.values import checked

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

COPIES = frozenset(
    ("copy_rates_from", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_from", "copy_ticks_range")
)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstRequestShort(Fault):
    """A request for bars or ticks is answered with the newest part, while a real terminal would load the rest.

    The next request is complete. `fraction` is how much of the answer is there, at least one row; `symbol` the one
    that it concerns (None: any).
    """

    kind: ClassVar[str] = "first_request_short"
    calls: ClassVar[frozenset[str]] = COPIES

    call: str = checked(call_name, default=ANY_CALL)
    fraction: float = checked(values.fraction, default=0.5)
    symbol: str | None = checked(values.optional(values.text), default=None)

    def concerns(self, visit: "Visit") -> bool:
        """Requests for the symbol."""
        return self.symbol in (None, visit.args[0])

    def report(self, visit: "Visit") -> None:
        """Leave out the oldest."""
        if isinstance(visit.answer, np.ndarray):
            visit.answer = visit.answer[-max(int(len(visit.answer) * self.fraction), 1) :]
