"""What stands in front of a terminal's functions while there are faults."""

from collections.abc import Callable
from functools import partial
from threading import local
from typing import TYPE_CHECKING, Any

from reference_server.simulator.faults.fault import CALLS
from reference_server.simulator.faults.visit import Reached, Visit

if TYPE_CHECKING:
    from reference_server.simulator.book.account import Account
    from reference_server.simulator.calls.connection import ConnectionCalls
    from reference_server.simulator.faults.plan import FaultPlan

READS = frozenset(
    (
        "history_deals_get", "history_deals_total", "history_orders_get", "history_orders_total", "orders_get",
        "orders_total", "positions_get", "positions_total",
    )
)  # fmt: skip
PLACE = "_interceptor"
IPC_TIMEOUT = (-10005, "IPC timeout")


class Interceptor:
    """Leads the calls of one terminal past the faults.

    It lies in the terminal's own dictionary, in front of the class's functions. A call is first made as a probe, which
    ends where the terminal would be reached: wrong arguments and a missing connection are answered by the function
    itself and use up no fault. (That call is made here, not deeper: some functions look at how their caller wrote it.)
    Waits take place without the broker's lock; what happens to the book, under it.
    """

    def __init__(self, terminal: "ConnectionCalls", plan: "FaultPlan") -> None:
        self._terminal = terminal
        self._plan = plan
        self._thread = local()
        self._connected: Callable[[], Account] = terminal._connected
        self._authorize: Callable[..., Account] = terminal._authorize
        self._took_link_down = False

    @classmethod
    def install(cls, terminal: "ConnectionCalls", plan: "FaultPlan") -> None:
        """Put a terminal's one in front of its functions."""
        place = vars(terminal)
        if PLACE not in place:
            place[PLACE] = cls(terminal, plan)
        interceptor: Interceptor = place[PLACE]
        functions = {name: getattr(terminal, name) for name in CALLS if hasattr(type(terminal), name)}
        place.update({name: partial(interceptor._call, name, call) for name, call in functions.items()})
        place.update({"_connected": interceptor._reach, "_authorize": interceptor._reach_login})

    @staticmethod
    def remove(terminal: "ConnectionCalls") -> None:
        """Take it away again."""
        vars(terminal)[PLACE]._show_link(is_down=False)
        for name in (*CALLS, "_connected", "_authorize"):
            vars(terminal).pop(name, None)

    def _reach(self) -> "Account":
        visit: Visit | None = getattr(self._thread, "visit", None)
        if visit is not None and visit.failure is not None:
            raise visit.failure
        account = self._connected()
        if visit is None:
            return account
        if visit.is_probe:
            raise Reached(account.login)
        return self._plan.view_of(account) if visit.name in READS else account

    def _reach_login(self, server: str | None, login: int, password: str | None) -> "Account":
        visit: Visit | None = getattr(self._thread, "visit", None)
        if visit is not None and visit.failure is not None:
            raise visit.failure
        if visit is not None and visit.is_probe:
            raise Reached(login)
        return self._authorize(server, login, password)

    def _call(self, name: str, function: Callable[..., Any], *args: Any, **keywords: Any) -> Any:
        if getattr(self._thread, "visit", None) is not None or not self._plan.enter():
            return function(*args, **keywords)
        visit = Visit(
            plan=self._plan, terminal=self._terminal, name=name, function=function, args=args, keywords=keywords
        )
        self._thread.visit = visit
        try:
            with visit.broker.lock:
                self._plan.settle()
                self._show_link()
            visit.is_probe = True
            try:
                return function(*args, **keywords)
            except Reached as reached:
                visit.login = reached.login
            finally:
                visit.is_probe = False
            return self._after_the_probe(visit)
        finally:
            self._thread.visit = None
            self._plan.leave_call(visit.taken)

    def _after_the_probe(self, visit: Visit) -> Any:
        visit.taken = self._plan.take(visit)
        for fault in visit.faults():
            fault.wait_before(visit)
        with visit.broker.lock:
            self._carry_out(visit)
        for fault in visit.faults():
            fault.wait_after(visit)
        return visit.answer

    def _carry_out(self, visit: Visit) -> None:
        self._plan.settle()
        for fault in visit.faults():
            fault.begin(visit)
        self._show_link()
        if visit.name == "initialize" and self._plan.is_terminal_down(self._terminal):
            visit.fail(*IPC_TIMEOUT)
            return
        for fault in visit.faults():
            fault.alter(visit)
        if any(fault.instead(visit) for fault in visit.faults()):
            return
        visit.run()
        for fault in visit.faults():
            fault.amend(visit)
        for fault in visit.faults():
            fault.report(visit)

    def _show_link(self, *, is_down: bool | None = None) -> None:
        """Let the terminal show whether it has a link to its server, unless someone else took it down."""
        account, switches = self._terminal._account, self._terminal.switches
        if is_down is None:
            is_down = account is not None and self._plan.is_link_down(account.login)
        if is_down and switches.connected:
            switches.connected = False
            self._took_link_down = True
        elif not is_down and self._took_link_down:
            switches.connected = True
            self._took_link_down = False
