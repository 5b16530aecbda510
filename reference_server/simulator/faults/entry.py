"""A fault that waits in a plan, or is at work."""

from dataclasses import dataclass, field
from threading import Event

from reference_server.simulator.faults.fault import Fault


@dataclass(slots=True, kw_only=True)
class Entry:
    """One fault of a plan: how many calls it let pass, how many it hit, and whether it is cleared."""

    id: int
    fault: Fault
    skipped: int = 0
    used: int = 0
    calls_under_way: int = 0
    cleared: Event = field(default_factory=Event)

    @property
    def is_spent(self) -> bool:
        """Whether it will hit no further call."""
        return self.cleared.is_set() or (self.fault.times > 0 and self.used >= self.fault.times)

    def lets_pass(self) -> bool:
        """Count one call that it is meant for; True when this one still passes."""
        if self.skipped < self.fault.after:
            self.skipped += 1
            return True
        return self.is_spent

    def hit(self) -> None:
        """Count one call that suffers it, until `leave`."""
        self.used += 1
        self.calls_under_way += 1

    def leave(self) -> None:
        """The call that it hit is over."""
        self.calls_under_way -= 1
