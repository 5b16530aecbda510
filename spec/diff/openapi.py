"""Differences between two OpenAPI documents."""

from collections.abc import Iterator
from typing import Any

from spec.diff.change import Audience, Change, Sender, compatible, is_optional, narrowed, widened
from spec.diff.schemas import SchemaDiff
from spec.documents import resolve
from spec.yaml_source import JsonObject

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def diff_openapi(old: JsonObject, new: JsonObject) -> Iterator[Change]:
    """Yield every difference between two self-contained documents. Raises ReferenceBroken."""
    before, after = _operations(old), _operations(new)
    for key, operation in before.items():
        if key not in after:
            yield Change(Audience.CLIENTS, _named(key, operation), "the operation was removed")
    for key, operation in after.items():
        if key in before:
            yield from _OperationDiff(old, new, _named(key, operation)).compare(before[key], operation)
        elif is_optional(operation):
            yield compatible(_named(key, operation), "an operation was added that a gateway may lack")
        else:
            yield Change(Audience.GATEWAYS, _named(key, operation), "an operation was added")


def _operations(document: JsonObject) -> dict[tuple[str, str], JsonObject]:
    found: dict[tuple[str, str], JsonObject] = {}
    for path, item in document.get("paths", {}).items():
        for method in _METHODS:
            if isinstance(item.get(method), dict):
                shared = [one for one in item.get("parameters", []) if isinstance(one, dict)]
                operation = dict(item[method])
                operation["parameters"] = [*shared, *operation.get("parameters", [])]
                operation.setdefault("security", document.get("security", []))
                found[(method, path)] = operation
    return found


def _named(key: tuple[str, str], operation: JsonObject) -> str:
    return f"{key[0].upper()} {key[1]}" if "operationId" not in operation else str(operation["operationId"])


class _OperationDiff:
    """A comparison of one operation of two documents."""

    def __init__(self, old_document: JsonObject, new_document: JsonObject, place: str) -> None:
        self.old_document = old_document
        self.new_document = new_document
        self.place = place

    def compare(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        """Yield every difference of the operation."""
        if old.get("operationId") != new.get("operationId"):
            message = f"was called {old.get('operationId')}; generated clients rename it"
            yield Change(Audience.CLIENTS, self.place, message, caution=True)
        if is_optional(old) and not is_optional(new):
            yield Change(Audience.GATEWAYS, self.place, "every gateway must have it now")
        if is_optional(new) and not is_optional(old):
            yield Change(Audience.CLIENTS, self.place, "a gateway may lack it now")
        if old.get("deprecated") is not True and new.get("deprecated") is True:
            yield compatible(self.place, "is deprecated now")
        yield from self._security(old.get("security"), new.get("security"))
        yield from self._parameters(old, new)
        yield from self._body(self._old(old.get("requestBody")), self._new(new.get("requestBody")))
        yield from self._responses(old.get("responses", {}), new.get("responses", {}))

    def _old(self, node: Any) -> JsonObject:
        return _resolved(self.old_document, node)

    def _new(self, node: Any) -> JsonObject:
        return _resolved(self.new_document, node)

    def _schemas(self, sender: Sender) -> SchemaDiff:
        return SchemaDiff(self.old_document, self.new_document, sender)

    def _security(self, old: Any, new: Any) -> Iterator[Change]:
        if not old and new:
            yield Change(Audience.CLIENTS, self.place, "needs authentication now")
        elif old and not new:
            yield Change(Audience.GATEWAYS, self.place, "is public now")
        elif old != new:
            yield Change(Audience.CLIENTS, self.place, "authenticates in another way")

    def _parameters(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        before = {(one.get("in"), one.get("name")): one for one in map(self._old, old["parameters"])}
        after = {(one.get("in"), one.get("name")): one for one in map(self._new, new["parameters"])}
        for key in before:
            if key not in after:
                yield Change(Audience.CLIENTS, f"{self.place} {key[0]} {key[1]}", "the parameter was removed")
        for key, parameter in after.items():
            place = f"{self.place} {key[0]} {key[1]}"
            if key not in before:
                yield _parameter_added(parameter, place)
                continue
            if parameter.get("required") and not before[key].get("required"):
                yield narrowed(Sender.CLIENT, place, "became required")
            if before[key].get("required") and not parameter.get("required"):
                yield widened(Sender.CLIENT, place, "is no longer required")
            yield from self._schemas(Sender.CLIENT).compare(before[key].get("schema"), parameter.get("schema"), place)

    def _body(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        place = f"{self.place} body"
        if new.get("required") and not old.get("required"):
            yield narrowed(Sender.CLIENT, place, "became required")
        if old.get("required") and not new.get("required"):
            yield widened(Sender.CLIENT, place, "is no longer required")
        yield from self._content(old, new, place, Sender.CLIENT)

    def _content(self, old: JsonObject, new: JsonObject, place: str, sender: Sender) -> Iterator[Change]:
        before, after = old.get("content", {}), new.get("content", {})
        for name in before:
            if name not in after:
                yield Change(Audience.CLIENTS, place, f"the media type {name} was removed")
        for name, media in after.items():
            if name in before:
                yield from self._schemas(sender).compare(before[name].get("schema"), media.get("schema"), place)
            elif before:
                yield widened(sender, place, f"the media type {name} was added")

    def _responses(self, old: JsonObject, new: JsonObject) -> Iterator[Change]:
        for status, response in old.items():
            place = f"{self.place} {status}"
            if status not in new:
                is_success = str(status).startswith("2")
                yield Change(Audience.GATEWAYS, place, "the status may no longer be answered", caution=not is_success)
                if is_success:
                    yield Change(Audience.CLIENTS, place, "the status that clients expect was removed")
                continue
            yield from self._response(self._old(response), self._new(new[status]), place)
            yield from _reasons(self._old(response), self._new(new[status]), place)
        for status in new:
            if status not in old:
                caution = not str(status).startswith("2")
                yield widened(Sender.GATEWAY, f"{self.place} {status}", "the status was added", caution=caution)

    def _response(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        yield from self._content(old, new, place, Sender.GATEWAY)
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield Change(Audience.CLIENTS, place, f"the header {name} was removed")
        for name in new.get("headers", {}):
            if name not in old.get("headers", {}):
                yield compatible(place, f"the header {name} was added")


def _parameter_added(parameter: JsonObject, place: str) -> Change:
    if parameter.get("required"):
        return narrowed(Sender.CLIENT, place, "a required parameter was added")
    if is_optional(parameter):
        return compatible(place, "an optional parameter was added that a gateway may lack")
    return Change(Audience.GATEWAYS, place, "an optional parameter was added that gateways must heed", caution=True)


def _reasons(old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
    before, after = old.get("x-reasons", []), new.get("x-reasons", [])
    for reason in after:
        if reason not in before:
            yield widened(Sender.GATEWAY, place, f"the reason {reason} was added", caution=True)
    for reason in before:
        if reason not in after:
            yield Change(Audience.GATEWAYS, place, f"the reason {reason} was removed", caution=True)


def _resolved(document: JsonObject, node: Any) -> JsonObject:
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        node = resolve(document, node["$ref"])
    return node if isinstance(node, dict) else {}
