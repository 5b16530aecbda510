"""The faults that are to happen on a broker, and those at work."""

from collections.abc import Callable
from threading import RLock
from typing import TYPE_CHECKING
from weakref import WeakSet

from reference_server.simulator.clock import Clock
from reference_server.simulator.faults.connection import Disconnect
from reference_server.simulator.faults.effect import Effect
from reference_server.simulator.faults.entry import Entry
from reference_server.simulator.faults.fault import Fault
from reference_server.simulator.faults.interceptor import Interceptor
from reference_server.simulator.faults.waiter import RealWaiter, Waiter

if TYPE_CHECKING:
    from reference_server.simulator.book.account import Account
    from reference_server.simulator.calls.connection import ConnectionCalls
    from reference_server.simulator.faults.visit import Visit


class FaultPlan:
    """A queue of faults, empty at first; safe to use from any thread.

    While there is none, the terminals' functions are the plain ones and faults cost nothing; the first one added puts
    an interceptor in front of each function. (Code that keeps a function object, as `send = mt5.order_send` does, from
    before that moment goes past the interceptor.)

    A call suffers the oldest due fault of each kind, but only one that decides how the call ends.
    """

    def __init__(self, clock: Clock, lock: RLock) -> None:
        """`lock` is the broker's."""
        self.waiter: Waiter = RealWaiter()
        self.on_crash: Callable[[str, ConnectionCalls], None] | None = None
        """Called when a process is to end: "terminal" or "client", and the terminal that was called."""
        self._clock = clock
        self._lock = lock
        self._entries: dict[int, Entry] = {}
        self._effects: tuple[Effect, ...] = ()
        self._next_id = 1
        self._visits = 0
        self._terminals: WeakSet[ConnectionCalls] = WeakSet()
        self._is_installed = False

    @property
    def is_armed(self) -> bool:
        """Whether any fault waits or is at work."""
        return bool(self._entries or self._effects)

    def attach(self, terminal: "ConnectionCalls") -> None:
        """Let the faults happen to this terminal, too."""
        with self._lock:
            self._terminals.add(terminal)
            if self._is_installed:
                Interceptor.install(terminal, self)

    def add(self, fault: Fault) -> int:
        """Queue a fault; returns the id to clear it by. Raises TypeError for what is none, such as its JSON form."""
        if not isinstance(fault, Fault):
            raise TypeError(f"a plan takes a Fault, which fault_from_dict makes of {fault!r}")
        with self._lock:
            entry = Entry(id=self._next_id, fault=fault)
            self._next_id += 1
            self._entries[entry.id] = entry
            if not self._is_installed:
                self._is_installed = True
                for terminal in self._terminals:
                    Interceptor.install(terminal, self)
            return entry.id

    def start(self, fault: Disconnect) -> int:
        """Take a link down now, without waiting for a call; returns the id to clear it by."""
        with self._lock:
            entry = self._entries[self.add(fault)]
            entry.used = 1
            self.leave(fault.outage(entry.id, self._clock.now_ms()))
            return entry.id

    def clear(self, fault_id: int | None = None) -> int:
        """Take one fault, or all, out of the plan, and end what they left; returns how many. Raises KeyError."""
        with self._lock:
            entries = list(self._entries.values()) if fault_id is None else [self._entries[fault_id]]
            for entry in entries:
                entry.cleared.set()
                for effect in self._effects:
                    if effect.entry_id == entry.id:
                        self._end(effect)
            self._tidy()
            return len(entries)

    def list(self) -> tuple[Entry, ...]:
        """The faults that wait or are at work, oldest first."""
        with self._lock:
            self.settle()
            self._tidy()
            return tuple(self._entries.values())

    def take(self, visit: "Visit") -> tuple[Entry, ...]:
        """The faults that this call suffers. They are counted now and stay in the plan until they have worked."""
        taken: dict[str, Entry] = {}
        is_decided = False
        with self._lock:
            for entry in self._entries.values():
                fault = entry.fault
                if not fault.matches(visit.name, visit.login) or not fault.concerns(visit) or entry.lets_pass():
                    continue
                if fault.kind in taken or (fault.is_outcome and is_decided):
                    continue
                is_decided = is_decided or fault.is_outcome
                entry.hit()
                taken[fault.kind] = entry
        return tuple(taken.values())

    def enter(self) -> bool:
        """Count a call that begins; False when there are no faults any more."""
        with self._lock:
            if self._is_installed:
                self._visits += 1
            return self._is_installed

    def leave_call(self, taken: tuple[Entry, ...]) -> None:
        """Count a call that is over, with the faults that it suffered."""
        with self._lock:
            self._visits -= 1
            for entry in taken:
                entry.leave()
            self._tidy()

    def leave(self, effect: Effect) -> None:
        """Let a fault leave something behind; an earlier outage of the same fault ends with a new one."""
        with self._lock:
            kept = (old for old in self._effects if old.entry_id != effect.entry_id or not effect.replaces(old))
            self._effects = (*kept, effect)

    def settle(self) -> None:
        """End every effect whose time has come."""
        if self._effects:
            with self._lock:
                now_ms = self._clock.now_ms()
                for effect in self._effects:
                    if effect.is_over(now_ms):
                        self._end(effect)

    def is_link_down(self, login: int) -> bool:
        """Whether a terminal of this login has no link to the trade server."""
        return any(effect.is_link_down(login) for effect in self._effects)

    def is_terminal_down(self, terminal: "ConnectionCalls") -> bool:
        """Whether this terminal's program is not running."""
        return any(effect.is_terminal_down(terminal) for effect in self._effects)

    def view_of(self, account: "Account") -> "Account":
        """The account as its terminals see it."""
        for effect in self._effects:
            view = effect.view_of(account)
            if view is not None:
                return view
        return account

    def _end(self, effect: Effect) -> None:
        self._effects = tuple(old for old in self._effects if old is not effect)
        effect.end()

    def _tidy(self) -> None:
        """Drop the faults that have worked, and the interceptors after the last one."""
        at_work = {effect.entry_id for effect in self._effects}
        for entry in list(self._entries.values()):
            if entry.is_spent and not entry.calls_under_way and entry.id not in at_work:
                del self._entries[entry.id]
        if self._is_installed and not self.is_armed and not self._visits:
            self._is_installed = False
            for terminal in self._terminals:
                Interceptor.remove(terminal)
