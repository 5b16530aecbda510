"""What the trade server really does with an order, and what it says about it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from reference_server.simulator.book.account import Account
from reference_server.simulator.book.money import lots
from reference_server.simulator.book.records import Order
from reference_server.simulator.faults import values
from reference_server.simulator.faults.effect import Effect
from reference_server.simulator.faults.fault import ORDER_SEND, Fault
from reference_server.simulator.faults.refusals import COMMENTS, TIMEOUT, refuse
from reference_server.simulator.faults.values import FaultInvalid, checked
from reference_server.simulator.faults.visit import replaced
from reference_server.simulator.surface.constants import CONSTANTS
from reference_server.simulator.surface.structs import OrderSendResult, Struct
from reference_server.simulator.trading.checks import server_verdict, terminal_verdict
from reference_server.simulator.trading.proposal import DEAL, Proposal, propose

if TYPE_CHECKING:
    from reference_server.simulator.broker import SimulatedBroker
    from reference_server.simulator.faults.visit import Visit

PLACED, DONE, DONE_PARTIAL = 10008, 10009, 10010
STATE_PARTIAL = CONSTANTS["ORDER_STATE_PARTIAL"]
STATE_REJECTED = CONSTANTS["ORDER_STATE_REJECTED"]
STEP_NOISE = 1e-6


def accepted(visit: "Visit") -> Proposal | None:
    """What the request means, if terminal and trade server would carry it out now."""
    account, broker, terminal = visit.account, visit.broker, visit.terminal
    switches = terminal.switches
    if account is None or not (switches.connected and switches.trade_allowed) or switches.tradeapi_disabled:
        return None
    proposal = propose(account, visit.request, broker.market, broker.ledger, is_read_only=terminal._is_read_only)
    return None if terminal_verdict(proposal) or server_verdict(proposal) else proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialFill(Fault):
    """A market order is filled in part: 10010 and the filled volume; the rest is cancelled.

    The part is `fraction` of the volume, rounded down to the symbol's volume step, at least the smallest volume. An
    order too small to divide is filled whole. It happens whatever the filling mode of the order is.
    """

    kind: ClassVar[str] = "partial_fill"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))

    fraction: float = checked(values.fraction)

    def concerns(self, visit: "Visit") -> bool:
        """Market orders only."""
        return bool(visit.request.action == DEAL)

    def alter(self, visit: "Visit") -> None:
        """Send a part of the volume, if the whole would be accepted."""
        proposal = accepted(visit)
        if proposal is None or proposal.symbol is None:
            return
        symbol, volume = proposal.symbol, proposal.volume
        steps = int(volume * self.fraction / symbol.volume_step + STEP_NOISE)
        filled = lots(max(steps * symbol.volume_step, symbol.volume_min))
        if filled < volume - STEP_NOISE:
            visit.changes["volume"] = filled
            visit.remainder = lots(volume - filled)

    def amend(self, visit: "Visit") -> None:
        """Say that it was a part, in the result and in the history."""
        result, account = visit.result, visit.account
        if result is None or account is None or result.retcode != DONE or not visit.remainder:
            return
        visit.answer = replaced(result, retcode=DONE_PARTIAL, comment=COMMENTS[DONE_PARTIAL])
        _amend_past_order(
            account, result.order, state=STATE_PARTIAL, volume_current=visit.remainder,
            volume_initial=lots(result.volume + visit.remainder),
        )  # fmt: skip


def _amend_past_order(account: Account, ticket: int, **changes: Any) -> None:
    for index in range(len(account.past_orders) - 1, -1, -1):
        if account.past_orders[index].ticket == ticket:
            account.past_orders[index] = replaced(account.past_orders[index], **changes)
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLost(Fault):
    """A call is carried out, and the pipe breaks before its answer arrives: None and -10002, then -10004."""

    kind: ClassVar[str] = "answer_lost"
    is_outcome: ClassVar[bool] = True

    def report(self, visit: "Visit") -> None:
        """Lose the answer and the connection."""
        visit.break_pipe()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutExecuted(Fault):
    """`order_send` is carried out and answered with 10012."""

    kind: ClassVar[str] = "timeout_executed"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))
    is_outcome: ClassVar[bool] = True

    def report(self, visit: "Visit") -> None:
        """Say that time ran out."""
        if visit.result is not None:
            refuse(visit, TIMEOUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutNotExecuted(Fault):
    """`order_send` is answered with 10012 and not carried out."""

    kind: ClassVar[str] = "timeout_not_executed"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))
    is_outcome: ClassVar[bool] = True

    def instead(self, visit: "Visit") -> bool:
        """Say that time ran out."""
        refuse(visit, TIMEOUT)
        return True


@dataclass(slots=True, kw_only=True)
class FillToCome(Effect):
    """A market order that was accepted and waits for its fill."""

    broker: "SimulatedBroker"
    account: Account
    request: Struct
    order: Order

    def end(self) -> None:
        """Fill it at the price of now under its own ticket, or reject it when that is no longer possible."""
        broker, account, order = self.broker, self.account, self.order
        if order.ticket not in account.orders:
            return
        broker.advance()
        ledger = broker.ledger
        following, ledger.next_order = ledger.next_order, order.ticket
        result = broker.trade_server.send(account, self.request)
        ledger.next_order = following
        if not result.order:
            account.remember(order, STATE_REJECTED, broker.market.now_ms)
            return
        _amend_past_order(account, order.ticket, time_setup=order.setup_ms // 1000, time_setup_msc=order.setup_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedThenFilled(Fault):
    """A market order is answered with 10008 and its order ticket, and filled `ms` of the broker's clock later.

    Until then it is an active order. The fill takes place in the first call after that time, at the price of then;
    an order that cannot be filled any more ends as rejected.
    """

    kind: ClassVar[str] = "placed_then_filled"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))
    is_outcome: ClassVar[bool] = True

    ms: int = checked(values.milliseconds(1))

    def concerns(self, visit: "Visit") -> bool:
        """Market orders only."""
        return bool(visit.request.action == DEAL)

    def instead(self, visit: "Visit") -> bool:
        """Accept the order for later, if it would be accepted now."""
        proposal = accepted(visit)
        if proposal is None or proposal.symbol is None:
            return False
        broker, account, request = visit.broker, proposal.account, visit.request
        comment = visit.changes.get("comment", request.comment)
        order = Order(
            ticket=broker.ledger.order_ticket(), symbol=proposal.symbol.name, type=proposal.type,
            volume_initial=lots(proposal.volume), volume_current=lots(proposal.volume), price_open=0.0,
            setup_ms=broker.market.now_ms, type_filling=request.type_filling, sl=request.sl, tp=request.tp,
            magic=request.magic, comment=comment,
            position_id=proposal.position.identifier if proposal.position is not None else 0,
        )  # fmt: skip
        account.orders[order.ticket] = order
        server = broker.trade_server
        server.requests += 1
        visit.answer = tuple.__new__(
            OrderSendResult,
            (
                PLACED,
                0,
                order.ticket,
                order.volume_initial,
                0.0,
                0.0,
                0.0,
                COMMENTS[PLACED],
                server.requests,
                0,
                request,
            ),
        )
        visit.plan.leave(
            FillToCome(
                entry_id=visit.entry.id, until_ms=broker.clock.now_ms() + self.ms, broker=broker, account=account,
                request=replaced(request, comment=comment), order=order,
            )
        )  # fmt: skip
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteComment(Fault):
    """The broker changes the comment of an order: to `comment`, or to its first `keep` characters.

    Orders, positions and deals have the changed one; the request in the result is as it was sent.
    """

    kind: ClassVar[str] = "rewrite_comment"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))

    comment: str | None = checked(values.optional(values.comment), default=None)
    keep: int | None = checked(values.optional(values.whole(0, 28)), default=None)

    def check_together(self) -> None:
        """One of the two says what becomes of the comment."""
        if (self.comment is None) == (self.keep is None):
            raise FaultInvalid("comment", 'rewrite_comment needs either "comment" (the new text) or "keep" (a length)')

    def alter(self, visit: "Visit") -> None:
        """Send another comment."""
        visit.changes["comment"] = visit.request.comment[: self.keep] if self.comment is None else self.comment
