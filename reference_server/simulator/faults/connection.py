"""The pipe to the terminal breaks, the terminal loses its server, or its program ends."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reference_server.simulator.faults import values
from reference_server.simulator.faults.effect import Effect
from reference_server.simulator.faults.fault import ANY_CALL, Fault, call_name
from reference_server.simulator.faults.timing import AFTER, BEFORE
from reference_server.simulator.faults.values import checked

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

TERMINAL, CLIENT = "terminal", "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeBreak(Fault):
    """The pipe breaks as a call is made: -10002, nothing is carried out; then -10004 until `initialize`."""

    kind: ClassVar[str] = "pipe_break"
    is_outcome: ClassVar[bool] = True

    def instead(self, visit: "Visit") -> bool:
        """Break the pipe."""
        visit.break_pipe()
        return True


@dataclass(slots=True, kw_only=True)
class Outage(Effect):
    """The terminals of an account, or all, have no link to the trade server."""

    login: int | None

    def replaces(self, other: Effect) -> bool:
        """One outage at a time."""
        return isinstance(other, Outage)

    def is_link_down(self, login: int) -> bool:
        """Whether it concerns this login."""
        return self.login in (None, login)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(Fault):
    """The terminal loses the trade server for `ms` of the broker's clock, or until the fault is cleared.

    It begins with the call that it hits. `terminal_info().connected` is False, `order_send` answers 10031, and reads
    answer from what is known.
    """

    kind: ClassVar[str] = "disconnect"

    call: str = checked(call_name, default=ANY_CALL)
    ms: int | None = checked(values.optional(values.milliseconds(1)), default=None)

    def begin(self, visit: "Visit") -> None:
        """Take the link down."""
        visit.plan.leave(self.outage(visit.entry.id, visit.broker.clock.now_ms()))

    def outage(self, entry_id: int, now_ms: int) -> Outage:
        """The link that is down from now on."""
        until_ms = None if self.ms is None else now_ms + self.ms
        return Outage(entry_id=entry_id, until_ms=until_ms, login=self.login)


@dataclass(slots=True, kw_only=True)
class Downtime(Effect):
    """A terminal's program that ended and is not ready again yet."""

    terminal: Any

    def is_terminal_down(self, terminal: Any) -> bool:
        """Whether it is this terminal."""
        return self.terminal is terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash(Fault):
    """The terminal's program ends, before or after it carried the call out.

    The plan's `on_crash` is called with `process` ("terminal", or "client" for the program at the other end of the
    pipe) and may end a process. Where nobody set it, and when it returns, the caller sees a broken pipe, and
    `initialize` fails with -10005 until the terminal has been restarted for `restart_ms` of the broker's clock.
    """

    kind: ClassVar[str] = "crash"
    is_outcome: ClassVar[bool] = True

    when: str = checked(values.one_of(BEFORE, AFTER), default=BEFORE)
    process: str = checked(values.one_of(TERMINAL, CLIENT), default=TERMINAL)
    restart_ms: int = checked(values.milliseconds(), default=0)

    def instead(self, visit: "Visit") -> bool:
        """Crash before the call is carried out."""
        if self.when == AFTER:
            return False
        self._crash(visit)
        return True

    def report(self, visit: "Visit") -> None:
        """Crash after the call was carried out."""
        if self.when == AFTER:
            self._crash(visit)

    def _crash(self, visit: "Visit") -> None:
        if visit.plan.on_crash is not None:
            visit.plan.on_crash(self.process, visit.terminal)
        visit.break_pipe()
        if self.restart_ms:
            until_ms = visit.broker.clock.now_ms() + self.restart_ms
            visit.plan.leave(Downtime(entry_id=visit.entry.id, until_ms=until_ms, terminal=visit.terminal))
