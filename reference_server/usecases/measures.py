"""What the gateway measures of itself: the instruments that its parts are handed, and one that measures nothing."""

from __future__ import annotations

from typing import Protocol

from reference_server.domain.requests import Outcome


class Measures(Protocol):
    """Instruments. Called on the event loop, each costs less than a microsecond, none raises. Times in seconds."""

    def request_began(self) -> None: ...

    def request_ended(self, operation: str, status: int, seconds: float) -> None:
        """`operation`: an operationId, or `none` for what the contract does not have."""
        ...

    def frames_sent(self, count: int) -> None: ...

    def slow_consumer_closed(self) -> None: ...

    def event_arrived(self, kind: str) -> None:
        """An event of a terminal; `kind` is the name of its class."""
        ...

    def trade_ended(self, operation: str, outcome: Outcome, seconds: float) -> None:
        """`operation`: its operationId; `seconds`: from the terminal's being asked to its answer."""
        ...

    def terminal_opened(self, *, again: bool) -> None:
        """`again`: in place of one that was open before."""
        ...

    def reconciliation_began(self) -> None: ...

    def reconciliation_ended(self) -> None: ...

    def journal_written(self, seconds: float) -> None:
        """A trading request is written down."""
        ...


class NoMeasures:
    """Implements Measures and does nothing."""

    def request_began(self) -> None:
        """Nothing."""

    def request_ended(self, operation: str, status: int, seconds: float) -> None:
        """Nothing."""

    def frames_sent(self, count: int) -> None:
        """Nothing."""

    def slow_consumer_closed(self) -> None:
        """Nothing."""

    def event_arrived(self, kind: str) -> None:
        """Nothing."""

    def trade_ended(self, operation: str, outcome: Outcome, seconds: float) -> None:
        """Nothing."""

    def terminal_opened(self, *, again: bool) -> None:
        """Nothing."""

    def reconciliation_began(self) -> None:
        """Nothing."""

    def reconciliation_ended(self) -> None:
        """Nothing."""

    def journal_written(self, seconds: float) -> None:
        """Nothing."""
