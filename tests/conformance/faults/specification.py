"""Gateways that describe symbols wrongly."""

from decimal import Decimal
from typing import Any

from tests.conformance.faults.fault import Fault
from tests.conformance.knowing_broker import KnowingBroker
from tests.conformance.knowing_gateway import KnowingGateway

FIELDS, LEAST = "specification.fields", "specification.least-volume"


def describing(**facts: Any) -> type[KnowingGateway]:
    """Return a gateway whose symbols have these facts; None leaves a field out."""

    class Describing(KnowingBroker):
        def specification(self, symbol: str) -> dict[str, Any]:
            told = super().specification(symbol) | facts
            return {name: one for name, one in told.items() if one is not None}

    return type("DescribingGateway", (KnowingGateway,), {"broker_class": Describing})


class TakesAnything(KnowingBroker):
    least = Decimal("0.001")

    def specification(self, symbol: str) -> dict[str, Any]:
        return super().specification(symbol) | {"volumeMin": 0.002}


class LenientGateway(KnowingGateway):
    broker_class = TakesAnything


class OneForAll(KnowingBroker):
    """Tells the digits of one symbol for all."""

    def specification(self, symbol: str) -> dict[str, Any]:
        return super().specification(symbol) | {"digits": super().specification("XAUUSD")["digits"]}


class OneDescription(KnowingGateway):
    broker_class = OneForAll


def fault(name: str, gateway: type[KnowingGateway], requirement: str, caught_by: str = FIELDS) -> Fault:
    return Fault(name, gateway, caught_by, requirement, correct=KnowingGateway)


FAULTS = [
    *(
        fault(f"no {name}", describing(**{name: None}), "TONPO-SPEC-010")
        for name in ("digits", "contractSize", "volumeStep", "stopsLevel", "fillingModes", "sessions", "currencyBase")
    ),
    fault("a contract of nothing", describing(contractSize=0), "TONPO-SPEC-010"),
    fault("a session that ends before it starts", describing(sessions=[{"from": 9, "to": 8}]), "TONPO-SPEC-010"),
    fault("an empty currency", describing(currencyMargin=""), "TONPO-SPEC-010"),
    fault("filling modes are bits", describing(fillingModes=[1, 2]), "TONPO-SPEC-010"),
    fault("a step of 0", describing(volumeStep=0), "TONPO-SPEC-020"),
    fault("a least volume of 0", describing(volumeMin=0), "TONPO-SPEC-020"),
    fault("least and most exchanged", describing(volumeMin=50.0, volumeMax=0.002), "TONPO-SPEC-020"),
    fault("fewer digits than prices show", describing(digits=4), "TONPO-SPEC-030"),
    fault("digits of another symbol", OneDescription, "TONPO-SPEC-030"),
    fault("the least volume is refused", describing(volumeMin=0.001), "TONPO-SPEC-040", LEAST),
    fault("less than the least is accepted", LenientGateway, "TONPO-SPEC-040", LEAST),
]
