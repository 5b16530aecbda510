"""One call on its way through the faults that it meets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reference_server.simulator.book.account import Account
from reference_server.simulator.faults.entry import Entry
from reference_server.simulator.faults.fault import Fault
from reference_server.simulator.surface.outcome import Failed
from reference_server.simulator.surface.requests import trade_request
from reference_server.simulator.surface.structs import OrderSendResult, Struct

if TYPE_CHECKING:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.calls.connection import ConnectionCalls
    from reference_server.simulator.faults.plan import FaultPlan

PIPE_BROKE = (-10002, "IPC recv failed")


class Reached(Exception):
    """The arguments are in order and the call would reach the terminal now; nothing was done yet."""

    def __init__(self, login: int) -> None:
        super().__init__(login)
        self.login = login


@dataclass(slots=True, kw_only=True)
class Visit:
    """A call of one terminal, its account, and its answer so far.

    `is_probe` is set while the function is only asked whether it would reach the terminal, `failure` while it is run
    to fail in its own way (None, False, ...). `remainder` is the volume that a partial fill left.
    """

    plan: "FaultPlan"
    terminal: "ConnectionCalls"
    name: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    keywords: dict[str, Any]
    login: int = 0
    is_probe: bool = False
    failure: Failed | None = None
    answer: Any = None
    remainder: float = 0.0
    taken: tuple[Entry, ...] = ()
    acting: Entry | None = None
    changes: dict[str, Any] = field(default_factory=dict)

    def faults(self) -> Iterator[Fault]:
        """The faults of this call, one after the other; `entry` is that of the one that acts."""
        for entry in self.taken:
            self.acting = entry
            yield entry.fault

    @property
    def entry(self) -> Entry:
        """The place in the plan of the fault that acts now."""
        assert self.acting is not None
        return self.acting

    @property
    def broker(self) -> "SimulatedBroker":
        """The broker behind the terminal."""
        return self.terminal.broker

    @property
    def account(self) -> Account | None:
        """The account that the terminal is attached to."""
        return self.terminal._account

    @property
    def request(self) -> Struct:
        """The trade request as the caller sent it."""
        return trade_request(self.args, self.keywords)

    @property
    def result(self) -> Struct | None:
        """The answer, when it is a result of `order_send`."""
        return self.answer if isinstance(self.answer, OrderSendResult) else None

    def run(self) -> None:
        """Carry the call out, with the changes that were made to its request."""
        if not self.changes:
            self.answer = self.function(*self.args, **self.keywords)
            return
        request = {**(self.keywords or self.args[0]), **self.changes}
        self.answer = self.function(request)
        if self.result is not None:
            self.answer = replaced(self.result, request=self.request)

    def fail(self, code: int, text: str) -> None:
        """Let the call fail in its own way, with this `last_error`."""
        self.failure = Failed(code, text)
        try:
            self.answer = self.function(*self.args, **self.keywords)
        finally:
            self.failure = None

    def break_pipe(self) -> None:
        """Let the call fail as it does when the pipe to the terminal breaks; every later one has no connection."""
        self.fail(*PIPE_BROKE)
        self.terminal._account = None


def replaced(struct: Struct, **changes: Any) -> Struct:
    """The record with some fields changed."""
    names = struct.__match_args__
    return tuple.__new__(type(struct), [changes.get(name, value) for name, value in zip(names, struct, strict=True)])
