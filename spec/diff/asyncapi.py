"""Differences between the messages of two AsyncAPI documents."""

from collections.abc import Iterator
from typing import Any

from spec.diff.change import Audience, Change, Sender, compatible, is_optional
from spec.diff.schemas import SchemaDiff
from spec.documents import resolve
from spec.yaml_source import JsonObject

_Messages = dict[tuple[Sender, str], JsonObject]


def diff_asyncapi(old: JsonObject, new: JsonObject) -> Iterator[Change]:
    """Yield every difference between two self-contained documents. Raises ReferenceBroken."""
    yield from _addresses(old, new)
    before, after = _messages(old), _messages(new)
    for (sender, name), _ in before.items():
        if (sender, name) not in after:
            yield Change(Audience.CLIENTS, f"message {name}", f"the {sender} no longer sends it")
    for (sender, name), message in after.items():
        place = f"message {name}"
        if (sender, name) not in before:
            yield _added(sender, message, place)
            continue
        earlier = before[(sender, name)]
        if is_optional(earlier) and not is_optional(message):
            yield Change(Audience.GATEWAYS, place, "every gateway must have it now")
        if is_optional(message) and not is_optional(earlier):
            yield Change(Audience.CLIENTS, place, "a gateway may lack it now")
        yield from SchemaDiff(old, new, sender).compare(_payload(earlier), _payload(message), place)


def _addresses(old: JsonObject, new: JsonObject) -> Iterator[Change]:
    after = new.get("channels", {})
    for name, channel in old.get("channels", {}).items():
        address = after.get(name, {}).get("address")
        if channel.get("address") != address:
            for audience in (Audience.CLIENTS, Audience.GATEWAYS):
                message = f"the address changed from {channel.get('address')} to {address or 'none'}"
                yield Change(audience, f"channel {name}", message)


def _added(sender: Sender, message: JsonObject, place: str) -> Change:
    if is_optional(message):
        return compatible(place, "a message was added that a gateway may lack")
    if sender is Sender.CLIENT:
        return Change(Audience.GATEWAYS, place, "a message was added that gateways must understand")
    return Change(Audience.CLIENTS, place, "a message was added that clients receive", caution=True)


def _messages(document: JsonObject) -> _Messages:
    """Return each message by sender and name; the gateway receives what an operation with `receive` names."""
    found: _Messages = {}
    for operation in document.get("operations", {}).values():
        sender = Sender.CLIENT if operation.get("action") == "receive" else Sender.GATEWAY
        reply_sender = Sender.GATEWAY if sender is Sender.CLIENT else Sender.CLIENT
        _collect(document, operation, sender, found)
        _collect(document, operation.get("reply", {}), reply_sender, found)
    return found


def _collect(document: JsonObject, operation: JsonObject, sender: Sender, found: _Messages) -> None:
    for reference in operation.get("messages", []):
        ref = str(reference.get("$ref", ""))
        message = resolve(document, ref)
        if isinstance(message, dict):
            found[(sender, ref.rsplit("/", 1)[-1])] = message


def _payload(message: JsonObject) -> Any:
    payload = message.get("payload", {})
    return payload.get("schema", payload) if "schemaFormat" in payload else payload
