"""Gateways that tell another past than there is, or choose another part of it than was asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from aiohttp import web

from tests.conformance.knowing_broker import Entry, KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway, Query
from tests.conformance.unusual_gateway import Owner

Row = dict[str, Any]


class Telling(KnowingGateway, ABC):
    """Tells its rows otherwise than they are; None leaves one out."""

    @abstractmethod
    def told(self, what: str, row: Row) -> Row | None: ...

    def history(self, what: str) -> Callable[[Owner, web.Request], Any]:
        answer = super().history(what)

        async def page(owner: Owner, request: web.Request) -> Any:
            found = await answer(owner, request)
            rows = [self.told(what, row) for row in found[what]]
            return found | {what: [row for row in rows if row is not None]}

        return page


class Choosing(KnowingGateway, ABC):
    """Chooses its rows by another range or another position than was asked for."""

    @abstractmethod
    def changed(self, asked: Query) -> Query: ...

    def selected(self, broker: KnowingBroker, asked: Query) -> list[Entry]:
        return super().selected(broker, self.changed(asked))
