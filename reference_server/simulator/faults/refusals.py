"""The broker says no, or a call fails: nothing is carried out."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from reference_server.simulator.faults import values
from reference_server.simulator.faults.fault import ORDER_SEND, Fault
from reference_server.simulator.faults.values import checked
from reference_server.simulator.surface.structs import OrderSendResult
from reference_server.simulator.trading import retcodes
from reference_server.simulator.trading.proposal import DEAL

if TYPE_CHECKING:
    from reference_server.simulator.faults.visit import Visit

REQUOTE, PRICE_CHANGED, TIMEOUT = 10004, 10020, 10012
SUCCESSES = frozenset((10008, 10009, 10010))
REFUSALS = frozenset((*range(10004, 10037), *range(10038, 10047))) - SUCCESSES - {10005}
"""Every return code of MQL5's list that is no success; 10046 has no constant in the package."""

FROM_SERVER = frozenset((10004, 10006, 10007, 10011, 10012, 10018, 10020, 10021, 10023, 10024, 10026, 10028))
"""Codes that only the trade server gives: their results have a request id, those of the terminal have 0."""

COMMENTS: Mapping[int, str] = MappingProxyType(
    {
        **retcodes.COMMENTS,
        10007: "Canceled", 10011: "Common error", 10012: "Request timeout", 10020: "Price changed",
        10023: "Order changed", 10024: "Too many requests", 10028: "Request locked",
        10032: "Only real accounts allowed", 10041: "Pending order rejected",
    }
)  # fmt: skip
"""The comment of every result. Brokers word them differently: nobody should read them."""

ERRORS: Mapping[int, str] = MappingProxyType(
    {
        -1: "Terminal: Call failed", -2: "Terminal: Invalid params", -3: "Terminal: Out of memory",
        -4: "Terminal: Not found",
        -5: "Terminal: Incompatible versions, please install the latest version of Terminal and Python module",
        -6: "Terminal: Authorization failed", -7: "Terminal: Unsupported function",
        -8: "Auto-Trading using Python API disabled in Terminal", -10000: "IPC call failed",
        -10001: "IPC send failed", -10002: "IPC recv failed",
        -10003: "IPC initialize failed, Pipe server didn't answer in 60 sec", -10004: "No IPC connection",
        -10005: "IPC timeout",
    }
)  # fmt: skip
"""The codes of `last_error` and their texts."""


def _refusal(value: Any) -> int:
    if not isinstance(value, int) or value not in REFUSALS:
        raise ValueError("a return code that refuses: one of " + ", ".join(map(str, sorted(REFUSALS))))
    return value


def _error(value: Any) -> int:
    if not isinstance(value, int) or value not in ERRORS:
        raise ValueError("a code of last_error: one of " + ", ".join(map(str, sorted(ERRORS, reverse=True))))
    return value


def refuse(visit: "Visit", retcode: int) -> None:
    """Answer `order_send` with a refusal. A requote and a changed price carry the prices of now."""
    server = visit.broker.trade_server
    request = visit.request
    request_id = 0
    if retcode in FROM_SERVER:
        server.requests += 1
        request_id = server.requests
    quote = visit.broker.market.quotes.get(request.symbol) if retcode in (REQUOTE, PRICE_CHANGED) else None
    bid, ask = (quote.bid, quote.ask) if quote is not None else (0.0, 0.0)
    values = (retcode, 0, 0, 0.0, 0.0, bid, ask, COMMENTS[retcode], request_id, 0, request)
    visit.answer = tuple.__new__(OrderSendResult, values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse(Fault):
    """`order_send` is refused with a return code; nothing is carried out."""

    kind: ClassVar[str] = "refuse"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))
    is_outcome: ClassVar[bool] = True

    retcode: int = checked(_refusal)

    def instead(self, visit: "Visit") -> bool:
        """Refuse."""
        refuse(visit, self.retcode)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Requote(Fault):
    """A market order is answered with 10004 and the prices of now; nothing is carried out."""

    kind: ClassVar[str] = "requote"
    calls: ClassVar[frozenset[str]] = frozenset((ORDER_SEND,))
    is_outcome: ClassVar[bool] = True

    def concerns(self, visit: "Visit") -> bool:
        """Market orders only."""
        return bool(visit.request.action == DEAL)

    def instead(self, visit: "Visit") -> bool:
        """Requote."""
        refuse(visit, REQUOTE)
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail(Fault):
    """A call fails with a code of `last_error`; nothing is carried out and the connection stays."""

    kind: ClassVar[str] = "fail"
    is_outcome: ClassVar[bool] = True

    code: int = checked(_error)
    text: str | None = checked(values.optional(values.text), default=None)

    def instead(self, visit: "Visit") -> bool:
        """Fail."""
        visit.fail(self.code, ERRORS[self.code] if self.text is None else self.text)
        return True
