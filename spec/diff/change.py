"""One difference between two contracts, and whom it breaks."""

from dataclasses import dataclass
from enum import StrEnum

from spec.yaml_source import JsonObject


class Audience(StrEnum):
    """Who cannot go on unchanged."""

    CLIENTS = "breaks clients"
    GATEWAYS = "breaks gateways"
    NOBODY = "compatible"


class Sender(StrEnum):
    """Who writes the data that a schema describes."""

    CLIENT = "client"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Change:
    """A difference; a `caution` breaks only the strictest readers and does not fail a comparison."""

    audience: Audience
    place: str
    message: str
    caution: bool = False

    @property
    def is_breaking(self) -> bool:
        """Whether the change fails a comparison."""
        return self.audience is not Audience.NOBODY and not self.caution


def narrowed(sender: Sender, place: str, message: str) -> Change:
    """Return a change after which fewer values are allowed: it breaks the side that writes them."""
    return Change(Audience.CLIENTS if sender is Sender.CLIENT else Audience.GATEWAYS, place, message)


def widened(sender: Sender, place: str, message: str, *, caution: bool = False) -> Change:
    """Return a change after which more values are allowed: it breaks the side that reads them."""
    audience = Audience.GATEWAYS if sender is Sender.CLIENT else Audience.CLIENTS
    return Change(audience, place, message, caution)


def compatible(place: str, message: str) -> Change:
    """Return a change that breaks nobody."""
    return Change(Audience.NOBODY, place, message)


def is_optional(node: JsonObject) -> bool:
    """Whether a gateway may lack an operation, parameter, property or message."""
    return bool(node.get("x-capability")) or node.get("x-optional") is True
