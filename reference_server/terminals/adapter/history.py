"""The account's past: deals and orders that are done, of a stretch of UTC.

The package takes whole seconds of the server's clock. They are asked for with a margin and what was not asked for is
dropped. A long stretch is read in parts, so that a page of it does not cost the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from reference_server.domain.trading import Deal, HistoryQuery, Order
from reference_server.terminals.adapter import shapes
from reference_server.terminals.adapter.clock import BrokerClock
from reference_server.terminals.adapter.connection import Connection
from reference_server.terminals.adapter.constants import FINAL_STATES
from reference_server.terminals.adapter.pending import TICKETS, PendingOrders
from reference_server.terminals.adapter.positions import Positions
from reference_server.terminals.adapter.symbols import Symbols

T = TypeVar("T", Deal, Order)

_MARGIN_SECONDS: Final = 7200
"""More than any change of the server's clock."""
_LATEST_SECONDS: Final = 2**31 - 1
"""The package takes no later time."""
_PART_ROWS: Final = 1000
"""How many rows one reading should not pass by far."""
_SHORTEST_PART_SECONDS: Final = 600


@dataclass(frozen=True, slots=True)
class _Kind(Generic[T]):
    """How one kind of row is read: `count` and `read` by seconds of the server, `of_position` by its identifier."""

    count: Callable[[int, int], Any]
    read: Callable[..., Any]
    name: str
    shape: Callable[[Any], T | None]
    time_of: Callable[[T], int]


class History:
    """Reads the past of one account."""

    def __init__(
        self,
        connection: Connection,
        symbols: Symbols,
        broker_clock: BrokerClock,
        positions: Positions,
        pending: PendingOrders,
    ) -> None:
        self._connection = connection
        self._symbols = symbols
        self._broker_clock = broker_clock
        self._positions = positions
        self._pending = pending

    def deals(self, query: HistoryQuery) -> list[Deal]:
        """Read deals and balance operations. Raises TerminalUnavailable."""
        module = self._connection.module
        return self._asked(
            query,
            _Kind(
                module.history_deals_total,
                module.history_deals_get,
                "history_deals_get",
                self._deal,
                lambda deal: deal.time_ms,
            ),
        )

    def past_orders(self, query: HistoryQuery) -> list[Order]:
        """Read orders that are done, by the time at which they left the book. Raises TerminalUnavailable."""
        module = self._connection.module
        return self._asked(
            query,
            _Kind(
                module.history_orders_total,
                module.history_orders_get,
                "history_orders_get",
                self._past_order,
                lambda order: order.done_time_ms or 0,
            ),
        )

    def _asked(self, query: HistoryQuery, kind: _Kind[T]) -> list[T]:
        found: list[tuple[tuple[int, int], T]] = []
        for records in self._parts(query, kind):
            part: list[tuple[tuple[int, int], T]] = []
            for record in records:
                row = kind.shape(record)
                if row is None:
                    continue
                place = (kind.time_of(row), row.ticket)
                if query.from_ms <= place[0] < query.to_ms and (query.after is None or place > query.after):
                    part.append((place, row))
            found += sorted(part, key=lambda pair: pair[0])
            if len(found) >= query.limit:
                break
        return [row for _, row in found[: query.limit]]

    def _parts(self, query: HistoryQuery, kind: _Kind[T]) -> Iterator[Any]:
        """Give the records of the query's stretch, part after part, and some beyond its ends."""
        if query.position is not None:
            if query.position in TICKETS:
                identifier = self._identifier(query.position)
                yield self._connection.rows(kind.read(position=identifier), kind.name)
            return
        from_ms = query.from_ms if query.after is None else max(query.from_ms, query.after[0])
        start = self._second(from_ms, -_MARGIN_SECONDS)
        until = self._second(query.to_ms, _MARGIN_SECONDS)
        while start <= until:
            end = until
            while end - start > _SHORTEST_PART_SECONDS and (kind.count(start, end) or 0) > _PART_ROWS:
                end = start + (end - start) // 2
            yield self._connection.rows(kind.read(start, end), kind.name)
            start = end + 1

    def _second(self, utc_ms: int, margin_seconds: int) -> int:
        """A second of the server's clock that the package takes, so far from a moment of UTC."""
        known_ms = min(max(0, utc_ms), _LATEST_SECONDS * 1000)
        return min(max(0, self._broker_clock.to_server_ms(known_ms) // 1000 + margin_seconds), _LATEST_SECONDS)

    def _identifier(self, ticket: int) -> int:
        """What a position's deals and orders name it by: its first ticket, also when a reversal gave it another."""
        record = self._positions.find(ticket)
        return ticket if record is None else int(record.identifier)

    def _deal(self, record: Any) -> Deal | None:
        digits = self._symbols.digits_of_past(record.symbol) if record.symbol else 0
        return shapes.deal(record, digits=digits, money_digits=self._positions.money_digits, clock=self._broker_clock)

    def _past_order(self, record: Any) -> Order | None:
        """One that is done; what is still on its way through the terminal is none."""
        if record.state not in FINAL_STATES or not record.time_done_msc:
            return None
        return self._pending.shape(record)
