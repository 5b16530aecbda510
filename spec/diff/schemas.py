"""Differences between two schemas, seen from who writes the data."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from spec.diff.change import Audience, Change, Sender, compatible, is_optional, narrowed, widened
from spec.documents import resolve
from spec.yaml_source import JsonObject

_LOWER_BOUNDS = ("minimum", "minLength", "minItems", "minProperties")
_UPPER_BOUNDS = ("maximum", "maxLength", "maxItems", "maxProperties")
_EXACT = ("pattern", "format", "multipleOf", "exclusiveMinimum", "exclusiveMaximum", "uniqueItems", "const")
_ALTERNATIVES = ("oneOf", "anyOf")


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """A comparison of schemas of two self-contained documents, for data that `sender` writes."""

    old_document: JsonObject
    new_document: JsonObject
    sender: Sender
    _visited: set[tuple[str, str]] = field(default_factory=set)

    def compare(self, old: Any, new: Any, place: str) -> Iterator[Change]:
        """Yield every difference; each pair of shared schemas is compared once."""
        old = old if isinstance(old, dict) else {}
        new = new if isinstance(new, dict) else {}
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if all(pair):
            if pair in self._visited:
                return
            self._visited.add(pair)
        old, new = _flat(self.old_document, old), _flat(self.new_document, new)
        yield from self._types(old, new, place)
        yield from self._values(old, new, place)
        yield from self._bounds(old, new, place)
        yield from self._properties(old, new, place)
        for key in ("items", "additionalProperties"):
            if isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
                yield from self.compare(old[key], new[key], f"{place}[]" if key == "items" else f"{place}.*")
        for key in _ALTERNATIVES:
            yield from self._alternatives(old.get(key), new.get(key), place)
        if self.sender is Sender.CLIENT and old.get("default") != new.get("default"):
            message = f"the default changed from {old.get('default')!r} to {new.get('default')!r}"
            yield Change(Audience.CLIENTS, place, message, caution=True)

    def _types(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        before, after = old.get("type"), new.get("type")
        if before != after:
            if after is None or (before, after) == ("integer", "number"):
                yield widened(self.sender, place, f"the type changed from {before} to {after or 'any'}")
            elif before is None or (before, after) == ("number", "integer"):
                yield narrowed(self.sender, place, f"the type changed from {before or 'any'} to {after}")
            else:
                for audience in (Audience.CLIENTS, Audience.GATEWAYS):
                    yield Change(audience, place, f"the type changed from {before} to {after}")
        if bool(old.get("nullable")) != bool(new.get("nullable")):
            if new.get("nullable"):
                yield widened(self.sender, place, "may be null now")
            else:
                yield narrowed(self.sender, place, "may no longer be null")

    def _values(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        before, after = old.get("enum"), new.get("enum")
        if isinstance(before, list) and isinstance(after, list):
            claimed = new.get("x-capability-values", {})
            for value in after:
                if value not in before and value in claimed:
                    yield compatible(place, f"the value {value!r} was added for the capability {claimed[value]}")
                elif value not in before:
                    caution = self.sender is Sender.GATEWAY
                    yield widened(self.sender, place, f"the value {value!r} was added", caution=caution)
            for value in before:
                if value not in after:
                    yield narrowed(self.sender, place, f"the value {value!r} was removed")
        elif isinstance(after, list):
            yield narrowed(self.sender, place, f"only these values are allowed now: {after}")
        elif isinstance(before, list):
            yield widened(self.sender, place, "values other than the listed ones are allowed now")

    def _bounds(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        for key in (*_LOWER_BOUNDS, *_UPPER_BOUNDS):
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            message = f"{key} changed from {_shown(before)} to {_shown(after)}"
            tighter = before is None or (
                after is not None and (after > before if key in _LOWER_BOUNDS else after < before)
            )
            yield narrowed(self.sender, place, message) if tighter else widened(self.sender, place, message)
        for key in _EXACT:
            before, after = old.get(key), new.get(key)
            if before == after:
                continue
            message = f"{key} changed from {_shown(before)} to {_shown(after)}"
            if after is not None and after is not False:
                yield narrowed(self.sender, place, message)
            if before is not None and before is not False:
                yield widened(self.sender, place, message)
        if old.get("additionalProperties") is not False and new.get("additionalProperties") is False:
            yield narrowed(self.sender, place, "further fields are no longer allowed")
        if old.get("additionalProperties") is False and new.get("additionalProperties") is not False:
            yield widened(self.sender, place, "further fields are allowed now")

    def _properties(self, old: JsonObject, new: JsonObject, place: str) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        required_before, required_after = set(old.get("required", [])), set(new.get("required", []))
        for name in before:
            if name not in after:
                yield Change(Audience.CLIENTS, f"{place}.{name}", "the field was removed")
        for name, schema in after.items():
            spot = f"{place}.{name}"
            is_new = name not in before
            if is_new and name not in required_after:
                yield self._optional_added(schema, spot)
            if not is_new:
                yield from self.compare(before[name], schema, spot)
        for name in sorted(required_after - required_before):
            is_known = name in before
            yield narrowed(
                self.sender, f"{place}.{name}", "became required" if is_known else "a required field was added"
            )
        for name in sorted(required_before - required_after):
            if name in after:
                yield widened(self.sender, f"{place}.{name}", "is no longer required")

    def _optional_added(self, schema: Any, place: str) -> Change:
        if self.sender is Sender.CLIENT and not (isinstance(schema, dict) and is_optional(schema)):
            return Change(Audience.GATEWAYS, place, "an optional field was added that gateways must heed", caution=True)
        return compatible(place, "an optional field was added")

    def _alternatives(self, old: Any, new: Any, place: str) -> Iterator[Change]:
        before, after = old if isinstance(old, list) else [], new if isinstance(new, list) else []
        if len(before) == len(after):
            for index, (one, other) in enumerate(zip(before, after, strict=True)):
                yield from self.compare(one, other, f"{place}|{index + 1}")
        elif not before or (after and len(after) < len(before)):
            yield narrowed(self.sender, place, f"{len(after)} alternatives instead of {len(before) or 'any form'}")
        else:
            yield widened(self.sender, place, f"{len(after) or 'any form'} instead of {len(before)} alternatives")


def _shown(value: Any) -> str:
    return "none" if value is None else repr(value)


def _flat(document: JsonObject, schema: JsonObject) -> JsonObject:
    """Return a schema with its reference followed and its `allOf` merged."""
    if isinstance(schema.get("$ref"), str):
        target = resolve(document, schema["$ref"])
        schema = target if isinstance(target, dict) else {}
    parts = schema.get("allOf")
    if not isinstance(parts, list):
        return schema
    merged: JsonObject = {key: value for key, value in schema.items() if key != "allOf"}
    for part in parts:
        flat = _flat(document, part) if isinstance(part, dict) else {}
        for key, value in flat.items():
            if key == "properties":
                merged[key] = {**value, **merged.get(key, {})}
            elif key == "required":
                merged[key] = [*merged.get(key, []), *value]
            else:
                merged.setdefault(key, value)
    return merged
