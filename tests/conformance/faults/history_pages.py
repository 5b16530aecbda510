"""Gateways with wrong ranges, pages and cursors of the past, or with the past of others."""

import base64
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.conformance.faults.history_rows import Choosing, Row, Telling
from tests.conformance.faults.registering import fault, faults_of
from tests.conformance.knowing_broker import Entry, KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway, Query
from tests.conformance.unusual_gateway import Owner, Problem

RANGES, PAGES, STRANGERS, REFUSED = "history.ranges", "history.pages", "history.strangers", "history.refused"


# -- ranges ------------------------------------------------------------------------------------------------------------


@fault(RANGES, "HIST-020", KnowingGateway)
class AfterTheStart(Choosing):
    def changed(self, asked: Query) -> Query:
        return (*asked[:2], asked[2] + 1, *asked[3:])


@fault(RANGES, "HIST-020", KnowingGateway)
class UpToTheEnd(Choosing):
    def changed(self, asked: Query) -> Query:
        return (*asked[:3], None if asked[3] is None else asked[3] + 1, asked[4])


@fault(RANGES, "HIST-020", KnowingGateway)
class WholeSeconds(Choosing):
    def changed(self, asked: Query) -> Query:
        return (*asked[:2], asked[2] // 1000 * 1000, *asked[3:])


@fault(RANGES, "HIST-020", KnowingGateway)
class NoEnd(Choosing):
    def changed(self, asked: Query) -> Query:
        return (*asked[:3], None, asked[4])


@fault(RANGES, "HIST-020", KnowingGateway)
class NewestFirst(KnowingGateway):
    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        return super().selected(broker, asked)[::-1]


@fault(RANGES, "HIST-020", KnowingGateway)
class TimesOfTheBroker(Telling):
    """Tells the broker's time and chooses by UTC."""

    def told(self, what: str, row: Row) -> Row | None:
        return row | {name: row[name] + 3 * 3_600_000 for name in ("time", "doneTime") if name in row}


@fault(RANGES, "HIST-020", KnowingGateway)
class OrdersUpToTheEnd(Choosing):
    def changed(self, asked: Query) -> Query:
        is_order = asked[1] == "orders" and asked[3] is not None
        return (*asked[:3], (asked[3] or 0) + 1, asked[4]) if is_order else asked


# -- pages -------------------------------------------------------------------------------------------------------------


class Resuming(KnowingGateway):
    """Looks at the list anew for each page."""

    def after(self, row: Entry, last: Entry) -> bool:
        return (row.time_ms, row.key) > (last.time_ms, last.key)

    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        rows = super().rows_of(owner, asked, cursor)
        if cursor is None:
            return rows
        last = self.cursors[cursor][1][0]
        return [row for row in self.selected(self.books(owner), asked) if self.after(row, last)]

    def history(self, what: str) -> Callable[[Owner, web.Request], Any]:
        async def page(owner: Owner, request: web.Request) -> Any:
            since, until, position = (self.integer(request, name) for name in ("from", "to", "position"))
            asked: Query = (owner.number, what, since or 0, until, position)
            limit = self.integer(request, "limit") or 100
            rows = self.rows_of(owner, asked, request.query.get("cursor"))
            more = len(rows) > limit
            cursor = self.cursor(asked, [rows[limit - 1]]) if more else None
            return {what: [one.row for one in rows[:limit]], "nextCursor": cursor}

        return page


@fault(PAGES, "HIST-030", Resuming)
class RowsOfOneTimeAreLost(Resuming):
    def after(self, row: Entry, last: Entry) -> bool:
        return row.time_ms > last.time_ms


@fault(PAGES, "HIST-030", Resuming)
class RowsOfOneTimeComeTwice(Resuming):
    def after(self, row: Entry, last: Entry) -> bool:
        return row.time_ms >= last.time_ms and row.key != last.key


class Cutting(KnowingGateway, ABC):
    """Gives another rest of the list to the next page."""

    @abstractmethod
    def rest(self, rows: list[Entry]) -> list[Entry]: ...

    def cursor(self, asked: Query, rest: list[Entry]) -> str:
        return super().cursor(asked, self.rest(rest))


@fault(PAGES, "HIST-030", KnowingGateway)
class OneIsLostBetweenPages(Cutting):
    def rest(self, rows: list[Entry]) -> list[Entry]:
        return rows[1:]


@fault(PAGES, "HIST-030", KnowingGateway)
class PagesOverlap(KnowingGateway):
    def history(self, what: str) -> Callable[[Owner, web.Request], Any]:
        answer = super().history(what)
        last: dict[str, Row] = {}

        async def page(owner: Owner, request: web.Request) -> Any:
            found = await answer(owner, request)
            if request.query.get("cursor") in last and len(found[what]) > 1:
                found = found | {what: [last[request.query["cursor"]], *found[what][1:]]}
            if found["nextCursor"]:
                last[found["nextCursor"]] = found[what][-1]
            return found

        return page


@fault(PAGES, "HIST-030", KnowingGateway)
class PagesNeverEnd(KnowingGateway):
    def history(self, what: str) -> Callable[[Owner, web.Request], Any]:
        answer = super().history(what)

        async def page(owner: Owner, request: web.Request) -> Any:
            found = await answer(owner, request)
            is_small = int(request.query.get("limit", "100")) < 3
            asked: Query = (owner.number, what, int(request.query.get("from", 0)), self.integer(request, "to"), None)
            return found | ({"nextCursor": found["nextCursor"] or self.cursor(asked, [])} if is_small else {})

        return page


@fault(PAGES, "HIST-030", KnowingGateway)
class AllOnOnePage(KnowingGateway):
    @staticmethod
    def integer(request: web.Request, name: str) -> int | None:
        return 1000 if name == "limit" else KnowingGateway.integer(request, name)


@fault(PAGES, "HIST-030", KnowingGateway)
class CountsFromTheEnd(KnowingGateway):
    """Remembers how many rows were left, and takes as many of the newest when there are more by then."""

    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        rows = super().rows_of(owner, asked, cursor)
        return rows if cursor is None else self.selected(self.books(owner), asked)[-len(rows) :]


# -- others, and cursors -----------------------------------------------------------------------------------------------


@fault(STRANGERS, "HIST-050", KnowingGateway)
class OnePastForAll(KnowingGateway):
    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        brokers = [one.broker for owner in self.owners.values() for one in owner.living()]
        select = super().selected
        return [row for one in brokers if isinstance(one, KnowingBroker) for row in select(one, asked)]


@fault(STRANGERS, "HIST-050", KnowingGateway)
class AnybodysPosition(OnePastForAll.gateway):  # type: ignore[name-defined,misc]
    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        if asked[4] is None:
            return KnowingGateway.selected(self, broker, asked)
        rows: list[Entry] = super().selected(broker, asked)
        return rows


@fault(REFUSED, "HIST-060", KnowingGateway)
class ReversedIsEmpty(KnowingGateway):
    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        return [] if asked[3] is not None and asked[3] < asked[2] else super().selected(broker, asked)


@fault(REFUSED, "HIST-060", KnowingGateway)
class UnknownCursorsStartAgain(KnowingGateway):
    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        return super().rows_of(owner, asked, cursor if cursor in self.cursors else None)


@fault(STRANGERS, "HIST-060", KnowingGateway)
class UnsignedCursors(KnowingGateway):
    """Writes into the cursor where it is, and believes what comes back."""

    def cursor(self, asked: Query, rest: list[Entry]) -> str:
        return base64.urlsafe_b64encode(json.dumps([rest[0].time_ms, rest[0].key, *asked]).encode()).decode()

    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        rows = super().rows_of(owner, asked, None)
        if cursor is None:
            return rows
        try:
            time_ms, key, *bound = json.loads(base64.urlsafe_b64decode(cursor))
        except ValueError:
            raise Problem(400, "that is no cursor") from None
        if tuple(bound) != asked:
            raise Problem(400, "that cursor is not for this")
        return [row for row in rows if (row.time_ms, row.key) >= (time_ms, key)]


class Loose(KnowingGateway):
    """Takes a cursor that belongs to something else; `kept` are the places of a query that it compares."""

    kept: tuple[int, ...] = (0, 1, 2, 3, 4)

    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        known = self.cursors.get(cursor or "")
        if known is not None and all(known[0][at] == asked[at] for at in self.kept):
            return known[1]
        return super().rows_of(owner, asked, cursor)


@fault(STRANGERS, "HIST-080", Loose)
class CursorsForEverybody(Loose):
    kept = (1, 2, 3, 4)


@fault(STRANGERS, "HIST-080", Loose)
class CursorsForBothLists(Loose):
    kept = (0, 2, 3, 4)


@fault(STRANGERS, "HIST-080", Loose)
class CursorsForAnyPosition(Loose):
    kept = (0, 1, 2, 3)


@fault(STRANGERS, "HIST-080", Loose)
class CursorsForAnyStart(Loose):
    kept = (0, 1, 3, 4)


@fault(STRANGERS, "HIST-080", KnowingGateway)
class CursorsDieOfMisuse(KnowingGateway):
    def rows_of(self, owner: Owner, asked: Query, cursor: str | None) -> list[Entry]:
        known = self.cursors.get(cursor or "")
        if known is not None and known[0] != asked:
            del self.cursors[cursor or ""]
        return super().rows_of(owner, asked, cursor)


FAULTS = faults_of(globals())
