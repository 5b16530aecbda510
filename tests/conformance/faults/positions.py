from abc import ABC, abstractmethod
from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker, Refused
from tests.conformance.unusual_gateway import Owner, UnusualGateway


class BareList(UnusualGateway):
    async def positions(self, owner: Owner, request: web.Request) -> Any:
        return {"data": (await super().positions(owner, request))["positions"]}


class Ghost(Broker):
    def rows(self) -> list[dict[str, Any]]:
        ghost = {"ticket": 1, "symbol": "EURUSD", "side": "buy", "volume": 0.01, "openPrice": 1.0, "currentPrice": 1.0}
        return [ghost | {"profit": 0.0}, *super().rows()]


class Rewritten(Broker, ABC):
    """Shows each position otherwise than it is."""

    @abstractmethod
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]: ...

    def rows(self) -> list[dict[str, Any]]:
        return [self.rewritten(row) for row in super().rows()]


class OtherSide(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"side": {"buy": "sell", "sell": "buy"}[row["side"]]}


class NoisyVolume(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"volume": row["volume"] + 1e-17 + 2e-18}


class VolumeInUnits(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"volume": row["volume"] * 100_000}


class BrokersName(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"symbol": row["symbol"] + ".r"}


class NoOpenPrice(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"openPrice": 0.0}


class NoProfit(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"profit": None}


class StopsSwapped(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"sl": row.get("tp"), "tp": row.get("sl")}


class StopsNotShown(Rewritten):
    def rewritten(self, row: dict[str, Any]) -> dict[str, Any]:
        return row | {"sl": None, "tp": None}


class StopsOfOthers(Broker):
    def rows(self) -> list[dict[str, Any]]:
        rows = super().rows()
        stops = {name: row[name] for row in rows for name in ("sl", "tp") if name in row}
        return [row | stops for row in rows]


class NewestOnly(Broker):
    def rows(self) -> list[dict[str, Any]]:
        return super().rows()[:1]


class FirstGone(Broker):
    """Loses the first position when a second one is opened."""

    def place(self, body: dict[str, Any]) -> int:
        self.open = {}
        return super().place(body)


class PendingListed(Broker):
    def rows(self) -> list[dict[str, Any]]:
        is_open = self.open
        self.open = self.open | self.pending
        try:
            return super().rows()
        finally:
            self.open = is_open


class PendingFilled(Broker):
    def place(self, body: dict[str, Any]) -> int:
        ticket = super().place(body)
        self.open |= self.pending
        self.pending = {}
        return ticket


class StopsAreLimits(Broker):
    def place(self, body: dict[str, Any]) -> int:
        is_below = body.get("price", 0) < self.quote(body["symbol"])[0]
        if body["orderType"] != "market" and is_below != (body["side"] == "buy"):
            raise Refused(422, "a limit is on the other side of the market")
        return super().place(body)


class OneTicketForPending(Broker):
    def place(self, body: dict[str, Any]) -> int:
        ticket = super().place(body)
        return ticket if body["orderType"] == "market" else 77


class ClosedListed(Broker):
    def __init__(self) -> None:
        super().__init__()
        self.gone: list[dict[str, Any]] = []

    def close(self, body: dict[str, Any]) -> None:
        before = self.rows()
        super().close(body)
        self.gone = [row for row in before if row["ticket"] == body["ticket"]]

    def rows(self) -> list[dict[str, Any]]:
        return super().rows() + self.gone


class CloseHidesOthers(Broker):
    is_hidden = False

    def close(self, body: dict[str, Any]) -> None:
        super().close(body)
        self.is_hidden = True

    def rows(self) -> list[dict[str, Any]]:
        return [] if self.is_hidden else super().rows()


SIDE_BY_SIDE = "positions.side-by-side"
AS_ORDERED, PENDING, CLOSED = "positions.as-ordered", "positions.pending-is-none", "positions.closed-is-none"

FAULTS = [
    Fault("no list called positions", BareList, "positions.empty", "TONPO-POS-010"),
    Fault("a position nobody opened", at_broker(Ghost), "positions.empty", "TONPO-POS-010"),
    Fault("sides exchanged", at_broker(OtherSide), AS_ORDERED, "TONPO-POS-030"),
    Fault("volume with float noise", at_broker(NoisyVolume), AS_ORDERED, "TONPO-POS-030"),
    Fault("volume in units", at_broker(VolumeInUnits), AS_ORDERED, "TONPO-POS-030"),
    Fault("the broker's name of the symbol", at_broker(BrokersName), AS_ORDERED, "TONPO-POS-030"),
    Fault("newest position only", at_broker(NewestOnly), SIDE_BY_SIDE, "TONPO-POS-030"),
    Fault("a second position replaces the first", at_broker(FirstGone), SIDE_BY_SIDE, "TONPO-POS-030"),
    Fault("openPrice 0", at_broker(NoOpenPrice), AS_ORDERED, "TONPO-POS-020"),
    Fault("no profit", at_broker(NoProfit), AS_ORDERED, "TONPO-POS-020"),
    Fault("sl and tp exchanged", at_broker(StopsSwapped), AS_ORDERED, "TONPO-POS-060"),
    Fault("stops not shown", at_broker(StopsNotShown), AS_ORDERED, "TONPO-POS-060"),
    Fault("stops of another position", at_broker(StopsOfOthers), SIDE_BY_SIDE, "TONPO-POS-060"),
    Fault("pending listed as position", at_broker(PendingListed), PENDING, "TONPO-POS-040"),
    Fault("pending filled at once", at_broker(PendingFilled), PENDING, "TONPO-ORD-050"),
    Fault("stops taken for limits", at_broker(StopsAreLimits), PENDING, "TONPO-ORD-050"),
    Fault("one ticket for all pending", at_broker(OneTicketForPending), PENDING, "TONPO-ORD-020"),
    Fault("closed still listed", at_broker(ClosedListed), CLOSED, "TONPO-POS-050"),
    Fault("others gone after a close", at_broker(CloseHidesOthers), CLOSED, "TONPO-POS-030"),
]
