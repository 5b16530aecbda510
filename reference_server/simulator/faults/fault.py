"""A fault: what goes wrong, in which calls, how often; and the moments of a call at which it can act."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from reference_server.simulator.faults import values
from reference_server.simulator.faults.values import FaultInvalid, checked

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

CALLS = frozenset(
    (
        "account_info", "copy_rates_from", "copy_rates_from_pos", "copy_rates_range", "copy_ticks_from",
        "copy_ticks_range", "history_deals_get", "history_deals_total", "history_orders_get", "history_orders_total",
        "initialize", "login", "market_book_add", "market_book_get", "market_book_release", "order_calc_margin",
        "order_calc_profit", "order_check", "order_send", "orders_get", "orders_total", "positions_get",
        "positions_total", "symbol_info", "symbol_info_tick", "symbol_select", "symbols_get", "symbols_total",
        "terminal_info", "version",
    )
)  # fmt: skip
"""The functions that ask the terminal. `shutdown` and `last_error` never leave the module, so nothing can fail."""

ANY_CALL = "*"
ORDER_SEND = "order_send"


def call_name(value: Any) -> str:
    """The name of a function that a fault can hit, or "*"."""
    if not isinstance(value, str) or (value != ANY_CALL and value not in CALLS):
        raise ValueError(f'a function that asks the terminal ({", ".join(sorted(CALLS))}) or "{ANY_CALL}" for all')
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that goes wrong. The families of this folder say what; this says where and how often.

    `call` is the function that it happens in ("*": any), `login` the account (None: any), `after` how many such calls
    pass first, `times` how many suffer it (0: all, until the fault is cleared). Making one raises FaultInvalid.
    """

    kind: ClassVar[str] = ""
    calls: ClassVar[frozenset[str]] = CALLS
    is_outcome: ClassVar[bool] = False
    """Whether it decides how the call ends: at most one such fault acts in a call, the oldest."""

    call: str = checked(call_name, default=ORDER_SEND)
    login: int | None = checked(values.optional(values.whole(1, 2**64 - 1)), default=None)
    after: int = checked(values.whole(0, 2**31 - 1), default=0)
    times: int = checked(values.whole(0, 2**31 - 1), default=1)

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            try:
                object.__setattr__(self, each.name, each.metadata["check"](value))
            except ValueError as error:
                raise FaultInvalid(each.name, f'"{each.name}" of {self.kind} must be {error}, not {value!r}') from None
        if self.call != ANY_CALL and self.call not in self.calls:
            wanted = ", ".join(sorted(self.calls))
            raise FaultInvalid("call", f'"call" of {self.kind} must be {wanted} or "{ANY_CALL}", not {self.call!r}')
        self.check_together()

    def check_together(self) -> None:
        """Check what concerns several fields at once. Raises FaultInvalid."""

    def matches(self, call: str, login: int) -> bool:
        """Whether it is meant for this function on this account."""
        return (self.call in (ANY_CALL, call)) and call in self.calls and self.login in (None, login)

    def concerns(self, visit: "Visit") -> bool:  # noqa: ARG002 - for those that override it
        """Whether it can act in this call at all; a call that it does not concern is not counted."""
        return True

    def wait_before(self, visit: "Visit") -> None:
        """Hold up the call before the terminal hears of it. The broker's lock is not held."""

    def begin(self, visit: "Visit") -> None:
        """Change the world before the call is carried out."""

    def instead(self, visit: "Visit") -> bool:  # noqa: ARG002 - for those that override it
        """End the call without carrying it out: set `visit.answer` and return True."""
        return False

    def alter(self, visit: "Visit") -> None:
        """Change the request that is about to be carried out."""

    def amend(self, visit: "Visit") -> None:
        """Change what was carried out and `visit.answer`, before anyone sees it."""

    def report(self, visit: "Visit") -> None:
        """Put another answer in the place of `visit.answer`."""

    def wait_after(self, visit: "Visit") -> None:
        """Hold up the answer. The broker's lock is not held."""
