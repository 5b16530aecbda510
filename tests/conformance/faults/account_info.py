from typing import Any

from aiohttp import web

from tests.conformance.faults.fault import Fault, at_broker
from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, UnusualGateway


class MoneyAsText(Broker):
    def figures(self) -> dict[str, Any]:
        return {name: f"{one:.2f}" if name == "balance" else one for name, one in super().figures().items()}


class NoCurrency(Broker):
    def figures(self) -> dict[str, Any]:
        return super().figures() | {"currency": ""}


class Stale(Broker):
    def __init__(self) -> None:
        super().__init__()
        self.first = super().figures()

    def figures(self) -> dict[str, Any]:
        return self.first


class MarginKept(Broker):
    highest = 0.0

    def figures(self) -> dict[str, Any]:
        figures = super().figures()
        self.highest = max(self.highest, figures["margin"])
        return figures | {"margin": self.highest}


class EquityWithoutProfit(Broker):
    def figures(self) -> dict[str, Any]:
        figures = super().figures()
        return figures | {"profit": round(figures["equity"] - figures["balance"], 2), "equity": figures["balance"]}


class EmptyAccount(UnusualGateway):
    async def info(self, owner: Owner, request: web.Request) -> Any:
        return await super().info(owner, request) if owner.living() else Broker().figures()


FAULTS = [
    Fault("balance is text", at_broker(MoneyAsText), "info.figures", "TONPO-INFO-010"),
    Fault("no currency", at_broker(NoCurrency), "info.figures", "TONPO-INFO-010"),
    Fault("figures of the start", at_broker(Stale), "info.is-live", "TONPO-INFO-020"),
    Fault("margin stays after the close", at_broker(MarginKept), "info.is-live", "TONPO-INFO-020"),
    Fault("equity without the profit", at_broker(EquityWithoutProfit), "info.is-live", "TONPO-INFO-060"),
    Fault("figures without an account", EmptyAccount, "info.without-account", "TONPO-INFO-030"),
]
