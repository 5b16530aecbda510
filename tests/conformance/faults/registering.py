"""Make a fault of a gateway class, named after it."""

from collections.abc import Callable

from tests.conformance.extended_broker import ExtendedBroker
from tests.conformance.extended_gateway import ExtendedGateway
from tests.conformance.faults.fault import Fault
from tests.conformance.resuming_gateway import ResumingGateway
from tests.conformance.unusual_gateway import UnusualGateway


def fault(
    caught_by: str, requirement: str, correct: type[UnusualGateway] = UnusualGateway
) -> Callable[[type[UnusualGateway]], Fault]:
    """Return a decorator. `requirement` is an id without its prefix; `correct` lacks nothing but the fault."""

    def register(gateway: type[UnusualGateway]) -> Fault:
        name = "".join(f" {one.lower()}" if one.isupper() else one for one in gateway.__name__).strip(" _")
        return Fault(name, gateway, caught_by, f"TONPO-{requirement}", correct)

    return register


def extended_fault(
    caught_by: str, requirement: str, correct: type[ExtendedGateway] = ExtendedGateway
) -> Callable[[type[ExtendedGateway]], Fault]:
    """Return a decorator for gateways that have the extended capabilities."""
    return fault(caught_by, requirement, correct)


def resuming_fault(caught_by: str, requirement: str) -> Callable[[type[ResumingGateway]], Fault]:
    """Return a decorator for gateways whose stream can be resumed."""
    return fault(caught_by, requirement, ResumingGateway)


def at_broker(broker: type[ExtendedBroker], correct: type[ExtendedGateway] = ExtendedGateway) -> type[ExtendedGateway]:
    """Return a gateway whose accounts trade with this broker."""
    return type(broker.__name__, (correct,), {"broker_class": broker})


def broker_fault(caught_by: str, requirement: str) -> Callable[[type[ExtendedBroker]], Fault]:
    """Return a decorator for brokers: the fault is a gateway whose accounts trade with it."""
    return lambda broker: fault(caught_by, requirement, ExtendedGateway)(at_broker(broker))


def faults_of(names: dict[str, object]) -> list[Fault]:
    """Return the faults among a module's globals."""
    return [value for value in names.values() if isinstance(value, Fault)]
