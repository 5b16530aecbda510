"""One thing that a gateway does wrong, and the check that must say so."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from tests.conformance.unusual_broker import Broker
from tests.conformance.unusual_gateway import Owner, UnusualGateway


@dataclass(frozen=True)
class Fault:
    """`correct` is the gateway that the faulty one was made from, which the same check must pass."""

    name: str
    gateway: Callable[[], UnusualGateway]
    caught_by: str
    requirement: str
    correct: Callable[[], UnusualGateway] = UnusualGateway


def at_broker(broker: type[Broker]) -> Callable[[], UnusualGateway]:
    """Return gateways whose accounts trade with this broker."""

    class Gateway(UnusualGateway):
        async def create_account(self, owner: Owner, request: web.Request) -> Any:
            answer = await super().create_account(owner, request)
            owner.terminals[answer["account_id"]].broker = broker()
            return answer

    return Gateway
