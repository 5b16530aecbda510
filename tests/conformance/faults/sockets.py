"""Gateways whose sockets say something else than the correct one would."""

from collections.abc import Callable, Iterable
from typing import Any

from tests.conformance.unusual_gateway import Socket, UnusualGateway

Message = dict[str, Any]
Change = Callable[[Socket, Message], Iterable[Message]]


def saying(change: Change) -> type[UnusualGateway]:
    """Return a gateway that says what `change` makes of each message: any number of messages."""

    class Changed(Socket):
        async def say(self, message: Message) -> None:
            for one in change(self, message):
                await super().say(one)

    return type("Saying", (UnusualGateway,), {"socket_class": Changed})


def without(*kinds: str) -> type[UnusualGateway]:
    """Return a gateway that never says messages of these types."""
    return saying(lambda _, message: [] if message["type"] in kinds else [message])


def with_facts(kind: str, **facts: Any) -> type[UnusualGateway]:
    """Return a gateway whose messages of a type hold these facts; None leaves a field out."""

    def change(_: Socket, message: Message) -> list[Message]:
        if message["type"] != kind:
            return [message]
        return [{name: one for name, one in {**message, **facts}.items() if one is not None}]

    return saying(change)
