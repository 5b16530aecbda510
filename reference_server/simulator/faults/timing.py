"""The terminal takes its time, or does not answer at all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from reference_server.simulator.faults import values
from reference_server.simulator.faults.fault import Fault
from reference_server.simulator.faults.values import checked

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay(Fault):
    """A call takes longer: `when` says whether it is carried out after the wait ("before") or ahead of it ("after").

    The call blocks its thread, and with `gil` every thread of the process, as the genuine package does. An event loop
    that calls the terminal directly stands still meanwhile.
    """

    kind: ClassVar[str] = "delay"

    ms: int = checked(values.milliseconds(1))
    when: str = checked(values.one_of(BEFORE, AFTER), default=BEFORE)
    gil: bool = checked(values.boolean, default=False)

    def wait_before(self, visit: "Visit") -> None:
        """Wait, unless the answer is to be late."""
        if self.when == BEFORE:
            visit.plan.waiter.delay(self.ms, gil=self.gil)

    def wait_after(self, visit: "Visit") -> None:
        """Wait when the answer is to be late."""
        if self.when == AFTER:
            visit.plan.waiter.delay(self.ms, gil=self.gil)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang(Fault):
    """A call blocks until the fault is cleared, then goes on; with `gil` only the end of the process ends it.

    `when` as for a delay: a hang "after" carries the call out and does not answer.
    """

    kind: ClassVar[str] = "hang"

    when: str = checked(values.one_of(BEFORE, AFTER), default=BEFORE)
    gil: bool = checked(values.boolean, default=False)

    def wait_before(self, visit: "Visit") -> None:
        """Wait until the fault is cleared."""
        if self.when == BEFORE:
            visit.plan.waiter.hang(visit.entry.cleared, gil=self.gil)

    def wait_after(self, visit: "Visit") -> None:
        """Wait until the fault is cleared."""
        if self.when == AFTER:
            visit.plan.waiter.hang(visit.entry.cleared, gil=self.gil)
