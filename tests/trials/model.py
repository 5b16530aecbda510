"""What a trial knows: who exists, what was asked for, and every answer that was given to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from reference_server.simulator.surface.constants import CONSTANTS
from tests.trials.wire import Reply

IN_FLIGHT = "idempotency_key_in_flight"
REUSED = "idempotency_key_reused"
DEAL, PENDING, SLTP, MODIFY, REMOVE, CLOSE_BY = (
    CONSTANTS[f"TRADE_ACTION_{name}"] for name in ("DEAL", "PENDING", "SLTP", "MODIFY", "REMOVE", "CLOSE_BY")
)
PLACED, DONE_PARTIAL = CONSTANTS["TRADE_RETCODE_PLACED"], CONSTANTS["TRADE_RETCODE_DONE_PARTIAL"]


class Verdict(Enum):
    """What one answer says of the request."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not sent"
    UNKNOWN = "unknown"
    SILENT = "says nothing"


def verdict_of(reply: Reply | None) -> Verdict:
    """Read an answer to a request that trades; no answer at all is unknown."""
    if reply is None or reply.status == 504:
        return Verdict.UNKNOWN
    if reply.status == 200:
        return Verdict.ACCEPTED if reply.json["success"] else Verdict.REFUSED
    if reply.reason == IN_FLIGHT:
        return Verdict.SILENT
    return Verdict.NOT_SENT


@dataclass(eq=False)
class User:
    """A user and the key that works now."""

    name: str
    user_id: str
    key: str
    dead_keys: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Account:
    """An account of a user; its login says which it is at the broker."""

    user: User
    account_id: str
    login: int
    paused: bool = False
    deleted: bool = False
    is_netting: bool = False


@dataclass(eq=False)
class Sent:
    """One request that trades, however often it was sent with its key.

    `name` is the comment of its order; `ticket` what it acts on, 0 for a new order.
    """

    name: str
    account: Account
    operation: str
    body: dict[str, Any] | None
    key: str | None = None
    ticket: int = 0
    answers: list[Reply | None] = field(default_factory=list)
    outcome: str | None = None
    """What the gateway says at the end became of its key."""
    final: dict[str, Any] | None = None
    """The result that it names with it."""
    began_at: float = 0.0
    """When it was sent first, in seconds of the machine's clock."""
    told_at: float | None = None
    """When it was answered that it was accepted, if that was its first answer."""

    @property
    def verdicts(self) -> set[Verdict]:
        """What its answers say."""
        return {verdict_of(answer) for answer in self.answers}

    @property
    def was_accepted(self) -> bool:
        """Whether somebody was told that it was done, or could be told by its key."""
        return Verdict.ACCEPTED in self.verdicts or self.outcome == "accepted"

    @property
    def was_refused(self) -> bool:
        """Whether somebody was told that the broker refused it."""
        return Verdict.REFUSED in self.verdicts or self.outcome == "refused"

    @property
    def may_be_executed(self) -> bool:
        """Whether it is not known to have been done, nor to have been left undone."""
        if self.was_accepted or self.was_refused or self.outcome in ("not_sent", "absent"):
            return False
        return not self.answers or Verdict.UNKNOWN in self.verdicts or self.outcome == "unknown"

    @property
    def result(self) -> dict[str, Any] | None:
        """The broker's answer, as it was told."""
        for answer in self.answers:
            if answer is not None and answer.status == 200:
                return dict(answer.json)
        return self.final

    @property
    def is_pending(self) -> bool:
        """Whether it is an order that waits for its price."""
        return self.operation == "placeOrder" and (self.body or {}).get("orderType", "market") != "market"

    @property
    def is_only_placed(self) -> bool:
        """Whether its answer promises no more than that the broker has taken it."""
        result = self.result
        return result is not None and result.get("retcode") == PLACED

    @property
    def told_ticket(self) -> int:
        """The ticket that its answer named; 0 without one."""
        result = self.result
        return 0 if result is None or not result["success"] else int(result["ticket"])


@dataclass(eq=False)
class ByHand:
    """What somebody did at the terminal, which no request asked for: `request` as the terminal sent it.

    `ticket` is that of the order that it made, or that it acted on where it made none.
    """

    name: str
    account: Account
    request: dict[str, Any]
    ticket: int
    at: float

    @property
    def action(self) -> int:
        """MT5's number for what was done."""
        return int(self.request.get("action", DEAL))

    @property
    def levels(self) -> dict[str, float]:
        """Stop levels and price that it set."""
        return {name: self.request.get(name, 0.0) for name in ("sl", "tp", "price")}


@dataclass
class World:
    """Everything so far."""

    users: list[User] = field(default_factory=list)
    accounts: list[Account] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    by_hand: list[ByHand] = field(default_factory=list)

    def usable(self) -> list[Account]:
        """Accounts that are not deleted."""
        return [account for account in self.accounts if not account.deleted]

    def orders_of(self, account: Account) -> list[Sent]:
        """Requests for new orders of an account."""
        return self.of(account, "placeOrder")

    def of(self, account: Account, operation: str) -> list[Sent]:
        """Requests of one kind of an account, in the order in which they were sent."""
        return [one for one in self.sent if one.account is account and one.operation == operation]

    def hands_on(self, account: Account, action: int) -> list[ByHand]:
        """What was done of one kind by hand on an account."""
        return [one for one in self.by_hand if one.account is account and one.action == action]

    def is_quiet(self, account: Account) -> bool:
        """Whether it is known of every request of the account what became of it."""
        return not any(one.may_be_executed for one in self.sent if one.account is account)
