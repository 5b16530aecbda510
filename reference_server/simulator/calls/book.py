"""Active orders and open positions, and the history of orders and deals."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

from reference_server.simulator.book.account import Account
from reference_server.simulator.calls.depth import DepthCalls
from reference_server.simulator.calls.functions import bare, keyworded, positional
from reference_server.simulator.surface import arguments
from reference_server.simulator.surface.constants import FIELDS
from reference_server.simulator.surface.dates import span
from reference_server.simulator.surface.groups import matches
from reference_server.simulator.surface.outcome import Failed, FailedLate, invalid_arguments
from reference_server.simulator.surface.structs import Struct


def _only(structs: Iterable[Struct], pattern: str | None) -> tuple[Struct, ...]:
    if pattern is None:
        return tuple(structs)
    return tuple(struct for struct in structs if matches(struct.symbol, pattern))


_DONE_AT = itemgetter(FIELDS["TradeOrder"].index("time_done"))
_DEALT_AT = itemgetter(FIELDS["TradeDeal"].index("time"))


def _within(structs: list[Struct], span_s: tuple[int, int], moment: Callable[[Struct], int]) -> range:
    """The places of those of a span of seconds in a history, which is in the order of time."""
    return range(bisect_left(structs, span_s[0], key=moment), bisect_right(structs, span_s[1], key=moment))


def _slice(structs: list[Struct], places: range) -> list[Struct]:
    return structs[places.start : places.stop]


class BookCalls(DepthCalls):
    """The functions that read the book."""

    @bare(None)
    def orders_total(self) -> int:
        """How many orders are active."""
        return len(self._connected().orders)

    @bare(None)
    def positions_total(self) -> int:
        """How many positions are open."""
        return len(self._connected().positions)

    @keyworded(None)
    def orders_get(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Struct, ...]:
        """Active orders: by ticket, else by symbol, else by group, else all."""
        kind, wanted = self._filter(args, keywords)
        return self._find(self._connected().orders, kind, wanted)

    @keyworded(None)
    def positions_get(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Struct, ...]:
        """Open positions: by ticket, else by symbol, else by group, else all."""
        kind, wanted = self._filter(args, keywords)
        return self._find(self._connected().positions, kind, wanted)

    @staticmethod
    def _filter(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, Any]:
        if args:
            raise Failed(-2, "Unnamed arguments not allowed")
        if "ticket" in keywords:
            return "ticket", arguments.ticket(keywords["ticket"], "ticket")
        if "symbol" in keywords:
            return "symbol", arguments.text(keywords["symbol"], "symbol", arguments.LONGEST_TEXT)
        if "group" in keywords:
            return "group", arguments.group(keywords["group"])
        return "all", None

    @staticmethod
    def _find(book: dict[int, Any], kind: str, wanted: Any) -> tuple[Struct, ...]:
        if kind == "ticket":
            found = book.get(wanted)
            return (found.struct(),) if found is not None else ()
        if kind == "symbol":
            return tuple(item.struct() for item in book.values() if item.symbol == wanted)
        return _only((item.struct() for item in book.values()), wanted)

    @positional(None)
    def history_orders_total(self, *args: Any) -> int:
        """How many orders ended in a range of server time."""
        asked = self._range(args)
        return len(_within(self._connected().past_orders, asked, _DONE_AT))

    @positional(None)
    def history_deals_total(self, *args: Any) -> int:
        """How many deals were made in a range of server time."""
        asked = self._range(args)
        return len(_within(self._connected().deals, asked, _DEALT_AT))

    @staticmethod
    def _range(args: tuple[Any, ...]) -> tuple[int, int]:
        date_from, date_to = arguments.counted(args, 2)
        return span(date_from, date_to)

    @keyworded(None)
    def history_orders_get(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Struct, ...]:
        """Ended orders: of a range of server time, else by ticket, else of a position."""
        kind, wanted, pattern = self._history_filter(args, keywords)
        account = self._connected()
        if kind == "range":
            orders = account.past_orders
            return _only(_slice(orders, _within(orders, wanted, _DONE_AT)), pattern)
        field = "ticket" if kind == "ticket" else "position_id"
        return tuple(order for order in account.past_orders if getattr(order, field) == wanted)

    @keyworded(None)
    def history_deals_get(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Struct, ...]:
        """Deals: of a range of server time, else by ticket (of the deal, else of its order), else of a position."""
        kind, wanted, pattern = self._history_filter(args, keywords)
        account = self._connected()
        if kind == "range":
            return _only(_slice(account.deals, _within(account.deals, wanted, _DEALT_AT)), pattern)
        if kind == "position":
            return tuple(account.deals_of_position.get(wanted, ()))
        return self._deal(account, wanted)

    @staticmethod
    def _deal(account: Account, ticket: int) -> tuple[Struct, ...]:
        deals = account.deals  # in the order of their tickets
        place = bisect_left(deals, ticket, key=itemgetter(0))
        if place < len(deals) and deals[place][0] == ticket:
            return (deals[place],)
        if not ticket:
            return ()  # payments have no order
        return next(((deal,) for deal in deals if deal.order == ticket), ())

    def _history_filter(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, Any, str | None]:
        if len(args) == 2:
            return "range", *self._dates_and_group(args, keywords)
        for kind in ("ticket", "position"):
            if kind in keywords:
                if args:
                    raise Failed(-2, "Unnamed arguments not allowed")
                return kind, arguments.ticket(keywords[kind], kind), None
        raise invalid_arguments()

    def _dates_and_group(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[tuple[int, int], str | None]:
        try:
            wanted = self._range(args)
        except FailedLate as late:
            try:
                arguments.group(keywords.get("group", ""))
            except Failed as failed:
                failed.cause = late.cause
                raise
            raise
        return wanted, arguments.group(keywords["group"]) if "group" in keywords else None
