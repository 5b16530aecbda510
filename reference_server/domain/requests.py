"""Trading requests as they are remembered: what was asked for, by whom and for which account, and what became of it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from reference_server.domain.trading import OrderResult, TradeMark, TradeRequest


class Outcome(StrEnum):
    """What became of a trading request. Only IN_FLIGHT and UNKNOWN can still change."""

    IN_FLIGHT = "in_flight"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It was, or may have been, sent and no answer is known: never a failure."""
    NOT_SENT = "not_sent"
    """The gateway refused it before anything left: it may be sent again."""

    @property
    def is_open(self) -> bool:
        """Whether the broker may have executed it without the gateway knowing."""
        return self in (Outcome.IN_FLIGHT, Outcome.UNKNOWN)


class TradeRecord(msgspec.Struct, frozen=True):
    """One trading request. `operation` is its operationId.

    `key`: the client's idempotency key, None without one. `fingerprint`: digest of what was sent, by which a repetition
    is told from another request. `counted_day`: ISO date, UTC, of the daily limit that it counts against, None if it
    counts against none. `number` is the journal's own, 0 until it is written down.
    """

    user_id: str
    account_id: str
    operation: str
    request: TradeRequest
    mark: TradeMark
    key: str | None = None
    fingerprint: bytes = b""
    counted_day: str | None = None
    outcome: Outcome = Outcome.IN_FLIGHT
    result: OrderResult | None = None
    number: int = 0

    def numbered(self, number: int) -> TradeRecord:
        """Return the record as the journal has it."""
        return self._with(self.outcome, self.result, number)

    def settled(self, outcome: Outcome, result: OrderResult | None = None) -> TradeRecord:
        """Return the record with what became of it."""
        return self._with(outcome, result, self.number)

    def answered(self, result: OrderResult) -> TradeRecord:
        """Return the record with the broker's answer."""
        return self.settled(Outcome.ACCEPTED if result.success else Outcome.REFUSED, result)

    def _with(self, outcome: Outcome, result: OrderResult | None, number: int) -> TradeRecord:
        """Each order has its record made three times: `dataclasses.replace` takes twice as long."""
        return TradeRecord(
            self.user_id, self.account_id, self.operation, self.request, self.mark, self.key, self.fingerprint,
            self.counted_day, outcome, result, number,
        )  # fmt: skip


class Claim(msgspec.Struct, frozen=True):
    """What the journal made of a request: written down (`is_new`), or the earlier one with the same key."""

    record: TradeRecord
    is_new: bool
