"""A sweep over all sockets: heartbeats on those that are silent, an end for those that take nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from reference_server.usecases.encoding import Encoder
from reference_server.usecases.outbox import CloseCode
from reference_server.usecases.ports import Clock
from reference_server.usecases.routine import Routine
from reference_server.usecases.session import Session

HEARTBEAT_SECONDS: Final = 5.0
STALLED_SECONDS: Final = 10.0
"""How long a peer may take nothing at all before its socket is given up as a slow consumer."""

_SWEEPS: Final = 4
"""In the time of one heartbeat: it comes after that time, or up to a quarter later."""


class Pulse:
    """One task for all sockets, and no timer for any of them.

    Each sweep counts; a write sets a socket's count back. A socket costs a comparison a sweep, and nothing a message.
    """

    def __init__(
        self,
        sessions: Callable[[], Iterable[Session]],
        encoder: Encoder,
        clock: Clock,
        *,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        stalled_seconds: float = STALLED_SECONDS,
    ) -> None:
        self._sessions = sessions
        self._encoder = encoder
        self._clock = clock
        interval = heartbeat_seconds / _SWEEPS
        self._sweeps_stalled = max(1, round(stalled_seconds / interval))
        self._routine = Routine("pulse of the stream", self._sweep, clock, interval)

    def start(self) -> None:
        """Begin to sweep."""
        self._routine.start()

    async def close(self) -> None:
        """Stop. Safe to call without a start."""
        await self._routine.close()

    async def _sweep(self) -> None:
        """Look at every socket once; but for those that are closed, whose account may have no number to tell."""
        heartbeats: dict[int, bytes] = {}
        for session in self._sessions():
            if session.is_closed:
                continue
            outbox = session.outbox
            if outbox.is_behind:
                outbox.sweeps_behind += 1
                if outbox.sweeps_behind > self._sweeps_stalled:
                    session.close(CloseCode.SLOW_CONSUMER)
                continue
            outbox.sweeps_quiet += 1
            if outbox.sweeps_quiet <= _SWEEPS or outbox.waiting:
                continue
            seq = 0 if session.feed is None else session.feed.heartbeat_of(session)
            if seq is not None:
                if seq not in heartbeats:
                    heartbeats[seq] = self._encoder.heartbeat(self._clock.now_ms(), seq)
                outbox.put_event(heartbeats[seq])
