"""How old requests are, whatever is done to the wall clock."""

from __future__ import annotations

from reference_server.usecases.ports import Clock


class SteadyAge:
    """The moment against which the age of a request is told: no step of the clock makes one older than it is.

    The wall clock may be set while the gateway runs, forward as well as back, and a key that is forgotten too early is
    an order that a repetition executes twice. So the time since the start is counted by the clock that never steps, and
    the farthest that the wall clock was ever behind that is taken off: a request may be stamped by it. After a step
    back keys are kept that much longer; what was stamped by a wrong clock before a restart is as old as it seems.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began_ms = clock.now_ms() - clock.monotonic() * 1000
        self._behind_ms = 0.0

    def now_ms(self) -> int:
        """Return it, in ms since the epoch. To be called at least whenever a request is stamped."""
        steady_ms = self._began_ms + self._clock.monotonic() * 1000
        self._behind_ms = max(self._behind_ms, steady_ms - self._clock.now_ms())
        return int(steady_ms - self._behind_ms)
