"""What a fault leaves behind for a while: a link that is down, a view that is late, a fill still to come."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reference_server.simulator.book.account import Account


@dataclass(slots=True, kw_only=True)
class Effect:
    """Something that lasts until a moment of the broker's clock, or until its fault is cleared (`until_ms` None)."""

    entry_id: int
    until_ms: int | None = None

    def is_over(self, now_ms: int) -> bool:
        """Whether its time has come."""
        return self.until_ms is not None and now_ms >= self.until_ms

    def replaces(self, other: "Effect") -> bool:  # noqa: ARG002 - for those that override it
        """Whether an earlier effect of the same fault ends with it."""
        return False

    def end(self) -> None:
        """Do what is due at its end. The broker's lock is held."""

    def is_link_down(self, login: int) -> bool:  # noqa: ARG002 - for those that override it
        """Whether it keeps the terminals of this login from the trade server."""
        return False

    def is_terminal_down(self, terminal: Any) -> bool:  # noqa: ARG002 - for those that override it
        """Whether this terminal's program is not running."""
        return False

    def view_of(self, account: "Account") -> "Account | None":  # noqa: ARG002 - for those that override it
        """The account as the terminal still sees it, or None when it does not concern this account."""
        return None
